"""``flask cors why``: from a console line to its cause and cure."""

import json

import pytest
from click.testing import CliRunner

from flask_cors_env.answers.console import Cause, sentences
from flask_cors_env.cli import cors

APP, EVIL, URL = "https://app.example.com", "https://evil.example", "https://api.example.com/items"
BLOCKED = f"Access to fetch at '{URL}' from origin '{{}}' has been blocked by CORS policy: "
MISSING = f"{BLOCKED}No 'Access-Control-Allow-Origin' header is present on the requested resource."
FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
    f"{URL}. (Reason: CORS header \u2018Access-Control-Allow-Origin\u2019 missing). Status code: 200."
)


def why(*words, **environ):
    environ = {"CORS_ENV": "production", "CORS_ORIGINS": APP, **environ}
    return CliRunner().invoke(cors, ["why", *words, "--no-app"], env=environ)


def told(*words, **environ):
    found = why(*words, "--json", **environ)
    assert (found.exit_code, found.stderr) == (0, "")
    return json.loads(found.stdout)


def test_a_refused_origin_is_explained_with_its_remedy():
    found = why(MISSING.format(EVIL))
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines()[:4] == [
        "chromium: The response does not allow the page's origin.",
        "",
        "deny  GET /items  (origin_not_listed)",
        "  No entry lets the origin in.",
    ]
    assert found.stdout.splitlines()[-1] == "  remedy    Add the origin to CORS_ORIGINS."


@pytest.mark.parametrize(
    ("rest", "environ", "reason", "remedy"),
    [
        (
            "Method DELETE is not allowed by Access-Control-Allow-Methods in preflight response.",
            {"CORS_METHODS": "PUT"},
            "method_not_allowed",
            "Add the method to CORS_METHODS.",
        ),
        (
            "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
            {"CORS_ALLOW_HEADERS": "X-Other"},
            "header_not_allowed",
            "Add the names to CORS_ALLOW_HEADERS.",
        ),
    ],
)
def test_the_method_and_the_header_of_the_sentence_are_asked_about(rest, environ, reason, remedy):
    (step,) = told(BLOCKED.format(APP) + rest, **environ)["steps"]
    assert (step["cors.reasons"], step["cors.remedy.hint"]) == ([reason], remedy)


def test_cookies_that_the_sentence_tells_of_are_asked_about():
    rest = (
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be "
        "'true' when the request's credentials mode is 'include'."
    )
    (step,) = told(BLOCKED.format(APP) + rest)["steps"]
    assert step["cors.notes"] == ["credentials_not_allowed"]
    assert step["cors.remedy.hint"].endswith("set CORS_ALLOW_CREDENTIALS to true.")


def test_where_the_policy_allows_it_the_server_is_to_be_asked():
    found = why(MISSING.format(APP))
    assert found.stdout.splitlines()[-1].endswith("Ask the server: flask cors probe https://api.example.com")
    assert told(MISSING.format(APP))["allowed"] is True


def test_what_the_sentence_does_not_tell_is_asked_for():
    found = why(FIREFOX)
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == (
        "The response does not allow the page's origin. To ask the policy it would need: --origin.\n"
    )
    assert told(FIREFOX, "--origin", EVIL)["steps"][0]["cors.reasons"] == ["origin_not_listed"]


@pytest.mark.parametrize("text", ["", "TypeError: Failed to fetch", "x" * 5000, "\x1b[31mAccess to fetch"])
def test_an_unknown_sentence_ends_with_1_and_says_what_it_would_need(text):
    found = why(text)
    assert (found.exit_code, found.stdout, "\x1b" in found.stderr) == (1, "", False)
    assert "aste the" in found.stderr


@pytest.mark.parametrize("sentence", sentences(), ids=lambda s: f"{s.engine} {s.cause}")
def test_every_recorded_sentence_comes_to_its_cause(sentence):
    text = sentence.text.format(
        url=URL, origin=EVIL, method="DELETE", header="x-a", initiator="fetch", status="403", other=APP
    )
    needed = ["--origin", EVIL, "--method", "DELETE"]
    if sentence.engine == "webkit" and "{url}" not in sentence.text:
        text += f"\nFetch API cannot load {URL} due to access control checks."
    found = told(text, *needed)
    assert (found["engine"], found["cause"]) == (sentence.engine, sentence.cause)
    asked = [step["cors.decision"] for step in found["steps"]][:1]
    assert asked == ([] if found["cause"] == Cause.UNREACHABLE else ["deny"])


