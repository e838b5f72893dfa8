"""``flask cors report``: who was refused and why, what is let in and by which entry, and what stands out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from flask_cors_env.answers.engine import Answers
from flask_cors_env.answers.page import page
from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import Window
from flask_cors_env.answers.report import QUESTIONS, Report, report
from flask_cors_env.answers.words import account_of, counted, remarks
from flask_cors_env.cli import asking
from flask_cors_env.cli.asking import when as _when
from flask_cors_env.cli.reading import Reading, reads
from flask_cors_env.cli.render import as_json, echo, table
from flask_cors_env.core.origin import corrected
from flask_cors_env.core.reason import Reason, Verdict

_PAST = {Verdict.ALLOW: "allowed", Verdict.DENY: "denied", Verdict.SKIP: "skipped"}
_STANDS = {True: "yes", False: "no longer", None: "not told"}


@click.command()
@asking.LOGS
@click.option("--resource", metavar="NAME", help="Only what this resource decided.")
@click.option("--origin", metavar="ORIGIN", help="Only requests of this origin.")
@click.option(
    "--reason",
    metavar="REASON",
    help="Only decisions with this one among their reasons.",
)
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Lines of each table.")
@reads
@click.option(
    "--html", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write one self-contained page instead.",
)  # fmt: skip
@asking.JSON
def command(
    *,
    logs: tuple[str, ...],
    reading: Reading,
    top: int,
    file: Path | None,
    as_plain_json: bool,
    **narrowed: str | None,
) -> None:
    """Say who was refused and why, which entries are used, and what stands out. - is standard input."""
    if file is not None and as_plain_json:
        raise click.UsageError("--html writes a page and --json prints JSON: name one of them")
    asked = reading.window(Window(**narrowed))
    found = reading.answers(logs, QUESTIONS, asked)
    made = report(found, asked)
    _refuse_unknown(asked, made, found)
    if file is not None:
        _write(file, page(made, ", ".join(logs)))
        return
    echo(as_json(as_value(made)) if as_plain_json else lines(made, top))


def _refuse_unknown(asked: Window, made: Report, found: Answers) -> None:
    """
    Raise where a name that nothing in the log has explains why no decision was counted.

    Raises:
        click.BadParameter: With the name that was meant, if there is one like it.
    """
    if sum(map(made.total, Verdict)):
        return
    if asked.reason is not None and asked.reason not in set(Reason):
        raise asking.unknown("--reason", asked.reason, Reason)
    names = {resource.name for policy in policies(found.policies).values() for resource in policy.resources}
    if asked.resource is not None and asked.resource not in names:
        raise asking.unknown("--resource", asked.resource, names)
    if asked.origin is not None:
        meant = corrected(asked.origin)
        if asked.origin not in {"null", meant}:
            raise asking.unknown("--origin", asked.origin, () if meant is None else (meant,), cutoff=0)
        echo(f"no request of {asked.origin} is in this part of the log", err=True)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="ascii")
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from None


def as_value(made: Report) -> dict[str, Any]:
    """The report for another program: each list's members by their names."""
    account = made.verification
    return {
        "first": made.first,
        "last": made.last,
        "decisions": {verdict.value: made.total(verdict) for verdict in Verdict},
        "policies": _values(made.uses),
        "denied": _values(made.refusals),
        "near_misses": _values(made.near_misses),
        "let_in": _values(made.admissions),
        "routes": _values(made.routes),
        "entries": _values(made.entries),
        "allows_are_told": made.allows_are_told,
        "denied_by_hour": made.hours,
        "spikes": _values(made.spikes),
        "probing_clients": _values(made.probes),
        "no_browser": _values(made.scripts),
        "perhaps_no_browser": made.unclear,
        "timeline": _values(made.turns),
        "disagreeing": _values(made.disagreements),
        "integrity": {
            "records": account.records,
            "writers": len(account.writers),
            "whole": account.is_whole,
            "missing": account.missing,
            "before": sum(writer.before for writer in account.writers),
            "told": account.told,
            "torn": account.torn,
            "duplicates": sum(writer.duplicates for writer in account.writers),
            "foreign": account.foreign,
            "inside": account.inside,
            "contradicting": list(account.contradicting),
            "unknown": account.unknown,
            "files_without_a_record": list(account.empty),
            "sealed": account.sealing is not None,
            **({} if account.sealing is None else {"sealing": account.sealing.value()}),
            "undated": made.undated,
        },
    }


def _values(told: Iterable[Any]) -> list[dict[str, Any]]:
    return [one._asdict() for one in told]


# --- for a person


class _Section(NamedTuple):
    """A heading, what its columns are called, and its lines; a section without lines is left out."""

    heading: str
    head: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def lines(made: Report, top: int) -> Iterator[str]:
    """The report for a person, *top* lines of each table."""
    yield from _summary(made)
    for section in _sections(made):
        if section.rows:
            yield ""
            yield section.heading
            yield from table(section.head, (tuple(map(_cell, row)) for row in section.rows[:top]))
            if len(section.rows) > top:
                yield f"and {len(section.rows) - top} more; --json has them all"
    yield ""
    yield from _integrity(made)


