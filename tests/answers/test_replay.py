"""Replay says what the other policy does: exactly, or that it cannot be said."""

import json
import re

import pytest
from apps import APP, EVIL, make, preflight
from hypothesis import event, given, settings
from hypothesis import strategies as st
from recorded import Log

from flask_cors_env import CORSConfigError, Policy, Request, Resource, cross_origin
from flask_cors_env.answers.candidate import environment_of, of_file, of_variables
from flask_cors_env.answers.engine import answers
from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.replay import Outcome, replay
from flask_cors_env.answers.shapes import shapes
from flask_cors_env.core.decision import decide
from flask_cors_env.core.path import other_readings
from flask_cors_env.core.reason import Verdict

BI = "https://bi.example.com"
ALLOWED, REFUSED, SAME, UNDECIDABLE = Outcome.ALLOWED, Outcome.REFUSED, Outcome.SAME, Outcome.UNDECIDABLE
PATHS = ("/*", "/api/*", "/api/v*/items", "/api/<int:id>", "/items")
ORIGINS = (APP, "https://*.example.com", "null", re.compile("https://[a-z]+[.]example[.]net"))
RULES = {
    "methods": st.lists(st.sampled_from(["PUT", "PATCH", "*"])),
    "allow_headers": st.lists(st.sampled_from(["X-Api-Key", "x-team-*", "*", "Authorization"])),
    "enforce": st.booleans(),
}
NAMES = ("x-api-key", "x-team-1", "authorization", "content-type", "b" * 200, "a" * 300)
REQUESTS = st.builds(
    Request,
    origin=st.sampled_from([APP, "https://a.example.com", EVIL, "null", "https://é", "é" * 300, "a" * 600]),
    method=st.sampled_from(["GET", "OPTIONS", "OPTIONS"]),
    path=st.sampled_from(["/", "/items", "/api/v1/items", "/api/7", "/api/x", "/api/../items", "/other/x"]),
    requested_method=st.sampled_from(["PUT", "PATCH", "GET", "QUERY", "(", "", "P" * 70]),
    requested_headers=st.none() | st.lists(st.sampled_from(NAMES), max_size=3).map(",".join),
    credentialed=st.booleans(),
    same_origin=st.sampled_from([False]),
)


@st.composite
def resources(draw, path):
    trusting = draw(st.booleans())
    anyone = st.nothing() if trusting else st.just(["*"])
    rules = {name: draw(value) for name, value in RULES.items()}
    origins = draw(st.lists(st.sampled_from(ORIGINS), max_size=3 - trusting, unique=True) | anyone)
    named = [o for o in origins if o != "null"] if trusting else origins
    return Resource.parse(name=path, paths=[path], origins=named, allow_credentials=trusting, **rules)


SOME_PATHS = st.lists(st.sampled_from(PATHS), min_size=1, unique=True)


@st.composite
def written(draw, paths=SOME_PATHS):
    return Policy([draw(resources(path)) for path in draw(paths)])


@st.composite
def reforms(draw):
    """Two policies, often with the same paths, and requests."""
    old = draw(written())
    same = st.just([path.text for resource in old.resources for path in resource.paths])
    new = draw(st.one_of(written(paths=same), written(), st.just(old)))
    return old, new, draw(st.lists(REQUESTS, min_size=1, max_size=12))


def reads(policy, request):
    """What a page can do: nothing, read what it asks for without credentials, or all."""
    decision = decide(policy, request)
    if decision.verdict is not Verdict.ALLOW:
        return 0
    return 1 if request.credentialed and not decision.resource.allow_credentials else 2


def truth(old, new, request):
    was, becomes = reads(old, request), reads(new, request)
    return SAME if was == becomes else ALLOWED if becomes > was else REFUSED


def replayed(old, new, requests, *, path=False):
    """The outcome of each request, by itself."""
    found = []
    for request in requests:
        log = Log(path=path)
        log.load(old)
        log.decide(old, request)
        found += [judged.outcome for judged in replay(log.shapes, log.policies, new).judged]
    return found


@given(reforms(), st.booleans())
def test_what_is_decided_is_true(reform, path):
    old, new, requests = reform
    for request, outcome in zip(requests, replayed(old, new, requests, path=path), strict=True):
        event(outcome)
        # an ambiguous path that is not in the log is taken for a plain one
        is_taken_for_plain = not path and bool(other_readings(request.path))
        assert is_taken_for_plain or outcome in {truth(old, new, request), UNDECIDABLE}, request


