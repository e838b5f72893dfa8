"""
Serves the shop and two pages on other origins, one that the policy lists and one that it does not.

Open both pages: each shows what its browser let it see, and beside that what the shop's audit log says.
"""

from __future__ import annotations

import argparse
import collections
import functools
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from flask_cors_env.cli.tailing import sentence

SHOP = Path(__file__).parent / "shop"
PORTS = (5000, 5173, 5174)
#: The last events of the shop, the newest last.
EVENTS: collections.deque[dict[str, Any]] = collections.deque(maxlen=200)


class Page(http.server.SimpleHTTPRequestHandler):
    """Serves the page, and the shop's events of its own origin, without a line for each request."""

    def do_GET(self) -> None:
        """Serve a file, or the decisions about this page as sentences."""
        if self.path != "/events":
            super().do_GET()
            return
        origin = f"http://{self.headers.get('Host', '')}"
        told = [_brief(event) for event in list(EVENTS) if event.get("cors.origin") == origin]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _brief(event: dict[str, Any]) -> str:
    """Return *event* as the terminal shows it, without its time and number."""
    return sentence(event).split(maxsplit=3)[-1].rpartition(" [")[0]


def serve_page(port: int) -> None:
    handler = functools.partial(Page, directory=str(SHOP))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def free(port: int) -> int:
    """Return *port* where nobody listens there, else another."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", port))
        except OSError:
            found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def show(line: str) -> None:
    """Keep an event of the shop; print it as a sentence at a terminal, and anything else as it is."""
    if line.startswith('{"cors.schema"'):
        event = json.loads(line)
        if event["event"] == "cors.decision":
            EVENTS.append(event)
        line = f"{sentence(event)}\n" if sys.stderr.isatty() else line
    sys.stderr.write(line)
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--ports", nargs=3, type=int, metavar=("SHOP", "LISTED", "UNLISTED"),
        help=f"where to serve; by default {PORTS}, or others where somebody listens there",
    )  # fmt: skip
    shop, listed, unlisted = parser.parse_args().ports or map(free, PORTS)
    for port in (listed, unlisted):
        serve_page(port)
    query = f"?shop=http://localhost:{shop}"
    print(f"the shop:       http://localhost:{shop}")
    print(f"listed page:    http://localhost:{listed}/page.html{query}")
    print(f"not listed:     http://localhost:{unlisted}/page.html{query}", flush=True)
    environ = {**os.environ, "CORS_ORIGINS": f"http://localhost:{listed}", "CORS_AUDIT_FORMAT": "json"}
    command = [sys.executable, "-m", "flask", "--app", "shop", "run", "--port", str(shop)]
    try:
        with subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=SHOP, env=environ, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stderr or ():
                show(line)
    except KeyboardInterrupt:
        return 0
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