def _cell(value: object) -> str:
    if value is None or not str(value):
        return "-"
    return f"{value:,}" if isinstance(value, int) else asking.safe(str(value))


def _summary(made: Report) -> Iterator[str]:
    counts = {verdict: made.total(verdict) for verdict in Verdict}
    told = ", ".join(f"{count:,} {_PAST[verdict]}" for verdict, count in counts.items() if count)
    between = f", {_when(made.first)} to {_when(made.last)} UTC" if made.first else ""
    yield f"{counted(sum(counts.values()), 'decision')}{between}: {told or 'none'}"
    yield from _disagreeing(made)


def _disagreeing(made: Report) -> Iterator[str]:
    for one in made.disagreements:
        policies = " and ".join(map(asking.safe, one.policies))
        yield (
            f"Processes of {asking.safe(one.service)} disagree since {_when(one.since)}: {policies} decide, "
            f"and a changed file is rejected ({asking.safe(one.error)}). "
            "Mend the file, then restart every process."
        )


def _sections(made: Report) -> Iterator[_Section]:
    yield _Section(
        "Denied",
        ("REQUESTS", "CLIENTS", "ORIGIN", "REQUEST", "RESOURCE", "WHY", "CHANGE", "LAST"),
        [
            (r.requests, r.clients, r.origin, r.kind, r.resource, r.why,
             r.variable or r.hint,
             _when(r.last))
            for r in made.refusals
        ],
    )  # fmt: skip
    yield _Section(
        "Near misses: an entry almost lets them in",
        ("REQUESTS", "ORIGIN", "NEAREST", "DIFFERS IN", "RESOURCE"),
        [(r.requests, r.origin, r.near, r.difference, r.resource) for r in made.near_misses],
    )
    yield _Section(
        "Denied by route",
        ("REQUESTS", "ROUTE", "RESOURCE", "WHY", "LAST"),
        [(r.requests, r.text, r.resource, r.reasons, _when(r.last)) for r in made.routes],
    )
    yield _Section(
        "Let in",
        ("REQUESTS", "ORIGIN", "BY THE ENTRY", "RESOURCE", "SERVICE", "SINCE", "LAST"),
        [(a.requests, a.origin, a.entry, a.resource, a.service, _when(a.first), _when(a.last))
         for a in made.admissions],
    )  # fmt: skip
    yield from _entries(made)
    yield _Section(
        "Hours with many denials",
        ("HOUR (UTC)", "DENIED", "USUALLY", "MOST OF"),
        [
            (s.hour, s.requests, f"{s.usual:g}", f"{s.origin or '-'} ({s.origin_requests:,})")
            for s in made.spikes
        ],
    )
    yield _Section(
        "Clients that were refused under many origins",
        ("CLIENT", "ORIGINS", "REQUESTS", "FIRST", "LAST"),
        [(p.client, p.origins, p.requests, _when(p.first), _when(p.last)) for p in made.probes],
    )
    yield _Section(
        "Sent by no browser (no Sec-Fetch-Site; Safari before 16.4 sends none either)",
        ("REQUESTS", "DENIED", "ORIGINS", "CLIENT", "HOST", "LAST"),
        [(s.requests, s.denied, s.origins, s.client, s.host, _when(s.last)) for s in made.scripts],
    )
    yield _Section(
        "Policies",
        ("POLICY", "SERVICE", "ALLOWED", "DENIED", "FIRST", "LAST"),
        [(u.policy, u.service, u.allow, u.deny, _when(u.first), _when(u.last)) for u in made.uses],
    )
    yield _Section(
        "Time line",
        ("TIME", "EVENT", "POLICY", "SERVICE", "PROCESSES", "WHAT"),
        [(_when(t.timestamp), t.event.rpartition(".")[2], t.policy, t.service, t.processes, _what(t))
         for t in made.turns],
    )  # fmt: skip


def _what(turn: Any) -> str:
    parts = [f"+{turn.added}" if turn.added else "", f"-{turn.removed}" if turn.removed else "", turn.error]
    return " ".join(part for part in (*parts, "(widened)" if turn.widened else "") if part)


def _entries(made: Report) -> Iterator[_Section]:
    rows = [
        (e.requests, e.origins, e.entry, e.resource, e.service, _when(e.last or "never"), _STANDS[e.stands])
        for e in made.entries
        if e.requests or made.allows_are_told
    ]
    head = ("REQUESTS", "ORIGINS", "ENTRY", "RESOURCE", "SERVICE", "LAST USED", "IN THE POLICY")
    yield _Section("Entries that let origins in, the least used first", head, rows)


def _integrity(made: Report) -> Iterator[str]:
    account = made.verification
    yield account_of(account)
    if account.told:
        lost = counted(account.told, "record was lost", "records were lost")
        yield f"{lost}, as the log itself tells"
    if not account.is_whole:
        missing = account.missing + sum(writer.before for writer in account.writers)
        lacking = counted(missing, "record is missing", "records are missing")
        yield f"{lacking}: flask cors verify says which"
    yield from remarks(made)
