"""
How answers look in a terminal: aligned, coloured where it is one, stable where it is a pipe.

What a log, an argument, a file or a server says reaches a terminal escaped. That is done here, and for errors
in `flask_cors_env.cli.ending`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

_COLOURS = {"allow": "green", "deny": "red", "skip": "yellow", "error": "red", "warning": "yellow"}


def heading(word: str, rest: str) -> str:
    """A line that begins with a verdict or a level, coloured by what it is (click drops colour in a pipe)."""
    return f"{click.style(word, fg=_COLOURS.get(word), bold=True)}  {printable_lines(rest)}"


def pairs(rows: Iterable[tuple[str, str]], *, indent: int = 2) -> list[str]:
    """Names and values in two columns; a row without a value is left out."""
    kept = [(printable(name), printable(value)) for name, value in rows if value]
    width = max((len(name) for name, _ in kept), default=0)
    return [f"{' ' * indent}{name.ljust(width)}  {value}" for name, value in kept]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the last one is not padded."""
    lines = [list(head), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def as_json(value: Any) -> str:
    """*value* as JSON for another program."""
    return json.dumps(value, indent=2, sort_keys=False).replace("\x7f", "\\u007f")


def as_json_line(value: Any) -> str:
    """The same in one line."""
    return json.dumps(value, separators=(",", ":")).replace("\x7f", "\\u007f")


def printable(text: str) -> str:
    """Return *text* with each character escaped that a terminal could obey, a line feed among them."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """Return *text* likewise, whose line feeds are our own."""
    return "\n".join(map(printable, text.split("\n")))


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def echo(lines: str | Iterable[str], *, err: bool = False) -> None:
    """Print *lines*, given apart or as one text, with nothing in them that a terminal could obey."""
    click.echo(printable_lines(lines if isinstance(lines, str) else "\n".join(lines)), err=err)
