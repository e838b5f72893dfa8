"""That the benchmark measures what it says: every case, answered as it has to be. No time is judged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")

BARE = {"200, nobody"}
ORIGIN = {"200, its origin"}
EVERYONE = {"200, everyone"}
ANSWERS = {
    "control: bare again": {"bare": BARE, "again": BARE},
    "no Origin, Vary needed": {"bare": BARE, "flask-cors": {"200, other"}, "ours": BARE},
    "no Origin, *": {"bare": BARE, "flask-cors": EVERYONE, "ours": EVERYONE},
    "GET allowed, std": {"bare": BARE, "flask-cors": ORIGIN, "ours": ORIGIN},
    "GET allowed, 1 origin": {"bare": BARE, "flask-cors": ORIGIN, "ours": ORIGIN},
    "GET denied, std": {"bare": BARE, "flask-cors": BARE, "ours": BARE},
    "GET denied, 1 origin": {"bare": BARE, "flask-cors": BARE, "ours": BARE},
    "GET denied, every origin new": {"bare": BARE, "flask-cors": BARE, "ours": BARE},
    "preflight allowed": {"bare": BARE, "flask-cors": ORIGIN, "ours": {"204, its origin"}},
    "preflight denied": {"bare": BARE, "flask-cors": BARE, "ours": {"403, nobody"}},
    "preflight denied, every origin new": {"bare": BARE, "flask-cors": BARE, "ours": {"403, nobody"}},
    "10,000 origins, GET allowed": {"this": ORIGIN, "ordinary": ORIGIN},
    "10,000 origins, GET denied": {"this": BARE, "ordinary": BARE},
    "hostile: 8 kB Origin, GET": {"this": BARE, "ordinary": BARE},
    "import flask_cors_env": {},
    "from flask_cors_env import CORS": {},
}
HOSTILE_PREFLIGHT = {"this": {"403, nobody"}, "ordinary": {"403, nobody"}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    target = tmp_path_factory.mktemp("benchmark") / "figures.json"
    done = subprocess.run(
        [sys.executable, RUN, "--quick", "--json", target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(target.read_text())


def test_every_measured_request_was_answered_right(measured):
    cases = {case["case"]: case for case in measured[1]["cases"]}
    assert set(ANSWERS) <= set(cases)
    for name, case in cases.items():
        answers = {side: set(counts) for side, counts in case["answers"].items()}
        assert answers == ANSWERS.get(name, HOSTILE_PREFLIGHT), name


def test_every_decision_of_ours_was_logged_while_it_was_measured(measured):
    sides = [
        (case["case"], side, sum(counts.values()))
        for case in measured[1]["cases"]
        for side, counts in case["answers"].items()
    ]
    decided = sum(
        count
        for name, side, count in sides
        if side in {"ours", "this", "ordinary"} and not name.startswith("no Origin")
    )
    assert measured[1]["machine"]["audit_events"] == decided


def test_the_table_has_a_row_for_every_case_and_a_word_for_every_bar(measured):
    table, data = measured
    rows = table.splitlines()
    for case in data["cases"]:
        row = next(row for row in rows if row.startswith(case["case"] + "  "))
        words = row.split()
        assert case["bar"] is None or ("ok" if case["ok"] else "short") in words
        assert f"{case['measured']:.3f}" in words


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
