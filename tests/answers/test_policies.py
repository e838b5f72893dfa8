"""A policy that is in the log is known again, whole, or not at all."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded import Log

from flask_cors_env import Policy, Resource
from flask_cors_env.answers.policies import parse_policy, policies
from flask_cors_env.answers.timeline import policy_id, timeline

ORIGINS = (
    "https://app.example.com", "https://*.example.net:8443", "http://localhost:*", "null",
    re.compile("https://pr-[0-9]+[.]test"), re.compile("(?i)https://x[.]TEST"), re.compile("(?x) a # b\nc"),
    "capacitor://localhost", re.compile("(?s:.)é\\\\u1234"), "regex://a",
)  # fmt: skip
HEADERS = (
    "X-Api-Key",
    "x-team-*",
    "*",
    "Authorization",
    re.compile("x-[a-z]+", re.ASCII),
    re.compile("(?ix)y"),
)
PATHS = ("/*", "/api/*", "/users/<int:id>", "/v*/items", "/é/\"'")
RESOURCES = st.builds(
    Resource.parse,
    origins=st.lists(st.sampled_from(ORIGINS), max_size=12) | st.just(["*"]) | st.just(lambda **_: True),
    methods=st.lists(st.sampled_from(["PUT", "patch", "*", "auto"])),
    allow_headers=st.lists(st.sampled_from(HEADERS)),
    expose_headers=st.lists(st.sampled_from(["X-Total-Count", "ETag", "*"])),
    max_age=st.integers(0, 86400),
    enforce=st.booleans(),
)  # fmt: skip


@st.composite
def whole_policies(draw):
    paths = draw(st.lists(st.sampled_from(PATHS), unique=True))
    made = [draw(RESOURCES) for _ in paths]
    named = [_named(resource, path) for resource, path in zip(made, paths, strict=True)]
    return Policy(named, environment=draw(st.sampled_from(["development", "production"])))


def _named(resource, path):
    document = json.dumps({**resource.whole(), "name": f"r{PATHS.index(path)}", "paths": [path]})
    whole = f'{{"environment":"production","resources":[{document}]}}'
    return parse_policy(whole).resources[0]


@given(whole_policies())
def test_a_policy_comes_back_from_its_canonical_form(policy):
    again = parse_policy(policy.canonical_json())
    assert (again.id, again.canonical()) == (policy.id, policy.canonical())


@given(st.lists(whole_policies(), max_size=3), st.randoms(use_true_random=False))
def test_policies_come_back_from_a_log_in_however_many_parts_it_tells_them(told, random):
    log = Log()
    for policy in told:
        log.load(policy)
    random.shuffle(log.lines)
    assert set(log.policies) == {policy.id for policy in told}
    assert all(name == policy.id for name, policy in log.policies.items())


def test_a_policy_that_lacks_a_part_is_not_known():
    log = Log()
    origins = [f"https://shop-{number}.example.com" for number in range(200)]
    log.load(Policy([Resource.parse(origins=origins)]))
    assert len(log.lines) > 2
    assert len(log.policies) == 1
    del log.lines[1]
    assert log.policies == {}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_what_is_no_policy_is_none(value):
    assert parse_policy(json.dumps(value)) is None


@pytest.mark.parametrize(
    "change",
    [
        {"paths": ["api"]},
        {"origins": ["https://"]},
        {"origins": ["regex:("]},
        {"methods": [1]},
        {"origins": 5},
        {"max_age": -1},
        {"max_age": "x"},
        {"name": None, "paths": None},
        {"allow_headers": ["a b"]},
        {"origins": ["*"], "allow_credentials": True},
    ],
)
def test_a_policy_that_ours_could_not_be_is_none(change):
    document = Policy([Resource.parse()]).canonical()
    document["resources"][0] |= change
    assert parse_policy(json.dumps(document)) is None


def test_a_policy_under_another_id_is_not_taken_for_one():
    log = Log()
    log.load(Policy([Resource.parse()]))
    (record,) = timeline(log.found.others)
    assert policies([record._replace(id="p-000000000000")]) == {}


def test_origins_that_are_told_by_an_earlier_resources_name_come_back():
    shared = ["https://a.example", "https://b.example"]
    policy = Policy([Resource.parse(name=name, paths=[f"/{name}"], origins=shared) for name in "abc"])
    again = parse_policy(policy.canonical_json())
    assert (again.id, [list(map(str, r.origins)) for r in again.resources]) == (policy.id, [shared] * 3)


#: As version 0.1.0 wrote it, with its id.
OF_0_1_0 = "p-8592c3bbb92d"
DOCUMENT_OF_0_1_0 = (
    '{"environment":"staging","resources":[{"name":"api","paths":["/api/*"],'
    '"origins":["https://app.example.com","regex:(?i)(?i)x"],"origin_function":false,"methods":["PUT"],'
    '"allow_headers":["X-A"],"expose_headers":[],"allow_credentials":false,"max_age":5,"enforce":false,'
    '"enabled":true,"defaulted":[]},{"name":"rest","paths":["/*"],"origins":[],"origin_function":false,'
    '"methods":[],"allow_headers":[],"expose_headers":[],"allow_credentials":false,"max_age":0,'
    '"enforce":true,"enabled":true,"defaulted":[]}]}'
)


def test_a_policy_of_a_log_of_0_1_0_is_known_by_the_id_of_then():
    made = parse_policy(DOCUMENT_OF_0_1_0)
    assert (made.id, made.canonical_json()) == (OF_0_1_0, DOCUMENT_OF_0_1_0)


@pytest.mark.parametrize("change", [{"v": 2}, {"v": 0}, {"v": None}, {"later": 1}])
def test_a_policy_of_a_version_that_is_not_known_here_is_none(change):
    assert parse_policy(json.dumps(Policy([Resource.parse()]).canonical() | change)) is None


def test_a_resource_with_a_field_that_is_not_known_here_makes_no_policy():
    document = Policy([Resource.parse()]).canonical()
    document["resources"][0]["later"] = True
    assert parse_policy(json.dumps(document)) is None


def test_a_canonical_policy_names_its_version_and_leaves_out_what_is_not_set():
    policy = Policy([Resource.parse(origins=["https://a.example"], allow_credentials=True)])
    assert policy.canonical() == {
        "v": 1,
        "environment": "production",
        "resources": [
            {
                "name": "default",
                "paths": ["/*"],
                "origins": ["https://a.example"],
                "allow_credentials": True,
            }
        ],
    }
    assert Policy([replace(Resource.parse(), enabled=False)]).canonical()["resources"][0]["enabled"] is False


def test_a_document_of_a_later_version_is_not_taken_for_a_policy_of_this_one():
    document = Policy([Resource.parse()]).canonical() | {"v": 2}
    name = policy_id(json.dumps(document, separators=(",", ":")))
    log = Log()
    log.load(Policy([Resource.parse()]))
    (record,) = timeline(log.found.others)
    later = record._replace(id=name, document=json.dumps(document, separators=(",", ":")))
    assert policies([later]) == {}
