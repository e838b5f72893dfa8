"""
The benchmark: what this package costs, beside bare Flask and beside flask-cors.

    python tests/benchmarks/run.py [--quick] [--exact] [--gate] [--only TEXT] [--json FILE] [--svg FILE]

All apps run in this one process and get the same requests by turns, in short batches; a figure is the
median of paired ratios of CPU time. Ours writes its whole audit log to a file all the while, and the lines
are counted at the end; flask-cors writes nothing. What an app shares with its whole process, as structlog's
configuration, is measured in forks. With ``--exact`` the basic cases are counted in instructions too
(valgrind), and the bars hold for those figures as well.

``--gate`` exits 1 where a bar falls short for certain: the figure by more than the bar's margin, and the
figure of every single pass as well (`report.Line.fails`). What was counted is judged by the count alone,
which no neighbour on the machine disturbs; for the rest a busy machine can be too busy. An answer that is not
what the case says, or a missing audit event, ends the run with exit code 2.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from cases import CASES, INSTRUCTIONS
from counted import NoCountError, count
from measure import FULL, QUICK, LostEventError, WrongAnswerError, check_events, measure
from plot import plot
from report import Line, table
from subjects import Fleet


def main(arguments=None):
    """Run the benchmark; returns the exit code."""
    options = _options(arguments)
    cases = [case for case in CASES if options.only.lower() in case.name.lower()]
    data_file, plot_file = (Path(name).absolute() if name else None for name in (options.json, options.svg))
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # away from anyone's .env
            begun = time.monotonic()
            lines, events = _measure(Path(folder), options, cases)
    except (WrongAnswerError, LostEventError, NoCountError) as error:
        print(error, file=sys.stderr)
        return 2
    machine = {**_machine(), "seconds": round(time.monotonic() - begun, 1), "audit_events": events}
    print(table(lines), "", ", ".join(f"{name} {value}" for name, value in machine.items()), sep="\n")
    data = {"machine": machine, "cases": [line.as_data() for line in lines]}
    if data_file:
        data_file.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    if plot_file:
        plot_file.write_text(plot(data))
    return judge(lines) if options.gate else 0


def _options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small size; the figures are rough")
    parser.add_argument("--exact", action="store_true", help="count instructions too, with valgrind")
    parser.add_argument("--gate", action="store_true", help="exit 1 if a bar falls short for certain")
    parser.add_argument("--only", metavar="TEXT", default="", help="the cases with TEXT in their names")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--svg", metavar="FILE", help="draw the figures that the README shows, to FILE")
    return parser.parse_args(arguments)


def _measure(folder, options, cases):
    """The lines of the report, and how many audit events were written for them."""
    fleet = Fleet(folder)
    measured = measure(fleet, QUICK if options.quick else FULL, _tell, cases)
    events = check_events(fleet, measured)
    lines = [Line(case, case.case.unit) for case in measured]
    if options.exact:
        _tell("counting instructions")
        counted = folder / "counted"
        counted.mkdir()
        lines += [Line(case, INSTRUCTIONS) for case in count(counted, cases)]
    return lines, events


def _tell(progress):
    print(progress, file=sys.stderr, flush=True)


def _machine():
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("flask", "werkzeug", "flask-cors", "structlog", "orjson")},
        "load": round(os.getloadavg()[0], 1),
    }


def judge(lines):
    """The exit code of a gate, which says what falls short."""
    counted = {line.measured.case.name for line in lines if line.unit == INSTRUCTIONS}
    judged = [line for line in lines if line.unit == INSTRUCTIONS or line.measured.case.name not in counted]
    failing = [line for line in judged if line.fails]
    for line in failing:
        print(f"falls short for certain: {line.measured.case.name} ({line.unit})")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
