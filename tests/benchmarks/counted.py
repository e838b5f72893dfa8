"""
Measuring by counted instructions, in user space, exact to 1 %: what CPU time cannot tell on a noisy machine.

The process runs under ``valgrind --tool=callgrind``, which is told to write its counters out and to begin
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
from pathlib import Path

from cases import CASES
from measure import Measured, sides_of
from subjects import Fleet

PASSES = 3
BATCH = 4


class NoCountError(Exception):
    """There is no valgrind, or it did not count."""


def count(folder):
    """The counted cases, measured in instructions a request."""
    if shutil.which("valgrind") is None:
        raise NoCountError("valgrind is not installed (apt-get install valgrind)")
    dumps = Path(folder) / "callgrind.out"
    command = [
        "valgrind",
        "--tool=callgrind",
        "--dump-before=getppid",
        f"--callgrind-out-file={dumps}",
        sys.executable,
        __file__,
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    if done.returncode:
        raise NoCountError(done.stderr)
    return _read(json.loads(done.stdout), dumps)


def _read(order, dumps):
    """Pair the batches, in their *order*, with the counters: each wrote one before it, and one after."""
    found = {case.name: Measured(case) for case in CASES if case.counted}
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


def main():
    """Run every counted case under the counter, and tell the order of the batches."""
    gc.disable()
    fleet = Fleet(".")
    sides = [(case.name, side) for case in CASES if case.counted for side in sides_of(case, fleet)]
    order = []
    for name, side in sides * PASSES:
        side.run(1)  # what is due by the clock on the wall is due far too often in so slow a process
        side.run(BATCH, os.getppid)
        order.append((name, side.name))
    print(json.dumps(order))


if __name__ == "__main__":
    main()
