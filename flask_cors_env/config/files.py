"""
Files: an env file, and a policy file in TOML or JSON, read into layers whose entries know their lines.

Of an env file only names that begin with ``CORS_`` are looked at; what else is in it is nobody's business.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask_cors_env.config.errors import NAME_LIMIT, Fault, FaultyValueError, Problem, as_text, shown
from flask_cors_env.config.layers import (
    PREFIX,
    RESOURCES,
    Entry,
    Layer,
    Line,
    json_object,
    read_line,
    read_resources,
)
from flask_cors_env.config.settings import VARIABLES, Setting
from flask_cors_env.core.environments import ENVIRONMENTS

_HEADER = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")
_OVERLAYS = "environments"
#: Characters that a value may grow to where it takes others: doubled thirty times a letter fills a machine.
_LIMIT = 65_536


def read_env_file(path: str, named_by: Entry, environ: Mapping[str, str]) -> Layer:
    """
    The ``CORS_*`` lines of an env file.

    Args:
        path: The file; one that is missing or cannot be read is a problem.
        named_by: What named it, for that problem.
        environ: What ``${NAME}`` stands for, where no line above sets it.
    """
    layer = Layer(shown(path, NAME_LIMIT))
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        layer.problems.append(_unreadable(path, named_by, error))
        return layer
    for line in env_lines(text, layer.source, environ):
        if line.value is not None:
            read_line(layer, line)
        else:
            layer.problems += _without_value(line).problems
    return layer


def _without_value(line: Line) -> Layer:
    where = Layer(line.place)
    fault = Fault("line-unreadable", "is on a line that cannot be read.", None, _QUOTES)
    if line.written is not None:
        message = f"stands for more than {_LIMIT:,} characters."
        fault = Fault("line-unreadable", message, line.written, "Write the value itself")
    where.blame(line.name, fault)
    return where


_QUOTES = "Write NAME=value, with one pair of quotes around the value or none"


def _unreadable(path: str, named_by: Entry, error: Exception) -> Problem:
    is_missing = isinstance(error, FileNotFoundError)
    code = "file-missing" if is_missing else "file-unreadable"
    message = "does not exist." if is_missing else "cannot be read."
    return named_by.problem(Fault(code, message, path, "Name a file that the server can read"))


def env_lines(text: str, source: str, environ: Mapping[str, str]) -> Iterator[Line]:
    """
    The ``CORS_*`` assignments in *text*, as python-dotenv reads them; no other value is worked out.

    Args:
        text: Of the file.
        source: The file, for messages.
        environ: What ``${NAME}`` stands for, where no line above sets it.
    """
    from dotenv.parser import parse_stream  # noqa: PLC0415 - needed only where there is such a file

    bindings = list(parse_stream(io.StringIO(text)))
    values = _filled([(b.key, b.value) for b in bindings if b.key is not None], environ)
    for binding in bindings:
        written = binding.original.string
        number = binding.original.line + len(written) - len(written.lstrip("\n"))
        if binding.error:
            match = re.match(r"\s*(?:export\s+)?(CORS_\w+)", written, re.IGNORECASE)
            if match is not None:
                yield Line(match[1], None, f"{source}:{number}")
        elif binding.key is not None and _is_ours(binding.key) and binding.value is not None:
            value = values[binding.key]
            shows = value.is_foreign or value.text is None
            yield Line(binding.key, value.text, f"{source}:{number}", binding.value if shows else None)


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


class _Filled(NamedTuple):
    """What a value stands for, None where that is too long; whether it takes names that are not ours."""

    text: str | None
    is_foreign: bool


def _filled(assigned: list[tuple[str, str | None]], environ: Mapping[str, str]) -> dict[str, _Filled]:
    """The last value of each of our names, and of those it takes, with those filled in."""
    needed = _needed(assigned)
    found: dict[str, _Filled] = {}
    for name, text in assigned:
        if name in needed:
            found[name] = _fill(text or "", found, environ)
    return found


def _needed(assigned: list[tuple[str, str | None]]) -> set[str]:
    """Our names, and those that they take, directly or not."""
    needed: set[str] = set()
    for name, text in reversed(assigned):
        if name in needed or _is_ours(name):
            needed |= {name, *(atom.name for atom in _atoms(text or "") if hasattr(atom, "name"))}
    return needed


def _atoms(text: str) -> Iterator[Any]:
    """The parts of *text*: literal ones, and variables with a name."""
    from dotenv.variables import parse_variables  # noqa: PLC0415 - as above

    return parse_variables(text)


def _fill(text: str, found: Mapping[str, _Filled], environ: Mapping[str, str]) -> _Filled:
    parts: list[str] = []
    length, is_foreign = 0, False
    for atom in _atoms(text):
        name: str | None = getattr(atom, "name", None)
        part = (
            found[name]
            if name is not None and name in found
            else _Filled(atom.resolve(environ), is_foreign=False)
        )
        is_foreign = is_foreign or part.is_foreign or not (name is None or _is_ours(name))
        length += _LIMIT + 1 if part.text is None else len(part.text)
        if length > _LIMIT and text != part.text:
            return _Filled(None, is_foreign)
        parts.append(part.text or "")
    return _Filled("".join(parts), is_foreign)


def read_policy_file(path: str, environment: str, named_by: Entry) -> list[Layer]:
    """
    A policy file: the settings in lower case, ``[resources.<name>]`` and ``[environments.<env>]`` overlays.

    Args:
        path: TOML, or JSON where it ends in ``.json``; one that is missing or cannot be read is a problem.
        environment: Whose overlay counts; it is stronger than the rest of the file.
        named_by: What named the file, for problems.

    Returns:
        The file's layer and, if it has one for *environment*, the overlay's over it.
    """
    import tomllib  # noqa: PLC0415 - needed only where there is such a file

    layer = Layer(shown(path, NAME_LIMIT))
    try:
        text = Path(path).read_text(encoding="utf-8")
        tree: Any = (
            json.loads(text, object_pairs_hook=json_object) if path.endswith(".json") else tomllib.loads(text)
        )
    except FaultyValueError as error:
        layer.blame(Path(path).name, error.faults[0])
        return [layer]
    except (OSError, ValueError, RecursionError) as error:
        layer.problems.append(_unreadable_policy(path, named_by, error))
        return [layer]
    if not isinstance(tree, dict):
        layer.blame(Path(path).name, Fault("wrong-type", "is no table of settings."))
        return [layer]
    lines = {} if path.endswith(".json") else dict(toml_lines(text))
    overlays = tree.pop(_OVERLAYS, {})
    _check_overlays(layer, overlays, lines)
    _read_tree(layer, tree, lines)
    if not isinstance(overlays, Mapping) or not isinstance(overlays.get(environment), Mapping):
        return [layer]
    over = Layer(layer.source)
    above = (_OVERLAYS, environment)
    _read_tree(over, overlays[environment], {k[2:]: n for k, n in lines.items() if k[:2] == above})
    return [layer, over]


def _read_tree(layer: Layer, tree: Mapping[str, Any], lines: Mapping[tuple[str, ...], int]) -> None:
    for key, value in tree.items():
        if key.upper() == RESOURCES:
            read_resources(layer, key, value)
        else:
            layer.take((key.upper(),), shown(key, NAME_LIMIT), value, _is_in_files, _as_key)
    numbers = {tuple(part.upper() for part in path): number for path, number in lines.items()}
    layer.entries = [_placed(entry, numbers) for entry in layer.entries]


def _is_in_files(setting: Setting) -> bool:
    return setting.for_app and setting.in_files


def _as_key(name: str) -> str:
    """The setting *name* as it is written in a file, or as a variable where files do not have it."""
    if name == RESOURCES or (VARIABLES[name].for_app and VARIABLES[name].in_files):
        return name.lower()
    return PREFIX + name if VARIABLES[name].for_app else f"resources.<name>.{name.lower()}"


def _placed(entry: Entry, numbers: Mapping[tuple[str, ...], int]) -> Entry:
    """*entry* with the line it stands on, where that is known."""
    number = numbers.get(tuple(part.upper() for part in entry.path))
    return entry if number is None else entry._replace(source=f"{entry.source}:{number}")


def _unreadable_policy(path: str, named_by: Entry, error: Exception) -> Problem:
    if isinstance(error, OSError | UnicodeDecodeError):
        return _unreadable(path, named_by, error)
    kind = "JSON" if path.endswith(".json") else "TOML"
    place = re.search(r"line (\d+)", str(error))
    where = f"{path}:{place[1]}" if place else path
    return named_by.problem(Fault("file-malformed", f"is no {kind}.", where, "Mend the file"))


_TABLE = "Write one table for each environment: [environments.production], or none"


def _check_overlays(layer: Layer, overlays: Any, lines: Mapping[tuple[str, ...], int]) -> None:
    """Note overlays that are of no environment, or no tables: what they were to close would stay open."""
    if not isinstance(overlays, Mapping):
        fault = Fault("wrong-type", "is no table of environments.", as_text(overlays), _TABLE)
        _blame_overlay(layer, (_OVERLAYS,), fault, lines)
        return
    for name, overlay in overlays.items():
        if name not in ENVIRONMENTS:
            remedy = f"Write: {', '.join(ENVIRONMENTS)}"
            fault = Fault("unknown-environment", "is no environment.", name, remedy)
            _blame_overlay(layer, (_OVERLAYS, name), fault, lines)
        elif not isinstance(overlay, Mapping):
            fault = Fault("wrong-type", "is no table of settings.", as_text(overlay), _TABLE)
            _blame_overlay(layer, (_OVERLAYS, name), fault, lines)


def _blame_overlay(
    layer: Layer, path: tuple[str, ...], fault: Fault, lines: Mapping[tuple[str, ...], int]
) -> None:
    where = Layer(f"{layer.source}:{lines[path]}" if path in lines else layer.source)
    where.blame(".".join(map(shown, path)), fault)
    layer.problems += where.problems


def toml_lines(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Where the tables and keys of a TOML text stand: the path, with the line number from 1."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.fullmatch(line)
        key = _KEY.match(line)
        if header is not None:
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            yield table, number
        elif key is not None:
            yield (*table, key[1].strip("\"'")), number


class Loaded(NamedTuple):
    """
    What flask's own loading of env files did, as far as it can be told.

    Attributes:
        lines: What it set in the process environment, by name.
        unread: The number of ``CORS_*`` lines in a ``.env`` that was left unread.
    """

    lines: Mapping[str, Line]
    unread: int


def loaded_by_flask(environ: Mapping[str, str]) -> Loaded:
    """Which ``CORS_*`` values of *environ* stand in ``.flaskenv`` or ``.env`` of the working directory."""
    lines: dict[str, Line] = {}
    unread = 0
    for name in (".flaskenv", ".env"):
        found = _found_lines(name, environ)
        lines |= {line.name: line for line in found if line.value is not None}
        if name == ".env" and not any(line.name in environ for line in found):
            unread = len(found)
    return Loaded(lines, unread)


def _found_lines(name: str, environ: Mapping[str, str]) -> list[Line]:
    """The lines of a file that nobody named; none unless it is a regular file that can be read."""
    try:
        text = Path(name).read_text(encoding="utf-8") if Path(name).is_file() else None
    except (OSError, UnicodeDecodeError):
        return []
    return [] if text is None else list(env_lines(text, name, environ))
