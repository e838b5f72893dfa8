"""``flask cors probe``: what a running server answers, beside what its policy says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from flask_cors_env.answers.probe.asked import Finding, Place, Prober, Question
from flask_cors_env.answers.probe.compared import Likely
from flask_cors_env.answers.probe.wire import NoAnswerError, Wire
from flask_cors_env.answers.words import counted
from flask_cors_env.audit.event import clean
from flask_cors_env.cli.render import as_json, table
from flask_cors_env.config.build import Built
from flask_cors_env.core.policy import Resource
from flask_cors_env.testing.browser.requests import has_userinfo, parse_url

if TYPE_CHECKING:
    from flask import Flask

    from flask_cors_env.web.state import State

_HEAD = ("REQUEST", "ORIGIN", "EXPECTED", "GOT")
#: Causes that are a second layer beside the app.
_LAYERS = (Likely.TWO_LAYERS, Likely.OTHER_LAYER)


@dataclass
class Probe:
    """
    What came of it.

    Attributes:
        asked: How many requests were answered.
        left: How many were not sent, for their number.
        unreached: Resources for which there is no path to ask.
        nobody: The resources that were asked and allow nobody.
        somebody: Whether a resource was asked that allows somebody.
        failure: Why the server could not be asked; None where it could.
    """

    url: str
    built: Built
    findings: list[Finding] = field(default_factory=list)
    asked: int = 0
    left: int = 0
    unreached: list[str] = field(default_factory=list)
    nobody: list[str] = field(default_factory=list)
    somebody: bool = False
    failure: str | None = None

    @property
    def differing(self) -> int:
        """How many requests differ for a page."""
        return sum(finding.difference.differs for finding in self.findings)

    @property
    def status(self) -> int:
        """The command's exit status."""
        if self.failure is not None or not self.asked:
            return 2
        return 1 if self.differing else 0 if self.somebody else 2


class Asking(NamedTuple):
    """How is asked, and about which paths; without any, one for each resource."""

    wire: Wire
    paths: tuple[str, ...] = ()
    get: bool = False
    limit: int = 100


def base(url: str) -> str:
    """*url* as what paths are put behind."""
    parts = parse_url(url) if url.isprintable() and " " not in url else None
    if parts is None or has_userinfo(parts):
        raise click.UsageError("URL is no http or https URL, or has a user name in it")
    return parts._replace(query="", path=parts.path.rstrip("/")).geturl()


def absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    """*paths*, each of which begins with a slash."""
    if not all(path.startswith("/") for path in paths):
        raise click.UsageError("a --path begins with a slash")
    return paths


def probe(state: State, app: Flask | None, url: str, asking: Asking) -> Probe:
    """Ask the server at *url* about every resource of *state*, or about the paths that are named."""
    prober = Prober(state.policy, state.decisions, url)
    made = Probe(url, state.built)
    places = [Place(path) for path in asking.paths]
    if not places:
        found = prober.places(_rules(app))
        made.unreached = prober.unreached(found)
        places = list(found.values())
    for place in places:
        resource = prober.governing(place)
        if resource is not None and _allows_nobody(resource):
            made.nobody.append(resource.name)
        else:
            made.somebody |= resource is not None
    questions = [question for place in places for question in prober.questions(place, get=asking.get)]
    ask_all(made, prober, questions, asking)
    return made


def _allows_nobody(resource: Resource) -> bool:
    return not resource.origins and resource.origin_function is None


def _rules(app: Flask | None) -> Iterator[tuple[str, set[str]]]:
    """The app's routes with their methods; static files are often a proxy's to serve."""
    for rule in () if app is None else app.url_map.iter_rules():
        if rule.endpoint.rpartition(".")[2] != "static":
            yield rule.rule, set(rule.methods or ())


