"""
The same under load: gunicorn with two workers, asked by wrk over the loopback.

    python tests/benchmarks/load.py [--quick] [--gate] [--json FILE]

All servers of a mode are up together. A round asks each of them for a second, in random order, the same
request; figures are medians of the rounds' ratios to flask-cors in the same round. CPU time is that which
the workers take for a request. Afterwards the audit logs, in a file and through a pipe, are counted: one
line for every answer that wrk saw, and at most one more for every connection that it cut off; else the exit
code is 2.

With ``--gate`` it is 1 if a preflight does not take so much less CPU time than with flask-cors.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from subjects import MAKERS, ORIGINS, PATH, PROFILES

WORKERS = {"sync": ["--worker-class=sync"], "gthread": ["--worker-class=gthread", "--threads=4"]}
SERVERS = {"bare": "bare", "flask-cors": "flask-cors", "ours": "ours", "ours, a pipe": "ours"}
_ASKS = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,x-api-key"}
REQUESTS = {
    "no Origin": ("GET", {}),
    "GET allowed": ("GET", {"Origin": ORIGINS[0]}),
    "GET denied": ("GET", {"Origin": "https://app-0.exmple.com"}),
    "preflight allowed": ("OPTIONS", {"Origin": ORIGINS[0], **_ASKS}),
}
CONNECTIONS = 8
#: What flask-cors takes for a preflight, in workers' CPU time, over what ours takes; and its margin.
BAR, MARGIN = 1.8, 0.1
ROUNDS = 5
#: What is asked where a small size is enough, in one round.
QUICK = ("GET allowed", "preflight allowed")


class LoadError(Exception):
    """A server did not start, answered wrong, or its audit log does not hold what it answered."""


def application(maker, log):
    """What gunicorn serves: the app of *maker*, whose audit log, if it has one, is the file *log*."""
    return MAKERS[maker](PROFILES["std"], Path(log))


@dataclass
class Server:
    """One gunicorn at *url*, its audit log in the end in the file *log*."""

    url: str
    log: Path
    master: int
    decided: int = 0
    runs: int = 0

    def spent(self):
        """The CPU seconds that its workers have taken."""
        workers = Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
        return sum(map(_spent, workers))


def _spent(process):
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(name, mode, folder):
    """The server of that name, with the workers of *mode*, for as long as the context lasts."""
    stem = re.sub(r"\W+", "-", f"{name}-{mode}")
    log, said = folder / f"{stem}.jsonl", folder / f"{stem}.log"
    with contextlib.ExitStack() as undo:
        output = _piped(log, undo) if name.endswith("a pipe") else subprocess.DEVNULL
        target = "/dev/stdout" if name.endswith("a pipe") else log
        master = subprocess.Popen(_command(SERVERS[name], mode, target, said), stdout=output)
        undo.callback(_end, master)
        yield Server(_url(master, said), log, master.pid)


def _command(maker, mode, log, said):
    options = ["--workers=2", "--bind=127.0.0.1:0", f"--error-logfile={said}", *WORKERS[mode]]
    folder = f"--chdir={Path(__file__).parent}"
    return [sys.executable, "-m", "gunicorn", folder, *options, f"load:application({maker!r}, {str(log)!r})"]


def _piped(log, undo):
    """The end of a pipe to write to; what comes out of the other is kept in *log*."""
    with log.open("wb") as kept:
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=kept)
    undo.callback(reader.wait)
    undo.callback(reader.stdin.close)
    return reader.stdin


def _end(master):
    master.terminate()
    master.wait()


def _url(master, said):
    """Where the server listens, as soon as it answers."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience and master.poll() is None:
        found = re.search(r"Listening at: (http://\S+)", said.read_text()) if said.exists() else None
        if found and len(re.findall("Booting worker", said.read_text())) == 2:
            _wrk(found[1], "GET", {}, 1)
            return found[1]
        time.sleep(0.05)
    raise LoadError(f"gunicorn did not start: {said.read_text() if said.exists() else ''}")


@dataclass
class Answered:
    """What wrk saw: how many answers, and the time within which 99 of 100 came, in ms."""

    requests: int
    p99: float


_UNITS = {"us": 0.001, "ms": 1, "s": 1000}


