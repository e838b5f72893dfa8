"""The suggestion fits what was let in, lets in nothing else, and has no entry too many."""

import json
import re

import pytest
from apps import APP, EVIL, make, preflight
from hypothesis import assume, event, given
from hypothesis import strategies as st
from recorded import Log

from flask_cors_env import CORSConfigError, Policy, Request, Resource
from flask_cors_env.answers.candidate import of_file, of_variables
from flask_cors_env.answers.engine import answers
from flask_cors_env.answers.evidence import evidence
from flask_cors_env.answers.migrate.written import env_file, toml_file
from flask_cors_env.answers.narrowing import Entry
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.replay import Outcome, replay
from flask_cors_env.answers.suggest import SuggestionError, suggest
from flask_cors_env.core.decision import decide
from flask_cors_env.core.reason import Verdict

BI = "https://bi.example.com"
A, B, C = (f"https://{name}.preview.example.net" for name in "abc")
PATTERN = "https://*.preview.example.net"
TEST = re.compile("https://[a-z]+[.]test")
NAMES = ("x-api-key", "X-Team-1", "x-team-2", "authorization", "x'y", "x#y", "x~y")
LETS_IN = {
    "origins": st.lists(st.sampled_from([APP, BI, A, PATTERN, "null", TEST]), unique=True),
    "methods": st.lists(st.sampled_from(["PUT", "PATCH", "x'y", "*"])),
    "allow_headers": st.lists(
        st.sampled_from(["X-Api-Key", "X-Team-1", "x-team-*", "*", "Authorization", "X'y"])
    ),
    "max_age": st.sampled_from([0, 600, 7200]),
    "expose_headers": st.sampled_from([[], ["ETag"]]),
}  # fmt: skip
REQUESTS = st.builds(
    Request,
    origin=st.sampled_from([APP, BI, A, B, "null", "https://a.test", "https://b.test", EVIL]),
    method=st.sampled_from(["GET", "PUT", "OPTIONS", "OPTIONS", "OPTIONS"]),
    path=st.sampled_from(["/api/x", "/web/x", "/"]),
    requested_method=st.sampled_from(["PUT", "PATCH", "GET", "x'y", "put", "auto"]),
    requested_headers=st.none() | st.lists(st.sampled_from(NAMES), max_size=3).map(",".join),
    credentialed=st.booleans(),
    same_origin=st.sampled_from([False]),
)


@st.composite
def resources(draw, path):
    rules = {name: draw(value) for name, value in LETS_IN.items()}
    trusting = draw(st.booleans()) and "null" not in rules["origins"]
    return Resource.parse(
        name=path.strip("/*") or "default", paths=[path], allow_credentials=trusting, **rules
    )


@st.composite
def served(draw):
    """A policy, and what it was asked."""
    paths = draw(st.sampled_from([["/*"], ["/api/*"], ["/api/*", "/web/*"], ["/*", "/api/*"]]))
    policy = Policy([draw(resources(path)) for path in paths])
    return policy, draw(st.lists(REQUESTS, min_size=1, max_size=12))


def suggestion(policy, requests, environment="development"):
    log = Log()
    log.load(policy)
    for request in requests:
        log.decide(policy, request)
    return suggest(log.evidence, environment), log


def reads(policy, request):
    """What a page can do: nothing, read what it asks for without credentials, or all."""
    decision = decide(policy, request)
    if decision.verdict is not Verdict.ALLOW:
        return 0
    return 1 if request.credentialed and not decision.resource.allow_credentials else 2


def sent_by_browsers(request):
    """Whether a browser sends it as it is: the method is normalized, and no method is a word of ours."""
    return request.requested_method not in {"put", "auto"}


@given(served())
def test_what_was_let_in_still_is(visit):
    policy, requests = visit
    found, _ = suggestion(policy, requests)
    event(f"{len(found.dropped)} dropped")
    assert found.proof.holds
    for request in filter(sent_by_browsers, requests):
        assert reads(found.built.policy, request) >= reads(policy, request), request


