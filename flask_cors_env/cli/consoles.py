"""``flask cors why``: from a browser's console line to its cause, and to what to change."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from flask_cors_env.answers.columns import event_of
from flask_cors_env.answers.console import LIMIT, Cause, Told, read
from flask_cors_env.answers.files import LogError, opened
from flask_cors_env.answers.lines import Grammar, Record
from flask_cors_env.answers.plain import find
from flask_cors_env.answers.seals import Seals, proved_logs
from flask_cors_env.answers.verify import verification
from flask_cors_env.answers.words import doubts, without_records
from flask_cors_env.audit.event import DECISION, clean, unescape
from flask_cors_env.audit.seal import Key
from flask_cors_env.cli import loading, names, of_a_policy, steps
from flask_cors_env.cli.reading import KEY, PREFIX
from flask_cors_env.cli.render import as_json
from flask_cors_env.cli.render import echo as echo_escaped
from flask_cors_env.cli.steps import Step
from flask_cors_env.cli.tailing import sentence
from flask_cors_env.core.origin import is_serialized
from flask_cors_env.core.reason import Verdict
from flask_cors_env.web.wsgi import placed

if TYPE_CHECKING:
    from flask_cors_env.web.state import State

#: How many events of a log are shown.
_SHOWN = 3
_UNKNOWN = (
    'No browser that is known here says that. Paste the whole console line, from "Access to ..." '
    '(Chromium), "Cross-Origin Request Blocked: ..." (Firefox), or both lines of Safari.'
)


@click.command()
@click.argument("text", metavar="SENTENCE")
@click.option(
    "--origin", callback=names.origin, help="The page's origin, where the sentence does not tell it."
)
@click.option("--method", callback=names.method, help="The request's method, likewise.")
@click.option(
    "--header", callback=names.header, help="A request header that the page's script sets, likewise."
)
@click.option("--credentials", is_flag=True, help="The page asks with cookies.")
@click.option("--log", "logs", multiple=True, metavar="FILE", help="Ask this log instead of the policy.")
@PREFIX
@KEY
@of_a_policy
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    text: str,
    origin: str | None,
    method: str | None,
    header: str | None,
    credentials: bool,
    logs: tuple[str, ...],
    grammar: Grammar,
    key: Key | None,
    as_environment: str | None,
    no_app: bool,
    as_plain_json: bool,
) -> None:
    """
    Say what a browser's console line is about, and what to change. Exit 1 where no cause is known.

    SENTENCE is pasted from the console of Chromium, Firefox or Safari, in quotes.
    """
    try:
        told = parse(text, origin=origin, method=method, header=header)
        if logs:
            found = by_log(told, logs, grammar, key)
        else:
            _, state = loading.judged(ctx, as_environment, no_app=no_app, as_plain_json=as_plain_json)
            found = by_policy(told, state, credentials=credentials)
    except UnknownError as error:
        click.echo(error, err=True)
        ctx.exit(1)
    echo(found, as_plain_json=as_plain_json)


class UnknownError(Exception):
    """Nothing can be concluded; the text says what it would need."""


class Answer(NamedTuple):
    """
    What is concluded of a console line.

    Attributes:
        told: What the line tells, completed by options.
        steps: What the policy decides about the request; empty where it was not asked.
        events: What a log holds of it, the latest last.
        missing: What the policy could not be asked for want of.
    """

    told: Told
    steps: Sequence[Step] = ()
    events: Sequence[Record] = ()
    missing: Sequence[str] = ()

    @property
    def is_allowed(self) -> bool:
        """Whether the policy, asked, allows what the browser refuses."""
        allowed = (step.decision.verdict is Verdict.ALLOW and not step.decision.notes for step in self.steps)
        return bool(self.steps) and all(allowed)


def parse(text: str, *, origin: str | None, method: str | None, header: str | None) -> Told:
    """
    Return what *text* tells, with what options say instead.

    Raises:
        UnknownError: No sentence is known, or the text is too long.
    """
    if len(text.encode("utf-8", "replace")) > LIMIT:
        raise UnknownError(f"A console line has at most {LIMIT:,} bytes; paste the line alone.")
    told = read(text)
    if told is None:
        raise UnknownError(_UNKNOWN)
    told = told._replace(
        origin=origin or told.origin, method=method or told.method, header=header or told.header
    )
    if not (told.origin is None or is_serialized(told.origin)) or not _is_askable(told.url):
        raise UnknownError("The line has a URL or an origin that no browser writes. Paste it as it stands.")
    return told


def _is_askable(url: str | None) -> bool:
    try:
        return url is None or bool(placed(url, {}))
    except ValueError:
        return False


def by_policy(told: Told, state: State, *, credentials: bool) -> Answer:
    """Return what the policy of *state* decides about the request; raises UnknownError for want of a fact."""
    needed = {"--origin": told.origin, "the line with the URL": told.url}
    if told.cause is Cause.PREFLIGHT_METHOD:
        needed["--method"] = told.method
    missing = [name for name, value in needed.items() if value is None]
    if told.cause is Cause.UNREACHABLE or (missing and told.cause.cure):
        return Answer(told, missing=missing)
    if missing:
        raise UnknownError(f"{told.cause.meaning} To ask the policy it would need: {', '.join(missing)}.")
    names = [told.header] if told.header else ["authorization"] if "authorization" in told.cause else []
    method = told.method or ("PUT" if told.cause.is_of_preflight and not names else "GET")
    url, path = told.url or "", urlsplit(told.url or "").path or "/"
    decisions = state.decisions(
        told.origin, method, url, names, credentialed=credentials or told.cause.has_credentials
    )
    return Answer(told, steps.of(method, path, decisions, state.policy))


def by_log(told: Told, logs: Sequence[str], grammar: Grammar, key: Key | None) -> Answer:
    """Return the last events of *logs* that may be of the request; raises UnknownError if there is none."""
    seals = None if key is None else Seals(key)
    try:
        with opened(logs, grammar) as files, proved_logs(files, seals) as proved:
            account = verification(find(proved, (), (), [file.name for file in files]), seals)
            records = (one for file in proved for one in file if isinstance(one, dict))
            events = (one for one in records if one.get("log.record.uid") not in account.contradicting)
            found = deque((one for one in events if _is_of(one, told)), maxlen=_SHOWN)
    except (LogError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if account.is_empty:
        raise click.UsageError(f"nothing in the log is a record: {'; '.join(without_records(account))}")
    doubted = list(doubts(account))
    if doubted:
        echo_escaped(doubted, err=True)
    if not found:
        raise UnknownError(
            f"{told.cause.meaning} The log holds no refused request of it: "
            "the request did not reach the app, or the log is another server's."
        )
    return Answer(told, events=tuple(found))


def _is_of(record: Record, told: Told) -> bool:
    """Whether *record* is a decision that the browser may complain of, as far as both tell."""
    if event_of(record) != DECISION:
        return False
    host = urlsplit(told.url).hostname if told.url else None
    known = {
        "cors.origin": told.origin,
        "server.address": host,
        "cors.request.method": told.method if told.cause.is_of_preflight else None,
    }
    told_of = {name: record.get(name) for name in known}
    alike = (
        value is None or told_of[name] is None or value == unescape(str(told_of[name]))
        for name, value in known.items()
    )
    is_refused = record.get("cors.decision") == Verdict.DENY or record.get("cors.notes")
    return bool(is_refused) and all(alike)


def echo(answer: Answer, *, as_plain_json: bool) -> None:
    """Print what is concluded."""
    click.echo(as_json(_as_value(answer)) if as_plain_json else "\n".join(_lines(answer)))


def _lines(answer: Answer) -> Iterator[str]:
    told = answer.told
    yield f"{told.engine}: {told.cause.meaning}"
    if told.cause.cure:
        yield told.cause.cure
    yield ""
    yield from map(sentence, answer.events)
    if answer.missing and told.cause is not Cause.UNREACHABLE:
        yield f"To ask the policy it would need: {', '.join(answer.missing)}."
    if answer.steps:
        yield steps.as_text(answer.steps)
    if answer.is_allowed:
        yield ""
        yield _allowed(told)


def _allowed(told: Told) -> str:
    parts = urlsplit(told.url or "")
    base = clean(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return (
        "The policy allows this request, so another policy answered, or something ahead of the app. "
        f"Ask the server: flask cors probe {base}"
    )


def _as_value(answer: Answer) -> dict[str, Any]:
    told = answer.told
    return {
        **told._asdict(),
        "cause": told.cause.value,
        "meaning": told.cause.meaning,
        "cure": told.cause.cure or None,
        "allowed": answer.is_allowed if answer.steps else None,
        "steps": [steps.as_value(step) for step in answer.steps],
        "events": list(answer.events),
    }
