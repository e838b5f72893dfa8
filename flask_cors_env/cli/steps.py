"""``flask cors explain``: what is decided about a page's request, and what to change for another outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import click

from flask_cors_env.cli.render import heading, pairs
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.decision import Decision
from flask_cors_env.core.policy import Policy
from flask_cors_env.core.protocol import normalize_method
from flask_cors_env.core.reason import Note, Reason, Verdict
from flask_cors_env.core.request import Kind


class Step(NamedTuple):
    """
    One request that a browser sends.

    Attributes:
        line: The request.
        decision: What is decided about it.
        others: The methods of the URL that views with different policies take; browsers then cache nothing of
            the preflight.
    """

    line: str
    decision: Decision
    others: tuple[str, ...] = ()


def of(method: str, path: str, decisions: Sequence[Decision], policy: Policy) -> list[Step]:
    """Return what is decided about each request; an actual one follows only a preflight that is allowed."""
    method = normalize_method(method)
    lines = {Kind.PREFLIGHT: f"OPTIONS {path} for {method}"}
    found = [
        Step(lines.get(decision.kind, f"{method} {path}"), decision, _others(decision, policy))
        for decision in decisions
    ]
    return found[:1] if found[0].decision.verdict is Verdict.DENY else found


def _others(decision: Decision, policy: Policy) -> tuple[str, ...]:
    """Return the methods that *policy* gives the preflight's resource and the URL's other views take away."""
    mine = decision.resource
    declared = (
        None if mine is None or decision.kind is not Kind.PREFLIGHT else policy.resource_named(mine.name)
    )
    return () if mine is None or declared is None else tuple(sorted(declared.methods - mine.methods - {AUTO}))


def as_value(step: Step) -> dict[str, Any]:
    """The step as plain values, named as in the audit log."""
    decision = step.decision
    value: dict[str, Any] = {
        "request": step.line,
        "cors.request.kind": decision.kind.value,
        "cors.decision": decision.verdict.value,
        "cors.reasons": [reason.value for reason in decision.reasons],
        "cors.notes": [note.value for note in decision.notes],
        "cors.resource": None if decision.resource is None else decision.resource.name,
        "cors.rule": decision.rule,
        "cors.offending": list(decision.offending),
        "cors.near.rule": None if decision.near is None else decision.near.rule,
        "cors.near.difference": None if decision.near is None else decision.near.difference.value,
        "cors.remedy.env": decision.remedy_variable,
        "cors.remedy.hint": decision.remedy_hint,
        "other_views": list(step.others),
        "fields": [list(field) for field in decision.fields],
        "vary": list(decision.vary),
        "http.response.status_code": None if decision.status is None else int(decision.status),
    }
    return value


def as_text(steps: Sequence[Step]) -> str:
    """The steps as a person reads them."""
    return "\n\n".join("\n".join(_lines(step)) for step in steps)


def _lines(step: Step) -> Iterator[str]:
    decision = step.decision
    yield heading(decision.verdict.value, f"{step.line}  ({', '.join(decision.reasons)})")
    for reason in decision.reasons:
        yield f"  {reason.meaning}"
    for note in decision.notes:
        yield f"  {note.meaning}"
    near = decision.near
    yield from pairs(
        [
            ("resource", "none" if decision.resource is None else decision.resource.name),
            ("entry", decision.rule or ""),
            ("refused", ", ".join(decision.offending)),
            ("nearest", "" if near is None else f"{near.rule} (differs: {near.difference})"),
            ("answer", _answer(decision)),
            *((name, value) for name, value in decision.fields),
            ("Vary", ", ".join(decision.vary)),
            ("other views", _told_of_others(step)),
            ("remedy", decision.remedy_hint if _is_wanted(decision) else ""),
        ]
    )


def _told_of_others(step: Step) -> str:
    if not step.others:
        return ""
    return f"{', '.join(step.others)} of this URL have different policies; so browsers cache nothing of this"


def _is_wanted(decision: Decision) -> bool:
    """Whether a reader may want another outcome: the page reads nothing, or something is noted."""
    if decision.verdict is Verdict.SKIP:
        return Reason.DISABLED in decision.reasons or Reason.ROUTE_EXEMPT in decision.reasons
    return decision.verdict is Verdict.DENY or any(note.remedy is not None for note in decision.notes)


def _answer(decision: Decision) -> str:
    if decision.status is not None:
        return f"{int(decision.status)}, at once"
    if decision.kind is Kind.PREFLIGHT:
        return "the app's"
    is_own = Reason.SAME_ORIGIN in decision.reasons
    is_hidden = Note.CREDENTIALS_NOT_ALLOWED in decision.notes
    shared = is_own or (decision.verdict is Verdict.ALLOW and not is_hidden)
    return "the app's, which the page may read" if shared else "the app's, which the browser withholds"


def echo(steps: Sequence[Step], *, as_plain_json: bool) -> None:
    """Print the steps."""
    from flask_cors_env.cli.render import as_json  # noqa: PLC0415 - only where it is asked for

    click.echo(as_json([as_value(step) for step in steps]) if as_plain_json else as_text(steps))
