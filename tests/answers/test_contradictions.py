"""Two different records of one number: named, and counted by no command, whichever engine counts."""

import json

import pytest
from answers.test_places import record

from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import SHAPES, Question
from flask_cors_env.answers.verify import verify

COUNT = Question("count", ("cors_origin", "cors_decision"))


@pytest.fixture(params=ENGINES)
def found(request, tmp_path):
    """What is found in files of these lines."""

    def of(*files):
        names = []
        for number, lines in enumerate(files):
            names.append(tmp_path / f"{number}.jsonl")
            names[-1].write_text("\n".join(lines))
        return answers(list(map(str, names)), [COUNT, SHAPES], engine=request.param)

    return of


def counted(made):
    return sum(row.count for row in made.rows["count"])


@pytest.mark.parametrize(
    "changed",
    [
        {"cors.decision": "deny"},
        {"cors.origin": "https://evil.example"},
        {"timestamp": "2026-11-28T04:44:52.000000Z"},
        {"cors.remedy.hint": "None."},
        {"http.response.status_code": 201},
        {"level": "warning"},
        {"event": "cors.audit.gap", "cors.audit.lost": 5},
        {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        {"user_agent.original": "x"},
        {"cors.response.credentials": True},
    ],
    ids=str,
)
def test_any_field_of_the_catalogue_makes_a_contradiction(found, changed):
    made = found([record(1), record(2), record(2, **changed), record(3)])
    (writer,) = made.verification.writers
    assert (writer.contradicting, writer.records, writer.told, writer.duplicates) == ((2,), 2, 0, 0)
    assert (made.verification.is_whole, made.verification.contradicting) == (False, ("aaaaaaaaaaaa-2",))
    assert counted(made) == 2
    assert made.gaps == ()


def test_neither_the_order_of_files_nor_of_lines_says_which_one_is_true(found):
    true = [record(number) for number in range(1, 200)]
    other = [record(number, **{"cors.decision": "deny"}) for number in range(50, 150)]
    made = found(true, other)
    assert (counted(made), made.rows["count"]) == (99, found(other, true).rows["count"])
    (writer,) = made.verification.writers
    assert (writer.contradicting, writer.duplicates) == (tuple(range(50, 150)), 0)


def test_a_copy_is_no_contradiction_however_it_was_written_and_wherever_it_came_by(found):
    fields = json.loads(record(1, **{"http.response.status_code": 200}))
    spaced = json.dumps(fields | {"request_id": "another"})
    floats = json.dumps({name: float(v) if isinstance(v, int) else v for name, v in fields.items()})
    docker = json.dumps({"log": json.dumps(fields) + "\n", "stream": "stderr"})
    made = found([json.dumps(fields, separators=(",", ":")), spaced], [floats, docker])
    (writer,) = made.verification.writers
    assert (counted(made), writer.contradicting, writer.duplicates) == (1, (), 3)


def test_two_services_may_have_writers_of_one_name(found):
    made = found([record(1), record(1, **{"service.name": "other", "cors.decision": "deny"})])
    assert [
        (writer.service, writer.records, writer.contradicting) for writer in made.verification.writers
    ] == [
        ("other", 1, ()),
        ("shop", 1, ()),
    ]
    assert counted(made) == 2


def test_a_contradicting_policy_is_none_that_a_command_relies_on(found):
    loaded = {"event": "cors.policy.loaded", "cors.policy.document": "{}"}
    made = found([record(1, **loaded), record(1, **loaded | {"cors.policy.document": "{ }"}), record(2)])
    assert (made.policies, counted(made)) == ((), 1)


def test_a_record_inside_another_programs_line_contradicts_nothing(found):
    forged = record(1, **{"cors.decision": "deny"})
    made = found([record(1), f"user agent: {forged}", json.dumps({"message": forged, "name": "app"})])
    assert (counted(made), made.verification.is_whole, made.verification.inside) == (1, True, 2)


def test_verify_says_the_same():
    lines = [record(1), record(2), record(2, **{"cors.decision": "deny"})]
    assert verify([lines[:2], lines[2:]]).contradicting == ("aaaaaaaaaaaa-2",)


def test_both_engines_account_alike(tmp_path):
    path = tmp_path / "audit.jsonl"
    lines = [
        record(n, **{"cors.decision": "deny"} if k else {}) for n in (1, 64, 65, 700, 10**17) for k in (0, 1)
    ]
    path.write_text("\n".join([*lines, record(66), record(66), record(2)]))
    one, two = (answers([str(path)], [COUNT], engine=engine) for engine in ENGINES)
    assert one == two
    assert len(one.verification.contradicting) == 5
