"""``flask cors migrate``: flask-cors's options as settings of ours, and what behaves differently."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from flask_cors_env.answers.migrate import written
from flask_cors_env.answers.migrate.differences import Difference, Effect, Line
from flask_cors_env.answers.migrate.translate import Translation
from flask_cors_env.cli.render import as_json

_WIDTH = 108
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
    """The lines as comments; what is met in several places is said once."""
    places: dict[tuple[Difference, str | None, str | None], list[str]] = {}
    for line in lines:
        places.setdefault((line.difference, line.value, line.advice), []).append(line.place)
    for (difference, value, advice), where in places.items():
        about = [", ".join(filter(None, where)), "" if value is None else f'"{value}"']
        subject = " ".join(filter(None, about))
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
