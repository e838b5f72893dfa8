"""
The page: a report as one HTML file that needs nothing else, for a mail, a ticket or a printer.

No script, no font, no request: its content security policy allows the one style that it carries. Charts are
inline SVG in percent, so that they fit a phone and their text stays readable; every number that is drawn can
be read as well.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

from flask_cors_env.answers.report import Entry, Probe, Refusal, Report, Turn
from flask_cors_env.answers.words import account_of, remarks
from flask_cors_env.audit.event import clean
from flask_cors_env.audit.fields import POLICY_CHANGED, POLICY_LOADED, POLICY_REJECTED
from flask_cors_env.core.reason import Reason, Verdict

#: Lines of each table, and bars of the chart of hours: what is more is summed up.
_LINES, _BARS = 50, 240
_DENIALS = [reason.value for reason in Reason if reason.verdict is Verdict.DENY]

_STYLE = files(__package__).joinpath("page.css").read_text(encoding="ascii")
#: Texts longer than this are broken into lines, and numbers stand left of a mark that is further right.
_LONG, _EDGE = 40, 97


class _Cell(NamedTuple):
    """A cell: its text as HTML, and its class."""

    html: str
    kind: str = ""


def page(made: Report, title: str) -> str:
    """
    The report as HTML.

    Args:
        made: The report.
        title: What was read.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{rules}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>CORS: {_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
            *_head(made, title),
            *_hours(made),
            *_entries(made),
            *_probes(made),
            *_lists(made),
            *_rejected(made),
            *_integrity(made),
            "</body>\n</html>\n",
        ]
    )


def _text(value: object) -> str:
    """*value* as text that is neither markup nor invisible."""
    text = str(value)
    return escape(text if text.isascii() and text.isprintable() else clean(text, 10 * len(text)))


def _head(made: Report, title: str) -> Iterator[str]:
    yield f"<h1>{_text(title)}</h1>"
    yield f"<p>{_minute(made.first)} to {_minute(made.last)} UTC</p>" if made.first else "<p>No decision.</p>"
    account = made.verification
    lost = account.told + account.missing + sum(writer.before for writer in account.writers)
    told = {
        "allowed": made.total(Verdict.ALLOW),
        "denied": made.total(Verdict.DENY),
        "skipped": made.total(Verdict.SKIP),
        "records lost": lost,
    }
    yield "<dl>" + "".join(f"<div><dt>{n}</dt><dd>{v:,}</dd></div>" for n, v in told.items()) + "</dl>"


def _minute(timestamp: str) -> str:
    return _text(timestamp[:16].replace("T", " "))


# --- charts


def _hours(made: Report) -> Iterator[str]:
    """Denials over time, a bar an hour, or for some hours together; changes of policy as lines."""
    if not made.hours:
        return
    bars, each = _bars(made.hours)
    top = max(sum(reasons.values()) for _, reasons in bars) or 1
    top += top % 2  # so that half of it is a number of requests too
    turns = _turns(made)
    yield "<h2>Denied over time</h2>"
    bar = "an hour" if each == 1 else f"{each} hours"
    yield f"<p>A bar is {bar}; a dashed line is a policy that takes effect.</p>"
    yield '<svg height="220" role="img" aria-label="Denials by hour and reason">'
    yield from _grid()
    for at, (hour, reasons) in enumerate(bars):
        yield from _stack(at, len(bars), hour, reasons, top)
    yield from _scale(top)
    for number, turn in enumerate(turns, 1):
        if turn.timestamp:
            yield from _line(_place(turn.timestamp, list(made.hours), each, len(bars)), number, turn)
    yield "</svg>"
    yield '<svg height="16" aria-hidden="true">' + _ticks([hour for hour, _ in bars]) + "</svg>"
    yield from _legend(made.hours)
    yield from _changes(turns)


