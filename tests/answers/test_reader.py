"""What is in a log is found in it, whatever became of the log: all of it, and nothing else."""

import random
from itertools import pairwise

import pytest
from answers.generated import Generated, Truth
from answers.soiled import KINDS_BY_NAME, WRAPS, soiled
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flask_cors_env.answers.engine import ENGINES, answers
from flask_cors_env.answers.questions import COLUMNS, HOUR, Check, Question, Where

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


def check(engine, paths, truth, dirt):
    found = answers([str(path) for path in paths], QUESTIONS, engine=engine)
    for question in QUESTIONS:
        rows = {row.keys: (row.count, row.first, row.last) for row in found.rows[question.name]}
        assert rows == expected(truth, question)
    told = {writer.name: writer.records for writer in found.verification.writers if writer.records}
    assert told == truth.records
    verification = found.verification
    duplicates = sum(writer.duplicates for writer in verification.writers)
    assert (duplicates, verification.torn, verification.foreign) == dirt


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_log_is_read_out_of_the_mire(engine, wrap, tmp_path):
    chance = random.Random(wrap)
    made = Generated(2000, seed=7)
    mire = soiled(made.lines(), chance.choice, chance.randint)
    path = tmp_path / "audit.log"
    path.write_bytes(WRAPS[wrap](mire.data, chance.choice, chance.randint))
    check(engine, [path], truth_of(made, mire.found), (mire.duplicates, mire.torn, mire.foreign))


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
    check(engine, found, truth_of(made, records), (800, 0, 0))


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
    check(engine, [path], truth_of(made, mire.found), (mire.duplicates, mire.torn, mire.foreign))


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
