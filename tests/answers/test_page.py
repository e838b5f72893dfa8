"""The page needs nothing but itself, allows nothing but its style, and shows no client's text as markup."""

import base64
import hashlib
import json
import re

import pytest
from answers.generated import Generated

from flask_cors_env.answers.engine import answers
from flask_cors_env.answers.page import page
from flask_cors_env.answers.questions import WHOLE
from flask_cors_env.answers.report import QUESTIONS, report

MARKUP = "<script>alert(1)</script>\u202e&\"'"


def page_of(path, *lines):
    path.write_bytes(b"\n".join(lines))
    return page(report(answers([str(path)], QUESTIONS, engine="plain"), WHOLE), f"<{path.name}>")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "audit.jsonl"


def test_the_page_allows_its_one_style_and_nothing_else(log):
    made = page_of(log, *(made.line for made in Generated(2000).lines()))
    (style,) = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{rules}">' in made
    assert not re.search(r"<script|<link|<img|<iframe|\bon\w+=|\bstyle=|\bhref=|\bsrc=|url\(|@import", made)
    assert made.isascii()


def test_what_a_client_wrote_is_text(log):
    event = {"cors.schema": 1, "timestamp": f"2026-03-02T04{MARKUP}", "event": "cors.decision"}
    event |= {"cors.decision": "deny", "cors.reasons": MARKUP, "cors.reason": MARKUP, "http.route": MARKUP}
    event |= {
        "cors.origin": MARKUP,
        "client.address": MARKUP,
        "cors.near.rule": MARKUP,
        "service.name": MARKUP,
    }
    changed = {**event, "event": "cors.policy.changed", "cors.policy.added": MARKUP, "cors.policy.id": MARKUP}
    made = page_of(log, *(json.dumps(told).encode() for told in (event, changed)))
    assert made.count("&lt;script&gt;alert(1)&lt;/script&gt;\\u202e&amp;&quot;&#x27;") > 5
    assert "<script" not in made
    assert "<title>CORS: &lt;audit.jsonl&gt;</title>" in made


def test_a_log_without_a_decision_makes_a_page_that_says_so(log):
    made = page_of(log, b"booting")
    assert "<p>No decision.</p>" in made
    assert "<svg" not in made
    assert "0 records of 0 writers; 0 torn, 0 repeated, 1 lines of others." in made


def test_many_hours_are_put_together_and_none_is_left_out(log):
    events = [
        {"cors.schema": 1, "timestamp": f"2026-0{month}-01T00:00:00.000000Z", "event": "cors.decision",
         "cors.decision": "deny", "cors.reason": "origin_not_listed"}
        for month in (1, 4, 7) for _ in range(month)
    ]  # fmt: skip
    made = page_of(log, *(json.dumps(event).encode() for event in events))
    assert "A bar is 19 hours" in made
    assert [int(n) for n in re.findall(r": (\d+) origin_not_listed</title>", made)] == [1, 4, 7]
