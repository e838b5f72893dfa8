"""Names that a person types: an origin. Any other text is an error with what was meant."""

from __future__ import annotations

import click

from flask_cors_env.core.origin import corrected, is_serialized


def origin(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return *value*, an origin as browsers send it; raises BadParameter for any other text."""
    if value is None or is_serialized(value):
        return value
    meant = corrected(value)
    rest = f". Did you mean: {meant}?" if meant is not None and is_serialized(meant) else ""
    raise click.BadParameter(f"{value!a} is no origin that a browser sends{rest}")
