"""A key proves what was written, names what was not, and follows no claim for long."""

import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_cors_env.answers import seals as judging
from flask_cors_env.answers.lines import Torn
from flask_cors_env.answers.seals import REACH, Fault, Seals, _Keys
from flask_cors_env.audit.fields import CLOSED, MAC, STEP
from flask_cors_env.audit.seal import Key, covered, mac_of, next_key

KEY = Key(0, b"k" * 32)


def written(step, name, number, **fields):
    """The record that the writer *name*, of that *step*, would write."""
    key = KEY
    while key.step < step:
        key = key.following()
    secret = key.of_writer(name)
    for _ in range(number - 1):
        secret = next_key(secret)
    return sealed_by(secret, step, name, number, **fields)


def sealed_by(secret, step, name, number, **fields):
    record = {
        "cors.schema": 1,
        "event": "cors.decision",
        "log.record.uid": f"{name}-{number}",
        STEP: step,
        **fields,
    }
    return {**record, MAC: mac_of(secret, covered(record))}


def log_of(*sizes):
    """The records of one writer for each of *sizes*, each closed."""
    return [
        written(
            step,
            f"{step:012x}",
            number,
            **({"event": CLOSED} if number == size else {"cors.origin": str(number)}),
        )
        for step, size in enumerate(sizes)
        for number in range(1, size + 1)
    ]


def judged(records, key=KEY):
    seals = Seals(key)
    counted = [record for record in seals.proved(records) if isinstance(record, dict)]
    return counted, seals.judged()


def faults(sealing):
    return {str(fault): count for fault, count in sealing.counts.items() if count}


def test_a_log_that_nobody_touched_is_proved_in_any_order():
    log = log_of(5, 3, 4)
    for order in (log, log[::-1], random.Random(7).sample(log, len(log)), [*log, *log]):
        counted, sealing = judged(order)
        assert (counted, faults(sealing), sealing.proves, sealing.unclosed) == (order, {}, True, ())
        assert [(w.step, w.name) for w in sealing.writers] == [
            (0, "0" * 12),
            (1, "0" * 11 + "1"),
            (2, "0" * 11 + "2"),
        ]


@pytest.mark.parametrize("name", ["cors.schema", "event", "log.record.uid", STEP, "cors.origin", MAC])
@pytest.mark.parametrize("value", ["x", 1, True, None, "0" * 32, -1])
def test_every_changed_value_takes_its_record_out_and_is_named(name, value):
    log = log_of(3, 3)
    changed = {**log[1], name: value}
    if changed == log[1]:
        return
    counted, sealing = judged([log[0], changed, *log[2:]])
    assert counted == [log[0], *log[2:]]
    assert [uid for uid, _ in sealing.named] == [
        str(value) if name == "log.record.uid" and value == "x" else uid_of(changed)
    ]
    assert not sealing.proves


def uid_of(record):
    uid = record["log.record.uid"]
    return uid if isinstance(uid, str) else ""


def test_a_removed_field_and_an_added_one_take_their_record_out():
    log = log_of(3)
    for changed in ({**log[1], "url.path": "/x"}, {n: v for n, v in log[1].items() if n != "cors.origin"}):
        counted, sealing = judged([log[0], changed, log[2]])
        assert (counted, faults(sealing)) == ([log[0], log[2]], {"altered": 1})


def test_a_record_without_a_seal_is_unsealed():
    forged = {"cors.schema": 1, "event": "cors.decision", "log.record.uid": "000000000000-2"}
    counted, sealing = judged([*log_of(1), forged])
    assert (counted, faults(sealing), sealing.named) == (
        log_of(1),
        {"unsealed": 1},
        (("000000000000-2", Fault.UNSEALED),),
    )


def test_a_record_that_is_moved_to_another_number_step_or_writer_does_not_count():
    log = log_of(4, 4)
    for changes in (
        {"log.record.uid": "000000000000-3"},
        {"log.record.uid": "000000000001-2"},
        {"log.record.uid": "000000000001-2", STEP: 1},
        {STEP: 1},
    ):
        counted, sealing = judged([{**log[1], **changes}])
        assert (counted, faults(sealing)) == ([], {"altered": 1})


