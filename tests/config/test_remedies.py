"""The law of remedies: what a denial tells an operator to write is what the configuration takes."""

import re

import pytest
from config.configured import APP
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.environment import ENVIRONMENTS
from flask_cors_env.core.decision import decide
from flask_cors_env.core.protocol import SAFELISTED_METHODS
from flask_cors_env.core.reason import Reason, Verdict
from flask_cors_env.core.request import Request

ORIGINS = st.one_of(
    st.sampled_from(
        [
            *("https://other.example", "http://other.example", "http://localhost:3000", "http://127.0.0.1"),
            *("http://[::1]:5173", "https://localhost", "file://", "app://.", "app://Main:80", "ionic://"),
            *(
                "moz-extension://2c12",
                "app://*",
                "null",
                "https://a_b.example",
                "https://127.1",
                "https://1.2.3",
            ),
            *(
                "https://a{b}.example",
                "https://a(b).example",
                "https://a$b.example",
                "https://a;b",
                "wss://a.example",
            ),
            *("https://xn--a.example", "https://" + "a" * 70 + ".example", "app://$HOST", "app://a|app://b"),
            *("app://#", "none", "*", "https://A.example", "https://a.example:443", "data://x", "app://[.]+"),
        ]
    ),
    st.from_regex(r"[a-z]{2,9}://[!-~]{0,12}", fullmatch=True),
    st.from_regex(r"https?://[a-z0-9$'(){};|~.-]{1,12}(:[1-9][0-9]{0,4})?", fullmatch=True),
)
TOKENS = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}", fullmatch=True)
METHODS = st.sampled_from("GET PUT put patch CONNECT trace auto none * 'PUT' #PUT A|B $PUT".split()) | TOKENS
NAMES = st.sampled_from(
    "x-a origin cookie set-cookie sec-fetch-mode te etag vary access-control-allow-origin authorization none "
    "* x-* 'x' #x x|y $x ^x x-.+".split()
) | TOKENS.map(str.lower)
LISTED = {
    "CORS_ORIGINS": st.sampled_from([None, APP, "none", f"{APP},https://*.example.org", f'["{APP}"]']),
    "CORS_METHODS": st.sampled_from([None, "none", "GET", "auto", "PATCH,QUERY"]),
    "CORS_ALLOW_HEADERS": st.sampled_from([None, "none", "X-Z", "*", "x-team-*"]),
    "CORS_ALLOW_CREDENTIALS": st.sampled_from([None, "true"]),
}


@st.composite
def configurations(draw):
    """Environment variables that make a policy: for every path, or for one resource that inherits or not."""
    environ = {"CORS_ENV": draw(st.sampled_from(ENVIRONMENTS))}
    values = {name: draw(of) for name, of in LISTED.items()}
    if draw(st.booleans()):
        environ["CORS_RESOURCES__API__PATH"] = "/*"
        own = draw(st.sets(st.sampled_from(sorted(values))))
        values = {
            n.replace("CORS_", "CORS_RESOURCES__API__" if n in own else "CORS_"): v for n, v in values.items()
        }
    return environ | {name: value for name, value in values.items() if value is not None}


def built(environ):
    return build(Inputs(environ, command=True)).policy


def followed(environ, decision, request):
    """The variables after an operator followed the remedy, sentence by sentence."""
    sent = {
        "<ORIGIN>": request.origin,
        "<METHOD>": request.requested_method,
        "<NAMES>": ",".join(names_of(decision)),
    }
    changed = dict(environ)
    for variable, value in re.findall(r"Write: (\w+)=(\S+)", decision.remedy_hint):
        changed[variable] = re.sub("<[A-Z]+>", lambda found: sent[found[0]], value)
    for what, variable in re.findall(r"Add the (\w+) to (\w+)", decision.remedy_hint):
        text, old = sent[f"<{what.upper()}>"], changed[variable]
        changed[variable] = f'{old[:-1]},"{text}"]' if old.startswith("[") else f"{old},{text}"
    return changed


def names_of(decision):
    return decision.offending[Reason.METHOD_NOT_ALLOWED in decision.reasons :]


