"""The policy: valid by construction, prepared once, and known by its digest."""

import dataclasses
import hashlib
import itertools
import json
import re

import pytest

from flask_cors_env.core.fields import FIELDS
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import OriginError, OriginPattern, Origins, parse_origin
from flask_cors_env.core.path import parse_path
from flask_cors_env.core.policy import Policy, Resource, contradictions
from flask_cors_env.core.reason import Note, Reason, Verdict

APP = "https://app.example.com"


def resource(**rules):
    return Resource.parse(**{"origins": [APP], **rules})


# --- request-header names


@pytest.mark.parametrize(
    ("entries", "texts"),
    [
        ([], []),
        (["X-B", "x-a"], ["x-a", "X-B"]),
        (["X-A", "x-a", "X-a"], ["x-a"]),
        (["*", "Authorization"], ["*", "Authorization"]),
        (["X-Team-*", "x-team-*", "Accept"], ["Accept", "x-team-*"]),
        ([re.compile("x-b"), re.compile("x-a", re.ASCII)], ["regex:(?a)x-a", "regex:x-b"]),
    ],
)
def test_header_names_are_kept_once_each_and_in_order(entries, texts):
    assert [HeaderNames(order).texts for order in itertools.permutations(entries)] == [texts] * len(
        list(itertools.permutations(entries))
    )


@pytest.mark.parametrize(
    ("entries", "asked", "refused"),
    [
        ([], "", ""),
        ([], "x-a", "x-a"),
        (["X-A"], "x-a", ""),
        (["X-A"], "x-a x-ab x-", "x-ab x-"),
        (["*"], "x-a content-type", ""),
        (["*"], "authorization x-a", "authorization"),
        (["*", "Authorization"], "authorization x-a", ""),
        (["x-team-*"], "x-team-a x-team- x-team-a-b", ""),
        (
            ["x-team-*"],
            "x-team x-teamx x-tea ax-team-a authorization",
            "x-team x-teamx x-tea ax-team-a authorization",
        ),
        ([re.compile("x-trace-(id|span)")], "x-trace-id x-trace-span", ""),
        (
            [re.compile("x-trace-(id|span)")],
            "x-trace-id-override ax-trace-id",
            "x-trace-id-override ax-trace-id",
        ),
    ],
)
def test_header_names_that_are_not_covered_are_refused(entries, asked, refused):
    assert HeaderNames(entries).refused(tuple(asked.split())) == tuple(refused.split())


@pytest.mark.parametrize(
    "entry", ["", "x y", "x:", "X\r\nY", "é", "x*", "x-*-y", "*x", "-**", "**", "\ud800"]
)
def test_an_entry_that_is_no_name_and_no_prefix_is_refused(entry):
    with pytest.raises(ValueError, match="is no field name"):
        HeaderNames([entry])


def test_a_pattern_for_bytes_is_refused():
    with pytest.raises(TypeError, match="for bytes"):
        HeaderNames([re.compile(b"x")])


# --- resources


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"methods": ["TRACE"]}, "no page can use the method TRACE"),
        ({"methods": ["connect"]}, "no page can use the method connect"),
        ({"methods": ["GET, POST"]}, "is no token"),
        ({"methods": [""]}, "is no token"),
        ({"allow_headers": ["X-A, X-B"]}, "is no field name"),
        ({"expose_headers": ["X-A\r\nX-B: 1"]}, "is no token"),
        ({"max_age": -1}, "is not within 0 to 86400"),
        ({"max_age": 86401}, "is not within 0 to 86400"),
        ({"paths": ["api/*"]}, "does not begin with a slash"),
        ({"origins": ["*"], "allow_credentials": True}, "do not go together"),
        ({"origins": ["null"], "allow_credentials": True}, "do not go together"),
        ({"origins": ["*", APP]}, "stands beside other origins"),
        ({"expose_headers": ["*"], "allow_credentials": True}, "a header of that name"),
    ],
)
def test_rules_that_no_browser_would_follow_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        resource(**rules)


@pytest.mark.parametrize("setting", ["paths", "origins", "methods", "allow_headers", "expose_headers"])
def test_one_string_never_stands_for_a_list(setting):
    with pytest.raises(TypeError, match="where a list is meant"):
        resource(**{setting: APP})


def test_an_origin_outside_the_grammar_is_refused_with_its_remedy():
    with pytest.raises(OriginError) as caught:
        resource(origins=[f"{APP}/"])
    assert (caught.value.code, caught.value.remedy) == ("origin-has-path", APP)


def test_origins_take_spellings_compiled_patterns_and_one_function():
    pattern = re.compile("https://.*")
    assert [entry.canonical for entry in resource(origins=[APP, pattern]).origins] == [
        APP,
        "regex:https://.*",
    ]
    made = resource(origins=lambda origin, request: True)  # noqa: ARG005 - the contract's signature
    assert made.origin_function is not None
    assert not made.origins