def _wrk(url, method, headers, seconds):
    fields = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "{method}"\n')
        script.flush()
        command = ["wrk", *options, "-s", script.name, *fields, url + PATH]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise LoadError(said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    return Answered(int(re.search(r"(\d+) requests in", said)[1]), float(p99[1]) * _UNITS[p99[2]])


@dataclass
class Figures:
    """One request under one mode: by server the figures of each round."""

    rates: dict = field(default_factory=lambda: defaultdict(list))
    costs: dict = field(default_factory=lambda: defaultdict(list))
    p99s: dict = field(default_factory=lambda: defaultdict(list))

    def as_data(self):
        """Each server's medians, and those of its ratios to flask-cors; of CPU time, how much less."""
        return {
            name: {
                "requests_per_second": median(self.rates[name]),
                "cpu_us_per_request": median(self.costs[name]) * 1e6,
                "p99_ms": median(self.p99s[name]),
                "rate": _ratio(self.rates[name], self.rates["flask-cors"]),
                "capacity": _ratio(self.costs["flask-cors"], self.costs[name]),
                "p99": _ratio(self.p99s[name], self.p99s["flask-cors"]),
            }
            for name in SERVERS
        }


def _ratio(of, to):
    return median(one / other for one, other in zip(of, to, strict=True))


def measure(folder, *, quick):
    """By mode and request the figures of all servers, and how many audit lines were counted."""
    found, lines = {}, 0
    for mode in WORKERS:
        with contextlib.ExitStack() as undo:
            servers = {name: undo.enter_context(served(name, mode, folder)) for name in SERVERS}
            found[mode] = {request: Figures() for request in (QUICK if quick else REQUESTS)}
            for number in range(1 if quick else ROUNDS):
                print(f"{mode}, round {number + 1}", file=sys.stderr, flush=True)
                for request, figures in found[mode].items():
                    _round(servers, request, figures)
        lines += sum(check_log(server) for name, server in servers.items() if name.startswith("ours"))
    return {mode: {r: f.as_data() for r, f in by.items()} for mode, by in found.items()}, lines


def _round(servers, request, figures):
    method, headers = REQUESTS[request]
    for name in random.sample(list(servers), len(servers)):
        server = servers[name]
        before, begun = server.spent(), time.monotonic()
        seen = _wrk(server.url, method, headers, 1)
        took, spent = time.monotonic() - begun, server.spent() - before
        figures.rates[name].append(seen.requests / took)
        figures.costs[name].append(max(spent, 0.01) / seen.requests)
        figures.p99s[name].append(seen.p99)
        if headers:
            server.decided += seen.requests
            server.runs += 1


def check_log(server):
    """
    How many decisions the log of *server* holds, which has ended.

    Raises:
        LoadError: They are not those that wrk saw, and at most one more for each connection of a run.
    """
    with server.log.open() as lines:
        written = sum(json.loads(line)["event"] == "cors.decision" for line in lines)
    if not server.decided <= written <= server.decided + CONNECTIONS * server.runs:
        raise LoadError(f"{server.log.name}: {written} lines for {server.decided} decisions")
    return written


def table(found):
    """One row for each mode, request and server."""
    rows = [("workers", "request", "server", "requests/s", "CPU µs", "p99 ms", "rate", "capacity", "p99")]
    for mode, requests in found.items():
        for request, servers in requests.items():
            rows += [(mode, request, name, *map(_figure, data.values())) for name, data in servers.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def short(found):
    """The modes whose preflights fall short of the bar."""
    return [
        mode
        for mode, requests in found.items()
        if requests["preflight allowed"]["ours"]["capacity"] < BAR * (1 - MARGIN)
    ]


def main(arguments=None):
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of the main requests")
    parser.add_argument("--gate", action="store_true", help="exit 1 if the bar of preflights falls short")
    parser.add_argument("--json", metavar="FILE", help="write all figures to FILE")
    options = parser.parse_args(arguments)
    if shutil.which("wrk") is None:
        print("wrk is not installed (apt-get install wrk)", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            found, lines = measure(Path(folder), quick=options.quick)
    except LoadError as error:
        print(error, file=sys.stderr)
        return 2
    print(table(found), f"\n{lines:,} audit lines, none missing, none torn", sep="\n")
    if options.json:
        data = {"audit_lines": lines, "load": found}
        Path(options.json).write_text(json.dumps(data, indent=1) + "\n")
    return 1 if options.gate and short(found) else 0


if __name__ == "__main__":
    sys.exit(main())