@given(served(), st.lists(REQUESTS))
def test_nothing_is_let_in_that_was_not(visit, others):
    policy, requests = visit
    found, _ = suggestion(policy, requests)
    assert found.opened == ()
    for request in (*requests, *others):
        assert reads(found.built.policy, request) <= reads(policy, request), request


@given(served())
def test_no_origin_method_or_header_can_be_spared(visit):
    policy, requests = visit
    found, log = suggestion(policy, [r for r in requests if r.method in {"GET", "OPTIONS"}])
    for resource in found.resources:
        for setting in ("ORIGINS", "METHODS", "ALLOW_HEADERS"):
            entries = resource.settings.get(setting, [])
            for entry in entries:
                resource.settings[setting] = [other for other in entries if other != entry]
                smaller = of_variables(found.variables, "development").policy
                assert replay(log.shapes, log.policies, smaller).requests(Outcome.REFUSED), (setting, entry)
            resource.settings[setting] = entries


@given(served())
def test_what_is_printed_makes_the_policy_that_is_proved(visit):
    policy, requests = visit
    found, _ = suggestion(policy, requests)
    assert read(found, "new.env", env_file(found.variables)).id == found.built.policy.id
    assert read(found, "cors.toml", toml_file(found.tree)).id == found.built.policy.id


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory):
    read.folder = tmp_path_factory.mktemp("suggested")


def read(found, name, text):
    (read.folder / name).write_text(text)
    return of_file(str(read.folder / name), found.built.environment.name).policy


@given(served())
def test_a_second_suggestion_from_the_same_traffic_has_nothing_to_add(visit):
    policy, requests = visit
    first, _ = suggestion(policy, requests)
    assume(not first.left)
    again, _ = suggestion(first.built.policy, requests)
    assert again.built.policy.id == first.built.policy.id


# --- one by one ----------------------------------------------------------------------------------------


def narrowed(rules, *requests, environment="production"):
    policy = Policy([Resource.parse(**rules)])
    return suggestion(policy, requests, environment)[0]


def test_an_unused_origin_is_dropped_and_a_used_one_is_not():
    found = narrowed({"origins": [APP, BI]}, Request(APP))
    assert found.variables["CORS_ORIGINS"] == APP
    assert found.dropped == (Entry("default", "ORIGINS", BI, 0),)


def test_a_pattern_that_lets_in_several_stays():
    found = narrowed({"origins": [PATTERN]}, Request(A), Request(B))
    assert (found.variables["CORS_ORIGINS"], found.dropped) == (PATTERN, ())


def test_an_entry_that_a_pattern_covers_is_not_needed_beside_it():
    rules = {"origins": [A, PATTERN], "allow_headers": ["X-Team-1", "x-team-*"]}
    asked = Request(A, "OPTIONS", "/", "GET", "x-team-1,x-team-2,x-team-3")
    found = narrowed(rules, asked, Request(B), Request(C))
    assert (found.variables["CORS_ORIGINS"], found.variables["CORS_ALLOW_HEADERS"]) == (PATTERN, "x-team-*")
    assert found.dropped == (
        Entry("default", "ORIGINS", A, 1),
        Entry("default", "ALLOW_HEADERS", "X-Team-1", 1),
    )


def test_a_pattern_that_lets_in_one_is_replaced_by_it():
    found = narrowed({"origins": [PATTERN]}, Request(A), Request(A), Request(EVIL))
    assert found.variables["CORS_ORIGINS"] == A
    assert found.dropped == (Entry("default", "ORIGINS", PATTERN, 2),)


def test_a_compiled_pattern_cannot_be_written_and_its_origins_are():
    found = narrowed(
        {"origins": [re.compile("https://[abc][.]test")]}, *map(Request, ("https://a.test", "https://b.test"))
    )
    assert found.variables["CORS_ORIGINS"] == "https://a.test,https://b.test"


