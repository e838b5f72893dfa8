"""Console lines: every recorded sentence is read back with its facts, whatever stands around it."""

import json
import time
from pathlib import Path

import pytest

from flask_cors_env.answers import console
from flask_cors_env.answers.console import LIMIT, Cause, read, sentences

FACTS = {
    "url": "https://api.example.com:8443/items/1?page=2",
    "origin": "http://localhost:5173",
    "method": "PUT",
    "header": "x-api-key",
}
OTHERS = {"initiator": "XMLHttpRequest", "status": "403", "other": "https://other.example"}


@pytest.mark.parametrize("sentence", sentences(), ids=lambda s: f"{s.engine} {s.cause}")
@pytest.mark.parametrize("around", ["{}", "page.html:1 {} (anonymous) @ page.html:7", "Error: {}\n  at f"])
def test_every_recorded_sentence_is_read_with_its_facts(sentence, around):
    told = read(around.format(sentence.text.format(**FACTS, **OTHERS)))
    assert (told.engine, told.cause) == (sentence.engine, sentence.cause)
    facts = {name: value for name, value in FACTS.items() if f"{{{name}}}" in sentence.text}
    assert {name: getattr(told, name) for name in FACTS} == {**dict.fromkeys(FACTS), **facts}


def test_each_engine_is_recorded_and_every_cause_is_said_by_one():
    assert {sentence.engine for sentence in sentences()} == {"chromium", "firefox", "webkit"}
    assert {sentence.cause for sentence in sentences()} == set(Cause)
    rows = json.loads((Path(console.__file__).parent / "sentences.json").read_text())
    assert len(rows) == len({(row["engine"], row["sentence"]) for row in rows})


def test_both_lines_of_webkit_are_read_as_one():
    text = (
        "Origin http://localhost:5173 is not allowed by Access-Control-Allow-Origin. Status code: 200\n"
        "Fetch API cannot load https://api.example.com/items due to access control checks."
    )
    told = read(text)
    assert (told.engine, told.cause, told.origin, told.url) == (
        "webkit",
        Cause.ORIGIN_MISSING,
        "http://localhost:5173",
        "https://api.example.com/items",
    )


def test_the_quotes_of_a_shell_or_a_mail_do_not_matter():
    text = next(s.text for s in sentences() if s.engine == "firefox" and s.cause is Cause.ORIGIN_MISSING)
    text = text.format(**FACTS, **OTHERS)
    assert read(text.replace("\u2018", "'").replace("\u2019", "'")) == read(text)


@pytest.mark.parametrize("sentence", sentences(), ids=lambda s: f"{s.engine} {s.cause}")
@pytest.mark.parametrize("eaten", ["", '"', "`"])
def test_a_sentence_is_read_without_its_quotes_or_between_others(sentence, eaten):
    """A shell eats the single quotes of Chromium's sentences where these stand between single quotes."""
    text = sentence.text.format(**FACTS, **OTHERS)
    for quote in "'\u2018\u2019\"`":
        text = text.replace(quote, eaten)
    assert read(text) == read(sentence.text.format(**FACTS, **OTHERS))


def test_a_url_keeps_its_own_quotes():
    url = "https://api.example.com/it's/'quoted'"
    text = next(s.text for s in sentences() if s.engine == "chromium" and s.cause is Cause.ORIGIN_MISSING)
    told = read(text.format(**{**FACTS, **OTHERS, "url": url}))
    assert (told.url, told.origin) == (url, FACTS["origin"])


@pytest.mark.parametrize("text", ["", "CORS", "TypeError: Failed to fetch", "Access to fetch at", "\0" * 99])
def test_any_other_text_is_unknown(text):
    assert read(text) is None


@pytest.mark.parametrize(
    "bait",
    [
        "Access to fetch at '",
        "Origin https://x/",
        "Access to fetch at 'https://" + "a" * 2000 + "' from origin '",
    ],
)
def test_a_text_that_is_no_sentence_is_read_in_time(bait):
    begin = time.perf_counter()
    read((bait * LIMIT)[:LIMIT])
    assert time.perf_counter() - begin < 0.5
