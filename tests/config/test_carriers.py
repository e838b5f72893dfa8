"""Values as `export`, docker, compose, kubectl, systemd, dashboards and Flask deliver them."""

import datetime as dt
import json
import re

import pytest
from config.configured import APP, OTHER, canonical, codes, problems, refused, resource
from flask import Flask

BOTH = [APP, OTHER]

LISTS = {
    "commas": f"{APP},{OTHER}",
    "commas and spaces": f" {APP}, {OTHER} ",
    "spaces": f"{APP} {OTHER}",
    "tabs and a carriage return": f"{APP}\t{OTHER}\r",
    "newlines, as in a YAML block": f"{APP}\n{OTHER}\n",
    "a comma at the end": f"{APP},{OTHER},",
    "quotes kept by docker --env-file and kubectl": f'"{APP},{OTHER}"',
    "single quotes kept": f"'{APP} {OTHER}'",
    "each value quoted": f'"{APP}","{OTHER}"',
    "each value quoted, one kind each": f"'{APP}', \"{OTHER}\"",
    "JSON": json.dumps(BOTH),
    "JSON on lines": json.dumps(BOTH, indent=2),
    "JSON within kept quotes": f"'{json.dumps(BOTH)}'",
    "JSON within kept double quotes": f'"{json.dumps(BOTH)}"',
    "JSON whose quotes the shell ate": f"[{APP},{OTHER}]",
    "JSON whose quotes the shell ate, with spaces": f"[ {APP}, {OTHER} ]",
    "a Python list": f"{BOTH}",
    "a JSON array with a comma too many": f'["{APP}","{OTHER}",]',
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_is_the_same_from_every_carrier(text):
    assert canonical(ORIGINS=text)["origins"] == BOTH


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_in_the_config_is_read_by_the_same_parser(text):
    assert canonical(config={"CORS_ORIGINS": text})["origins"] == BOTH


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_in_a_string_argument_is_read_by_the_same_parser(text):
    assert canonical(options={"origins": text})["origins"] == BOTH


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_a_list_within_json_is_read_by_the_same_parser(text):
    tree = json.dumps({"api": {"path": "/*", "origins": text}})
    assert canonical(RESOURCES=tree)["origins"] == BOTH


@pytest.mark.parametrize("brackets", ["[{}]", "{}", "[{}, https://app.example.com]"])
def test_brackets_of_addresses_are_not_those_of_the_list(brackets):
    text = brackets.format("https://[::2], https://[::3]")
    assert canonical(ORIGINS=text)["origins"][:2] == ["https://[::2]", "https://[::3]"]


@pytest.mark.parametrize("text", ["none", "NONE", ' "none" ', "[]", "[ ]"])
def test_none_is_empty_on_purpose(text):
    assert canonical(ORIGINS=text, ENV="development")["origins"] == []
    assert canonical(METHODS=text, ENV="development")["methods"] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{APP} # the shop", [("inline-comment", "# the shop")]),
        (f"{APP},#the shop", [("inline-comment", "#the shop")]),
        ("# the shop", [("inline-comment", "# the shop")]),
        (f'"{APP}" # the shop', [("inline-comment", "# the shop")]),
        (f'["{APP}"] # the shop', [("inline-comment", "# the shop")]),
        (f"'{APP} # the shop'", [("inline-comment", "# the shop")]),
        ("none # nobody", [("inline-comment", "# nobody")]),
        (
            f"{APP} # one\nftp://x # two",
            [("inline-comment", "# one"), ("inline-comment", "# two"), ("origin-bad-scheme", "ftp://x")],
        ),
        ("* # everyone", [("inline-comment", "# everyone"), ("wildcard", "*")]),
        (f"{APP}#the", [("origin-has-path", f"{APP}#the")]),
    ],
)
def test_a_comment_beside_a_value_is_an_error_and_the_rest_is_judged(text, found):
    assert problems(ORIGINS=text) == [(code, "CORS_ORIGINS", value) for code, value in found]


def test_a_comment_is_explained_by_the_carriers_that_keep_it():
    (problem,) = refused(ORIGINS=f"{APP} # shop").problems
    assert problem.remedy.startswith("Inline comment? docker --env-file and kubectl keep it")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (",", [("list-without-values", ",")]),
        ("[,]", [("list-without-values", ",")]),
        (f'["{APP}"', [("list-not-closed", f'["{APP}"')]),
        (f"[{APP}", [("list-not-closed", f"[{APP}")]),
        (f'["{APP}", 1, null]', [("wrong-type", "1"), ("wrong-type", "None")]),
        ("[[]]", [("wrong-type", "[]")]),
        (f"none,{APP}", [("none-among-values", "none")]),
        (f"{APP}\u00a0{OTHER}", [("origin-has-space", f"{APP}\\xa0{OTHER}")]),
        (f'{APP}"', [("origin-bad-host", f'{APP}"')]),
    ],
)
def test_a_broken_list_is_an_error_that_shows_the_value(text, found):
    assert problems(ORIGINS=text) == [(code, "CORS_ORIGINS", value) for code, value in found]