def test_header_names_of_a_compiled_pattern_are_written_one_by_one():
    pattern = re.compile("x-[a-z]")
    asked = [Request(APP, "OPTIONS", "/", "GET", names) for names in ("x-a", "x-a,x-b")]
    found = narrowed({"origins": [APP], "allow_headers": [pattern]}, *asked)
    assert found.variables["CORS_ALLOW_HEADERS"] == "x-a,x-b"
    assert found.dropped == (Entry("default", "ALLOW_HEADERS", "regex:x-[a-z]", 2),)


def test_a_function_is_replaced_by_those_whom_it_let_in():
    found = narrowed({"origins": lambda **_: True}, Request(A), Request(B))
    assert found.variables["CORS_ORIGINS"] == f"{A},{B}"


def test_methods_and_headers_are_those_asked_for():
    asked = Request(APP, "OPTIONS", "/", "PUT", "authorization,x-team-1,x-team-2")
    rules = {
        "origins": [APP],
        "methods": ["PUT", "PATCH"],
        "allow_headers": ["Authorization", "X-Api-Key", "x-team-*"],
    }
    found = narrowed(rules, asked)
    assert (found.variables["CORS_METHODS"], found.variables["CORS_ALLOW_HEADERS"]) == (
        "PUT",
        "Authorization,x-team-*",
    )
    assert found.dropped == (
        Entry("default", "METHODS", "PATCH", 0),
        Entry("default", "ALLOW_HEADERS", "X-Api-Key", 0),
    )


def test_a_method_stays_whose_preflight_came_before_the_log_begins():
    rules = {"origins": [APP], "methods": ["PUT", "PATCH"]}
    assert narrowed(rules, Request(APP, "PUT")).variables["CORS_METHODS"] == "PUT"


@pytest.mark.parametrize("came", [True, False])
def test_credentials_stay_where_some_came(came):
    found = narrowed({"origins": [APP], "allow_credentials": True}, Request(APP, credentialed=came))
    assert found.variables.get("CORS_ALLOW_CREDENTIALS", "false") == str(came).lower()
    assert (Entry("default", "ALLOW_CREDENTIALS", "true", 0) in found.dropped) == (not came)


def test_what_requests_do_not_show_stays():
    rules = {"origins": [APP], "expose_headers": ["ETag"], "max_age": 60, "enforce": True}
    (resource,) = narrowed(rules, Request(APP)).built.policy.resources
    assert (resource.expose_headers, resource.max_age, resource.enforce) == (("ETag",), 60, True)


def test_a_resource_that_nobody_used_is_closed_and_keeps_its_paths():
    """Without it, its paths would be another's."""
    policy = Policy(
        [Resource.parse(origins=[APP]), Resource.parse(name="api", paths=["/api/*"], origins=[BI])]
    )
    found, _ = suggestion(policy, [Request(APP)], "production")
    assert found.variables["CORS_RESOURCES__API__PATH"] == "/api/*"
    assert found.variables["CORS_RESOURCES__API__ORIGINS"] == "none"


def test_a_public_resource_stays_public_where_it_is_used_as_one():
    rules = {"name": "feed", "paths": ["/feed"], "origins": ["*"], "methods": ["GET", "HEAD"]}
    found = narrowed(rules, Request(A, path="/feed"), Request("odd", path="/feed"))
    assert found.variables["CORS_RESOURCES__FEED__PUBLIC"] == "true"
    assert narrowed(rules, Request(A, path="/feed")).variables["CORS_RESOURCES__FEED__ORIGINS"] == A


def test_what_no_entry_can_name_is_told():
    policy = Policy([Resource.parse(origins=["*"], methods=["*"])], environment="development")
    odd = [Request("https://ex ample"), Request(A), Request(B, "OPTIONS", "/", "auto")]
    found, _ = suggestion(policy, odd)
    assert {shape.request.origin for shape in found.left} == {"https://ex ample", B}
    assert (found.variables["CORS_ORIGINS"], found.proof.holds) == (A, True)


