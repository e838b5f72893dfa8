"""Names that a person types: an origin, a reason. Any other text is an error with what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click

from flask_cors_env.core.origin import corrected, is_serialized
from flask_cors_env.core.reason import Reason


def origin(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, an origin as browsers send it; raises BadParameter for any other text."""
    if value is None or is_serialized(value):
        return value
    meant = corrected(value)
    rest = f". Did you mean: {meant}?" if meant is not None and is_serialized(meant) else ""
    raise click.BadParameter(f"{value!a} is no origin that a browser sends{rest}")


def reason(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, the code of a reason; raises BadParameter for any other text."""
    if value is None or value in list(Reason):
        return value
    raise click.BadParameter(f"{value!a} is no reason{meant(value, Reason)}")


def meant(name: str, known: Iterable[str]) -> str:
    """Return which of *known* was meant by *name*, as the end of a sentence; else all of these."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f". Did you mean: {close[0]}?"
    return f"; known are: {', '.join(known)}" if known else ""
