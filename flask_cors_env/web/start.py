"""What a person is told at the start: that production is a fallback, and a bad policy once."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import sys
import time
from pathlib import Path

from flask_cors_env.config.environment import DEVELOPMENT_SERVER, FALLBACK, Environment
from flask_cors_env.config.errors import CORSConfigError

_LOG = logging.getLogger("flask_cors_env")
#: The processes that have said it.
_SAID: set[int] = set()
_LOOPBACK_PAGE = re.compile(r"https?://(?:(?:[a-z0-9-]+\.)*localhost|127\.[0-9.]+|\[::1\])(?::[0-9]+)?")
#: gunicorn takes this exit status for an app that cannot be loaded, and stops.
_APP_LOAD_ERROR = 4
#: Seconds for which the first worker that fails stays at most, so that the others find that it has told why.
_STAYS = 5.0


class Notice:
    """
    One line, once per process, where somebody develops and production is only the fallback.

    Args:
        environment: Whose rules hold.
    """

    def __init__(self, environment: Environment) -> None:
        self._is_due = environment.fallback

    def tell(self, origin: str | None, server: str = "") -> None:
        """Say it where Werkzeug's server or a loopback page asks; no decision depends on that."""
        if not self._is_due:
            return
        if server.startswith(DEVELOPMENT_SERVER) or _LOOPBACK_PAGE.fullmatch(origin or ""):
            self._is_due = False
            if os.getpid() not in _SAID:
                _SAID.add(os.getpid())
                _LOG.warning("CORS: the rules of production hold. %s", FALLBACK)


#: Says nothing.
NO_NOTICE = Notice(Environment("production", ""))


class _ToldError(CORSConfigError, SystemExit):
    """An error whose text was printed: gunicorn ends a worker for it without printing it twice again."""

    def __init__(self, error: CORSConfigError) -> None:
        CORSConfigError.__init__(
            self, error.problems, error.environment, fallback=error.fallback, warnings=error.warnings
        )
        self.code = _APP_LOAD_ERROR


def once(error: CORSConfigError) -> CORSConfigError:
    """
    Return what to raise for *error*: itself, or under gunicorn one that is printed already, by one worker.

    gunicorn prints an exception of its workers twice, for every worker.
    """
    arbiter = sys.modules.get("gunicorn.arbiter")
    by_gunicorn = os.environ.get("SERVER_SOFTWARE", "").startswith("gunicorn/")
    if sys.platform != "linux" or arbiter is None or not by_gunicorn:
        return error
    with socket.socket(socket.AF_UNIX) as first:
        try:
            # a name that is no file and that the system forgets with the process
            first.bind(f"\0flask-cors-env-{os.getppid()}")
        except OSError:
            sys.stderr.write("CORS: not started, for what another worker tells\n")
            return _ToldError(error)
        sys.stderr.write(f"{type(error).__module__}.{type(error).__qualname__}: {error}\n")
        sys.stderr.flush()
        _wait_for_siblings()
    return _ToldError(error)


def _wait_for_siblings() -> None:
    """Wait until the other workers have failed too, and found that it was told; not for healthy ones."""
    parent = os.getppid()
    children = Path(f"/proc/{parent}/task/{parent}/children")
    deadline = time.monotonic() + _STAYS
    with contextlib.suppress(OSError):
        while len(children.read_text().split()) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
