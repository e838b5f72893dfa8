"""
Measuring by counted instructions, in user space, exact to 1 %: what CPU time cannot tell on a noisy machine.

A process runs under ``valgrind --tool=callgrind``, which is told to write its counters out and to begin
anew whenever the C function ``getppid`` is entered: it is the clock here, read before and after a batch, and
nothing else calls it. Hashes are fixed and the garbage collector is off, so that two runs count the same.
"""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import CASES, Way
from measure import Measured, in_this_folder, sides_of
from subjects import Fleet

PASSES = 7
BATCH = 2


class NoCountError(Exception):
    """There is no valgrind, or it did not count."""


def count(folder, cases):
    """The counted ones of *cases*, measured in instructions a request, or in instructions a program."""
    if shutil.which("valgrind") is None:
        raise NoCountError("valgrind is not installed (apt-get install valgrind)")
    cases = [case for case in cases if case.counted]
    groups = [[case] for case in cases if case.way is not Way.TOGETHER]
    together = [case for case in cases if case.way is Way.TOGETHER]
    groups += [together] if together else []
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # what a neighbour does is not counted
        folders = (Path(folder) / str(number) for number in range(len(groups)))
        return [found for one in pool.map(_count_group, folders, groups) for found in one]


def _count_group(folder, cases):
    """*cases*, measured in one process; programs, each in its own."""
    folder.mkdir()
    if cases[0].way is Way.PROGRAM:
        return [_count_programs(folder, case) for case in cases]
    dumps = folder / "callgrind.out"
    order = _callgrind(folder, dumps, "--dump-before=getppid", __file__, *(case.name for case in cases))
    return _read(cases, json.loads(order), dumps)


def _count_programs(folder, case):
    row = {}
    for side, code in case.sides.items():
        _callgrind(folder, folder / side, "-c", in_this_folder(code))
        row[side] = _total(folder / side)
    return Measured(case, [[row]])


def _callgrind(folder, dumps, *arguments):
    """What an interpreter prints that counts into *dumps*."""
    options = [argument for argument in arguments if argument.startswith("--")]
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={dumps}", *options, sys.executable]
    done = subprocess.run(
        [*command, *arguments[len(options) :]],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    if done.returncode:
        raise NoCountError(done.stderr)
    return done.stdout


def _read(cases, order, dumps):
    """Pair the batches, in their *order*, with the counters: each wrote one before it, and one after."""
    found = {case.name: Measured(case) for case in cases}
    for number, (name, side) in enumerate(order):
        passes = found[name].passes
        if not passes or side in passes[-1][0]:
            passes.append([{}])
        passes[-1][0][side] = _total(dumps.with_name(f"{dumps.name}.{2 * number + 2}")) / BATCH
    return list(found.values())


def _total(dump):
    found = re.search(r"^totals: (\d+)$", dump.read_text(), re.MULTILINE) if dump.exists() else None
    if found is None:
        raise NoCountError(f"{dump} holds no total")
    return int(found[1])


def main(names):
    """Run the cases of those *names* under the counter, and tell the order of the batches."""
    gc.disable()
    fleet = Fleet(".")
    cases = [case for case in CASES if case.name in names]
    sides = [(case.name, side) for case in cases for side in sides_of(case, fleet)]
    order = []
    for name, side in sides * PASSES:
        side.run(1)  # what is due by the clock on the wall is due far too often in so slow a process
        side.run(BATCH, os.getppid)
        order.append((name, side.name))
    print(json.dumps(order))


if __name__ == "__main__":
    main(sys.argv[1:])
