"""A record counts from a place of its own and from no other: all that is honest is read, and nothing else."""

import json
import re
import time

import pytest
from answers.carriers import FORGED, HONEST, T, combined, in_docker

from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.envelopes import PREFIXES
from flask_cors_env.answers.lines import DEFAULT, LONGEST, Grammar, Other, Torn
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.report import QUESTIONS
from flask_cors_env.audit.formats import FORMATS


def record(number=7, writer="aaaaaaaaaaaa", **fields):
    """A record as one line."""
    known = {
        "cors.schema": 1,
        "timestamp": f"2026-11-28T04:44:51.{number:06}Z",
        "level": "info",
        "event": "cors.decision",
        "log.record.uid": f"{writer}-{number}",
        "service.name": "shop",
        "deployment.environment.name": "production",
        "cors.decision": "allow",
        "cors.reason": "origin_exact",
        "cors.reasons": "origin_exact",
        "cors.request.kind": "actual",
        "cors.origin": "https://app.example.com",
        "cors.resource": "default",
        "cors.policy.id": "p-000000000000",
        "http.request.method": "GET",
    }
    return json.dumps({**known, **fields}, separators=(",", ":"))


def read(text, grammar=DEFAULT):
    return list(grammar.records(text.split("\n")))


def kinds(text, grammar=DEFAULT):
    return [type(one) if not isinstance(one, Other) else one for one in read(text, grammar)]


@pytest.mark.parametrize("carrier", HONEST)
def test_a_record_of_a_known_carrier_is_read_once_and_whole(carrier):
    (found,) = read(HONEST[carrier](record()))
    known = json.loads(record())
    assert {name: found.get(name) for name in known if name != "event"} == {
        name: value for name, value in known.items() if name != "event"
    }
    assert "cors.decision" in {found.get("event"), found.get("msg")}


@pytest.mark.parametrize("carrier", FORGED)
def test_a_record_in_another_programs_text_is_told_and_is_none(carrier):
    found = read(FORGED[carrier](record()))
    assert found == [Other.INSIDE]


def test_both_engines_read_every_carrier_alike(tmp_path):
    path = tmp_path / "container.log"
    lines = [wrap(record(number)) for number, wrap in enumerate(HONEST.values(), 1)]
    lines += [wrap(record(number, "bbbbbbbbbbbb")) for number, wrap in enumerate(FORGED.values(), 1)]
    path.write_bytes("\n".join(lines).encode())
    found = [answers([str(path)], [*QUESTIONS, SHAPES], engine=engine) for engine in ENGINES]
    assert found[0] == found[1]
    verification = found[0].verification
    (writer,) = verification.writers
    assert (writer.records, writer.last, verification.inside) == (len(HONEST), len(HONEST), len(FORGED))


@pytest.mark.parametrize("first", range(14, len(record()), 11))
def test_a_torn_record_hides_no_next_one_wherever_it_was_torn(first):
    assert kinds(record()[:first] + record(8)) == [Torn, dict]


def test_a_record_in_pieces_is_joined_and_a_piece_alone_is_no_line():
    line = record()
    cri = [f"{T} stderr P {line[:300]}", f"{T} stdout F {combined(line)}", f"{T} stderr F {line[300:]}"]
    assert kinds("\n".join(cri)) == [Other.INSIDE, dict]
    docker = [json.dumps({"log": piece, "stream": "stderr"}) for piece in (line[:300], line[300:] + "\n")]
    assert kinds("\n".join(docker)) == [dict]


def test_the_rest_of_a_line_that_is_too_long_begins_no_line():
    pieces = [f"{T} stderr P {'x' * LONGEST}", f"{T} stderr P {'x' * LONGEST}", f"{T} stderr F {record()}"]
    assert kinds("\n".join(pieces)) == [Other.INSIDE]
    assert kinds(in_docker("x" * LONGEST + record())) == [Other.INSIDE]


def test_a_record_that_is_longer_than_a_line_of_ours_is_none():
    assert kinds(record(padding="x" * LONGEST)) == [Other.INSIDE]
    assert kinds(HONEST["Vector"](record(padding="x" * LONGEST))) == [Other.INSIDE]


