"""Names that a person types: an origin. Any other text is an error with what was meant."""

from __future__ import annotations

import re

import click

from flask_cors_env.core.origin import corrected, is_serialized
from flask_cors_env.core.protocol import is_token


def origin(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, an origin as browsers send it; raises BadParameter for any other text."""
    if value is None or is_serialized(value):
        return value
    meant = corrected(re.sub(r"(?i)^(https?)(?::[/\\]*|[/\\]+)(?=[a-z0-9[])", r"\1://", value))
    rest = f". Did you mean: {meant}?" if meant is not None and is_serialized(meant) else ""
    raise click.BadParameter(f"{value!a} is no origin that a browser sends{rest}")


def method(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, a method; raises BadParameter for any other text."""
    return None if value is None else _token(value, "method")


def header(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, the name of a header; raises BadParameter for any other text."""
    return None if value is None else _token(value, "name of a header")


def headers(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return *values*, names of headers; raises BadParameter where one is any other text."""
    return tuple(_token(value, "name of a header") for value in values)


def _token(value: str, what: str) -> str:
    if is_token(value):
        return value
    raise click.BadParameter(f"{value!a} is no {what} that a page can send")
