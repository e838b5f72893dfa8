"""How pydantic-settings is used: imported late, it merges and types, and describes a policy file."""

import subprocess
import sys

import pytest
from config.configured import APP, OTHER, made, problems, resource
from jsonschema import Draft202012Validator

from flask_cors_env.config.reference import json_schema


def test_nothing_of_pydantic_is_imported_before_a_policy_is_built():
    code = """
import sys
from flask import Flask
import flask_cors_env
from flask_cors_env import *
from flask_cors_env.cli import cors as commands

def imported():
    return sorted(name for name in sys.modules if name.partition(".")[0].startswith("pydantic"))

cors, app = CORS(), Flask("x")
assert imported() == [], imported()
cors.init_app(app, environ={})
assert "pydantic_settings" in imported()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_list_replaces_what_a_weaker_source_says_and_resources_merge_by_name():
    found = resource(
        config={"CORS_RESOURCES": {"api": {"path": "/api/*", "origins": [OTHER], "max_age": 5}}},
        RESOURCES__API__ORIGINS=APP,
    ).whole()
    assert (found["origins"], found["max_age"], found["paths"]) == ([APP], 5, ["/api/*"])


@pytest.mark.parametrize(("weak", "strong"), [({"a": 1}, {"b": 2}), ([OTHER], {"b": 2})])
def test_tables_in_place_of_a_value_do_not_mix(weak, strong):
    assert problems(config={"CORS_ORIGINS": weak}, options={"origins": strong}) == [
        ("wrong-type", "origins", "{'b': 2}")
    ]


def test_a_faulty_value_leaves_room_for_no_weaker_one():
    found = problems(config={"CORS_ORIGINS": "http://a.example"}, ORIGINS="nonsense")
    assert found == [("origin-has-no-scheme", "CORS_ORIGINS", "nonsense")]


@pytest.mark.parametrize(
    ("tree", "is_right"),
    [
        ({"origins": [APP], "max_age": "2h", "audit_sink": "stderr"}, True),
        ({"origins": APP, "resources": {"api": {"path": "/api/*", "public": True}}}, True),
        ({"environments": {"staging": {"max_age": 60, "resources": {"api": {"enforce": "on"}}}}}, True),
        ({"orign": APP}, False),
        ({"env": "production"}, False),
        ({"max_age": 90_000}, False),
        ({"resources": {"api": {"strict": True}}}, False),
        ({"environments": {"staging": {"environments": {}}}}, False),
        ({"environments": {"local": {}}}, False),
    ],
)
def test_the_schema_of_a_policy_file_is_the_model_s(tree, is_right):
    assert Draft202012Validator(json_schema()).is_valid(tree) is is_right


def test_the_schema_says_what_the_reference_says():
    said = json_schema()["properties"]["enforce"]
    assert said == {
        "anyOf": [{"type": "boolean"}, {"type": "string"}, {"enum": [0, 1]}],
        "default": "false",
        "description": said["description"],
        "examples": ["true"],
    }
    assert said["description"].startswith("Whether a denied request is answered with 403")


def test_a_policy_is_made_without_a_class_of_its_own():
    from flask_cors_env.config import model

    before = len(model._Layered.__subclasses__())
    made(ORIGINS=APP)
    assert len(model._Layered.__subclasses__()) == before
