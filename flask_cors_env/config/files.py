"""
Files: an env file, and a policy file in TOML or JSON, read into layers whose entries know their lines.

Of an env file only names that begin with ``CORS_`` are looked at; what else is in it is nobody's business.
"""

from __future__ import annotations

import codecs
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
from flask_cors_env.config.sources import takes_none
from flask_cors_env.config.texts import SourceError, Texts
from flask_cors_env.core.environments import ENVIRONMENTS

#: A key of TOML: https://toml.io/en/v1.0.0#keys
_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[{{1,2}}\s*({_DOTTED})\s*\]{{1,2}}\s*(?:#.*)?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
#: What begins a string over several lines, and what may hold the same; and how such a string ends.
_STRING = re.compile(r"""\"{3}|'{3}|"(?:[^"\\]|\\.)*"|'[^']*'|#.*""")
_ENDS = {'"' * 3: re.compile(r'(?:\\.|(?!"{3}).)*"{3}'), "'" * 3: re.compile("(?:(?!'{3}).)*'{3}")}
_OVERLAYS = "environments"
#: Characters that a value may grow to where it takes others: doubled thirty times a letter fills a machine.
_LIMIT = 65_536


def read_env_file(path: str, named_by: Entry, environ: Mapping[str, str], texts: Texts) -> Layer:
    """
    Read the ``CORS_*`` lines of an env file.

    Args:
        path: The file; one that is missing or cannot be read is a problem.
        named_by: What named it, for that problem.
        environ: What ``${NAME}`` stands for, where no line above sets it.
        texts: Reads it.
    """
    layer = Layer(shown(path, NAME_LIMIT))
    text = _text_of(layer, path, named_by, texts)
    for line in () if text is None else _judged(env_lines(text, layer.source, environ)):
        if line.fault is None:
            read_line(layer, line)
        else:
            _blame(layer, line, line.fault)
    return layer


def _judged(lines: Iterable[Line]) -> Iterator[Line]:
    """Give each name's first line, and those with a fault; a later one with another value has one."""
    first: dict[str, Line] = {}
    for line in lines:
        earlier = first.setdefault(line.name, line)
        if line.fault is None and earlier.fault is None and earlier.value != line.value:
            message = f"is set on line {earlier.place.rpartition(':')[2]} too, to another value."
            yield line._replace(fault=Fault("set-twice", message, None, "Keep one of the lines"))
        elif line.fault is not None or earlier is line:
            yield line


def blame_lines(layer: Layer, lines: Iterable[Line]) -> None:
    """Note in *layer* what is wrong with *lines*, each with its place."""
    for line in lines:
        if line.fault is not None:
            _blame(layer, line, line.fault)


def _blame(layer: Layer, line: Line, fault: Fault) -> None:
    where = Layer(line.place)
    where.blame(shown(line.name, NAME_LIMIT), fault)
    layer.problems += where.problems


def _text_of(layer: Layer, path: str, named_by: Entry, texts: Texts) -> str | None:
    """Return the text of a source, without a leading byte-order mark; None after noting what is wrong."""
    try:
        data = texts.read(path)
    except SourceError as error:
        layer.problems.append(named_by.problem(Fault(error.code, error.message, path, error.remedy)))
        return None
    text, fault = decoded(data)
    if fault is not None:
        found = _NAME_IN_TEXT.search(text)
        if found is None:
            layer.problems.append(named_by.problem(fault._replace(value=path)))
        else:
            number = text.count("\n", 0, found.start()) + 1
            line = Line(found[0], None, f"{layer.source}:{number}")
            _blame(layer, line, fault._replace(code="line-unreadable"))
        return None
    return text


_NAME_IN_TEXT = re.compile(r"CORS_\w+", re.ASCII | re.IGNORECASE)


def decoded(data: bytes) -> tuple[str, Fault | None]:
    """Decode a source, which has to be UTF-8; of another encoding return what can be made of it, and why."""
    remedy = "Save the file in UTF-8"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        is_little = data.startswith(codecs.BOM_UTF16_LE) or data[1:2] == b"\0"
        text = data.decode("utf-16-le" if is_little else "utf-16-be", "replace")
        return text, Fault(
            "file-unreadable", "is in UTF-16, or has NUL bytes, and not in UTF-8.", None, remedy
        )
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = f"0x{data[error.start]:02x}"
        message = f"is not in UTF-8: line {line} has the byte {byte}, as Latin-1 or Windows-1252 would."
        return "", Fault("file-unreadable", message, None, remedy)


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
    values = _filled([(b.key, b.value) for b in bindings], environ)
    for binding, value in zip(bindings, values, strict=True):
        written = binding.original.string
        number = binding.original.line + len(written) - len(written.lstrip("\r\n"))
        place = f"{source}:{number}"
        if binding.error or binding.value is None or not _is_read(binding.key):
            unread = _unread_name(binding.key, binding.value, written)
            if unread is not None:
                yield Line(unread, None, place, fault=_fault_of(unread, written))
        elif value is not None and binding.key is not None:
            shows = value.is_foreign or value.text is None
            fault = None if value.text is not None else _FAULTS["long"]._replace(value=binding.value)
            yield Line(binding.key, value.text, place, binding.value if shows else None, fault)


#: A name of ours that another name or a word does not end in; its underscore may be mistaken.
_UNREAD = re.compile(r"(?<![\w./-])CORS[_-][\w-]*", re.ASCII | re.IGNORECASE)
#: The same within a value without quotes, set as a shell would set it.
_WITHIN = re.compile(r"(?<=[\s;&])CORS_\w+(?==)", re.ASCII | re.IGNORECASE)
#: Ends of lines to an editor, and not to python-dotenv.
_LINE_ENDS = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


def _seen(text: str) -> str:
    """Return *text* as a reader takes it: without invisible characters and look-alikes of ASCII's own."""
    if text.isascii() and text.isprintable():
        return text
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return _LINE_ENDS.sub("\n", _DASHES.sub("-", folded))


def _is_read(key: str | None) -> bool:
    return key is not None and _is_ours(key) and "-" not in key and _seen(key) == key


def _unread_name(key: str | None, value: str | None, written: str) -> str | None:
    """
    Return the name of ours that stands on a line which made no entry of that name; None where none stands.

    Args:
        key: The entry's name; None where there is no entry.
        value: What the line gives *key*: that name's own business, unless it has no quotes and sets ours.
        written: The line, or several.
    """
    if key is None or value is None:
        lines = _seen(written).split("\n")
        found = _UNREAD.search("\n".join(line.partition("#")[0] for line in lines))
    else:
        is_quoted = written.partition("=")[2].lstrip()[:1] in {"'", '"'}
        found = _UNREAD.search(_seen(key)) or (None if is_quoted else _WITHIN.search(_seen(value)))
    return None if found is None else found[0]


def _fault_of(name: str, written: str) -> Fault:
    """Say why the line *written* with *name* was not read."""
    line = _seen(written).strip()
    if _INVISIBLE.search(written) or _LINE_ENDS.search(written):
        return _FAULTS["invisible"]
    if "-" in name:
        return _FAULTS["dash"]._replace(remedy=f"Write: {name.upper().replace('-', '_')}=...")
    after = re.match(rf"(?:export\s+)?{re.escape(name)}\s*(.?)", line, re.IGNORECASE)
    if after is None:
        return _FAULTS["script"]._replace(remedy=f"Write: {name}=... without anything before it")
    if name not in written:
        return _FAULTS["alike"]
    kind = {":": "colon", "": "bare"}.get(after[1], "value")
    fault = _FAULTS[kind]
    if kind == "bare" and not takes_none(name.upper().removeprefix(PREFIX).rpartition("__")[2]):
        return fault._replace(remedy=f"Write: {name}=..., or remove the line")
    return fault._replace(remedy=(fault.remedy or "").format(name=name))


def _is_ours(name: str) -> bool:
    return name.upper().startswith(PREFIX)


def _unreadable_line(message: str, remedy: str = "") -> Fault:
    return Fault("line-unreadable", message, None, remedy)


#: Why a line of an env file made no entry.
_FAULTS = {
    "invisible": _unreadable_line(
        "stands on a line with an invisible character.", "Remove it, or write the line anew"
    ),
    "alike": _unreadable_line(
        "is written with a character that only looks like ASCII's.", "Write the name anew"
    ),
    "dash": _unreadable_line("is no name of a variable: it has a dash."),
    "script": _unreadable_line("is on a line that is a command; an env file has names and values."),
    "colon": _unreadable_line('is followed by ":", and an env file has "=".', "Write: {name}=..."),
    "bare": _unreadable_line(
        'has no "=" and no value.', "Write: {name}=none to mean nothing, or remove the line"
    ),
    "value": _unreadable_line(
        "is on a line that cannot be read.", "Put one pair of quotes around the value, or none"
    ),
    "long": _unreadable_line(f"stands for more than {_LIMIT:,} characters.", "Write the value itself"),
}


class _Filled(NamedTuple):
    """What a value stands for, None where that is too long; whether it takes names that are not ours."""

    text: str | None
    is_foreign: bool


_Assigned = list[tuple[str | None, str | None]]


def _filled(assigned: _Assigned, environ: Mapping[str, str]) -> list[_Filled | None]:
    """Fill in the names that each value takes; None for what no name of ours needs."""
    needed = _needed(assigned)
    found: dict[str, _Filled] = {}
    values: list[_Filled | None] = []
    for name, text in assigned:
        if name is not None and name in needed:
            found[name] = _fill(text or "", found, environ)
        values.append(found[name] if name is not None and name in needed else None)
    return values


def _needed(assigned: _Assigned) -> set[str]:
    """Our names, and those that they take, directly or not."""
    needed: set[str] = set()
    for name, text in reversed(assigned):
        if name is not None and (name in needed or _is_ours(name)):
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


def read_policy_file(path: str, environment: str, named_by: Entry, texts: Texts) -> list[Layer]:
    """
    A policy file: the settings in lower case, ``[resources.<name>]`` and ``[environments.<env>]`` overlays.

    Args:
        path: TOML, or JSON where it ends in ``.json``; one that is missing or cannot be read is a problem.
        environment: Whose overlay counts; it is stronger than the rest of the file.
        named_by: What named the file, for problems.
        texts: Reads it.

    Returns:
        The file's layer and, if it has one for *environment*, the overlay's over it.
    """
    import tomllib  # noqa: PLC0415 - needed only where there is such a file

    layer = Layer(shown(path, NAME_LIMIT))
    text = _text_of(layer, path, named_by, texts)
    if text is None:
        return [layer]
    is_json = path.lower().endswith(".json")
    try:
        tree: Any = json.loads(text, object_pairs_hook=json_object) if is_json else tomllib.loads(text)
    except FaultyValueError as error:
        layer.blame(Path(path).name, error.faults[0])
        return [layer]
    except (ValueError, RecursionError) as error:
        layer.problems.append(_malformed(path, named_by, error, is_json=is_json))
        return [layer]
    if not isinstance(tree, dict):
        layer.blame(Path(path).name, Fault("wrong-type", "is no table of settings."))
        return [layer]
    lines = {} if is_json else dict(toml_lines(text))
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
    places = {_label(path): f"{layer.source}:{number}" for path, number in lines.items()}
    layer.entries = [e._replace(source=places.get(e.variable, e.source)) for e in layer.entries]
    layer.problems = [replace(p, source=places.get(p.variable, p.source)) for p in layer.problems]
    layer.notes = [replace(p, source=places.get(p.variable, p.source)) for p in layer.notes]


def _is_in_files(setting: Setting) -> bool:
    return setting.for_app and setting.in_files


def _as_key(name: str) -> str:
    """The setting *name* as it is written in a file, or as a variable where files do not have it."""
    if name == RESOURCES or (VARIABLES[name].for_app and VARIABLES[name].in_files):
        return name.lower()
    return PREFIX + name if VARIABLES[name].for_app else f"resources.<name>.{name.lower()}"


def _label(path: tuple[str, ...]) -> str:
    """Return what messages call the key or table at *path*: ``max_age``, ``resources["api"].max_age``."""
    ends = ("{}", '["{}"]', ".{}")
    return "".join(end.format(shown(part, NAME_LIMIT)) for end, part in zip(ends, path, strict=False))


def _malformed(path: str, named_by: Entry, error: Exception, *, is_json: bool) -> Problem:
    """Tell the parser's own reason, with line and column; it names characters, and no value of the file."""
    kind = "JSON" if is_json else "TOML"
    place = re.search(r"line (\d+)", str(error))
    where = f"{path}:{place[1]}" if place else path
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(error, _REASON_LIMIT)
    return named_by.problem(Fault("file-malformed", f"is no {kind}: {reason}.", where, "Correct that line"))


_REASON_LIMIT = 200


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
    """Give the tables and keys of a TOML text: the path of each, with the number of its line from 1."""
    table: tuple[str, ...] = ()
    fence = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = None if fence else _HEADER.fullmatch(line.rstrip("\r"))
        key = None if fence else _KEY.match(line)
        fence = _open_string(line, fence)
        if header is not None:
            table = _parts(header[1])
            yield table, number
        elif key is not None:
            yield (*table, *_parts(key[1])), number


def _open_string(line: str, fence: str) -> str:
    """Return what the string began with that is open after *line*, of *fence* before it; "" for none."""
    at = 0
    while True:
        found = _ENDS[fence].match(line, at) if fence else _STRING.search(line, at)
        if found is None:
            return fence
        at, fence = found.end(), "" if fence or found[0] not in _ENDS else found[0]


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in re.findall(_PART, dotted))


