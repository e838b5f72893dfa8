"""How answers look in a terminal: aligned, coloured where it is one, stable where it is a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

_COLOURS = {"allow": "green", "deny": "red", "skip": "yellow", "error": "red", "warning": "yellow"}


def heading(word: str, rest: str) -> str:
    """A line that begins with a verdict or a level, coloured by what it is (click drops colour in a pipe)."""
    return f"{click.style(word, fg=_COLOURS.get(word), bold=True)}  {rest}"


def pairs(rows: Iterable[tuple[str, str]], *, indent: int = 2) -> list[str]:
    """Names and values in two columns; a row without a value is left out."""
    kept = [(name, value) for name, value in rows if value]
    width = max((len(name) for name, _ in kept), default=0)
    return [f"{' ' * indent}{name.ljust(width)}  {value}" for name, value in kept]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; the last one is not padded."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def as_json(value: Any) -> str:
    """*value* as JSON for another program."""
    return json.dumps(value, indent=2, sort_keys=False)
