"""Settings as text: environment variables, and the tree of a policy file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from flask_cors_env.answers.migrate.options import Settings
from flask_cors_env.config.layers import PREFIX, RESOURCES
from flask_cors_env.config.settings import SETTINGS, VARIABLES
from flask_cors_env.core.globs import EVERYTHING

_ORDER = [setting.name for setting in SETTINGS]
#: What a list of plain words, separated by commas, cannot hold.
_NOT_PLAIN = re.compile(r"[\s,\"'#\[\]]")
#: What needs no quotes, in an env file and in a shell.
_FOR_SHELLS = re.compile(r"[A-Za-z0-9_.,:/*@%+=-]*")


@dataclass
class Resource:
    """
    One resource.

    Attributes:
        name: Upper case; empty for the app's own settings, which hold for every path.
        paths: Path patterns.
        settings: By name, upper case; without PATH.
    """

    name: str
    paths: list[str]
    settings: Settings


def named(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return *resources*, named after their shortest paths; one for every path alone needs no name."""
    found = list(resources)
    if len(found) == 1 and found[0].paths == [EVERYTHING] and "PUBLIC" not in found[0].settings:
        return tuple(found)
    names: list[str] = []
    for resource in found:
        slug = _slug(min(resource.paths, key=len))
        numbered = (f"{slug}_{number}" for number in count(2))
        names.append(next(name for name in chain([slug], numbered) if name not in names))
    return tuple(Resource(name, r.paths, r.settings) for name, r in zip(names, found, strict=True))


def _slug(path: str) -> str:
    words = re.findall(r"[A-Z0-9]+", path.upper())
    return "_".join(words) or ("ALL" if path == EVERYTHING else "ROOT")


def variables(resources: Sequence[Resource], *, explicit: bool = False) -> dict[str, str]:
    """
    The settings as environment variables; where there is no resource, nobody is let in.

    Args:
        resources: Named.
        explicit: Whether what every environment takes for a default is written as well.
    """
    return {
        PREFIX + "__".join(path): _as_text(value) for path, value in _leaves(resources, explicit=explicit)
    }


def tree(resources: Sequence[Resource], *, explicit: bool = False) -> Settings:
    """The settings as a policy file's, in lower case; arguments as for `variables`."""
    made: Settings = {}
    for path, value in _leaves(resources, explicit=explicit):
        *tables, key = (part.lower() for part in path)
        table = made
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = value
    return made


def _leaves(resources: Sequence[Resource], *, explicit: bool) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every setting with its place, what resources have in common once."""
    inherited = _inherited(resources)
    for name, value in _sorted(inherited):
        if explicit or not _is_default(name, value):
            yield (name,), value
    for resource in resources:
        own = {"PATH": resource.paths, **resource.settings} if resource.name else {}
        for name, value in _sorted(own):
            is_implied = not explicit and _is_default(name, value)
            if not (inherited[name] == value if name in inherited else is_implied):
                yield (RESOURCES, resource.name, name), value


def _inherited(resources: Sequence[Resource]) -> Settings:
    """What is written for the app: of each setting the value that most resources have, if several do."""
    if not resources:
        return {"ORIGINS": []}
    if not resources[0].name:
        return resources[0].settings
    values: dict[str, list[Any]] = {}
    for resource in resources:
        for name, value in resource.settings.items():
            values.setdefault(name, []).append(value)
    common = {name: max(found, key=found.count) for name, found in values.items() if name != "PUBLIC"}
    return {name: value for name, value in common.items() if values[name].count(value) > 1}


def _is_default(name: str, value: Any) -> bool:
    """Whether *value* is what holds in every environment where nothing is written."""
    setting = VARIABLES[name]
    defaults = set(setting.defaults.values())
    return len(defaults) == 1 and bool(setting.parse(defaults.pop()) == setting.parse(value))


def _sorted(settings: Settings) -> list[tuple[str, Any]]:
    return sorted(settings.items(), key=lambda item: (item[0] != "PATH", _ORDER.index(item[0])))


def decorator(settings: Settings) -> str:
    """Return the decorator that says *settings* in full, so that it inherits nothing."""
    public = {"ORIGINS": "*", "METHODS": ["GET", "HEAD"], "ALLOW_CREDENTIALS": False}
    whole = {**public, **settings} if "PUBLIC" in settings else settings
    arguments = [f"{name.lower()}={value!r}" for name, value in _sorted(whole) if name != "PUBLIC"]
    return f"@cross_origin({', '.join(arguments)})"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, list):
        return str(value)
    plain = not any(_NOT_PLAIN.search(member) or member.lower() == "none" for member in value)
    return (",".join(value) or "none") if plain else json.dumps(value)


def env_file(found: Mapping[str, str]) -> str:
    """Variables as an env file that a shell reads as well."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in found.items())


def _quoted(value: str) -> str:
    if _FOR_SHELLS.fullmatch(value):
        return value
    return '"' + value.replace('"', '\\"') + '"' if "'" in value else f"'{value}'"


def toml_file(found: Settings) -> str:
    """A tree of settings as a policy file in TOML."""
    top = {key: value for key, value in found.items() if key != RESOURCES.lower()}
    tables = found.get(RESOURCES.lower(), {})
    parts = ["".join(_toml_lines(top))] if top else []
    parts += [f"[resources.{name}]\n{''.join(_toml_lines(table))}" for name, table in tables.items()]
    return "\n".join(parts)


def _toml_lines(table: Settings) -> Iterator[str]:
    """JSON's strings, arrays, numbers and booleans are TOML's as well."""
    for key, value in table.items():
        yield f"{key} = {json.dumps(value)}\n"
