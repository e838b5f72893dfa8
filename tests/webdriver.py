"""
A real browser as one small object, over the W3C WebDriver protocol and the standard library alone.
An `Engine` is what differs between browsers: what it needs and how it starts; `Browser` is the same for all.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Protocol, Self

# The watcher shares the command's process group and waits for the end of file on our pipe, which the kernel
# gives it however the tests end: SIGTERM and SIGKILL run no `finally`, and a browser would stay.
WATCHED = 'exec 3<&0; { read -r _ <&3; kill -KILL 0; } & exec "$@" </dev/null 3<&-'

# The script stands in an async function of its own: `arguments` are the caller's, `await` and `return` work.
SCRIPT = """
const given = Array.from(arguments), done = given.pop();
(async function () { BODY }).apply(window, given).then(
    value => done({value}), error => done({error: String(error)}));
"""

# W3C names, so that a transport which addresses commands by name (Marionette) needs no second table.
HTTP_COMMANDS = {
    "DeleteSession": ("DELETE", ""),
    "Navigate": ("POST", "/url"),
    "ExecuteAsyncScript": ("POST", "/execute/async"),
    "GetLog": ("POST", "/se/log"),
}

CHROMIUM_NAMES = (
    "MAP *.test 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE *.localhost , EXCLUDE 127.0.0.1"
)
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root, and open pages of their own only
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # the flags above still leave four look-ups at start: no name but these resolves
    f"--host-resolver-rules={CHROMIUM_NAMES}",
)


class BrowserMissingError(Exception):
    """A program that an engine needs is not installed; the text says how to install it."""


class StartError(Exception):
    """A program ended, or did not say that it is ready; the text ends with what it printed."""


class WebDriverError(Exception):
    """The driver refused a command, or a script threw."""


class ProcessGroup:
    """A command and everything it starts, in a process group that never outlives the tests."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._name = command[0]
        self._log = folder / "output.log"
        with self._log.open("wb") as log:
            self._leader = subprocess.Popen(
                ["sh", "-c", WATCHED, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for_output(self, pattern: str, *, seconds: float = 30) -> str:
        """The first group of *pattern* as soon as the output holds it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ended = self._leader.poll() is not None
            if found := re.search(pattern, self.output):
                return found[1]
            if ended:
                break
            time.sleep(0.02)
        raise StartError(f"{self._name} did not start; it printed:\n{self.output}")

    def end(self) -> None:
        """Ask the leader to end, then kill what is left of the group."""
        self._leader.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._leader.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._leader.pid, signal.SIGKILL)
        self._leader.communicate()


class Session(Protocol):
    """One WebDriver session over some transport."""

    def command(self, name: str, **parameters: Any) -> Any:
        """The value of the W3C command *name*."""


class HttpSession:
    """A session of a driver that speaks WebDriver's JSON over HTTP on loopback."""

    def __init__(self, port: int, capabilities: Mapping[str, Any]) -> None:
        self._port = port
        created = self._request("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._path = f"/session/{created['sessionId']}"

    def command(self, name: str, **parameters: Any) -> Any:
        method, path = HTTP_COMMANDS[name]
        return self._request(method, self._path + path, parameters)

    def _request(self, method: str, path: str, parameters: Mapping[str, Any]) -> Any:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            body = json.dumps(parameters) if method == "POST" else None
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.load(response)["value"]
        if response.status != 200:
            raise WebDriverError(f"{method} {path}: {value['error']}: {value['message']}")
        return value


@dataclass(frozen=True)
class Engine:
    """
    A kind of browser.

    Attributes:
        needs: Each program it needs on PATH, with the Debian package that brings it.
        start: Starts it with its files in the folder, leaves on the stack how to end it.
    """

    name: str
    needs: Mapping[str, str]
    start: Callable[[Path, ExitStack], Session]

    def require(self) -> None:
        missing = [program for program in self.needs if shutil.which(program) is None]
        if missing:
            raise BrowserMissingError(
                f"{self.name}: {' and '.join(missing)} not found on PATH. Install with: "
                f"apt-get install {' '.join(self.needs.values())} (or: sh tests/system-packages.sh)"
            )


def start_chromium(folder: Path, undo: ExitStack, *flags: str) -> Session:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    driver = ProcessGroup(["chromedriver", "--port=0"], folder, environment)
    undo.callback(driver.end)
    port = int(driver.wait_for_output(r"started successfully on port (\d+)"))
    session = HttpSession(port, chromium_capabilities(folder, *flags))
    undo.callback(session.command, "DeleteSession")
    return session


def chromium_capabilities(folder: Path, *more: str) -> dict[str, Any]:
    flags = [*CHROMIUM_FLAGS, f"--user-data-dir={folder / 'profile'}", *more]
    return {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": flags},
        "goog:loggingPrefs": {"browser": "ALL"},
        "timeouts": {"pageLoad": 30_000, "script": 30_000},
    }


CHROMIUM = Engine(
    name="chromium",
    needs={"chromium": "chromium", "chromedriver": "chromium-driver"},
    start=start_chromium,
)


class Browser:
    """
    A running browser with one tab and a new profile; nothing it does leaves the machine.

    Raises:
        BrowserMissingError: Before anything is started.
    """

    def __init__(self, engine: Engine) -> None:
        engine.require()
        with ExitStack() as undo:
            folder = tempfile.TemporaryDirectory(prefix=f"{engine.name}-", ignore_cleanup_errors=True)
            self._session = engine.start(Path(undo.enter_context(folder)), undo)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.quit()

    def open(self, url: str) -> None:
        """Load *url* and wait for its `load` event; what the console said before is forgotten."""
        self.console()
        self._session.command("Navigate", url=url)

    def run(self, script: str, *args: Any) -> Any:
        """
        What the body of an async function returns in the open page.

        Put the code under test into the page and only call it from here: not every engine treats a script
        that the driver injects as the page's own.
        """
        wrapped = SCRIPT.replace("BODY", script)
        outcome = self._session.command("ExecuteAsyncScript", script=wrapped, args=args)
        if "error" in outcome:
            raise WebDriverError(outcome["error"])
        return outcome.get("value")

    def console(self) -> list[str]:
        """The messages in the console since the last call; one may arrive a little after its cause."""
        return [entry["message"] for entry in self._session.command("GetLog", type="browser")]

    def quit(self) -> None:
        self._undo.close()