def test_the_good_members_of_a_broken_list_are_judged_in_the_same_round():
    assert problems(ORIGINS='["*", 1, "https://a.example/"]') == [
        ("wrong-type", "CORS_ORIGINS", "1"),
        ("origin-has-path", "CORS_ORIGINS", "https://a.example/"),
        ("wildcard", "CORS_ORIGINS", "*"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [(text, True) for text in ("true", "True", "TRUE", " true ", '"true"', "'yes'", "1", "on", "ON\n")]
    + [(text, False) for text in ("false", "False", "0", "no", '"off"', " OFF ")],
)
def test_a_boolean_is_a_word_however_it_was_carried(text, value):
    assert canonical(ENFORCE=text)["enforce"] is value
    assert canonical(config={"CORS_ENFORCE": text})["enforce"] is value
    assert canonical(options={"enforce": text})["enforce"] is value


@pytest.mark.parametrize("value", [True, False, 1, 0])
def test_a_boolean_of_python_or_json_is_one(value):
    assert canonical(config={"CORS_ENFORCE": value})["enforce"] is bool(value)
    assert canonical(RESOURCES=json.dumps({"/*": {"enforce": value}}))["enforce"] is bool(value)


@pytest.mark.parametrize(
    "value", ["ture", "2", "y", "none", "truefalse", '"true', "true,", 2, 1.0, [True], {}]
)
def test_no_other_word_is_a_boolean(value):
    found = problems(config={"CORS_ALLOW_CREDENTIALS": value})
    assert found == [("not-a-boolean", "CORS_ALLOW_CREDENTIALS", str(value))]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ENFORCE", "not-a-boolean"),
        ("MAX_AGE", "not-a-duration"),
        ("ENV", "unknown-environment"),
        ("AUDIT_LEVEL", "unknown-word"),
        ("AUDIT_SINK", "inline-comment"),
    ],
)
def test_a_comment_beside_a_word_is_told_as_one(name, code):
    (problem,) = refused(**{name: "all # as agreed"}).problems
    assert (problem.code, problem.variable) == (code, f"CORS_{name}")
    assert problem.remedy.startswith("Inline comment? docker --env-file")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("-1", 0),
        ("600", 600),
        (" 600\n", 600),
        ('"600"', 600),
        ("600s", 600),
        ("10m", 600),
        ("2h", 7200),
        ("1d", 86400),
        ("86400", 86400),
        (600, 600),
        (-1, 0),
        (dt.timedelta(minutes=10), 600),
        (dt.timedelta(seconds=1.9), 1),
    ],
)
def test_a_duration_is_a_number_of_seconds(value, seconds):
    assert canonical(config={"CORS_MAX_AGE": value})["max_age"] == seconds
    assert canonical(options={"max_age": value})["max_age"] == seconds


def test_minus_one_is_sent_as_zero():
    assert ("Access-Control-Max-Age", "0") in resource(MAX_AGE="-1").preflight_tail


@pytest.mark.parametrize(
    ("value", "code", "remedy"),
    [
        ("soon", "not-a-duration", "Write: 600, 10m, or 2h"),
        ("10 m", "not-a-duration", "Write: 600, 10m, or 2h"),
        ("1.5h", "not-a-duration", "Write: 600, 10m, or 2h"),
        ("600,", "not-a-duration", "Write: 600, 10m, or 2h"),
        ("٦٠٠", "not-a-duration", "Write: 600, 10m, or 2h"),
        ("9" * 30, "not-a-duration", "Write: 600, 10m, or 2h"),
        (600.0, "not-a-duration", "Write: 600, 10m, or 2h"),
        (True, "not-a-duration", "Write: 600, 10m, or 2h"),
        ([600], "not-a-duration", "Write: 600, 10m, or 2h"),
        ("86401", "duration-out-of-range", "Write: 86400"),
        ("2d", "duration-out-of-range", "Write: 86400"),
        (-2, "duration-out-of-range", "Write: 0"),
        ("-1m", "duration-out-of-range", "Write: 0"),
    ],
)
def test_no_other_value_is_a_duration(value, code, remedy):
    (problem,) = refused(config={"CORS_MAX_AGE": value}).problems
    assert (problem.code, problem.variable, problem.remedy) == (code, "CORS_MAX_AGE", remedy)


@pytest.mark.parametrize("name", ["MAX_AGE", "ENFORCE", "ORIGINS"])
def test_a_number_too_long_to_print_is_an_error_like_any_other(name):
    ((_, variable, value), *_) = problems(config={f"CORS_{name}": 10**5000})
    assert (variable, value) == (f"CORS_{name}", "int")


def test_an_abyss_of_brackets_is_an_error_like_any_other():
    assert problems(ORIGINS="[" * 100_000) == [("list-not-closed", "CORS_ORIGINS", "[" * 77 + "...")]
    assert problems(RESOURCES='{"a":' * 100_000) == [
        ("not-json", "CORS_RESOURCES", ('{"a":' * 16)[:77] + "...")
    ]