def test_swapped_contents_take_both_records_out():
    log = log_of(4)
    one, two = {**log[1], "cors.origin": "2"}, {**log[2], "cors.origin": "1"}
    _, sealing = judged([log[0], {**one, MAC: log[2][MAC]}, {**two, MAC: log[1][MAC]}, log[3]])
    assert faults(sealing) == {"altered": 2}


def test_a_removed_writer_that_a_later_one_follows_is_a_missing_step():
    log = log_of(2, 2, 2, 2, 2)
    _, sealing = judged([record for record in log if record[STEP] in {2, 4}])
    assert (sealing.missing, sealing.proves) == (((0, 1), (3, 3)), False)


def test_a_cut_tail_is_unclosed_as_a_killed_worker_is():
    log = log_of(3, 3)
    counted, sealing = judged(log[:5])
    assert (sealing.unclosed, sealing.proves, len(counted)) == (("000000000001",), True, 5)


def test_an_end_that_is_not_the_last_record_closes_nothing():
    log = log_of(3)
    _, sealing = judged([*log, written(0, "0" * 12, 4)])
    assert sealing.unclosed == ("0" * 12,)


def test_writers_that_share_a_step_are_told_apart_and_named():
    log = [written(0, name, 1) for name in ("a" * 12, "b" * 12)]
    counted, sealing = judged(log)
    assert (counted, sealing.shared, sealing.missing) == (log, (0,), ())


def test_a_later_key_proves_nothing_of_an_earlier_step_and_says_so():
    counted, sealing = judged(log_of(2, 2), KEY.following())
    assert (len(counted), faults(sealing), sealing.missing) == (2, {"older": 2}, ())


def test_a_torn_record_accounts_for_no_number():
    assert list(Seals(KEY).proved([Torn(("0" * 12, 2)), None])) == [Torn(None), None]


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
@settings(max_examples=30)
def test_keys_are_found_in_any_order(numbers):
    step = lambda key: (int.from_bytes(key) + 1).to_bytes(4)  # noqa: E731 - a key that says its number
    keys = _Keys(1, (1).to_bytes(4), step)
    assert [int.from_bytes(keys.find(number)) for number in numbers] == numbers
    assert keys.cost(max(numbers) + 5) == 5


def test_a_claim_is_followed_a_million_steps_past_what_is_proved_and_no_further(monkeypatch):
    monkeypatch.setattr(judging, "REACH", 2000)
    first, near, far = written(0, "a" * 12, 10), written(0, "a" * 12, 2010), written(0, "a" * 12, 2011)
    counted, sealing = judged([first, far])
    assert (counted, faults(sealing)) == ([first], {"far": 1})
    assert judged([first, near, far])[0] == [first, near, far]
    assert REACH == 1_000_000


@pytest.mark.parametrize("uid", ["{0:012x}-999999", "aaaaaaaaaaaa-{1}", "{0:012x}-1", "-1", ""])
@pytest.mark.parametrize("step", [0, 999_999, 10**17, -1, "0", True, None])
def test_hostile_claims_cost_little(uid, step):
    claims = [
        {"cors.schema": 1, "log.record.uid": uid.format(i, 999_000 - i), STEP: step, MAC: "0" * 32}
        for i in range(300)
    ]
    since = time.process_time()
    counted, sealing = judged([*claims, *log_of(3)])
    assert time.process_time() - since < 10
    assert counted == log_of(3)
    assert sum(faults(sealing).values()) == 300


def test_claims_that_are_not_text_raise_nothing():
    deep = []
    for _ in range(5000):
        deep = [deep]
    for value in (None, 5, [], {}, "\u00fc" * 32, "\ud800", b"x".hex(), deep, float("nan"), 10**100):
        for name in (MAC, STEP, "log.record.uid", "event", "cors.origin"):
            assert Seals(KEY).counts({**log_of(1)[0], name: value}) in {True, False}


def test_what_is_printed_again_by_others_is_proved():
    log = [json.loads(json.dumps(record, indent=1, sort_keys=True)) for record in log_of(3)]
    assert judged(log)[1].proves
