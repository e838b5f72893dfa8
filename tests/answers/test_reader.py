"""What is in a log is found in it, whatever became of the log: all of it, and nothing else."""

import random
from itertools import pairwise

import pytest
from answers.generated import Generated, Truth
from answers.soiled import KINDS_BY_NAME, WRAPS, soiled
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flask_cors_env.answers import duck
from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import COLUMNS, HOUR, SHAPES, Check, Question, Where
from flask_cors_env.answers.report import QUESTIONS as OF_REPORTS
from flask_cors_env.audit.fields import DECISION, FIELDS

DENIED = (Where("cors_decision", Check.IS, "deny"),)
BY_HOUR = Question("by_hour", (HOUR, "cors_decision", "cors_reasons", "cors_policy_id"))
REFUSED = Question("refused", ("cors_origin", "cors_offending", "cors_near_rule"), DENIED)
ANYONE = Question("anyone", ("client_address", "cors_request_fetch_site", "cors_request_credentialed"))
QUESTIONS = (BY_HOUR, REFUSED, ANYONE)


def truth_of(made, found):
    """What a reader is to answer where it finds the records *found*."""
    truth = Truth()
    truth.events = made.truth.events
    for record in found:
        truth.note(record)
    return truth


def expected(truth, question):
    denied = question.where == DENIED
    fields = [COLUMNS.get(key, key) for key in question.keys]
    where = (lambda event: event["cors.decision"] == "deny") if denied else (lambda _event: True)
    return truth.tally(*fields, where=where)


def dirt_of(mire):
    return mire.duplicates, mire.torn, mire.foreign, mire.inside


def check(engine, paths, truth, dirt):
    found = answers([str(path) for path in paths], QUESTIONS, engine=engine)
    for question in QUESTIONS:
        rows = {row.keys: (row.count, row.first, row.last) for row in found.rows[question.name]}
        assert rows == expected(truth, question)
    told = {writer.name: writer.records for writer in found.verification.writers if writer.records}
    assert told == truth.records
    verification = found.verification
    duplicates = sum(writer.duplicates for writer in verification.writers)
    assert (duplicates, verification.torn, verification.foreign, verification.inside) == dirt


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_is_read_out_of_the_mire(engine, wrap, tmp_path):
    chance = random.Random(wrap)
    made = Generated(2000, seed=7)
    mire = soiled(made.lines(), chance.choice, chance.randint)
    path = tmp_path / "audit.log"
    path.write_bytes(WRAPS[wrap](mire.data, chance.choice, chance.randint))
    check(engine, [path], truth_of(made, mire.found), dirt_of(mire))


@pytest.mark.parametrize("engine", ENGINES)
def test_rotated_files_are_read_in_any_order_and_a_copy_counts_once(engine, tmp_path):
    chance = random.Random(3)
    made = Generated(2000, seed=9)
    records = list(made.lines())
    lines = [record.line + b"\n" for record in records]
    cuts = [0, 300, 1100, len(lines)]
    pieces = [b"".join(lines[a:b]) for a, b in pairwise(cuts)]
    names = ["audit.jsonl.2.gz", "audit.jsonl.1", "audit.jsonl"]
    wraps = ["gz", "plain", "plain"]
    for name, wrap, piece in zip(names, wraps, pieces, strict=True):
        (tmp_path / name).write_bytes(WRAPS[wrap](piece, chance.choice, chance.randint))
    (tmp_path / "audit.copy.zst").write_bytes(WRAPS["zst"](pieces[1], chance.choice, chance.randint))
    found = [tmp_path / "*.zst", tmp_path / "audit.jsonl", *(tmp_path / name for name in names)]
    check(engine, found, truth_of(made, records), (800, 0, 0, 0))