def test_where_there_was_no_response_the_policy_is_not_asked():
    text = (
        "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
        f"{URL}. (Reason: CORS request did not succeed). Status code: (null)."
    )
    found = why(text)
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.splitlines() == [
        "firefox: There was no response at all.",
        "Look whether the server listens at that URL, for its certificate, and for a blocker in the browser.",
        "",
    ]


def test_a_cause_with_a_cure_is_told_where_the_policy_cannot_be_asked():
    found = why(FIREFOX.replace("header \u2018Access-Control-Allow-Origin\u2019 missing",
                                "preflight response did not succeed"))  # fmt: skip
    assert (found.exit_code, found.stdout.splitlines()[1:]) == (
        0,
        [
            "A status of 403 is a denial; with any other, something ahead of the app answers OPTIONS.",
            "",
            "To ask the policy it would need: --origin.",
        ],
    )


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example:99999/", EVIL),
        ("https://[::1/", EVIL),
        ("https://a.example/\udcff", EVIL),
        ("https://a..b/", EVIL),
        (URL, "foo://x\x1b[31m"),
    ],
)
def test_a_url_or_an_origin_that_no_browser_writes_is_no_traceback(url, origin):
    found = why(MISSING.format(origin).replace(URL, url))
    assert (found.exit_code, found.stdout, found.stderr) == (
        1,
        "",
        "The line has a URL or an origin that no browser writes. Paste it as it stands.\n",
    )


def test_a_file_that_is_no_log_is_said_to_be_none(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text("GET / 200\n")
    found = why(MISSING.format(EVIL), "--log", str(log))
    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.endswith("Error: nothing in the log is a record: 1 line of others\n")


def event(number, **fields):
    return json.dumps(
        {
            "cors.schema": 1, "timestamp": f"2026-03-02T12:00:0{number}Z", "level": "warning",
            "event": "cors.decision", "log.record.uid": f"0123456789ab-{number}", "cors.decision": "deny",
            "cors.reason": "origin_not_listed", "cors.reasons": "origin_not_listed", "cors.origin": EVIL,
            "cors.request.kind": "actual", "http.request.method": "GET", "server.address": "api.example.com",
            "cors.remedy.hint": "Add the origin to CORS_ORIGINS.", **fields,
        }
    )  # fmt: skip


def test_a_log_is_asked_for_its_last_events(tmp_path):
    log = tmp_path / "audit.jsonl"
    others = [event(2, **{"cors.origin": APP}), event(3, **{"server.address": "other.example"})]
    log.write_text("\n".join([event(1), *others, event(4, **{"cors.decision": "allow"}), event(5)]) + "\n")
    found = told(MISSING.format(EVIL), "--log", str(log))
    assert [record["log.record.uid"][-1] for record in found["events"]] == ["1", "5"]
    text = why(MISSING.format(EVIL), "--log", str(log)).stdout
    assert "deny actual GET from https://evil.example: origin_not_listed" in text


def test_a_log_without_the_request_says_so(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text(event(1) + "\n")
    found = why(MISSING.format("https://x.example"), "--log", str(log))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "holds no refused request of it" in found.stderr


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_what_a_log_holds_inside_other_text_is_no_event_and_is_said(words, tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text(f"{event(1)}\nWARNING in app: {event(2)}\nshop >> {event(3)}\n")
    asked = (MISSING.format(EVIL), "--log", str(log), *words)
    found, with_prefix = why(*asked), why(*asked, "--prefix", "shop >> ")
    assert ("789ab-2" in found.stdout, "789ab-3" in found.stdout) == (False, False)
    assert ("789ab-2" in with_prefix.stdout, "789ab-3" in with_prefix.stdout) == (False, True)
    assert found.stderr == "records inside other programs' lines: 2; a client can write there: none counts\n"


def test_records_that_contradict_each_other_are_no_events(tmp_path):
    log = tmp_path / "audit.jsonl"
    log.write_text("\n".join([event(1), event(2), event(2, **{"cors.reason": "origin_malformed"})]))
    found = why(MISSING.format(EVIL), "--log", str(log), "--json")
    assert [one["log.record.uid"][-1] for one in json.loads(found.stdout)["events"]] == ["1"]
    assert "0123456789ab-2" in found.stderr


def test_a_log_without_any_record_tells_nothing_of_the_request(tmp_path):
    log = tmp_path / "access.log"
    log.write_text('127.0.0.1 - - "GET / HTTP/1.1" 200\n')
    found = why(MISSING.format(EVIL), "--log", str(log))
    assert (found.exit_code, found.stdout) == (2, "")
    assert "nothing in the log is a record" in found.stderr