def test_a_resource_keeps_nothing_of_the_lists_it_was_made_from():
    listed = [APP]
    made = resource(origins=listed, methods=listed[:0], expose_headers=["X-A"])
    listed.append("https://other.example")
    assert [entry.text for entry in made.origins] == [APP]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.max_age = 1


def test_what_a_resource_answers_with_is_prepared_when_it_is_made():
    made = resource(
        methods=["put", "patch", "GET"], allow_headers=["X-B", "a"], expose_headers=["X-B", "X-A"]
    )
    assert made.allowed_methods == {"GET", "HEAD", "POST", "PUT", "patch"}
    assert (made.methods_field, made.headers_field) == ("GET, PUT, patch", "a, X-B")
    assert made.actual_tail == (("Access-Control-Expose-Headers", "X-A, X-B"),)
    assert made.constant_fields is None


def test_replacing_a_field_prepares_the_rest_anew():
    made = dataclasses.replace(resource(methods=["PUT"]), methods=frozenset({"DELETE"}))
    assert (made.methods_field, made.allowed_methods) == ("DELETE", {"GET", "HEAD", "POST", "DELETE"})


def test_a_forbidden_method_is_not_allowed_however_the_resource_was_made():
    made = Resource(methods=frozenset({"TRACE", "track", "PUT", "*"}), allow_credentials=True)
    assert made.allowed_methods == {"GET", "HEAD", "POST", "PUT"}
    assert Resource(methods=frozenset({"TRACE", "PUT"})).methods_field == "PUT"


def function(origin, request):  # noqa: ARG001 - the contract's signature
    return True


ANYONE, NOBODY = Origins([parse_origin("*")]), Origins()


@pytest.mark.parametrize(
    ("rules", "codes"),
    [
        ({}, []),
        ({"origins": ANYONE}, []),
        ({"origins": ANYONE, "expose_headers": ("*",)}, []),
        ({"allow_credentials": True, "origin_function": function}, []),
        ({"allow_credentials": True, "expose_headers": ("X-A",)}, []),
        ({"allow_credentials": True, "origins": ANYONE}, ["credentials-with-wildcard"]),
        ({"allow_credentials": True, "origins": Origins([parse_origin("null")])}, ["credentials-with-null"]),
        ({"allow_credentials": True, "expose_headers": ("*",)}, ["credentials-with-exposed-wildcard"]),
        ({"origins": Origins(map(parse_origin, ["*", APP]))}, ["wildcard-among-origins"]),
        ({"origins": ANYONE, "origin_function": function}, ["wildcard-among-origins"]),
        (
            {"allow_credentials": True, "origins": ANYONE, "expose_headers": ("*",)},
            ["credentials-with-wildcard", "credentials-with-exposed-wildcard"],
        ),
    ],
)
def test_fields_that_contradict_each_other_are_all_told(rules, codes):
    made = Resource(**rules)
    assert [contradiction.code for contradiction in contradictions(made)] == codes


# --- policies


def test_a_policy_finds_its_resources_by_path_and_by_name():
    api, files = (
        resource(name="api", paths=["/api/*", "/v1/*"]),
        resource(name="files", paths=["/api/files/*"]),
    )
    policy = Policy([api, files])
    found = [policy.resource_for(path) for path in ("/api/x", "/v1/x", "/api/files/x", "/apix", "/")]
    assert found == [api, api, files, None, None]
    assert [policy.resource_named(name) for name in ("api", "files", "x")] == [api, files, None]


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([resource(), resource(paths=["/x"])], "two resources have one name"),
        (
            [resource(name="a", paths=["/x"]), resource(name="b", paths=["/x"])],
            "/x and /x are equally specific",
        ),
        ([resource(name="a", paths=["/*/b"]), resource(name="b", paths=["/a/*"])], "are equally specific"),
        ([Resource(origins=ANYONE, allow_credentials=True)], "do not go together"),
    ],
)
def test_a_policy_that_is_not_valid_cannot_be_made(resources, message):
    with pytest.raises(ValueError, match=message):
        Policy(resources)


def test_an_empty_policy_governs_nothing():
    policy = Policy()
    assert (policy.resource_for("/"), policy.resource_named("default"), policy.is_development) == (
        None,
        None,
        False,
    )


def test_a_policy_s_id_is_the_digest_of_its_canonical_form():
    policy = Policy([resource()])
    assert re.fullmatch("p-[0-9a-f]{12}", policy.id)
    assert json.loads(policy.canonical_json()) == policy.canonical()
    assert policy.id == "p-" + hashlib.sha256(policy.canonical_json().encode()).hexdigest()[:12]