@settings(max_examples=600, deadline=None)
@given(configurations(), ORIGINS, METHODS, st.lists(NAMES, max_size=3, unique=True))
def test_following_a_remedy_leads_to_the_allow_and_shuts_nobody_out(environ, origin, method, names):
    try:
        policy = built(environ)
    except CORSConfigError:
        return
    request = Request(origin, "OPTIONS", "/x", method, ",".join(names))
    decision = decide(policy, request)
    if decision.verdict is not Verdict.DENY:
        return
    if decision.remedy_variable is None:
        event("no setting: " + decision.remedy_hint.partition(":")[0])
        return
    event("a setting")
    changed = followed(environ, decision, request)
    assert changed != environ
    after = built(changed)
    assert decide(after, request).verdict is Verdict.ALLOW
    for one, other in zip(policy.resources, after.resources, strict=True):
        assert set(one.origins.canonical) <= set(other.origins.canonical)
        assert one.allowed_methods - SAFELISTED_METHODS <= other.allowed_methods
        assert {n.lower() for n in one.allow_headers.texts} <= {n.lower() for n in other.allow_headers.texts}


@pytest.mark.parametrize(
    ("environ", "request_", "variable", "hint"),
    [
        (
            {"CORS_ENV": "production"},
            Request(APP, "OPTIONS", "/x", "GET", "x-a"),
            "CORS_ORIGINS",
            "Write: CORS_ORIGINS=<ORIGIN> Write: CORS_ALLOW_HEADERS=Authorization,Content-Type,<NAMES>",
        ),
        (
            {"CORS_ORIGINS": "https://b.example"},
            Request("http://localhost:3000", path="/x"),
            None,
            (
                "On your own machine: CORS_ENV=development, or flask run --debug. In production the origin "
                "cannot be listed, by the rule loopback. Keep it to development: CORS_ENV=development."
            ),
        ),
        (
            {
                "CORS_ENV": "production",
                "CORS_ORIGINS": "https://b.example",
                "CORS_RESOURCES__API__PATH": "/x",
            },
            Request(APP, path="/x"),
            "CORS_ORIGINS",
            "Add the origin to CORS_ORIGINS.",
        ),
        (
            {"CORS_ENV": "production", "CORS_ALLOWED_ORIGINS": "https://b.example"},
            Request(APP, path="/x"),
            "CORS_ALLOWED_ORIGINS",
            "Add the origin to CORS_ALLOWED_ORIGINS.",
        ),
        (
            {
                "CORS_ENV": "production",
                "CORS_RESOURCES__API__PATH": "/x",
                "CORS_RESOURCES__API__PUBLIC": "true",
            },
            Request(APP, "OPTIONS", "/x", "PUT"),
            None,
            "The resource is public, which allows GET and HEAD alone.",
        ),
        (
            {"CORS_ENV": "production", "CORS_ORIGINS": APP, "CORS_METHODS": "*"},
            Request(APP, "OPTIONS", "/x", "TRACE"),
            None,
            "No setting allows the method: it is a method that no page can use.",
        ),
        (
            {
                "CORS_ENV": "production",
                "CORS_RESOURCES": '{"api": {"path": "/x", "origins": ["https://b.example"]}}',
            },
            Request(APP, path="/x"),
            None,
            'Add the origin to CORS_RESOURCES["api"].origins in the process environment.',
        ),
    ],
)
def test_a_remedy_names_the_place_of_the_value(environ, request_, variable, hint):
    decision = decide(built(environ), request_)
    assert (decision.remedy_variable, decision.remedy_hint) == (variable, hint)


def test_a_remedy_names_the_line_of_a_policy_file(tmp_path):
    file = tmp_path / "cors.toml"
    file.write_text('max_age = 5\norigins = ["https://b.example"]\n')
    policy = built({"CORS_ENV": "production", "CORS_CONFIG_FILE": str(file)})
    decision = decide(policy, Request(APP, path="/x"))
    assert (decision.remedy_variable, decision.remedy_hint) == (
        None,
        f"Add the origin to origins in {file}:2.",
    )