class Loaded(NamedTuple):
    """
    What flask's own loading of env files did, as far as it can be told.

    Attributes:
        lines: What it set in the process environment, by name.
        unread: The number of ``CORS_*`` lines in a ``.env`` of the working directory that nobody read.
        faulty: The lines of ours that it dropped, or that set a name twice.
    """

    lines: Mapping[str, Line]
    unread: int
    faulty: tuple[Line, ...] = ()


def loaded_by_flask(environ: Mapping[str, str], arguments: Sequence[str] = ()) -> Loaded:
    """
    Find the ``CORS_*`` values of *environ* that flask read from files: its defaults, and ``--env-file``.

    Args:
        environ: The process environment.
        arguments: The command line, without the program.

    See https://flask.palletsprojects.com/en/stable/cli/#environment-variables-from-dotenv.
    """
    lines: dict[str, Line] = {}
    faulty: list[Line] = []
    unread = 0
    for path in (_upwards(".flaskenv"), _upwards(".env"), _named_to_flask(environ, arguments)):
        found = _found_lines(path, environ) if path else []
        lines |= {line.name: line for line in found if line.value is not None}
        if _is_flask_reading(environ) or any(
            line.value is not None and environ.get(line.name) == line.value for line in found
        ):
            faulty += [line for line in _judged(found) if line.fault is not None]
        elif path == ".env" and not any(line.name in environ for line in found):
            unread = len(found)
    return Loaded(lines, unread, tuple(faulty))