def test_no_header_name_of_a_client_becomes_a_pattern():
    policy = Policy([Resource.parse(origins=[APP], allow_headers=["*"])], environment="development")
    found, _ = suggestion(
        policy, [Request(APP, "OPTIONS", "/", "GET", "x-*"), Request(APP, "OPTIONS", "/", "GET", "x-a")]
    )
    assert found.variables["CORS_ALLOW_HEADERS"] == "x-a"


def test_the_policy_that_holds_last_is_what_is_narrowed():
    log = Log()
    older, newer = Policy([Resource.parse(origins=[APP, BI])]), Policy([Resource.parse(origins=[BI])])
    for policy in (older, newer):
        log.load(policy)
        for origin in (APP, BI):
            log.decide(policy, Request(origin))
    found = suggest(log.evidence, "production")
    assert (found.current.id, found.variables["CORS_ORIGINS"]) == (newer.id, BI)


def test_rules_that_were_switched_off_stay_so_where_that_is_needed():
    settings = {"CORS_ORIGINS": "http://a.example http://localhost:*", "CORS_UNSAFE_ALLOW": "http,loopback"}
    policy = of_variables(settings, "production").policy
    log = Log()
    log.load(policy, **{"cors.policy.unsafe_allow": "http,loopback"})
    log.decide(policy, Request("http://a.example"))
    found = suggest(log.evidence, "production")
    assert (found.variables["CORS_ORIGINS"], found.variables["CORS_UNSAFE_ALLOW"]) == (
        "http://a.example",
        "http",
    )


def test_what_the_environment_does_not_permit_is_an_error():
    with pytest.raises(CORSConfigError, match=r"\[http\]"):
        narrowed({"origins": ["http://a.example"]}, Request("http://a.example"))


def test_without_the_policy_that_holds_last_there_is_nothing_to_narrow():
    log = Log()
    log.decide(Policy(), Request(APP))
    with pytest.raises(SuggestionError, match="the policy that holds last is not in the log"):
        suggest(log.evidence, "production")


def test_a_view_is_the_programs_own():
    view = Resource.parse(name="view:report", paths=["/report"], origins=[APP])
    found, _ = suggestion(
        Policy([Resource.parse(origins=[BI]), view]), [Request(APP, path="/report"), Request(BI)]
    )
    assert (found.programs, found.variables["CORS_ORIGINS"]) == (("view:report",), BI)
    with pytest.raises(SuggestionError, match="the program itself"):
        suggestion(Policy([view]), [Request(APP, path="/report")])


# --- a real app ----------------------------------------------------------------------------------------


def test_fed_back_into_an_app_nothing_breaks_and_nothing_else_is_let_in(tmp_path):
    old = {
        "RESOURCES__API__PATH": "/items",
        "RESOURCES__API__ORIGINS": f"{APP} {BI} {PATTERN}",
        "RESOURCES__API__ALLOW_HEADERS": "X-Api-Key x-team-*",
        "RESOURCES__API__ALLOW_CREDENTIALS": "true",
        "RESOURCES__REST__PATH": "/*",
    }
    log = tmp_path / "audit.jsonl"
    before = traffic(old, log)
    found = suggest(evidence(answers([str(log)], [SHAPES])), "production")
    new = {name.removeprefix("CORS_"): value for name, value in found.variables.items()}
    assert new["RESOURCES__API__ORIGINS"] == f"{PATTERN},{APP}"
    assert traffic(new, tmp_path / "again.jsonl") == before


def traffic(settings, log):
    """What an app decides about the same requests, each time."""
    app, _ = make(**settings, AUDIT_SINK=f"file:{log}")
    client = app.test_client()
    for origin in (APP, A, B, EVIL, f"{BI}.evil.test"):
        preflight(client, origin=origin, headers="x-api-key")
        preflight(client, origin=origin, method="PATCH", headers="x-team-7")
        client.get("/items", headers={"Origin": origin, "Authorization": "t"})
        client.get("/", headers={"Origin": origin})
    events = [json.loads(line) for line in log.read_text().splitlines()]
    names = ("cors.decision", "cors.origin", "cors.request.kind", "cors.response.credentials")
    return [[e.get(name) for name in names] for e in events if e["event"] == "cors.decision"]
