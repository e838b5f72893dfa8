"""A resource's field is declared once: one more declaration is found wherever fields are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flask_cors_env
from flask_cors_env import Policy, Resource
from flask_cors_env.core.fields import FIELDS, ResourceFields

DECLARATION = """
    shared_cache: bool = _declare(
        BOOLEAN,
        "Whether a shared cache may keep it.",
        setting="SHARED_CACHE",
        grants=Grants.TRUE,
        decides=True,
        since=2,
        spelling=Spelling("true or false", "true", same("false"), ("CACHE_SHARED",), "CACHING"),
    )
"""
LAST = "    defaulted: frozenset[str] = _declare("

#: What is asked of the package in which the field is declared; it prints its answers as JSON.
QUESTIONS = """
import json, re
from flask_cors_env import Policy, Resource
from flask_cors_env.answers import ground
from flask_cors_env.answers.migrate import written
from flask_cors_env.answers.narrowing import Narrowing
from flask_cors_env.answers.policies import parse_policy
from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config import reference
from flask_cors_env.core.change import difference
from flask_cors_env.core.fields import ResourceFields
from regenerate import SOURCES, docstrings


def built(config=None, options=None, config_file=None, **variables):
    environ = {f"CORS_{name}": value for name, value in {"ENV": "production", **variables}.items()}
    given = (("here", options),) if options else ()
    return build(Inputs(environ, config=config or {}, arguments=given, config_file=config_file))


def shared(made):
    return {one.name: one.shared_cache for one in made.policy.resources}


open("cors.toml", "w").write("shared_cache = true\\n")
app = ["https://app.example.com"]
without = Policy([Resource.parse(origins=app)])
with_it = Policy([Resource.parse(origins=app, shared_cache=True)])
again = parse_policy(with_it.canonical_json())
shown = {leaf.setting: (leaf.value, leaf.source) for leaf in built(SHARED_CACHE="yes").leaves}
api = {"RESOURCES__API__PATH": "/api/*", "SHARED_CACHE": "true"}
narrowed = Narrowing(with_it.resources[0], [], with_it).settings
schema = reference.json_schema()["properties"]
of_resource = schema["resources"]["additionalProperties"]["properties"]
print(json.dumps({
    "ids": [without.id, with_it.id, again.id],
    "versions": [without.canonical()["v"], with_it.canonical()["v"]],
    "canonical": with_it.canonical()["resources"][0].get("shared_cache"),
    "read again": again.resources[0].shared_cache,
    "change": difference(without, with_it),
    "no change": difference(with_it, without),
    "rules of replay": ["shared_cache"] in [list(names) for names in ground._RULES],
    "default": shared(built()),
    "variable": shared(built(SHARED_CACHE="yes")),
    "alias": shared(built(CACHE_SHARED="1")),
    "inherited": shared(built(**api)),
    "of a resource": shared(built(**api, RESOURCES__API__SHARED_CACHE="off")),
    "app.config": shared(built(config={"CORS_SHARED_CACHE": True})),
    "policy file": shared(built(config_file="cors.toml")),
    "argument": shared(built(options={"shared_cache": True})),
    "other argument": shared(built(options={"caching": True})),
    "shown": shown["SHARED_CACHE"],
    "suggested": written.variables([written.Resource("", [], {"SHARED_CACHE": narrowed["SHARED_CACHE"]})]),
    "table": [row for row in reference.settings_table().splitlines() if "SHARED_CACHE" in row],
    "example": "#CORS_SHARED_CACHE=true" in reference.env_example(),
    "schema": ["shared_cache" in schema, "shared_cache" in of_resource],
    "docstrings": [docstrings(path.read_text()).count("shared_cache") - path.read_text().count("shared_cache")
                   for path in SOURCES],
}))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the package says once one more field is declared in a copy of it."""
    folder = tmp_path_factory.mktemp("declared")
    shutil.copytree(Path(flask_cors_env.__file__).parent, folder / "flask_cors_env")
    catalogue = folder / "flask_cors_env" / "core" / "fields.py"
    catalogue.write_text(catalogue.read_text().replace(LAST, DECLARATION.lstrip("\n") + LAST))
    path = os.pathsep.join([str(folder), str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", QUESTIONS],
        cwd=folder,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_field_that_is_added_is_found_everywhere(answers):
    only, one = {"default": True}, Policy([Resource.parse(origins=["https://app.example.com"])]).id
    added = ["default.shared_cache=True"], ["default.shared_cache=False"]
    ids = answers.pop("ids")
    row = (
        "| `CORS_SHARED_CACHE`, `CORS_RESOURCES__<NAME>__SHARED_CACHE` | true or false | `false` "
        "| Whether a shared cache may keep it. |"
    )
    assert answers == {
        "versions": [1, 2],
        "canonical": True,
        "read again": True,
        "change": [*added, True],
        "no change": [*added[::-1], False],
        "rules of replay": True,
        "default": {"default": False},
        "variable": only,
        "alias": only,
        "inherited": {"api": True},
        "of a resource": {"api": False},
        "app.config": only,
        "policy file": only,
        "argument": only,
        "other argument": only,
        "shown": ["true", "CORS_SHARED_CACHE in the process environment"],
        "suggested": {"CORS_SHARED_CACHE": "true"},
        "table": [row],
        "example": True,
        "schema": [True, True],
        "docstrings": [1, 1, 1],
    }
    assert ids[0] == one
    assert ids[1] == ids[2] != one


def test_every_field_writes_its_empty_value_and_reads_it_again():
    empty = ResourceFields()
    for field in FIELDS:
        assert field.type.write(getattr(empty, field.name)) == field.empty
        assert field.type.write(field.type.read(field.empty)) == field.empty


def test_a_resource_takes_no_field_that_is_not_declared():
    with pytest.raises(TypeError, match="colour"):
        Resource.parse(colour="red")