def from_prefixed_env(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"FLASK_CORS_{name}", value)
    app = Flask("shop")
    app.config.from_prefixed_env()
    return {name: value for name, value in app.config.items() if name.startswith("CORS_")}


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("ORIGINS", f"{APP},{OTHER}", "origins", BOTH),
        ("ORIGINS", json.dumps(BOTH), "origins", BOTH),
        ("ORIGINS", f"'{json.dumps(BOTH)}'", "origins", BOTH),
        ("ORIGINS", json.dumps(f"{APP},{OTHER}"), "origins", BOTH),
        ("ORIGINS", "null", "origins", []),
        ("ALLOW_CREDENTIALS", "False", "allow_credentials", False),
        ("ALLOW_CREDENTIALS", "false", "allow_credentials", False),
        ("SUPPORTS_CREDENTIALS", "False", "allow_credentials", False),
        ("SUPPORTS_CREDENTIALS", "0", "allow_credentials", False),
        ("ALLOW_CREDENTIALS", "True", "allow_credentials", True),
        ("ALLOW_CREDENTIALS", "1", "allow_credentials", True),
        ("MAX_AGE", "600", "max_age", 600),
        ("MAX_AGE", "10m", "max_age", 600),
        ("MAX_AGE", "null", "max_age", 7200),
        ("METHODS", '["GET"]', "methods", ["GET"]),
    ],
)
def test_flasks_own_reading_of_variables_changes_nothing(monkeypatch, name, text, field, value):
    config = from_prefixed_env(monkeypatch, **{name: text})
    assert canonical(config=config)[field] == value


@pytest.mark.parametrize("name", ["api", "API", "Api"])
def test_flasks_nested_keys_are_resources_in_any_case(monkeypatch, name):
    variables = {f"RESOURCES__{name}__path": "/api/*", f"RESOURCES__{name}__ORIGINS": APP}
    found = canonical(config=from_prefixed_env(monkeypatch, **variables))
    assert (found["name"], found["paths"], found["origins"]) == ("api", ["/api/*"], [APP])


def test_flasks_nested_keys_merge_across_cases(monkeypatch):
    variables = {"RESOURCES__api__PATH": "/api/*", "RESOURCES__API__ORIGINS": APP}
    found = canonical(config=from_prefixed_env(monkeypatch, **variables))
    assert (found["name"], found["paths"], found["origins"]) == ("api", ["/api/*"], [APP])


@pytest.mark.parametrize("quotes", ["{}", "'{}'"])
def test_a_resource_as_json_comes_through_flasks_reading(monkeypatch, quotes):
    text = quotes.format(json.dumps({"path": "/api/*", "origins": [APP]}))
    found = canonical(config=from_prefixed_env(monkeypatch, RESOURCES__api=text))
    assert (found["name"], found["paths"], found["origins"]) == ("api", ["/api/*"], [APP])


@pytest.mark.parametrize("value", [None, {"api": None}])
def test_null_means_unset_in_flasks_reading(value):
    assert canonical(config={"CORS_RESOURCES": value, "CORS_ORIGINS": APP})["origins"] == [APP]


@pytest.mark.parametrize("make", [list, tuple, set, frozenset])
def test_elements_of_a_python_list_are_taken_whole(make):
    assert canonical(options={"origins": make(BOTH)})["origins"] == BOTH
    assert problems(options={"origins": make([f"{APP},{OTHER}"])}) == [
        ("origin-has-path", "origins", f"{APP},{OTHER}")
    ]


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (f"{APP} ", "origin-has-space"),
        (f"{APP}\n", "origin-has-space"),
        (f'"{APP}"', "origin-bad-scheme"),
        ("none", "none-among-values"),
        ("", "empty-value"),
        (None, "wrong-type"),
        (1, "wrong-type"),
        (b"https://app.example.com", "wrong-type"),
        (re.compile(b"x"), "wrong-type"),
    ],
)
def test_elements_of_a_python_list_are_never_trimmed(element, code):
    ((found, variable, _),) = problems(options={"origins": [element]})
    assert (found, variable) == (code, "origins")


@pytest.mark.parametrize("value", [1, True, {"https://a.example": 1}, b"https://a.example", iter([APP])])
def test_other_types_are_no_lists(value):
    ((code, variable, _),) = problems(options={"origins": value})
    assert (code, variable) == ("wrong-type", "origins")


class Elementwise:
    """Compares as an array does."""

    def __eq__(self, other):
        return self

    __hash__ = None

    def __bool__(self):
        raise ValueError("the truth of several values is ambiguous")

    def __str__(self):
        return "[a b]"


@pytest.mark.parametrize("odd", [Elementwise(), float("nan")], ids=["an array", "not a number"])
@pytest.mark.parametrize("variables", [{}, {"ORIGINS": "https://a.example"}], ids=["alone", "over another"])
def test_a_value_that_is_no_equal_of_itself_is_of_the_wrong_type_and_no_more(odd, variables):
    found = refused(options={"origins": odd}, **variables).problems
    assert codes(found)[0] == "wrong-type"
    assert "set-twice" not in codes(found)
