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
from flask_cors_env.core.reason import Reason, Verdict

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
    event = {"cors.schema": 1, "timestamp": "2026-03-02T04:00:00.000000Z", "event": "cors.decision"}
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
    assert "0 records of 0 writers; 0 torn, 0 repeated, 1 line of others." in made


def test_many_hours_are_put_together_and_none_is_left_out(log):
    events = [
        {"cors.schema": 1, "timestamp": f"2026-0{month}-01T00:00:00.000000Z", "event": "cors.decision",
         "cors.decision": "deny", "cors.reason": "origin_not_listed"}
        for month in (1, 4, 7) for _ in range(month)
    ]  # fmt: skip
    made = page_of(log, *(json.dumps(event).encode() for event in events))
    assert "A bar is 19 hours" in made
    assert [int(n) for n in re.findall(r": (\d+) origin_not_listed</title>", made)] == [1, 4, 7]


def test_the_page_tells_of_routes_and_of_policies_that_were_rejected(log):
    record = {"cors.schema": 1, "timestamp": "2026-03-02T04:00:00.000000Z", "service.name": "shop"}
    denied = {"event": "cors.decision", "cors.decision": "deny", "http.route": "/<int:id>"}
    rejected = {"event": "cors.policy.rejected", "error.message": "CORS_ORIGINS has a path"}
    made = page_of(log, *(json.dumps(record | told).encode() for told in (denied, rejected)))
    assert "<h2>Denied by route</h2>" in made
    assert "<code>/&lt;int:id&gt;</code>" in made
    assert re.search(
        r"<h2>Policies that were rejected</h2>.*<td>CORS_ORIGINS has a path</td>", made, re.DOTALL
    )


@pytest.mark.parametrize(
    ("requests", "scale"), [(0, ["2", "1"]), (79, ["80", "40"]), (2000, ["2,000", "1,000"])]
)
def test_the_scale_of_the_hours_is_in_whole_requests(requests, scale, log):
    verdict = "deny" if requests else "allow"
    record = {"cors.schema": 1, "timestamp": "2026-03-02T04:00Z", "event": "cors.decision"}
    record |= {"cors.decision": verdict, "cors.reason": "origin_not_listed"}
    made = page_of(log, *[json.dumps(record).encode()] * max(requests, 1))
    assert re.findall(r'dy="-3" text-anchor="end">([0-9,]+)<', made) == scale


def test_a_reason_of_another_version_has_a_bar_and_a_mark(log):
    record = {"cors.schema": 1, "timestamp": "2026-03-02T04:00:00.000000Z", "event": "cors.decision"}
    record |= {"cors.decision": "deny"}
    reasons = [
        *[reason.value for reason in Reason if reason.verdict is Verdict.DENY],
        "from_mars",
        MARKUP,
        None,
    ]
    made = page_of(log, *(json.dumps(record | {"cors.reason": reason}).encode() for reason in reasons))
    bars = re.findall(r'<rect class="r(\d)" [^>]*><title>2026-03-02T04: 1 ([^<]*)</title>', made)
    heights = [float(height) for height in re.findall(r'height="([0-9.]+)%"><title>', made)]
    assert [(int(number), reason) for number, reason in bars[:9]] == list(enumerate(reasons[:9]))
    assert [number for number, _ in bars[9:]] == ["9", "9", "9"]
    assert "from_mars" in dict(map(reversed, bars))
    assert sum(heights) == pytest.approx(90, abs=0.01)
    assert len(re.findall(r'class="r9" width="100%"', made)) == 3
    assert ".r9 {" in made