def test_a_policy_s_canonical_form_has_a_version_and_no_field_that_says_nothing():
    assert Policy([resource(name="api", origins=[APP]), Resource(name="off", enabled=False)]).canonical() == {
        "v": 1,
        "environment": "production",
        "resources": [
            {"name": "api", "paths": ["/*"], "origins": [APP]},
            {"name": "off", "enabled": False},
        ],
    }


def test_a_policy_s_version_is_the_first_that_has_all_its_fields(monkeypatch):
    later = [f._replace(since=2) if f.name == "max_age" else f for f in FIELDS]
    monkeypatch.setattr("flask_cors_env.core.policy.FIELDS", later)
    made = [Policy([resource(max_age=age)]) for age in (0, 1)]
    assert [policy.canonical()["v"] for policy in made] == [1, 2]
    monkeypatch.undo()
    assert Policy([resource()]).id == made[0].id


LISTS = {
    "origins": [
        APP,
        "https://b.example",
        "null",
        re.compile("a"),
        re.compile("b", re.IGNORECASE),
        re.compile("b"),
    ],
    "methods": ["PUT", "PATCH", "DELETE"],
    "allow_headers": ["X-A", "X-B", "x-team-*", re.compile("x-c"), re.compile("x-d")],
    "expose_headers": ["X-A", "X-B", "X-C"],
    "paths": ["/a/*", "/b", "/c"],
}


def test_a_policy_s_id_does_not_depend_on_the_order_in_which_it_was_written():
    turned = {setting: values[::-1] + values for setting, values in LISTS.items()}
    one, other = resource(name="one", **LISTS), resource(name="two", paths=["/two"])
    assert Policy([one, other]).id == Policy([other, resource(name="one", **turned)]).id


def test_a_policy_s_id_changes_with_everything_that_decisions_depend_on():
    base = resource(name="one")
    changed = [
        {"name": "two"},
        {"paths": (parse_path("/x"),)},
        {"origins": Origins([parse_origin("https://b.example")])},
        {"origins": Origins([OriginPattern.from_regex(re.compile(APP))])},
        {"origins": Origins([OriginPattern.from_regex(re.compile(APP, re.IGNORECASE))])},
        {"origin_function": function},
        {"methods": frozenset({"PUT"})},
        {"allow_headers": HeaderNames(["X-A"])},
        {"allow_headers": HeaderNames([re.compile("x-a")])},
        {"allow_headers": HeaderNames([re.compile("x-a", re.IGNORECASE)])},
        {"expose_headers": ("X-A",)},
        {"allow_credentials": True},
        {"max_age": 1},
        {"enforce": True},
        {"enabled": False},
        {"defaulted": frozenset({"ORIGINS"})},
    ]
    ids = {Policy([dataclasses.replace(base, **change)]).id for change in changed}
    ids |= {Policy([base]).id, Policy([base], environment="development").id, Policy().id}
    assert len(ids) == len(changed) + 3


# --- the catalogue


def test_codes_are_lower_case_and_no_remedy_names_a_variable_that_is_not_there():
    for reason in Reason:
        assert re.fullmatch("[a-z]+(_[a-z]+)*", reason)
        assert reason.setting is not None or "{variable}" not in reason.remedy
    for note in Note:
        assert re.fullmatch("[a-z]+(_[a-z]+)*", note)
        assert note.setting is not None or "{variable}" not in (note.remedy or "")


def test_the_catalogue_is_the_contract_s():
    by_verdict = {verdict: [str(r) for r in Reason if r.verdict is verdict] for verdict in Verdict}
    assert by_verdict == {
        "allow": "origin_exact origin_pattern origin_any origin_callable null_allowed".split(),
        "skip": "no_origin same_origin route_exempt disabled app_headers".split(),
        "deny": (
            "no_resource origin_not_listed null_not_allowed origin_malformed method_not_allowed "
            "header_not_allowed request_malformed path_ambiguous internal_error"
        ).split(),
    }
    notes = "credentials_not_allowed response_conflict debugger_response development_default"
    notes += " not_enforced host_differs"
    assert [str(note) for note in Note] == notes.split()


def test_origins_that_several_resources_have_are_told_once():
    shared = [APP, "https://b.example"]
    resources = [
        Resource.parse(name="b", paths=["/b"], origins=shared),
        Resource.parse(name="a", paths=["/a"], origins=reversed(shared)),
        Resource.parse(name="c", paths=["/c"], origins=[APP]),
        Resource.parse(name="d", paths=["/d"], origins=[APP]),
    ]
    told = {one["name"]: one["origins"] for one in Policy(resources).canonical()["resources"]}
    assert told == {"a": sorted(shared), "b": {"as": "a"}, "c": [APP], "d": [APP]}