@pytest.mark.parametrize("engine", ENGINES)
@given(data=st.data())
@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_mire_hides_or_adds_a_record(engine, data, tmp_path):
    made = Generated(data.draw(st.integers(0, 12)), seed=data.draw(st.integers(0, 9)), writers=1)
    kinds = st.sampled_from(list(KINDS_BY_NAME))
    mire = soiled(
        made.lines(),
        lambda options: data.draw(kinds if set(options) == set(KINDS_BY_NAME) else st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    wrap = data.draw(st.sampled_from([name for name in WRAPS if name != "zst"]))
    path = tmp_path / "audit.log"
    path.write_bytes(WRAPS[wrap](mire.data, None, lambda low, high: data.draw(st.integers(low, high))))
    check(engine, [path], truth_of(made, mire.found), dirt_of(mire))


NOISE = st.one_of(
    st.binary(max_size=200), st.text(max_size=80).map(lambda t: t.encode("utf-8", "surrogatepass"))
)


@given(noise=st.lists(NOISE))
@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_both_engines_make_the_same_of_any_bytes(noise, tmp_path):
    path = tmp_path / "audit.log"
    path.write_bytes(b"\n".join(noise))
    one, two = (answers([str(path)], QUESTIONS, engine=engine) for engine in ENGINES)
    assert one == two


#: As JSON writes them; some are none, and some no reader of it agrees on.
ODD = """
0 1 -0 1.0 -0.0 0.1 1e5 1E+3 2.5e-5 5e-324 1e22 1e400 -1e400 NaN Infinity -Infinity 1.7976931348623157e308
123456789012345678 1234567890123456789 123456789012345680.0 18446744073709551615 18446744073709551616
-9223372036854775809 true false null 01 "" "1" "1.0" "1e5" "1e400" "NaN" "true" "[::1e5]"
"a\\u0000b"
[] [NaN] [1,2.50] [1e400,1] [[true]] {} {"a":1e5} {"a":[12345678901234567890]} ["x,NaN,y"] "\\ud800"
""".split()
ODD += ["9" * 5000, f'"{"9" * 5000}"', f'"0123456789ab-{"9" * 5000}"']
NAMES = sorted(
    {field.name for fields in FIELDS.values() for field in fields} | {"timestamp", "log.record.uid"}
)


def odd_line(number, event, fields):
    usual = {
        "cors.schema": "1",
        "timestamp": '"2026-03-02T00:00:00.000000Z"',
        "event": f'"{event}"',
        "log.record.uid": f'"0123456789ab-{number}"',
        "cors.request.credentialed": "true",
    }
    return "{" + ",".join(f'"{name}":{value}' for name, value in (usual | fields).items()) + "}"


@given(
    records=st.lists(
        st.tuples(
            st.sampled_from([DECISION, DECISION, *FIELDS]),
            st.dictionaries(st.sampled_from(NAMES), st.sampled_from(ODD), max_size=3),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
def test_both_engines_make_the_same_of_odd_values(records, tmp_path):
    path = tmp_path / "audit.log"
    path.write_text("\n".join(odd_line(number, *record) for number, record in enumerate(records, 1)))
    one, two = (answers([str(path)], [*QUESTIONS, *OF_REPORTS, SHAPES], engine=engine) for engine in ENGINES)
    assert one == two


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("NaN", None),
        ("1e400", None),
        ("123456789012345678901234567890", None),
        ("[1e400]", None),
        ("204", "204"),
        ('"204"', "204"),
        ("true", "true"),
        ('"NaN"', "NaN"),
        ('"1e400"', "1e400"),
    ],
)
def test_a_number_of_which_readers_make_different_things_is_none(engine, written, read, tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(odd_line(1, DECISION, {"cors.origin": written}))
    (row,) = answers([str(path)], [REFUSED._replace(where=())], engine=engine).rows["refused"]
    assert row.keys[0] == read


@pytest.mark.parametrize("engine", ENGINES)
def test_one_and_true_are_not_the_same(engine, tmp_path):
    path = tmp_path / "audit.log"
    values = ["1", "true", "1.0", "true"]
    path.write_text(
        "\n".join(odd_line(n, DECISION, {"cors.request.credentialed": v}) for n, v in enumerate(values, 1))
    )
    rows = answers([str(path)], [ANYONE], engine=engine).rows["anyone"]
    assert [(row.keys[2], row.count) for row in rows] == [("true", 2), ("1", 1), ("1.0", 1)]


def test_a_line_with_an_odd_number_does_not_make_the_others_slow(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(duck, "_line", lambda record, make=duck._line: read.append(record) or make(record))
    path = tmp_path / "audit.log"
    usual = [made.line.decode() for made in Generated(200).lines() if made.told]
    path.write_text("\n".join([*usual, odd_line(1, DECISION, {"cors.origin": "NaN"})]))
    answers([str(path)], [REFUSED], engine="duckdb")
    assert len(read) == 1
