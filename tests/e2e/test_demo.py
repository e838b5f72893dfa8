"""The README's demonstration, in a real browser: a shop, a page that it lists, and one that it does not."""

import json
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from webdriver import ProcessGroup

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
SEEN = """
    while (!document.body.dataset.done) await new Promise(done => setTimeout(done, 20));
    const rows = [...document.querySelectorAll("tbody tr")];
    return rows.map(row => [...row.cells].map(cell => cell.textContent));
"""
REFUSED = "refused: TypeError, and the page is told no more"


def free_ports(count):
    with ExitStack() as sockets:
        found = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


@pytest.fixture
def demo(tmp_path):
    shop, listed, unlisted = free_ports(3)
    command = [sys.executable, str(DEMO), "--ports", str(shop), str(listed), str(unlisted)]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    group = ProcessGroup(command, tmp_path, environ)
    try:
        group.wait_for_output(r"Running on http://127\.0\.0\.1:(\d+)")
        query = f"page.html?shop=http://localhost:{shop}"
        yield group, f"http://localhost:{listed}/{query}", f"http://localhost:{unlisted}/{query}"
    finally:
        group.end()


def decisions(group):
    lines = [json.loads(line) for line in group.output.splitlines() if line.startswith('{"cors.schema"')]
    events = [line for line in lines if line["event"] == "cors.decision"]
    return [(e["cors.request.kind"], e["cors.reason"], e["http.response.status_code"]) for e in events]


def test_the_listed_page_reads_what_the_policy_allows_and_each_decision_is_in_the_terminal(demo, browser):
    group, listed, _ = demo
    browser.open(listed)
    seen = browser.run(SEEN)
    assert [row[:2] for row in seen] == [
        ["GET /items", "allowed: status 200, X-Total-Count 2"],
        ["PUT /items/1 with X-Api-Key", "allowed: status 200"],
        ["PUT /items/1 with X-Debug", REFUSED],
        ["GET /crash", "allowed: status 500"],
    ]
    assert decisions(group) == [
        ("actual", "origin_exact", 200),
        ("preflight", "origin_exact", 204),
        ("actual", "origin_exact", 200),
        ("preflight", "header_not_allowed", 200),
        ("actual", "origin_exact", 500),
    ]
    assert [log.split(":")[0].split()[:3] for _, _, log in seen] == [
        ["allow", "actual", "GET"],
        ["allow", "preflight", "PUT"],
        ["deny", "preflight", "PUT"],
        ["allow", "actual", "GET"],
    ]
    assert "refused: x-debug" in seen[2][2]


def test_the_page_fits_a_phone(demo, browser):
    _, listed, _ = demo
    browser.open(listed)
    frame = """
        const frame = document.createElement("iframe");
        frame.style = "width: 390px; height: 700px; border: 0";
        frame.src = location.href;
        document.body.append(frame);
        await new Promise(done => frame.onload = done);
        while (!frame.contentDocument.body.dataset.done) await new Promise(done => setTimeout(done, 20));
        return frame.contentDocument.documentElement.scrollWidth;
    """
    assert browser.run(frame) <= 390


def test_a_port_that_is_taken_is_replaced_and_said(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = f"import demo; demo.PORTS = ({taken.getsockname()[1]},) * 3; demo.main()"
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        environ["PYTHONPATH"] = os.pathsep.join([str(DEMO.parent), *sys.path])
        group = ProcessGroup([sys.executable, "-c", code], tmp_path, environ)
        try:
            running = group.wait_for_output(r"Running on http://127\.0\.0\.1:(\d+)")
            assert f"the shop:       http://localhost:{running}\n" in group.output
            assert int(running) != taken.getsockname()[1]
        finally:
            group.end()


def test_the_page_that_is_not_listed_reads_nothing(demo, browser):
    group, _, unlisted = demo
    browser.open(unlisted)
    seen = browser.run(SEEN)
    assert [verdict for _, verdict, _ in seen] == [REFUSED] * 4
    assert all("origin_not_listed" in log and "Add the origin to CORS_ORIGINS" in log for _, _, log in seen)
    assert [reason for _, reason, _ in decisions(group)] == ["origin_not_listed"] * 4
