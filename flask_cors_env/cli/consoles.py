"""``flask cors why``: from a browser's console line to its cause, and to what to change."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import click

from flask_cors_env.answers.columns import event_of
from flask_cors_env.answers.console import LIMIT, Cause, Told, read
from flask_cors_env.answers.files import LogError, expanded, lines
from flask_cors_env.answers.lines import DEFAULT, Record
from flask_cors_env.audit.event import DECISION, clean, unescape
from flask_cors_env.cli import steps
from flask_cors_env.cli.render import as_json
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


def by_log(told: Told, logs: Sequence[str]) -> Answer:
    """Return the last events of *logs* that may be of the request; raises UnknownError if there is none."""
    found: deque[Record] = deque(maxlen=_SHOWN)
    is_log = False
    try:
        for name in expanded(logs):
            for record in DEFAULT.records(lines(name)):
                is_log = is_log or isinstance(record, dict)
                if isinstance(record, dict) and _is_of(record, told):
                    found.append(record)
    except (LogError, OSError) as error:
        raise click.UsageError(str(error)) from None
    if not is_log:
        raise click.UsageError("nothing in the log is a record")
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
    alike = (value in {None, unescape(str(record.get(name)))} for name, value in known.items())
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