@given(reforms())
def test_everything_is_decided_where_the_path_is_told_and_nothing_was_cut(reform):
    old, new, requests = reform
    whole = [
        r for r in requests if max(map(len, (r.origin, r.requested_method, r.requested_headers or ""))) < 60
    ]
    assert replayed(old, new, whole, path=True) == [truth(old, new, request) for request in whole]


@given(reforms())
def test_nothing_changes_under_the_policy_that_decided(reform):
    old, _, requests = reform
    assert set(replayed(old, old, requests)) <= {SAME}


def test_a_path_that_was_ambiguous_stays_refused_where_the_resource_enforces():
    old = Policy([Resource.parse(name="api", paths=["/api/*"], origins=[APP], enforce=True), WEB])
    freed = Policy([API, WEB])
    asked = Request(APP, path="/api/../web/x")
    for path in (False, True):
        assert one(old, old, asked, path=path).outcome is SAME
    assert one(old, freed, asked).outcome is UNDECIDABLE
    assert one(freed, old, asked, path=True).outcome is SAME


def one(old, new, request, *, path=False):
    """The one judgement of a request."""
    log = Log(path=path)
    log.load(old)
    log.decide(old, request)
    (judged,) = replay(log.shapes, log.policies, new).judged
    return judged


API = Resource.parse(name="api", paths=["/api/*"], origins=[APP], methods=["PUT"])
WEB = Resource.parse(name="web", paths=["/web/*"], origins=[APP])
CLOSED = Resource.parse(name="api", paths=["/api/*"])


def test_a_refused_shape_says_why():
    asked = Request(APP, "OPTIONS", "/api/x", "PUT", "x-a,x-b")
    old = Policy(
        [Resource.parse(name="api", paths=["/api/*"], origins=[APP], methods=["PUT"], allow_headers=["*"])]
    )
    judged = one(old, Policy([API]), asked)
    assert (judged.outcome, judged.reasons, judged.offending) == (
        REFUSED,
        ("header_not_allowed",),
        ("x-a", "x-b"),
    )


@pytest.mark.parametrize(
    "new",
    [
        [API, Resource.parse(name="v1", paths=["/api/v1/*"])],
        [Resource.parse(name="api", paths=["/api/items/*", "/api/users/*"], origins=[APP])],
    ],
)
def test_where_paths_change_it_cannot_be_said_without_the_path(new):
    judged = one(Policy([API]), Policy(new), Request(APP, path="/api/v1/x"))
    assert (judged.outcome, judged.reasons, judged.breaks) == (UNDECIDABLE, ("path",), True)


@pytest.mark.parametrize(
    "new",
    [
        [API, WEB],
        [Resource.parse(name="other", paths=["/api/*"], origins=[APP])],
        [Resource.parse(name="api", paths=["/api/*", "/more/*"], origins=[APP])],
        [Resource.parse(name="all", origins=[APP])],
        [API, Resource.parse(name="rest", paths=["/*"])],
    ],
)
def test_where_paths_change_elsewhere_it_can_be_said(new):
    assert one(Policy([API]), Policy(new), Request(APP, path="/api/x")).outcome is SAME


def test_what_nothing_governed_cannot_be_said_where_paths_are_added_but_breaks_nothing():
    outside = Request(APP, path="/web/x")
    judged = one(Policy([API]), Policy([API, WEB]), outside)
    assert (judged.outcome, judged.reasons, judged.breaks) == (UNDECIDABLE, ("path",), False)
    assert one(Policy([API]), Policy([CLOSED]), outside).outcome is SAME
    assert one(Policy([API]), Policy([API, WEB]), outside, path=True).outcome is ALLOWED


VIEW = Resource.parse(name="view:report", paths=["/report"], origins=[BI], methods=["PUT"])
READ, WRITE = Request(BI, path="/report"), Request(BI, "OPTIONS", "/report", "PUT")


@pytest.mark.parametrize(
    ("old", "new", "request_", "outcome"),
    [
        ([APP], [EVIL], READ, SAME),  # what differs from what could be inherited is the view's own
        ([BI], [EVIL], READ, UNDECIDABLE),
        ([BI], [BI, EVIL], READ, SAME),
        ([APP], [APP], Request(EVIL, path="/report"), SAME),
        ([BI], [EVIL], Request(EVIL, path="/report"), UNDECIDABLE),
    ],
)
def test_a_views_rules_are_its_own_or_inherited(old, new, request_, outcome):
    before = Policy([Resource.parse(origins=old), VIEW])
    assert one(before, Policy([Resource.parse(origins=new)]), request_, path=True).outcome is outcome


