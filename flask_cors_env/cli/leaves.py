"""``flask cors show``: every value, where it comes from, and what it hides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from flask_cors_env.cli.render import as_json, table
from flask_cors_env.config.build import Built, Leaf

#: Values whose only source is a file that `flask` itself reads, and no WSGI server does.
_UNSEEN = " (not seen by a WSGI server)"
_APP = "(app)"


def echo(built: Built, *, everything: bool, as_plain_json: bool) -> None:
    """Print the leaves: all, or those that somebody set."""
    leaves = [_marked(built, leaf) for leaf in built.leaves]
    found = [leaf for leaf in leaves if everything or as_plain_json or _is_told(leaf)]
    click.echo(as_json(_as_value(built, found)) if as_plain_json else "\n".join(_lines(built, found)))


def _is_told(leaf: Leaf) -> bool:
    """A default is worth its line only where it decides who may do what."""
    return not leaf.source.startswith("default of") or leaf.setting in {"ORIGINS", "PATH"}


def _lines(built: Built, leaves: list[Leaf]) -> Iterator[str]:
    yield f"environment  {built.environment}"
    yield f"policy       {built.policy.id}"
    yield ""
    yield from table(("RESOURCE", "SETTING", "VALUE", "FROM", "HIDES"), map(_row, leaves))


def _row(leaf: Leaf) -> tuple[str, ...]:
    return leaf.resource or _APP, leaf.setting.lower(), leaf.value, leaf.source, "; ".join(leaf.hides)


def unseen(built: Built) -> list[Leaf]:
    """Return the values that only flask's own loading of a file supplied; their sources are unmarked."""
    marked = ((leaf, _marked(built, leaf)) for leaf in built.leaves)
    return [leaf for leaf, mark in marked if mark.source.endswith(_UNSEEN)]


def _marked(built: Built, leaf: Leaf) -> Leaf:
    """*leaf*, saying so where its only source is a file that no WSGI server reads."""
    is_flasks = leaf.source.rpartition(" in ")[2] in built.flasks
    return leaf._replace(source=leaf.source + _UNSEEN) if is_flasks else leaf


def _as_value(built: Built, leaves: list[Leaf]) -> dict[str, Any]:
    return {
        "environment": {"name": built.environment.name, "because": built.environment.because},
        "policy": built.policy.id,
        "values": [
            {
                "resource": leaf.resource or None,
                "setting": leaf.setting,
                "value": leaf.value,
                "from": leaf.source.removesuffix(_UNSEEN),
                "hides": list(leaf.hides),
                "seen_by_wsgi_servers": not leaf.source.endswith(_UNSEEN),
            }
            for leaf in leaves
        ],
    }
