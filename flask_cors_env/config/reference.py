"""The reference, made from the catalogue of settings: README table, ``.env.example``, JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_cors_env.config import values
from flask_cors_env.config.settings import SETTINGS, Scope, Setting
from flask_cors_env.core.environments import ENVIRONMENTS
from flask_cors_env.core.fields import MAX_AGE_LIMIT

_WHERE = {
    Scope.APP: "`CORS_{name}`",
    Scope.BOTH: "`CORS_{name}`, `CORS_RESOURCES__<NAME>__{name}`",
    Scope.RESOURCE: "`CORS_RESOURCES__<NAME>__{name}`",
}


def settings_table() -> str:
    """The settings as a Markdown table."""
    rows = ["| variable | value | default | meaning |", "|---|---|---|---|", *map(_row, SETTINGS)]
    return "\n".join(rows) + "\n"


def _row(setting: Setting) -> str:
    where = _WHERE[setting.scope].format(name=setting.name)
    return f"| {where} | {setting.form} | {_default(setting)} | {setting.meaning} |"


def _default(setting: Setting) -> str:
    """One default, or each environment's where they differ."""
    values = [setting.defaults.get(environment, "") for environment in ENVIRONMENTS]
    if len(set(values)) == 1:
        return f"`{values[0]}`" if values[0] else ""
    groups: dict[str, list[str]] = {}
    for environment, value in zip(ENVIRONMENTS, values, strict=True):
        groups.setdefault(value, []).append(environment)
    return "; ".join(f"`{value}` in {', '.join(names)}" for value, names in groups.items())


def settings_values() -> list[dict[str, Any]]:
    """The settings as plain values, for another program."""
    return [
        {
            "name": setting.name,
            "variable": _WHERE[setting.scope].format(name=setting.name).replace("`", ""),
            "form": setting.form.replace("`", ""),
            "meaning": setting.meaning.replace("`", ""),
            "example": setting.example,
            "defaults": dict(setting.defaults),
            "aliases": list(setting.aliases),
        }
        for setting in SETTINGS
    ]


def json_schema() -> dict[str, Any]:
    """The policy file's JSON Schema (draft 2020-12), for editors and checks."""
    resource = {s.key: _schema_of(s) for s in SETTINGS if s.for_resource and s.in_files}
    own: dict[str, Any] = {s.key: _schema_of(s) for s in SETTINGS if s.for_app and s.in_files}
    resources = {"type": "object", "additionalProperties": _object(resource)}
    tree = {**own, "resources": resources}
    overlays = _object({name: _object(tree) for name in ENVIRONMENTS})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flask-cors-env policy file",
        **_object({**tree, "environments": overlays}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _schema_of(setting: Setting) -> dict[str, Any]:
    described = {"description": setting.meaning, "examples": [setting.example]}
    defaults = set(setting.defaults.values())
    if len(defaults) == 1:
        described["default"] = defaults.pop()
    return {**_TYPES.get(setting.parse, _LIST), **described}


_STRING: dict[str, Any] = {"type": "string"}
_LIST: dict[str, Any] = {"anyOf": [_STRING, {"type": "array", "items": _STRING}]}
_BOOLEAN: dict[str, Any] = {"anyOf": [{"type": "boolean"}, {"type": "string"}, {"enum": [0, 1]}]}
_DURATION: dict[str, Any] = {"anyOf": [{"type": "integer", "minimum": -1, "maximum": MAX_AGE_LIMIT}, _STRING]}
#: What the values of a parser look like in a file; the others take lists.
_TYPES: dict[Any, dict[str, Any]] = {
    values.boolean: _BOOLEAN,
    values.seconds: _DURATION,
    values.period: _DURATION,
    values.text: _STRING,
    **{
        s.parse: {"type": "string"}
        for s in SETTINGS
        if s.name in {"AUDIT_LEVEL", "AUDIT_FORMAT", "AUDIT_CLIENT"}
    },
}


def env_example() -> str:
    """A commented ``.env`` that names every setting."""
    return "\n".join(_env_lines()) + "\n"


def _env_lines() -> Iterator[str]:
    yield "# Cross-origin policy. Lines that begin with # are examples; take the # away to set one."
    yield "# Lists are separated by commas, spaces or newlines; none means empty on purpose."
    for setting in SETTINGS:
        if setting.for_app:
            yield from _example(setting, f"CORS_{setting.name}")
    yield ""
    yield "# A policy for part of the app. API is a name of your own; what it leaves out comes from above."
    for setting in SETTINGS:
        if setting.scope is Scope.RESOURCE:
            yield from _example(setting, f"CORS_RESOURCES__API__{setting.name}")


def _example(setting: Setting, variable: str) -> Iterator[str]:
    yield ""
    yield f"# {setting.meaning}"
    yield f"# {setting.form}".replace("`", "")
    yield f"#{variable}={setting.example}"