def test_what_a_view_inherits_from_among_resources_is_not_in_the_log():
    judged = one(Policy([API, VIEW]), Policy([API]), WRITE)
    assert (judged.outcome, judged.reasons, judged.breaks) == (UNDECIDABLE, ("program",), True)


def test_who_is_denied_wherever_it_may_be_is_denied():
    paths = Policy([API, Resource.parse(name="v1", paths=["/api/v1/*"], origins=[BI])])
    assert one(Policy([API]), paths, Request(EVIL, path="/api/v1/x")).outcome is SAME
    assert one(Policy([API]), paths, Request(BI, path="/api/v1/x")).outcome is UNDECIDABLE


def test_what_nothing_governed_for_its_dot_segments_may_be_governed_once_paths_go():
    everyone = Resource.parse(name="all", origins=[APP])
    dotted = Request(APP, path="/api/../web")
    assert one(Policy([everyone, API]), Policy([everyone]), dotted).outcome is ALLOWED
    beside = Policy([everyone, WEB])
    assert one(Policy([everyone, API, WEB]), beside, dotted).outcome is UNDECIDABLE


def test_a_policy_that_is_not_in_the_log_leaves_it_open_which_resource_governed():
    log = Log()
    log.decide(Policy([API]), Request(APP, path="/api/x"))
    (judged,) = replay(log.shapes, log.policies, Policy([API, WEB])).judged
    assert (judged.outcome, judged.reasons) == (UNDECIDABLE, ("policy",))


def test_a_function_is_asked_by_nobody_but_the_app():
    new = Policy([Resource.parse(origins=lambda **_: True)])
    judged = one(Policy([Resource.parse(origins=[APP])]), new, Request(APP))
    assert (judged.outcome, judged.reasons) == (UNDECIDABLE, ("function",))


@pytest.mark.parametrize(
    ("old", "method", "outcome"),
    [
        (["PUT"], "PUT", UNDECIDABLE),
        (["PUT"], "POST", SAME),
        (["auto"], "PUT", SAME),
        ([], "PUT", UNDECIDABLE),
    ],
)
def test_methods_that_are_routed_are_not_in_the_log(old, method, outcome):
    before = Policy([Resource.parse(origins=[APP], methods=old)])
    after = Policy([Resource.parse(origins=[APP, EVIL], methods=["auto"])])
    assert one(before, after, Request(APP, "OPTIONS", "/", method)).outcome is outcome


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [(["*"], SAME), (["x-a"], UNDECIDABLE), ([], REFUSED)],
)
def test_of_names_that_were_cut_the_whole_ones_count(headers, outcome):
    old = Policy([Resource.parse(origins=[APP], allow_headers=["*"])])
    new = Policy([Resource.parse(origins=[APP], allow_headers=headers, max_age=5)])
    names = ",".join(["x-a"] * 100 + ["x-" + "b" * 600])
    assert one(old, new, Request(APP, "OPTIONS", "/", "GET", names)).outcome is outcome


def test_an_origin_that_is_not_in_the_log_cannot_be_judged():
    log = Log()
    log.decide(Policy([API]), Request(APP, path="/api/x"))
    log.lines = [re.sub(rb'"cors.origin":"[^"]*",', b"", line) for line in log.lines]
    (judged,) = replay(log.shapes, {Policy([API]).id: Policy([API])}, Policy([API])).judged
    assert (judged.outcome, judged.reasons) == (UNDECIDABLE, ("origin",))


def test_losing_credentials_is_a_refusal_where_some_came():
    old = Policy([Resource.parse(origins=[APP], allow_credentials=True)])
    new = Policy([Resource.parse(origins=[APP])])
    judged = one(old, new, Request(APP, credentialed=True))
    assert (judged.outcome, judged.reasons) == (REFUSED, ("credentials_not_allowed",))
    assert one(old, new, Request(APP)).outcome is SAME
    assert one(new, old, Request(APP, credentialed=True)).outcome is ALLOWED


