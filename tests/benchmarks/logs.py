"""
The benchmark of the engines: what a report of a long log takes, in seconds and in memory.

    python tests/benchmarks/logs.py [--events N] [--engine plain] [--folder DIR] [--gate]

A log of N decisions is written (`answers.generated`), and each engine makes a report of it in a process of
its own: Python alone, DuckDB that reads the log, DuckDB again from what it kept. All of them have to say the
same, and that many decisions, else the exit code is 2. ``--gate`` exits 1 where a bar falls short: DuckDB
twice as fast as Python alone where it reads the log and eight times where it has, its second report three
times faster than its first, and no engine above one gigabyte.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGINES = {"plain": "plain", "DuckDB": "duckdb", "DuckDB again": "duckdb"}
GIGABYTE = 1 << 30
READING, HAVING_READ, AGAIN = 2, 8, 3


def main(arguments=None):
    """Run the benchmark; returns the exit code."""
    options = _options(arguments)
    if options.child:
        print(json.dumps(_measured(options.child, options.log, Path(options.folder))))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        log = Path(folder) / "audit.jsonl"
        _write(log, options.events)
        print(f"{options.events:,} decisions, {log.stat().st_size / 1e9:.2f} GB", flush=True)
        asked = {name: engine for name, engine in ENGINES.items() if options.engine in {None, engine}}
        found = {name: _child(name, engine, log, Path(folder)) for name, engine in asked.items()}
    return _judged(found, options.events, gate=options.gate)


def _options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="how many decisions")
    parser.add_argument("--engine", choices=sorted(set(ENGINES.values())), help="only this one")
    parser.add_argument("--folder", help="where there is room for the log and what is kept of it")
    parser.add_argument("--gate", action="store_true", help="exit 1 if a bar falls short")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--log", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _write(path, count):
    sys.path.insert(0, str(ROOT / "tests"))
    from answers.generated import Generated

    with path.open("wb") as file:
        file.writelines(made.line + b"\n" for made in Generated(count).lines())


def _child(name, engine, log, folder):
    command = [
        sys.executable,
        __file__,
        "--child",
        engine,
        "--log",
        str(log),
        "--folder",
        str(folder / "kept"),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    print(
        f"{name:<14}{found['wall']:8.1f} s{found['cpu']:8.1f} s of CPU{found['peak'] / 1e6:8.0f} MB",
        flush=True,
    )
    return found


def _measured(engine, log, kept):
    """One report: seconds, seconds of CPU, the most memory, and what it says."""
    sys.path.insert(0, str(ROOT))
    from flask_cors_env.answers.engine import answers
    from flask_cors_env.answers.questions import Window
    from flask_cors_env.answers.report import QUESTIONS, report
    from flask_cors_env.cli.report import as_value

    begun = time.monotonic()
    made = as_value(report(answers([log], QUESTIONS, engine=engine, cache=kept), Window()))
    wall, used = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_SELF)
    said = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
    return {
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
        "said": said,
        "decisions": sum(made["decisions"].values()),
    }


def _judged(found, events, *, gate):
    said = {(one["said"], one["decisions"]) for one in found.values()}
    if len(said) > 1 or said.pop()[1] != events:
        print("the engines do not say the same", file=sys.stderr)
        return 2
    bars = [f"{name}: above a gigabyte" for name, one in found.items() if one["peak"] > GIGABYTE]
    if len(found) == len(ENGINES):
        plain, first, again = found.values()
        bars += _bar(plain, first, READING, "DuckDB that reads beside Python alone")
        bars += _bar(plain, again, HAVING_READ, "DuckDB that has read beside Python alone")
        bars += _bar(first, again, AGAIN, "the second report beside the first")
    print(*bars, sep="\n", end="\n" * bool(bars))
    return int(gate and bool(bars))


def _bar(slow, fast, times, name):
    print(f"{name}: {slow['wall'] / fast['wall']:.1f} x, {slow['cpu'] / fast['cpu']:.1f} x by CPU")
    return [] if slow["wall"] >= times * fast["wall"] else [f"{name}: less than {times} x"]


if __name__ == "__main__":
    sys.exit(main())