@pytest.mark.parametrize("brace", ["{", "["])
def test_a_brace_alone_hides_no_record_below_it(brace):
    text = f"{brace}\n  of another program\n{record()}\n{combined(record(8))}"
    assert kinds(text) == [Other.FOREIGN, Other.FOREIGN, dict, Other.INSIDE]


def test_a_printed_document_of_another_program_is_none_whatever_its_lines_are():
    text = json.dumps({"body": {"text": record()}}, indent=2)
    assert kinds(text) == [Other.FOREIGN, Other.FOREIGN, Other.INSIDE, Other.FOREIGN, Other.FOREIGN]
    assert kinds("{\n  " + record() + "\n}") == [Other.FOREIGN, Other.INSIDE, Other.FOREIGN]


def test_what_a_collector_holds_of_others_is_counted_entry_by_entry():
    events = [
        {"timestamp": 1, "message": line, "ingestionTime": 2} for line in ("x", combined(record()), record())
    ]
    assert kinds(json.dumps({"events": events})) == [Other.FOREIGN, Other.INSIDE, dict]


def test_blank_lines_are_none_however_deep_they_were_wrapped(tmp_path):
    wraps = [str, in_docker, lambda line: in_docker(in_docker(line)), lambda line: f"{T} stderr F {line}"]
    wraps += [lambda line: f"{T} stderr F {in_docker(line)}", HONEST["Vector"], HONEST["compose"]]
    path = tmp_path / "audit.log"
    path.write_text("\n".join(wrap(line) for wrap in wraps for line in ("", " ", "\0\0")) + "\n" + record())
    found = [answers([str(path)], [], engine=engine).verification for engine in ENGINES]
    assert found[0] == found[1]
    assert (found[0].records, found[0].foreign) == (1, 3)  # compose's name alone is a line


def test_a_record_after_a_named_prefix_is_read_also_in_an_envelope():
    grammar = Grammar(r"shop-\w+/\d+ >> ")
    line = f"shop-blue/3 >> {record()}"
    assert kinds(line) == [Other.INSIDE]
    assert (
        kinds(line, grammar)
        == kinds(in_docker(line), grammar)
        == kinds(f"web-1  | {line}", grammar)
        == [dict]
    )
    assert kinds(f"GET shop-blue/3 >> {record()}", grammar) == [Other.INSIDE]
    assert kinds(f"web-1  | {record()}", grammar) == [dict]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_read_without_a_prefix_is_not_taken_for_what_is_read_with_it(engine, tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(f">> {record()}\n")
    found = [
        answers([str(path)], [], engine=engine, cache=tmp_path / "cache", grammar=grammar).verification
        for grammar in (DEFAULT, Grammar(">> "), DEFAULT)
    ]
    assert [(one.records, one.inside) for one in found] == [(0, 1), (1, 0), (0, 1)]


def test_no_prefix_of_the_catalogue_has_room_for_words():
    free = re.compile(r"\.\*|\.\+|\[\^[^\]]*\]\+(?!=)")
    assert [name for name, text in PREFIXES.items() if free.search(text)] == []
    assert all("%(name)" in form for form in FORMATS)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_record_of_an_unknown_event_is_counted_as_such(engine, tmp_path):
    path = tmp_path / "audit.log"
    path.write_text("\n".join([record(1), record(2, event="cors.later"), record(3, event="search")]))
    verification = answers([str(path)], [], engine=engine).verification
    (writer,) = verification.writers
    assert (writer.records, writer.last, verification.unknown) == (2, 2, 2)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_event_of_another_logger_is_no_decision_whatever_its_members_are(engine, tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(f"{record(1)}\n{record(2, event='search', msg='cors.decision', message='cors.decision')}")
    found = answers([str(path)], [SHAPES], engine=engine)
    assert sum(row.count for row in found.rows["shapes"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[" + '{"cors":1},' * 90_000 + "{}]",
        '{"cors.schema"' * 70_000,
        '{"cors.schema":1,"a":"' + '\\"' * 500_000,
        "<14>1 - a a a a " + "[a]" * 300_000,
        "a-0 " * 250_000,
        f"{T} " * 30_000 + "cors.schema",
        '{"cors.schema":1,' + '"a":1,' * 170_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_line_that_is_made_to_cost_much_costs_little(text):
    begun = time.process_time()
    found = read(text)
    assert time.process_time() - begun < 5
    assert not any(isinstance(one, dict) for one in found)