def test_a_token_that_the_page_sets_itself_counts_as_let_in_also_without_credentials():
    policy = Policy([Resource.parse(origins=[APP])])
    judged = one(policy, Policy([Resource.parse()]), Request(APP, credentialed=True))
    assert (judged.outcome, judged.reasons) == (REFUSED, ("origin_not_listed",))


def test_a_resource_that_is_switched_off_lets_nobody_in():
    off = of_variables({"CORS_ORIGINS": APP, "CORS_ENABLED": "false"}, "production").policy
    judged = one(Policy([Resource.parse(origins=[APP])]), off, Request(APP))
    assert (judged.outcome, judged.reasons) == (REFUSED, ("disabled",))


def test_the_most_requests_come_first_and_are_counted():
    log = Log()
    old, new = Policy([API]), Policy([CLOSED])
    log.load(old)
    for asked in (
        Request(APP, path="/api/x"),
        *[Request(APP, "OPTIONS", "/api/x", "PUT")] * 2,
        Request(EVIL),
    ):
        log.decide(old, asked)
    found = replay(log.shapes, log.policies, new)
    assert [judged.shape.requests for judged in found.of(REFUSED)] == [2, 1]
    assert {outcome: found.requests(outcome) for outcome in Outcome} == {
        REFUSED: 3,
        SAME: 1,
        ALLOWED: 0,
        UNDECIDABLE: 0,
    }
    assert not found.holds
    assert replay(log.shapes, log.policies, old).holds


# --- a real app ----------------------------------------------------------------------------------------

TRAFFIC = [
    ("/items", {"origin": APP, "method": "PUT", "headers": "x-api-key"}),
    ("/items", {"origin": "https://bi.example.com", "method": "PUT"}),
    ("/items", {"origin": "https://bi.example.com", "method": "PATCH"}),
    ("/items", {"origin": EVIL, "method": "PUT"}),
    ("/items", {"origin": "https://evil\\x2e.test", "method": "\\"}),
]


def served(tmp_path, **settings):
    """The decisions of an app over the traffic, and its log."""
    name = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
    app, _ = make(**settings, AUDIT_SINK=f"file:{name}")
    client = app.test_client()
    for path, asked in TRAFFIC:
        preflight(client, path, **asked)
        client.get(path, headers={"Origin": asked["origin"]})
    events = [json.loads(line) for line in name.read_text().splitlines()]
    return str(name), [e["cors.decision"] for e in events if e["event"] == "cors.decision"]


OLD = {"ORIGINS": f"{APP} https://*.example.com", "METHODS": "PUT", "ALLOW_HEADERS": "X-Api-Key"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ORIGINS": APP},
        {"ORIGINS": EVIL},
        {"ORIGINS": "none"},
        {"METHODS": "none"},
        {"METHODS": "PATCH"},
        {"ALLOW_HEADERS": "none"},
    ],
)
def test_replay_is_what_an_app_with_the_new_policy_does(change, tmp_path):
    log, before = served(tmp_path, **OLD)
    _, after = served(tmp_path, **OLD | change)
    file = tmp_path / "new.env"
    file.write_text("".join(f"CORS_{name}={value}\n" for name, value in {**OLD, **change}.items()))
    asked = answers([log], [SHAPES])
    new = of_file(str(file), environment_of(policies(asked.policies).values()))
    found = replay(shapes(asked.rows["shapes"]), policies(asked.policies), new.policy)
    pairs = list(zip(before, after, strict=True))
    assert found.requests(REFUSED) == pairs.count(("allow", "deny"))
    assert found.requests(ALLOWED) == pairs.count(("deny", "allow"))
    assert found.requests(UNDECIDABLE) == 0
    assert found.holds == (("allow", "deny") not in pairs)


ORIGIN_LISTS = st.lists(st.sampled_from([APP, BI, EVIL]), min_size=1, unique=True).map(" ".join)
ENVIRONS = st.fixed_dictionaries(
    {"CORS_ORIGINS": ORIGIN_LISTS},
    optional={
        "CORS_METHODS": st.sampled_from(["PUT", "PUT PATCH", "none", "*"]),
        "CORS_ALLOW_HEADERS": st.sampled_from(["none", "X-Api-Key", "*"]),
        "CORS_ALLOW_CREDENTIALS": st.sampled_from(["true", "false"]),
    },
)
OWN = st.fixed_dictionaries(
    {},
    optional={
        "origins": st.sampled_from([[APP], [BI], [APP, BI]]),
        "methods": st.sampled_from([["PUT"], ["PATCH"], []]),
        "allow_headers": st.sampled_from([[], ["X-Api-Key"]]),
        "allow_credentials": st.booleans(),
    },
)


