"""That the benchmark measures what it says: every case, answered as it has to be. No time is judged."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

RUN = Path(__file__).with_name("run.py")

#: The benchmark, with a bar that no run reaches.
IMPOSSIBLE = """
import sys
from dataclasses import replace
import cases, run
run.CASES = [replace(case, bar=cases.Bar(0.01, 0)) for case in cases.CASES]
sys.exit(run.main())
"""

JUDGED = """
import sys
from cases import CPU, INSTRUCTIONS, Bar, Case, times
from measure import Measured
from report import Line
from run import judge
case = Case("one", times("ours", "bare"), Bar(1.5, 0.1), {})
figures = {CPU: 2.0} | ({} if sys.argv[1] == "None" else {INSTRUCTIONS: float(sys.argv[1])})
sys.exit(judge([Line(Measured(case, [[{"bare": 1.0, "ours": f}]]), unit) for unit, f in figures.items()]))
"""

BARE = {"200, nobody"}
ORIGIN = {"200, its origin"}
EVERYONE = {"200, everyone"}
#: How each side is answered, by the first words that a case's name holds.
ANSWERS = {
    **{
        f"way: {way}, {what}": {"flask": BARE, "plain": answer, "ours": answer}
        for way in ("a layer between", "wsgi_app taken before")
        for what, answer in (
            ("no Origin", BARE),
            ("GET allowed", ORIGIN),
            ("preflight allowed", {"204, its origin"}),
        )
    },
    "control": {"bare": BARE, "again": BARE},
    "no Origin, Vary needed": {"bare": BARE, "flask-cors": {"200, other"}, "ours": BARE},
    "no Origin, *": {"bare": BARE, "flask-cors": EVERYONE, "ours": EVERYONE},
    "GET allowed": {"bare": BARE, "flask-cors": ORIGIN, "ours": ORIGIN, "this": ORIGIN, "ordinary": ORIGIN},
    "GET denied": dict.fromkeys(("bare", "flask-cors", "ours", "this", "ordinary"), BARE),
    "preflight allowed": {"bare": BARE, "flask-cors": ORIGIN, "ours": {"204, its origin"}},
    "preflight denied": {"bare": BARE, "flask-cors": BARE, "ours": {"403, nobody"}},
    "hostile: 8 kB Origin, GET": {"this": BARE, "ordinary": BARE},
    "hostile: ": {"this": {"403, nobody"}, "ordinary": {"403, nobody"}},
    "log: none, but its line": {"bare": BARE, "ordinary": ORIGIN, "this": BARE},
    "log: ": {"bare": BARE, "bare, values bound": BARE, "ordinary": ORIGIN, "this": ORIGIN},
}
PROGRAMS = ("import ", "from ", "flask --help", "start: ", "memory: ")
ASKED = (
    *("GET allowed, std", "GET allowed, 1 origin", "GET denied, std", "GET denied, 1 origin"),
    *(f"{count} origins: GET allowed" for count in ("1", "10", "100", "1,000", "10,000")),
    *("20 patterns: preflight allowed", "50 resources: GET allowed", "per view: GET allowed"),
    *("10,000 origins, GET allowed", "50 resources, GET denied", "hostile: 8,000 commas", "log: to a pipe"),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    target = tmp_path_factory.mktemp("benchmark") / "figures.json"
    command = [sys.executable, RUN, "--quick", "--json", target, "--svg", target.with_suffix(".svg")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(target.read_text()), target.with_suffix(".svg").read_text()


def test_every_measured_request_was_answered_right(measured):
    for case in measured[1]["cases"]:
        answers = {side: set(counts) for side, counts in case["answers"].items()}
        assert set(answers) == (set() if case["case"].startswith(PROGRAMS) else set(case["costs"]))
        for side, told in answers.items():
            assert told == _wanted(case["case"])[side], case["case"]


def _wanted(name):
    return next(answers for words, answers in ANSWERS.items() if words in name)


def test_what_is_asked_is_measured(measured):
    assert set(ASKED) <= {case["case"] for case in measured[1]["cases"]}


def test_an_allow_and_a_denial_are_measured_with_nothing_remembered_too(measured):
    names = {case["case"] for case in measured[1]["cases"]}
    for name in ("GET allowed, std", "GET allowed, 1 origin", "preflight allowed", "per view: GET allowed"):
        assert f"{name}, every decision new" in names
    for name in ("GET denied", "GET denied, 1 origin", "preflight denied", "20 patterns: GET denied"):
        assert f"{name}, every origin new" in names


def test_every_decision_of_ours_was_logged_while_it_was_measured(measured):
    sides = [
        (case["case"], side, sum(counts.values()))
        for case in measured[1]["cases"]
        for side, counts in case["answers"].items()
    ]
    decided = sum(
        count
        for name, side, count in sides
        if side in {"ours", "this", "ordinary", "plain"}
        and "no Origin" not in name
        and not _unlogged(name, side)
    )
    assert measured[1]["machine"]["audit_events"] == decided


def _unlogged(name, side):
    return side == "this" and name.startswith(("log: none", "log: into capture_logs"))


def test_the_table_has_a_row_for_every_case_and_a_word_for_every_bar(measured):
    table, data, _ = measured
    rows = table.splitlines()
    for case in data["cases"]:
        row = next(row for row in rows if row.startswith(case["case"] + "  "))
        words = row.split()
        assert case["bar"] is None or ("ok" if case["ok"] else "short") in words
        assert f"{case['measured']:.3f}" in words


def test_the_plot_has_a_bar_for_each_request_and_a_point_for_each_number_of_origins(measured):
    drawn = ET.fromstring(measured[2])
    shapes = Counter((part.tag.rpartition("}")[2], part.get("class")) for part in drawn)
    legend = 1
    assert shapes["rect", "peer"] == shapes["rect", "ours"] == 5 + legend
    assert shapes["rect", "new"] == 4 + legend
    assert [shapes["circle", side] for side in ("peer", "ours", "new")] == [5, 5, 5]


def test_a_gate_that_falls_short_says_what_and_exits_1():
    command = [sys.executable, "-c", IMPOSSIBLE, "--quick", "--gate", "--only", "10,000 origins, GET denied"]
    done = subprocess.run(command, cwd=RUN.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "falls short for certain: 10,000 origins, GET denied (µs of CPU time)" in done.stdout


@pytest.mark.parametrize(("counted", "code"), [(1.3, 0), (0.9, 0), (1.9, 1), (None, 1)])
def test_what_was_counted_is_judged_by_the_count_alone(counted, code):
    """A bar of 1.5, of which the CPU time falls short."""
    told = subprocess.run(
        [sys.executable, "-c", JUDGED, str(counted)],
        cwd=RUN.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (code, "")


def test_a_wrong_answer_ends_the_measurement(tmp_path):
    code = """
from dataclasses import replace
from cases import CASES
from measure import Side
from subjects import Fleet
load = next(case for case in CASES if case.name == "preflight denied").sides["ours"]
Side("ours", replace(load, status=204), Fleet(".")).run(1)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(RUN.parent), os.getenv("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "WrongAnswerError: ours: answered (403, <Shared.NOBODY" in done.stderr