def _bars(hours: Mapping[str, Mapping[str, int]]) -> tuple[list[tuple[str, Counter[str]]], int]:
    """The hours as at most `_BARS` bars, and how many hours each is."""
    told, each = list(hours.items()), -(-len(hours) // _BARS)
    bars = []
    for at in range(0, len(told), each):
        summed: Counter[str] = Counter()
        for _, reasons in told[at : at + each]:
            summed.update(reasons)
        bars.append((told[at][0], summed))
    return bars, each


#: The part of a chart's height that bars take, in percent; above it stand the numbers of the changes.
_HEIGHT = 90.0


def _grid() -> Iterator[str]:
    for share in (1, 2):
        y = 100 - _HEIGHT / share
        yield f'<line class="grid" x1="0" x2="100%" y1="{y:.2f}%" y2="{y:.2f}%"/>'


def _scale(top: int) -> Iterator[str]:
    """What the lines stand for, before the bars: a high one must not hide it."""
    for share in (1, 2):
        y = 100 - _HEIGHT / share
        yield f'<text x="100%" y="{y:.2f}%" dy="-3" text-anchor="end">{top // share:,}</text>'


def _stack(at: int, count: int, hour: str, reasons: Mapping[str, int], top: int) -> Iterator[str]:
    y, width = 100.0, 100 / count
    for number, reason in _coloured(reasons):
        denied = reasons[reason]
        height = _HEIGHT * denied / top
        y -= height
        yield (
            f'<rect class="r{number}" x="{at * width:.3f}%" width="{width * 0.86:.3f}%" y="{y:.3f}%" '
            f'height="{height:.3f}%"><title>{_text(hour)}: {denied:,} {_text(reason or "-")}</title></rect>'
        )


def _coloured(reasons: Mapping[str, int]) -> Iterator[tuple[int, str]]:
    """The reasons that were given, each with its colour; what another version gives has one together."""
    known = {reason: number for number, reason in enumerate(_DENIALS)}
    found = ((known.get(reason, len(known)), reason) for reason, count in reasons.items() if count)
    yield from sorted(found)


def _turns(made: Report) -> list[Turn]:
    """The turns by which a policy takes effect: changes, and what is loaded where no change tells of it."""
    changed = {(turn.service, turn.policy) for turn in made.turns if turn.event == POLICY_CHANGED}
    return [
        turn
        for turn in made.turns
        if turn.event == POLICY_CHANGED
        or (turn.event == POLICY_LOADED and (turn.service, turn.policy) not in changed)
    ]


def _place(timestamp: str, hours: Sequence[str], each: int, count: int) -> float:
    """Where a time lies between the first hour and the last, in percent."""
    before = sum(hour <= timestamp[: len(hour)] for hour in hours) - 1
    return min(max(before / (each * count) * 100, 0), 100)


def _line(x: float, number: int, turn: Turn) -> Iterator[str]:
    title = f"<title>{_told(turn)}</title>"
    yield f'<line class="turn" x1="{x:.3f}%" x2="{x:.3f}%" y1="2%" y2="100%">{title}</line>'
    anchor, aside = ("end", -4) if x > _EDGE else ("start", 4)
    yield f'<text class="turn" x="{x:.3f}%" y="6%" dx="{aside}" text-anchor="{anchor}">{number}</text>'


def _ticks(hours: Sequence[str]) -> str:
    places = {0: ("0", "start"), len(hours) // 2: ("50%", "middle"), len(hours) - 1: ("100%", "end")}
    return "".join(
        f'<text x="{x}" y="12" text-anchor="{anchor}">{_text(hours[at].replace("T", " "))} h</text>'
        for at, (x, anchor) in places.items()
    )


def _legend(hours: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for reasons in hours.values():
        counts.update(reasons)
    yield '<ul class="legend">'
    for number, reason in _coloured(counts):
        mark = f'<svg aria-hidden="true"><rect class="r{number}" width="100%" height="100%"/></svg>'
        yield f"<li>{mark}{_text(reason or '-')} {counts[reason]:,}</li>"
    yield "</ul>"


def _changes(turns: Sequence[Turn]) -> Iterator[str]:
    if turns:
        yield '<ol class="turns">' + "".join(f"<li>{_told(turn)}</li>" for turn in turns) + "</ol>"


def _told(turn: Turn) -> str:
    when, what = turn.timestamp[:16].replace("T", " ") or "-", turn.event.rpartition(".")[2]
    parts = [
        f"{when} {turn.service}: {turn.policy} {what}",
        f"added {turn.added}" if turn.added else "",
        f"removed {turn.removed}" if turn.removed else "",
        "widened" if turn.widened else "",
    ]
    return _text(", ".join(part for part in parts if part))


def _bar(share: float, number: int) -> _Cell:
    bar = f'<rect class="r{number}" width="{100 * share:.2f}%" height="100%"/>'
    return _Cell(f'<svg height="12" aria-hidden="true">{bar}</svg>', "bar")


def _entries(made: Report) -> Iterator[str]:
    told = [entry for entry in made.entries if entry.requests or made.allows_are_told]
    top = max((entry.requests for entry in told), default=0) or 1
    head = ("n Requests", "", "Entry", "Resource", "Service", "Last used", "In the policy")
    yield from _table("Entries by use", head, [_entry(entry, top) for entry in told])


def _entry(entry: Entry, top: int) -> list[_Cell]:
    stands = {True: "yes", False: "no longer", None: "not told"}[entry.stands]
    return [
        _number(entry.requests),
        _bar(entry.requests / top, 5),
        _code(entry.entry),
        *map(_Cell, map(_text, (entry.resource, entry.service))),
        _Cell(_minute(entry.last) or "never"),
        _Cell(stands),
    ]


def _probes(made: Report) -> Iterator[str]:
    top = max((probe.origins for probe in made.probes), default=1)
    head = ("n Origins", "", "Client", "n Requests", "First", "Last")
    rows = [_probe(probe, top) for probe in made.probes]
    yield from _table("Clients that were refused under many origins", head, rows)


def _probe(probe: Probe, top: int) -> list[_Cell]:
    return [
        _number(probe.origins),
        _bar(probe.origins / top, 0),
        _code(probe.client),
        _number(probe.requests),
        _Cell(_minute(probe.first)),
        _Cell(_minute(probe.last)),
    ]


# --- lists


def _lists(made: Report) -> Iterator[str]:
    yield from _table(
        "Denied",
        ("n Requests", "n Clients", "Origin", "Request", "Resource", "Why", "Change", "Last"),
        [
            [_number(r.requests), _number(r.clients), _code(r.origin), _plain(r.kind), _plain(r.resource),
             _plain(r.why), _change(r),
             _Cell(_minute(r.last))]
            for r in made.refusals
        ],
    )  # fmt: skip
    yield from _table(
        "Near misses: an entry almost lets them in",
        ("n Requests", "Origin", "Nearest", "Differs in", "Resource"),
        [
            [_number(r.requests), _code(r.origin), _code(r.near), _plain(r.difference), _plain(r.resource)]
            for r in made.near_misses
        ],
    )
    yield from _table(
        "Denied by route",
        ("n Requests", "Route", "Resource", "Why", "Last"),
        [
            [
                _number(r.requests),
                _code(r.text),
                _plain(r.resource),
                _plain(r.reasons),
                _Cell(_minute(r.last)),
            ]
            for r in made.routes
        ],
    )
    yield from _table(
        "Let in",
        ("n Requests", "Origin", "By the entry", "Resource", "Since", "Last"),
        [
            [_number(a.requests), _code(a.origin), _code(a.entry), _plain(a.resource),
             _Cell(_minute(a.first)), _Cell(_minute(a.last))]
            for a in made.admissions
        ],
    )  # fmt: skip
    yield from _table(
        "Hours with many denials",
        ("Hour (UTC)", "n Denied", "n Usually", "Most of"),
        [
            [
                _plain(s.hour.replace("T", " ")),
                _number(s.requests),
                _Cell(f"{s.usual:g}", "n"),
                _code(s.origin),
            ]
            for s in made.spikes
        ],
    )
    yield from _table(
        "Sent by no browser",
        ("n Requests", "n Denied", "n Origins", "Client", "Host", "Last"),
        [
            [_number(s.requests), _number(s.denied), _number(s.origins), _code(s.client), _code(s.host),
             _Cell(_minute(s.last))]
            for s in made.scripts
        ],
    )  # fmt: skip
    yield from _table(
        "Policies",
        ("Policy", "Service", "n Allowed", "n Denied", "First", "Last"),
        [
            [_code(u.policy), _plain(u.service), _number(u.allow), _number(u.deny), _Cell(_minute(u.first)),
             _Cell(_minute(u.last))]
            for u in made.uses
        ],
    )  # fmt: skip


def _rejected(made: Report) -> Iterator[str]:
    """Policies that never took effect, which is why the chart of hours does not show them."""
    rows = [
        [_Cell(_minute(turn.timestamp)), _plain(turn.service), _number(turn.processes), _plain(turn.error)]
        for turn in made.turns
        if turn.event == POLICY_REJECTED
    ]
    yield from _table("Policies that were rejected", ("When", "Service", "n Processes", "Why"), rows)


def _integrity(made: Report) -> Iterator[str]:
    account = made.verification
    whole = "Every record is there or told lost." if account.is_whole else "Records are missing."
    yield "<h2>The log itself</h2>"
    yield f"<p>{account_of(account)}. {whole}</p>"
    for remark in remarks(made):
        yield f"<p>{remark[0].upper()}{remark[1:]}.</p>"


def _number(value: int) -> _Cell:
    return _Cell(f"{value:,}", "n")


def _plain(value: str | None) -> _Cell:
    if value is None or not value:
        return _Cell("-")
    return _Cell(_text(value), "w" if len(value) > _LONG else "")


def _change(one: Refusal) -> _Cell:
    return _code(one.variable) if one.variable else _plain(one.hint)


def _code(value: str | None) -> _Cell:
    cell = _plain(value)
    return cell if value is None or not value else cell._replace(html=f"<code>{cell.html}</code>")


def _table(heading: str, head: Iterable[str], rows: Sequence[Sequence[_Cell]]) -> Iterator[str]:
    """A heading and a table; neither where there are no rows. ``n`` before a column's name: numbers."""
    if not rows:
        return
    yield f"<h2>{heading}</h2>"
    yield '<div class="scroll"><table><thead><tr>' + "".join(map(_column, head)) + "</tr></thead><tbody>"
    for row in rows[:_LINES]:
        zero = ' class="zero"' if row[0].html == "0" else ""
        yield f"<tr{zero}>" + "".join(map(_cell, row)) + "</tr>"
    yield "</tbody></table></div>"
    if len(rows) > _LINES:
        yield f"<p>And {len(rows) - _LINES:,} more.</p>"


def _column(name: str) -> str:
    text = name.removeprefix("n ")
    kind = "" if text == name else ' class="n"'
    return f'<th scope="col"{kind}>{text}</th>'


def _cell(cell: _Cell) -> str:
    return f'<td class="{cell.kind}">{cell.html}</td>' if cell.kind else f"<td>{cell.html}</td>"
