"""What the README tells of the figures that `run.py` and `load.py` have written beside this module."""

import json
from pathlib import Path

from benchmarks.plot import NAMES, REQUESTS, parts_of_bare, plot

FOLDER = Path(__file__).parent
_FIGURES, _LOAD, PLOT = (FOLDER / name for name in ("figures.json", "load.json", "speed.svg"))

_NEW = ", every decision new"
_KINDS = {
    "20 patterns, GET allowed": ("20 patterns: GET allowed", "20 patterns: GET allowed, every origin new"),
    "20 patterns, preflight allowed": (
        "20 patterns: preflight allowed",
        "20 patterns: preflight allowed, every origin new",
    ),
    **{
        f"{kind}, {request}": (f"{kind}: {request}", f"{kind}: {request}{_NEW}")
        for kind in ("50 resources", "per view")
        for request in ("GET allowed", "preflight allowed")
    },
    **{
        f"{count} listed, GET allowed": (
            f"{count} origins: GET allowed",
            f"{count} origins: GET allowed{_NEW}",
        )
        for count in ("1", "100", "1,000", "10,000")
    },
}


def _figures():
    """The lines of the last run, by case and unit."""
    lines = json.loads(_FIGURES.read_text())["cases"]
    return {(line["case"], line["unit"].split()[0]): line for line in lines}


def _costs():
    return {name: line["costs"] for (name, unit), line in _figures().items() if unit == "µs"}


def _rows(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *map(_row, rows)]) + "\n"


def _row(cells):
    return f"| {' | '.join(cells)} |"


def speed_table():
    """What a request costs, where the same under bare Flask costs 1."""
    asked, costs = REQUESTS | _KINDS, _costs()
    rows = [(name, *_parts(parts_of_bare(costs, pair))) for name, pair in asked.items()]
    return _rows(("bare Flask = 1", *NAMES.values()), rows)


def _parts(found):
    return [f"{found[side]:.2f}" if side in found else "" for side in NAMES]


def bars_table():
    """The bars of what was counted too: what was measured by CPU time, and in instructions."""
    figures = _figures()
    counted = [name for (name, unit), line in figures.items() if line["bar"] and unit == "thousand"]
    rows = [
        (name, _words(figures[name, "µs"]["bar"]), *(_judged(figures[name, u]) for u in ("µs", "thousand")))
        for name in counted
    ]
    return _rows(("case", "bar", "CPU time", "instructions"), rows)


def _words(bar):
    return bar.replace("≤", "at most").replace("≥", "at least")


def _judged(line):
    if line is None:
        return ""
    figure = f"{line['measured']:.3f}" if line["measured"] < 10 else f"{line['measured']:.1f}"
    return figure if line["ok"] else f"{figure}, short"


def log_table():
    """What another way of the log adds to a GET that is allowed, where a file adds 1."""
    figures = _figures()
    names = [name for name, unit in figures if unit == "µs" and name.startswith("log: ")]
    rows = [
        (name.removeprefix("log: "), *(_judged(figures.get((name, unit))) for unit in ("µs", "thousand")))
        for name in names
    ]
    return _rows(("the log, or beside it; to a file = 1", "CPU time", "instructions"), rows)


def ways_table():
    """Write what a request costs that comes another way, where the same under bare Flask costs 1."""
    figures = _figures()
    names = [name for name, unit in figures if unit == "thousand" and name.startswith("way: ")]
    rows = []
    for name in names:
        costs = figures[name, "thousand"]["costs"]
        cells = [f"{costs[side] / costs['flask']:.2f}" for side in ("plain", "ours")]
        rows.append((name.removeprefix("way: "), *cells))
    return _rows(("bare Flask the same way = 1, instructions", "plain case", "this way"), rows)


def growth_list():
    """What is stated of growth, of what is hostile, of starts and of memory."""
    hostile, linear = _hostile()
    dearest = max(hostile, key=lambda case: case[1]["measured"])
    lines = [
        *(f"- {few}, {request}: {line['measured']:.2f} times" for few, request, line in _flat()),
        f"- the dearest of {len(hostile)} hostile requests, {_of(dearest)} times an ordinary one",
        *(f"- of hostile {_of(case)} times the cost of 8 kB" for case in linear),
        *(
            f"- start with {_of(case)} s of CPU time, first request included"
            for case in _begun_with("start: ")
        ),
        *(f"- memory {name}: {_bytes(line['measured'])}" for name, line in _begun_with("memory: ")),
    ]
    return "\n".join(lines) + "\n"


def _of(case):
    name, line = case
    return f"{name}: {line['measured']:.2f}"


def _flat():
    few = {"10,000 origins": "10,000 origins beside 10", "50 resources": "50 resources beside 1"}
    for many, words in few.items():
        for name, line in _begun_with(f"{many}, "):
            yield words, name, line


def _hostile():
    """The hostile requests, and those that are as many times longer."""
    found = _begun_with("hostile: ")
    linear = [case for case in found if "four times" in case[0]]
    return [case for case in found if case not in linear], linear


def _begun_with(words):
    """The cases whose names begin with *words*: how each goes on, and its line, the counted one if any."""
    found = {name: line for (name, _), line in _figures().items() if name.startswith(words)}
    return [(name.removeprefix(words), line) for name, line in found.items()]


def _bytes(size):
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def load_table():
    """What gunicorn's workers answer, where flask-cors answers 1."""
    load = json.loads(_LOAD.read_text())["load"]
    rows = [
        (f"{mode}, {request}", *(_of_load(found[name]) for name in ("bare", "ours", "ours, a pipe")))
        for mode, requests in load.items()
        for request, found in requests.items()
    ]
    return _rows(("flask-cors = 1", "bare Flask", "this, log in a file", "this, log in a pipe"), rows)


def _of_load(found):
    return f"{found['rate']:.2f}; {found['capacity']:.2f}; {found['p99']:.2f}"


def drawing():
    """The plot."""
    return plot(json.loads(_FIGURES.read_text()))