def decorated(log, environ, own):
    """What an app decides about a view with rules of its own."""
    app, _ = make(
        {"CORS_ENV": "development", **environ, "CORS_AUDIT_SINK": f"file:{log}", "CORS_AUDIT_FORMAT": "json"}
    )

    @app.route("/report", methods=["GET", "PUT", "PATCH"])
    @cross_origin(**own)
    def report():
        return "figures"

    client = app.test_client()
    degrees = []
    for origin in (APP, BI, EVIL):
        for method in ("PUT", "PATCH"):
            preflight(client, "/report", origin=origin, method=method, headers="x-api-key")
        client.get("/report", headers={"Origin": origin, "Authorization": "t"})
    decisions = [json.loads(line) for line in log.read_text().splitlines()]
    for told in decisions:
        if told["event"] == "cors.decision":
            allowed = told["cors.decision"] == "allow"
            wanted = told["cors.request.credentialed"] and not told.get("cors.response.credentials")
            degrees.append(0 if not allowed else 1 if wanted else 2)
    return degrees


@settings(max_examples=40)
@given(ENVIRONS, ENVIRONS, OWN)
def test_what_is_decided_about_a_view_is_what_an_app_with_the_new_policy_does(
    tmp_path_factory, old, new, own
):
    folder = tmp_path_factory.mktemp("views")
    before, after = decorated(folder / "old.jsonl", old, own), decorated(folder / "new.jsonl", new, own)
    asked = answers([str(folder / "old.jsonl")], [SHAPES])
    found = replay(
        shapes(asked.rows["shapes"]), policies(asked.policies), of_variables(new, "development").policy
    )
    truth = [ALLOWED if b > a else REFUSED if b < a else SAME for a, b in zip(before, after, strict=True)]
    assert all(found.requests(outcome) <= truth.count(outcome) for outcome in (ALLOWED, REFUSED, SAME))
    event(f"{found.requests(UNDECIDABLE)} undecidable")


def test_a_log_over_a_reload_is_replayed_shape_by_shape(tmp_path):
    log, file = tmp_path / "audit.jsonl", tmp_path / "cors.toml"
    file.write_text(f'origins = ["{APP}"]\n')
    app, cors = make(CONFIG_FILE=str(file), AUDIT_SINK=f"file:{log}")
    client = app.test_client()
    client.get("/items", headers={"Origin": APP})
    file.write_text(f'origins = ["{EVIL}"]\n')
    cors.reload(app)
    for origin in (APP, EVIL, EVIL):
        client.get("/items", headers={"Origin": origin})
    asked = answers([str(log)], [SHAPES])
    new = of_file(str(file), "production").policy
    found = replay(shapes(asked.rows["shapes"]), policies(asked.policies), new)
    assert (found.requests(REFUSED), found.requests(SAME), found.requests(ALLOWED)) == (1, 3, 0)


# --- the new policy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["new.env", ".env", "cors.toml", "cors.json"])
def test_a_file_is_judged_by_the_environment_given_and_by_nothing_of_this_machine(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("CORS_MAX_AGE", "5")
    texts = {
        "cors.toml": f'origins = ["{APP}"]',
        "cors.json": json.dumps({"origins": [APP]}),
    }
    (tmp_path / name).write_text(texts.get(name, f"CORS_ORIGINS={APP}\nCORS_ENV=development\n"))
    policy = of_file(str(tmp_path / name), "production").policy
    (resource,) = policy.resources
    assert (policy.environment, resource.max_age) == ("production", 7200)
    assert [pattern.text for pattern in resource.origins] == [APP]


def test_a_file_that_cannot_be_used_names_every_problem(tmp_path):
    (tmp_path / "new.env").write_text("CORS_ORIGINS=*\nCORS_MAX_AGE=never\n")
    with pytest.raises(CORSConfigError) as caught:
        of_file(str(tmp_path / "new.env"), "production")
    assert [problem.code for problem in caught.value.problems] == ["not-a-duration", "wildcard"]


def test_the_environment_is_that_of_all_policies_or_none():
    policy = Policy()
    assert environment_of([policy, policy]) == "production"
    assert environment_of([policy, Policy(environment="staging")]) is None
    assert environment_of([]) is None