def ask_all(made: Probe, prober: Prober, questions: list[Question], asking: Asking) -> None:
    """Ask *questions*, one after the other, until their limit or until the server cannot be asked."""
    made.left = max(0, len(questions) - asking.limit)
    for question in questions[: asking.limit]:
        try:
            found = prober.compare(question, asking.wire.ask)
        except NoAnswerError as error:
            made.failure = f"{made.url} cannot be asked: {error} ({clean(str(question))})"
            return
        made.asked += 1
        made.findings += [found] if found else []
    made.findings = _of_one_mind(made.findings)


def _of_one_mind(findings: list[Finding]) -> list[Finding]:
    """
    Return *findings* with the second layer that some tell of as the cause of all.

    Such a layer sets the fields of views too, where the app's Vary stays: that proves no other policy,
    unless preflights tell of one.
    """
    layer = next((f.difference.likely for f in findings if f.difference.likely in _LAYERS), None)
    others = [f for f in findings if f.difference.likely is Likely.OTHER_POLICY]
    if layer is None or any(finding.question.is_preflight for finding in others):
        return findings
    return [
        finding._replace(difference=finding.difference._replace(likely=layer))
        if finding in others
        else finding
        for finding in findings
    ]


def echo(made: Probe, *, as_plain_json: bool) -> None:
    """Print what differs; what was not asked goes to standard error."""
    if made.failure is not None:
        click.echo(made.failure, err=True)
    elif not made.asked:
        click.echo("There is nothing to ask: no resource is enabled, or none has a path", err=True)
    if made.left:
        click.echo(f"{counted(made.left, 'request')} not sent; see --limit", err=True)
    for name in made.nobody:
        click.echo(
            f"{clean(name)} allows nobody, so there was nothing to compare: "
            "a server without CORS answers the same",
            err=True,
        )
    for name in made.unreached:
        click.echo(f"{clean(name)} is not asked: no path leads to it; see --path", err=True)
    click.echo(as_json(as_value(made)) if as_plain_json else "\n".join(lines(made)))


def lines(made: Probe) -> Iterator[str]:
    """What differs by its likeliest cause, and a summary."""
    for likely in Likely:
        found = [finding for finding in made.findings if finding.difference.likely is likely]
        if found:
            yield f"{likely.meaning}: {counted(len(found), 'request')}"
            yield f"  {likely.remedy}"
            yield from table(_HEAD, map(_row, found))
            yield ""
    policy = f"{made.built.policy.id} by the rules of {made.built.environment.name}"
    yield f"{policy}: {_word(made)} ({_counts(_numbers(made).items())})"


def _row(finding: Finding) -> tuple[str, ...]:
    question, difference = finding.question, finding.difference
    return tuple(map(clean, (str(question), question.origin, difference.expected, difference.got)))


def _word(made: Probe) -> str:
    if made.asked and made.failure is None and not made.somebody and not made.differing:
        return "nothing to compare"
    return {0: "agrees", 1: "differs"}.get(made.status, "not asked" if not made.asked else "not all asked")


def _numbers(made: Probe) -> dict[str, int]:
    noted = len(made.findings) - made.differing
    return {"same": made.asked - len(made.findings), "differ": made.differing, "noted": noted}


def _counts(numbers: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{number} {name}" for name, number in numbers)


def as_value(made: Probe) -> dict[str, Any]:
    """What came of it for another program."""
    return {
        "agrees": made.status == 0,
        "url": made.url,
        "policy": made.built.policy.id,
        "environment": made.built.environment.name,
        "requests": {**_numbers(made), "not_sent": made.left},
        "unreached": made.unreached,
        "nobody": made.nobody,
        "failure": made.failure,
        "findings": list(map(_told, made.findings)),
    }


def _told(finding: Finding) -> dict[str, Any]:
    question, difference = finding.question, finding.difference
    return {
        "kind": "preflight" if question.is_preflight else "actual",
        "method": question.method,
        "path": question.path,
        "origin": question.origin,
        "headers": list(question.names),
        "resource": finding.resource,
        "expected": clean(difference.expected),
        "got": clean(difference.got),
        "differs": difference.differs,
        "likely": difference.likely.value,
        "meaning": difference.likely.meaning,
        "remedy": difference.likely.remedy,
    }
