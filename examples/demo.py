"""
Serves the shop and two pages on other origins, one that the policy lists and one that it does not.

Open both pages; each tells what its browser let it see, and this terminal shows the shop's audit events.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

SHOP = Path(__file__).parent / "shop"


class Page(http.server.SimpleHTTPRequestHandler):
    """Serves the page without a line for each request: the terminal is for the shop's events."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve_page(port: int) -> None:
    handler = functools.partial(Page, directory=str(SHOP))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", nargs=3, type=int, default=[5000, 5173, 5174], metavar="PORT")
    shop, listed, unlisted = parser.parse_args().ports
    for port in (listed, unlisted):
        serve_page(port)
    query = "" if shop == 5000 else f"?shop=http://localhost:{shop}"  # noqa: PLR2004 - the page's own default
    print(f"listed page:    http://localhost:{listed}/page.html{query}")
    print(f"not listed:     http://localhost:{unlisted}/page.html{query}", flush=True)
    environ = dict(os.environ)
    if listed != 5173:  # noqa: PLR2004 - the port that shop/.env lists
        environ["CORS_ORIGINS"] = f"http://localhost:{listed}"
    command = [sys.executable, "-m", "flask", "--app", "shop", "run", "--port", str(shop)]
    try:
        return subprocess.run(command, cwd=SHOP, env=environ, check=False).returncode  # noqa: S603 - our own words
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
