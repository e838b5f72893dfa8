"""The reference, made from the catalogue of settings: README table, ``.env.example``, JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_cors_env.config.settings import SETTINGS, Setting


def _where(setting: Setting) -> str:
    """List every variable of *setting*."""
    of_app = [f"`CORS_{setting.name}`"] if setting.for_app else []
    return ", ".join(of_app + [f"`CORS_RESOURCES__<NAME>__{setting.name}`"] * setting.for_resource)


def settings_table() -> str:
    """Write the settings as a Markdown table."""
    rows = ["| variable | value | default | meaning |", "|---|---|---|---|", *map(_row, SETTINGS)]
    return "\n".join(rows) + "\n"


def _row(setting: Setting) -> str:
    return f"| {_where(setting)} | {setting.form} | {_default(setting)} | {setting.meaning} |"


def _default(setting: Setting) -> str:
    """Write the one default, or each environment's where they differ."""
    groups: dict[str, list[str]] = {}
    for environment, value in setting.defaults.items():
        groups.setdefault(value, []).append(environment)
    if len(groups) == 1:
        return f"`{next(iter(groups))}`"
    return "; ".join(f"`{value}` in {', '.join(names)}" for value, names in groups.items())


def settings_values() -> list[dict[str, Any]]:
    """Return the settings as plain values, for another program."""
    return [
        {
            "name": setting.name,
            "variable": _where(setting).replace("`", ""),
            "form": setting.form.replace("`", ""),
            "meaning": setting.meaning.replace("`", ""),
            "example": setting.example,
            "defaults": dict(setting.defaults),
            "aliases": list(setting.aliases),
        }
        for setting in SETTINGS
    ]


def json_schema() -> dict[str, Any]:
    """Return the policy file's JSON Schema (draft 2020-12), for editors and checks."""
    from flask_cors_env.config.model import policy_file  # noqa: PLC0415 - pydantic, only where it is asked for

    schema = policy_file().model_json_schema()
    definitions = schema.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_whole(schema, definitions),
        "title": "flask-cors-env policy file",
    }


def _whole(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return *schema* with each reference replaced by its definition, and without titles of single values."""
    if isinstance(schema, list):
        return [_whole(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _whole(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _whole(value, definitions) for key, value in schema.items() if key != "title"}


def env_example() -> str:
    """Write a commented ``.env`` that names every setting."""
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
        if not setting.for_app:
            yield from _example(setting, f"CORS_RESOURCES__API__{setting.name}")


def _example(setting: Setting, variable: str) -> Iterator[str]:
    yield ""
    yield f"# {setting.meaning}"
    yield f"# {setting.form}".replace("`", "")
    yield f"#{variable}={setting.example}"
