"""That the benchmark under load asks what it says, and that no audit line is missing. No time is judged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).with_name("load.py")


@pytest.fixture(scope="module")
def load():
    """The module, which finds those beside it."""
    sys.path.insert(0, str(LOAD.parent))
    try:
        import load as module
    finally:
        sys.path.remove(str(LOAD.parent))
    return module


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    target = tmp_path_factory.mktemp("load") / "load.json"
    done = subprocess.run(
        [sys.executable, LOAD, "--quick", "--json", target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(target.read_text())


def test_each_server_is_asked_under_each_kind_of_workers(measured):
    servers = {"bare", "flask-cors", "ours", "ours, a pipe"}
    assert {mode: set(found) for mode, found in measured["load"].items()} == {
        "sync": {"GET allowed", "preflight allowed"},
        "gthread": {"GET allowed", "preflight allowed"},
    }
    for requests in measured["load"].values():
        for found in requests.values():
            assert set(found) == servers
            assert found["flask-cors"]["rate"] == found["flask-cors"]["capacity"] == 1


def test_there_is_a_line_for_every_answer(measured):
    assert measured["audit_lines"] > 100


@pytest.mark.parametrize(("written", "kept"), [(99, False), (100, True), (116, True), (117, False)])
def test_a_missing_line_is_noticed_and_one_too_many(load, tmp_path, written, kept):
    log = tmp_path / "audit.jsonl"
    log.write_text('{"event": "cors.policy.loaded"}\n' + '{"event": "cors.decision"}\n' * written)
    server = load.Server("", log, 0, decided=100, runs=2)
    if kept:
        assert load.check_log(server) == written
    else:
        with pytest.raises(load.LoadError, match=f"{written} lines for 100 decisions"):
            load.check_log(server)


@pytest.mark.parametrize(("capacity", "falls"), [(1.9, []), (1.7, []), (1.5, ["sync"])])
def test_the_gate_judges_preflights_with_a_margin(load, capacity, falls):
    assert load.short({"sync": {"preflight allowed": {"ours": {"capacity": capacity}}}}) == falls
