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
REFUSED = "refused: TypeError, and the browser's console says why"


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
    assert browser.run(SEEN) == [
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


def test_the_page_that_is_not_listed_reads_nothing(demo, browser):
    group, _, unlisted = demo
    browser.open(unlisted)
    assert [verdict for _, verdict in browser.run(SEEN)] == [REFUSED] * 4
    assert [reason for _, reason, _ in decisions(group)] == ["origin_not_listed"] * 4
