"""The report's page in a real browser: its numbers, its style, its width, and a silent console."""

import pytest
from answers.generated import OLD, Generated
from click.testing import CliRunner

from flask_cors_env.answers.engine import answers
from flask_cors_env.answers.questions import WHOLE
from flask_cors_env.answers.report import QUESTIONS, report
from flask_cors_env.cli import cors

SEEN = """
    const text = found => [...found].map(one => one.textContent);
    const table = heading => {
        const title = [...document.querySelectorAll("h2")].find(one => one.textContent === heading);
        return [...title.nextElementSibling.querySelectorAll("tbody tr")].map(row => text(row.cells));
    };
    const bars = [...document.querySelectorAll("svg[role=img] rect")];
    const heights = bars.map(bar => bar.getBoundingClientRect().height);
    return {
        totals: text(document.querySelectorAll("dd")),
        bars: bars.map(bar => bar.textContent),
        heights: heights,
        turns: document.querySelectorAll("line.turn").length,
        entries: table("Entries by use"),
        probes: table("Clients that were refused under many origins"),
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        paper: getComputedStyle(document.body).backgroundColor,
        zero: getComputedStyle(document.querySelector("tr.zero td")).color,
    };
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The page, and the report that it shows."""
    folder = tmp_path_factory.mktemp("page")
    log, file = folder / "audit.jsonl", folder / "report.html"
    log.write_bytes(b"".join(made.line + b"\n" for made in Generated(20_000).lines()))
    done = CliRunner().invoke(cors, ["report", str(log), "--no-cache", "--html", str(file)])
    assert (done.exit_code, done.output) == (0, "")
    return file, report(answers([str(log)], QUESTIONS), WHOLE)


def test_the_page_shows_the_reports_numbers_and_breaks_none_of_its_own_rules(made, browser):
    file, told = made
    browser.open(file.as_uri())
    seen = browser.run(SEEN)
    denied = {
        f"{hour}: {n:,} {reason}": n for hour, found in told.hours.items() for reason, n in found.items()
    }
    assert sorted(seen["bars"]) == sorted(denied)
    pixels = [height / denied[bar] for bar, height in zip(seen["bars"], seen["heights"], strict=True)]
    assert max(pixels) == pytest.approx(min(pixels), rel=0.01)
    assert seen["totals"] == ["16,991", "3,009", "0", "0"]
    assert seen["turns"] == 2
    assert [(row[0], row[2]) for row in seen["entries"]] == [
        (f"{e.requests:,}", e.entry) for e in told.entries
    ]
    assert seen["entries"][0][2] == OLD
    assert [(row[0], row[2]) for row in seen["probes"]] == [(f"{p.origins:,}", p.client) for p in told.probes]
    assert seen["wide"] == 0
    assert (seen["paper"], seen["zero"]) == ("rgb(255, 255, 255)", "rgb(179, 38, 30)")
    assert browser.console() == []