def _is_flask_reading(environ: Mapping[str, str]) -> bool:
    """Tell whether flask's command line runs the app, and reads the files of its defaults."""
    return environ.get("FLASK_RUN_FROM_CLI") == "true" and not environ.get("FLASK_SKIP_DOTENV")


def _upwards(name: str) -> str:
    """Return the path of the file that is called *name* in this folder or the nearest one above it."""
    folder = Path.cwd()
    if Path(name).is_file():
        return name
    return next((str(above / name) for above in folder.parents if (above / name).is_file()), "")


def _named_to_flask(environ: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return the value of ``flask --env-file``, or of its variable; nothing where there is none."""
    for option, following in zip(arguments, [*arguments, ""][1:], strict=True):
        if option in {"-e", "--env-file"}:
            return following
        if option.startswith("--env-file="):
            return option.partition("=")[2]
    return environ.get("FLASK_ENV_FILE", "")


def _found_lines(path: str, environ: Mapping[str, str]) -> list[Line]:
    """Read the lines of a file that nobody named to us; none unless it is a regular file that can be read."""
    try:
        data = Path(path).read_bytes() if Path(path).is_file() else b""
    except OSError:
        return []
    text, fault = decoded(data)
    return [] if fault is not None else list(env_lines(text, path, environ))
