"""
Configurations that people publish, each with the policy that it means, or the code and cure of its error.

`tests/data/published/` holds them as they are written there: Python, env files, Compose, Kubernetes and Helm.
The first line is the address; hosts and secrets are replaced, and what is not about CORS is left out.
"""

import json
import os
import runpy
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from flask.cli import ScriptInfo

from flask_cors_env.cli import cors

FOLDER = Path(__file__).parent / "data/published"
CONFIGURATIONS = sorted(path for path in FOLDER.iterdir() if path.suffix != ".json")
#: What is told of each resource of a policy; a value that nobody wrote is left out.
TOLD = (
    "PATH",
    "PUBLIC",
    "ORIGINS",
    "METHODS",
    "ALLOW_HEADERS",
    "EXPOSE_HEADERS",
    "ALLOW_CREDENTIALS",
    "MAX_AGE",
)


def variables_in(node):
    """The variables of a manifest: a mapping, a list of ``NAME=value``, or of a name and a value."""
    if isinstance(node, dict):
        if {"name", "value"} <= node.keys():
            yield node["name"], node["value"]
        for key, value in node.items():
            yield from [(key, value)] if key.startswith("CORS_") else variables_in(value)
    elif isinstance(node, list):
        for member in node:
            name, equals, value = member.partition("=") if isinstance(member, str) else ("", "", "")
            yield from [(name, value)] if equals else variables_in(member)


def command(name, path, environment):
    """The JSON of ``flask cors NAME`` about a configuration, and the exit status."""
    environ = {name: None for name in os.environ if name.startswith(("CORS_", "FLASK_"))}
    environ |= {"CORS_ENV": environment, "CORS_AUDIT_SINK": "stderr"}
    words = [name, "--json"]
    if path.suffix == ".py":
        info = ScriptInfo(create_app=lambda *_: runpy.run_path(str(path))["app"])
    else:
        info, words = ScriptInfo(), [*words, "--no-app"]
    if path.suffix == ".env":
        environ["CORS_ENV_FILE"] = str(path)
    elif path.suffix == ".yaml":
        environ |= dict(variables_in(yaml.safe_load(path.read_text())))
    done = CliRunner(env=environ).invoke(cors, words, obj=info)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.exit_code


def problem(found):
    """What a problem is told by; the sentence too where the app itself could not be loaded."""
    names = (
        "code",
        "variable",
        "value",
        "remedy",
        *(["message"] if found["code"] == "app-unreadable" else []),
    )
    told = {name: found[name] for name in names if found[name] is not None}
    return {name: value.replace(f"{FOLDER}/", "") for name, value in told.items()}


def outcome(path, environment):
    """What ``check`` says in *environment*: the policy that is meant, or what is wrong and its cure."""
    checked, status = command("check", path, environment)
    warned = (
        {"warnings": [problem(found) for found in checked["warnings"]]} if checked.get("warnings") else {}
    )
    if not checked["valid"]:
        return {"exit": status, "problems": [problem(found) for found in checked["problems"]], **warned}
    shown, _ = command("show", path, environment)
    assert shown["policy"] == checked["policy"]
    policy = {}
    for value in shown["values"]:
        if value["setting"] in TOLD and not value["from"].startswith("default of"):
            policy.setdefault(value["resource"] or "", {})[value["setting"].lower()] = value["value"]
    return {"exit": status, "policy": policy, **warned}


def both(path):
    return {environment: outcome(path, environment) for environment in ("development", "production")}


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_a_published_configuration_means_what_stands_beside_it(path):
    assert both(path) == json.loads(path.with_suffix(path.suffix + ".json").read_text())


def test_there_are_forty_each_with_its_address():
    assert len(CONFIGURATIONS) >= 40
    assert all(path.read_text().startswith("# https://") for path in CONFIGURATIONS)
