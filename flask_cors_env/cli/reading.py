"""How commands read logs: which part, by which engine, with what is kept, and a bar while it takes."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click

from flask_cors_env.answers.engine import ENGINES, Answers, answers, installed
from flask_cors_env.answers.files import STDIN, LogError, expanded
from flask_cors_env.answers.lines import DEFAULT, Grammar
from flask_cors_env.answers.questions import WHOLE, Question, Window
from flask_cors_env.answers.store import default_folder, why_unusable
from flask_cors_env.answers.times import serialize_time
from flask_cors_env.answers.words import doubts as doubts_of
from flask_cors_env.answers.words import without_records
from flask_cors_env.audit.seal import Key, KeyFileError
from flask_cors_env.cli.render import echo

_AGO = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def _time(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """A time in the form of `times`; one without a zone is UTC, and ``24h`` is so long ago."""
    if value is None:
        return None
    ago = _AGO.fullmatch(value)
    try:
        if ago is not None:
            when = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            given = datetime.fromisoformat(value)
            when = given.replace(tzinfo=UTC) if given.tzinfo is None else given
        return serialize_time(when)
    except (ValueError, OverflowError):
        raise click.BadParameter("write 2026-03-02, 2026-03-02T08:30 or 24h") from None


def _grammar(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> Grammar:
    """What counts as a record, with the operator's prefix."""
    try:
        return DEFAULT if value is None else Grammar(value)
    except re.error as error:
        raise click.BadParameter(f"is no regular expression: {error}") from None


#: The option of every command that reads a log.
PREFIX = click.option(
    "--prefix", "grammar", metavar="REGEX", callback=_grammar,
    help="One more text that may stand before a record, at a line's start; no client's text may stand in it.",
)  # fmt: skip


def _key(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> Key | None:
    """The key that a file holds: the one that ``flask cors key`` printed."""
    if value is None:
        return None
    try:
        with Path(value).open("rb") as file:
            return Key.parse(file.read(_KEY_LIMIT).decode("utf-8", "replace"))
    except OSError as error:
        raise click.BadParameter(f"{value} cannot be read: {error.strerror}") from None
    except KeyFileError as error:
        raise click.BadParameter(f"{value} {error}") from None


#: The most that is read of a key file, in bytes.
_KEY_LIMIT = 4096
KEY = click.option(
    "--key-file", "key", callback=_key, metavar="FILE",
    help="The key that flask cors key printed: records count whose MAC it proves, and no others.",
)  # fmt: skip

_OPTIONS = (
    PREFIX,
    KEY,
    click.option(
        "--since", callback=_time, metavar="TIME", help="From then on: 2026-03-02T08:30 (UTC), or 24h."
    ),
    click.option("--until", callback=_time, metavar="TIME", help="Before then."),
    click.option(
        "--engine", type=click.Choice(list(ENGINES)), help="Who counts; DuckDB where it is installed."
    ),
    click.option(
        "--cache", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
        help="Where DuckDB keeps what it read; the user's cache folder by default.",
    ),
    click.option("--no-cache", is_flag=True, help="Keep nothing."),
)  # fmt: skip


class Reading(NamedTuple):
    """
    How a log is to be read.

    Attributes:
        since: The earliest timestamp that counts; None for any.
        until: The first that is too late; None for none.
        engine: Who counts; None for the best that is installed.
        cache: Where what was read is kept; None for nowhere.
        grammar: What counts as a record.
        key: Proves records, of which no others count then; None where all do.
    """

    since: str | None
    until: str | None
    engine: str | None
    cache: Path | None
    grammar: Grammar = DEFAULT
    key: Key | None = None

    def window(self, whole: Window = WHOLE) -> Window:
        """The part of *whole* between the times."""
        return whole._replace(since=self.since, until=self.until)

    def answers(self, logs: Sequence[str], questions: Sequence[Question], window: Window = WHOLE) -> Answers:
        """What *logs* say; a log that cannot be read is the caller's mistake."""
        self._say_what_is_not_kept()
        try:
            with _progress(logs) as told:
                found = answers(
                    logs,
                    questions,
                    window=self.window(window),
                    engine=self.engine,
                    cache=self.cache,
                    told=told,
                    grammar=self.grammar,
                    key=self.key,
                )
        except (LogError, OSError) as error:
            raise click.UsageError(str(error)) from None
        if found.verification.is_empty:
            lines = "; ".join(without_records(found.verification))
            raise click.UsageError(f"nothing in the log is a record: {lines}")
        return found

    def _say_what_is_not_kept(self) -> None:
        """Tell where DuckDB is to keep something and cannot."""
        if (self.engine or installed()) == "duckdb" and self.cache is not None:
            why = why_unusable(self.cache)
            if why is not None:
                echo(f"{self.cache} {why}, so what is read is not kept", err=True)


def tell_doubts(found: Answers) -> None:
    """Say on standard error what of the log counts for nothing, whatever the command answers."""
    doubts = list(doubts_of(found.verification))
    if doubts:
        echo(doubts, err=True)


def reads(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of `Reading`; it gets that as ``reading``."""

    @functools.wraps(function)
    def command(  # noqa: PLR0913 - one parameter an option
        *args: Any,
        since: str | None,
        until: str | None,
        engine: str | None,
        cache: Path | None,
        no_cache: bool,
        grammar: Grammar,
        key: Key | None,
        **given: Any,
    ) -> Any:
        kept = None if no_cache else cache or default_folder()
        return function(*args, reading=Reading(since, until, engine, kept, grammar, key), **given)

    return functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


@contextmanager
def _progress(logs: Sequence[str]) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal, of the bytes that were read; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield int
        return
    sizes = (Path(name).stat().st_size for name in expanded(logs) if name != STDIN)
    with click.progressbar(length=sum(sizes), label="reading", file=sys.stderr) as bar:
        yield bar.update
