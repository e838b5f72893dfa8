"""``flask cors migrate``: flask-cors's options as settings of ours, and what behaves differently."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from flask_cors_env.answers.migrate import written
from flask_cors_env.answers.migrate.compare import Change, Comparison
from flask_cors_env.answers.migrate.differences import Difference, Effect, Line
from flask_cors_env.answers.migrate.translate import Translation
from flask_cors_env.cli.render import as_json
from flask_cors_env.config.errors import shown

_WIDTH = 108
#: Places that a comment names; of more it gives the number.
_MOST_PLACES = 3
_INDENT = max(map(len, Effect)) + 2


def echo(found: Translation, *, as_toml: bool, as_plain_json: bool) -> None:
    """Print the settings, and beneath them, as comments, what is different."""
    if as_plain_json:
        click.echo(as_json(_as_value(found)))
        return
    text = written.toml_file(found.tree) if as_toml else written.env_file(found.variables)
    click.echo("\n".join([text, *_comments(found.lines)]).rstrip("\n"))


def _as_value(found: Translation) -> dict[str, Any]:
    return {
        "complete": found.is_complete,
        "variables": found.variables,
        "file": found.tree,
        "differences": [
            {
                "code": line.difference.code,
                "effect": line.difference.effect,
                "place": line.place,
                "value": line.value,
                "what": line.difference.what,
                "why": line.difference.why,
                "advice": line.advice,
            }
            for line in found.lines
        ],
    }


def _comments(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines as comments, each difference once, with its places or their number."""
    places: dict[tuple[Difference, str | None], list[str]] = {}
    for line in lines:
        about = " ".join(filter(None, [line.place, "" if line.value is None else f'"{line.value}"']))
        places.setdefault((line.difference, line.advice), []).append(about)
    for (difference, advice), found in places.items():
        subject = ", ".join(found[:_MOST_PLACES])
        if len(found) > _MOST_PLACES:
            subject = f"{len(found)} places, such as {found[0]}"
        if difference.effect is Effect.PRODUCTION:
            yield from _comment(difference.effect, f"{subject}: {advice}")
            continue
        said = f"{subject}: {difference.what}" if subject else difference.what
        yield from _comment(difference.effect, f"{said} {advice}" if advice else said)
        yield from _comment("", f"because {difference.why}")


def _comment(head: str, text: str) -> Iterable[str]:
    wrapped = textwrap.wrap(text, _WIDTH - _INDENT, break_long_words=False, break_on_hyphens=False)
    for number, part in enumerate(wrapped):
        yield f"# {(head if number == 0 else '').ljust(_INDENT)}{part}"


def echo_comparison(found: Comparison, *, as_plain_json: bool) -> None:
    """Print of which requests a browser concludes otherwise, by comment; first those without one."""
    if as_plain_json:
        click.echo(as_json(_comparison_value(found)))
        return
    for change in found.changes:
        if not change.lines:
            click.echo(f"no comment: {_request(change)}")
    groups: dict[Difference, list[Change]] = {}
    for change in found.changes:
        for difference in dict.fromkeys(line.difference for line in change.lines):
            groups.setdefault(difference, []).append(change)
    for difference, changes in groups.items():
        click.echo(f"{difference.code}: {len(changes)} requests, such as {_request(changes[0])}")
        click.echo(f"  {difference.what}")
    for rule in found.left_out:
        click.echo(f"not asked: {shown(rule)}, since no path of it is known")
    if not found.is_whole:
        click.echo("many origins: each was asked of some routes, and not all of every route")
    foreseen = sum(bool(change.lines) for change in found.changes)
    click.echo(
        f"{found.asked} requests for {len(found.routes)} routes: {len(found.changes)} with another "
        f"conclusion, {foreseen} of them with a comment"
    )


def _request(change: Change) -> str:
    page = change.asked.page
    names = f" with {', '.join(name for name, _ in page.headers)}" if page.headers else ""
    cookies = " and cookies" if page.credentials == "include" else ""
    return f"{page.method} {shown(change.asked.path)} from {page.origin}{names}{cookies}: {_turn(change)}"


def _turn(change: Change) -> str:
    if change.before is None:
        return "readable now"
    return "readable no longer" if change.after is None else "other headers readable"


def _comparison_value(found: Comparison) -> dict[str, Any]:
    return {
        "foreseen": found.is_foreseen,
        "asked": found.asked,
        "routes": list(found.routes),
        "left_out": list(found.left_out),
        "whole": found.is_whole,
        "changes": [
            {
                "origin": change.asked.page.origin,
                "method": change.asked.page.method,
                "path": change.asked.path,
                "headers": [name for name, _ in change.asked.page.headers],
                "credentials": change.asked.page.credentials,
                "before": change.before,
                "after": change.after,
                "codes": sorted({line.difference.code for line in change.lines}),
            }
            for change in found.changes
        ],
    }
