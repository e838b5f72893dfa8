"""``flask cors replay``: what another policy would have done with the requests in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import click

from flask_cors_env.answers.candidate import LOG, of_file
from flask_cors_env.answers.replay import Judged, Outcome, Replay, replay
from flask_cors_env.answers.words import counted
from flask_cors_env.audit.event import clean
from flask_cors_env.cli import asking
from flask_cors_env.cli.reading import Reading, reads
from flask_cors_env.cli.render import as_json, echo, table
from flask_cors_env.config.build import Built
from flask_cors_env.config.errors import CORSConfigError

_HEADINGS = {
    Outcome.REFUSED: "Newly refused",
    Outcome.ALLOWED: "Newly allowed",
    Outcome.UNDECIDABLE: "Undecidable",
}
_HEAD = ("REQUESTS", "TODAY", "RESOURCE", "ORIGIN", "REQUEST", "WHY", "LAST")
#: How many lines of each kind are printed for people; JSON has them all.
_SHOWN = 20


@click.command()
@asking.LOGS
@click.option(
    "--policy", "file", required=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="The policy to try: an env file, or a policy file (.toml, .json).",
)  # fmt: skip
@asking.ENVIRONMENT
@asking.SERVICE
@reads
@asking.JSON
@click.pass_context
def command(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    logs: tuple[str, ...],
    reading: Reading,
    file: str,
    environment: str | None,
    service: str | None,
    as_plain_json: bool,
) -> None:
    """Try another policy on a log's requests. Exit 1 if one that is allowed may be refused."""
    told = asking.ask(logs, reading, service)
    try:
        because = LOG if environment is None else f"--env={environment}"
        built = of_file(file, asking.environment(told, environment), because)
    except CORSConfigError as error:
        echo(str(error), err=True)
        ctx.exit(2)
    found = replay(told.shapes, told.policies, built.policy)
    echo(as_json(as_value(found, built)) if as_plain_json else lines(found, built))
    ctx.exit(0 if found.holds else 1)


class Line(NamedTuple):
    """Requests that come out alike, whichever of the log's policies decided them."""

    today: str
    resource: str
    origin: str
    request: str
    why: str
    requests: int
    last: str


def gathered(judged: Iterable[Judged]) -> list[Line]:
    """One line for all that look the same, those with the most requests first."""
    found: dict[tuple[str, ...], Line] = {}
    for one in judged:
        line = _line(one)
        before = found.get(line[:5])
        found[line[:5]] = line if before is None else _added(before, line)
    return sorted(found.values(), key=lambda line: (-line.requests, line))


def _line(judged: Judged) -> Line:
    shape = judged.shape
    why = ",".join(judged.reasons) + (f" ({', '.join(judged.offending)})" if judged.offending else "")
    return Line(
        shape.verdict.value,
        clean(shape.resource or "none"),
        clean(shape.request.origin or "-"),
        asking.asked(shape),
        clean(why),
        shape.requests,
        asking.when(shape.last),
    )


def _added(one: Line, other: Line) -> Line:
    return one._replace(requests=one.requests + other.requests, last=max(one.last, other.last))


def lines(found: Replay, built: Built) -> Iterator[str]:
    """The outcome for a person, what breaks first."""
    for outcome, heading in _HEADINGS.items():
        told = gathered(found.of(outcome))
        if told:
            yield f"{heading}: {counted(found.requests(outcome), 'request')}"
            yield from table(_HEAD, map(_row, told[:_SHOWN]))
            yield from _more(told)
            yield from _doubts(found.of(outcome)) if outcome is Outcome.UNDECIDABLE else ()
            yield ""
    yield f"{built.policy.id} by the rules of {built.environment.name}: {_summary(found)}"


def _row(line: Line) -> tuple[str, ...]:
    return str(line.requests), line.today, line.resource, line.origin, line.request, line.why, line.last


def _more(told: list[Line]) -> Iterator[str]:
    if len(told) > _SHOWN:
        yield f"and {counted(len(told) - _SHOWN, 'more line')}; --json has them all"


def _doubts(judged: Iterable[Judged]) -> Iterator[str]:
    """What the doubts mean, each once."""
    for doubt in sorted({one.doubt for one in judged if one.doubt is not None}):
        yield f"  {doubt.value}: {doubt.meaning}"


def _summary(found: Replay) -> str:
    counts = {outcome: found.requests(outcome) for outcome in Outcome}
    told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
    return f"{'holds' if found.holds else 'breaks'} ({told})"


def as_value(found: Replay, built: Built) -> dict[str, Any]:
    """The outcome for another program."""
    counts = {outcome.value: found.requests(outcome) for outcome in Outcome}
    lists = {outcome.value: [_told(line) for line in gathered(found.of(outcome))] for outcome in _HEADINGS}
    return {
        "holds": found.holds,
        "policy": built.policy.id,
        "environment": built.environment.name,
        "requests": counts,
        **lists,
    }


def _told(line: Line) -> dict[str, Any]:
    return line._asdict()
