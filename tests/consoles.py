"""
Records what the consoles of three browser engines say of refused requests, as data for `flask cors why`.

    sh tests/system-packages.sh consoles && python tests/consoles.py

A page asks a server once for each cause, and each engine's console is read: Chromium's and WebKit's from what
they print, Firefox's over Marionette. What differs from one request to the next becomes a placeholder.
"""

import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from webdriver import CHROMIUM_FLAGS, ProcessGroup

DATA = Path(__file__).parents[1] / "flask_cors_env" / "answers" / "sentences.json"
MINIBROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
OTHER = "https://other.example"

#: By cause: what the page asks with, and what the server answers to a preflight and to the request itself.
#: "PAGE" is the page's origin; None means that no such request comes.
PUT, COOKIES = {"method": "PUT"}, {"credentials": "include"}
SHARED = {"Access-Control-Allow-Origin": "PAGE"}
CASES = {
    "origin_missing": ({}, None, (200, {})),
    "origin_missing_error": ({}, None, (500, {})),
    "origin_other": ({}, None, (200, {"Access-Control-Allow-Origin": OTHER})),
    "origin_several": ({}, None, (200, {"Access-Control-Allow-Origin": "PAGE, PAGE"})),
    "origin_star_credentials": (COOKIES, None, (200, {"Access-Control-Allow-Origin": "*"})),
    "credentials_missing": (COOKIES, None, (200, SHARED)),
    "preflight_status": (PUT, (401, SHARED), None),
    "preflight_origin_missing": (PUT, (204, {}), None),
    "preflight_origin_missing_status": (PUT, (403, {}), None),
    "preflight_origin_other": (PUT, (204, {"Access-Control-Allow-Origin": OTHER}), None),
    "preflight_star_credentials": (PUT | COOKIES, (204, {"Access-Control-Allow-Origin": "*"}), None),
    "preflight_credentials_missing": (PUT | COOKIES, (204, SHARED), None),
    "preflight_redirect": (PUT, (307, SHARED | {"Location": "/elsewhere"}), None),
    "preflight_method": (PUT, (204, SHARED), None),
    "preflight_header": ({"headers": {"X-Api-Key": "1"}}, (204, SHARED), None),
    "preflight_authorization_star": (
        {"headers": {"Authorization": "1"}}, (204, SHARED | {"Access-Control-Allow-Headers": "*"}), None,
    ),
    "redirect": ({}, None, (302, {"Location": "/elsewhere"})),
    "unreachable": ({}, None, None),
}  # fmt: skip
#: Other ways to ask, each for the first cause.
WAYS = {
    "XMLHttpRequest": "const x = new XMLHttpRequest(); x.open('GET', url); x.onloadend = done; x.send()",
    "image": "const i = new Image(); i.crossOrigin = ''; i.onload = i.onerror = done; i.src = url",
    "script": "const s = document.createElement('script'); s.crossOrigin = ''; s.onerror = done; "
    "s.src = url; document.head.append(s)",
    "font": "new FontFace('f', `url(${url})`).load().then(done, done)",
}
PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
const cases = CASES, ways = WAYS, api = "API", closed = "CLOSED";
const pause = () => new Promise(done => setTimeout(done, 150));
(async () => {
  for (const [cause, [init]] of Object.entries(cases)) {
    try { await fetch((cause == "unreachable" ? closed : api) + "/" + cause, init); } catch {}
    await pause();
  }
  for (const [way, code] of Object.entries(ways)) {
    await new Promise(done => new Function("url", "done", code)(api + "/origin_missing/" + way, done));
    await pause();
  }
  await fetch("/done", {method: "POST"});
})();
</script>"""


class Servers:
    """The page's server and the one that it asks, on loopback; *done* is set when the page has asked all."""

    def __init__(self, undo):
        self.done = threading.Event()
        page, api = (self._serve(undo, make) for make in (self._page, self._api))
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            closed = unused.getsockname()[1]
        self.page, self.api = f"http://app.localhost:{page}", f"http://api.localhost:{api}"
        self.closed = f"http://api.localhost:{closed}"

    def _serve(self, undo, answer):
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def respond(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_OPTIONS = respond  # noqa: N815 - the library's names

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        undo.callback(server.shutdown)
        return server.server_port

    def _page(self, request):
        if request.path == "/done":
            self.done.set()
        text = PAGE.replace("CASES", json.dumps(CASES)).replace("WAYS", json.dumps(WAYS))
        text = text.replace("API", self.api).replace("CLOSED", self.closed)
        return 200, {"Content-Type": "text/html"}, text.encode()

    def _api(self, request):
        cause = request.path.split("/")[1]
        if cause not in CASES:
            return 200, {}, b""
        _, preflight, actual = CASES[cause]
        status, headers = (preflight if request.command == "OPTIONS" else actual) or (200, SHARED)
        return status, {name: value.replace("PAGE", self.page) for name, value in headers.items()}, b""


def chromium(servers, folder, undo):
    flags = [*CHROMIUM_FLAGS, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    group = _start(["chromium", *flags, servers.page], folder, undo)
    _wait(servers)
    return re.findall(r':CONSOLE[:(]\d+\)?\] "(.*)", source: ', group.output)


def webkit(servers, folder, undo):
    display = ProcessGroup(
        ["sh", "-c", "exec Xvfb -displayfd 1 -screen 0 800x600x24 -nolisten tcp 2>&1"],
        folder,
        _environment(folder),
    )
    undo.callback(display.end)
    number = display.wait_for_output(r"(?m)^(\d+)$")
    (folder / "webkit").mkdir()
    more = {"DISPLAY": f":{number}", "GDK_BACKEND": "x11", "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1"}
    command = [MINIBROWSER, "--enable-write-console-messages-to-stdout=true", servers.page]
    group = _start(command, folder / "webkit", undo, **more, XDG_RUNTIME_DIR=str(folder))
    _wait(servers)
    return re.findall(r"(?m)^CONSOLE .*?ERROR (.*)$", group.output)


FIREFOX = {
    "marionette.port": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.aboutwelcome.enabled": False,
}


def firefox(servers, folder, undo):
    profile = folder / "profile"
    profile.mkdir()
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in FIREFOX.items())
    (profile / "user.js").write_text("\n".join(lines))
    command = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    _start([*command, "--profile", str(profile)], folder, undo, MOZ_REMOTE_SETTINGS_DEVTOOLS="1")
    ask = _marionette(profile / "MarionetteActivePort", undo)
    ask("WebDriver:NewSession", {})
    ask("WebDriver:Navigate", {"url": servers.page})
    _wait(servers)
    ask("Marionette:SetContext", {"value": "chrome"})
    script = "return Services.console.getMessageArray().map(one => one.errorMessage || one.message)"
    found = ask("WebDriver:ExecuteScript", {"script": script, "args": []})["value"]
    ask("Marionette:Quit", {"flags": ["eForceQuit"]})
    return found


def _marionette(port_file, undo):
    deadline = time.monotonic() + 60
    while not port_file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    stream = socket.create_connection(("127.0.0.1", int(port_file.read_text())), 60).makefile("rwb")
    undo.callback(stream.close)
    receive = lambda: json.loads(stream.read(int(b"".join(iter(lambda: stream.read(1), b":")))))  # noqa: E731
    receive()
    numbers = iter(range(1, 1000))

    def ask(name, parameters):
        text = json.dumps([0, next(numbers), name, parameters]).encode()
        stream.write(b"%d:%s" % (len(text), text))
        stream.flush()
        _, _, error, result = receive()
        assert error is None, error
        return result

    return ask


def _environment(folder, **more):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **more}


def _start(command, folder, undo, **more):
    group = ProcessGroup(command, folder, _environment(folder, **more))
    undo.callback(group.end)
    return group


def _wait(servers):
    assert servers.done.wait(90), "the page did not ask everything"
    time.sleep(1)  # the last line may come after its cause


ENGINES = {"chromium": chromium, "firefox": firefox, "webkit": webkit}


def recorded(engine):
    """The sentences of *engine*, as (cause, template): each once, for the first cause that it is said of."""
    with ExitStack() as undo:
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        servers = Servers(undo)
        lines = ENGINES[engine](servers, folder, undo)
    found, waiting = {}, []
    for line in lines:
        text = template(line, servers)
        url = re.search(rf"(?:{re.escape(servers.api)}|{re.escape(servers.closed)})/(\w+)", line)
        if url is None:
            waiting.append(text)  # WebKit says why before it says of which URL
        elif url[1] in CASES and not (_SECONDARY in text and url[1] != "unreachable"):
            cause = "blocked" if text.endswith(_GENERIC) else url[1]
            for one in [*waiting, text]:
                found.setdefault(one, url[1] if one in waiting else cause)
            waiting = []
    kept = {text: cause for text, cause in found.items() if _TELLING.search(text)}
    return [(cause, text) for text, cause in kept.items()]


#: What Firefox adds to every refusal, and WebKit; and what a sentence about a refusal has in it.
_SECONDARY = "(Reason: CORS request did not succeed)"
_GENERIC = "due to access control checks."
_TELLING = re.compile(r"CORS|Access-Control|access control|Cross-origin|[Pp]reflight|Credentials flag")


def template(line, servers):
    """*line* with what differs between requests as placeholders."""
    places = {
        rf"(?:{re.escape(servers.api)}|{re.escape(servers.closed)})/\w+(?:/\w+)?": "{url}",
        re.escape(f"{servers.page}, {servers.page}"): "{other}",
        re.escape(OTHER): "{other}",
        rf"{re.escape(servers.page)}/?": "{origin}",
        r"\bPUT\b": "{method}",
        r"(?i)\bx-api-key\b": "{header}",
        r"(?<=Status code: )\d+|(?<=[Rr]esponse code: )\d+|(?<=status of )\d+|(?<=Status: )\d+": "{status}",
        rf"(?<=Access to )(?:fetch|{'|'.join(WAYS)})(?= at)": "{initiator}",
    }
    for pattern, place in places.items():
        line = re.sub(pattern, place, line)
    # Firefox's own console shows what stands within
    return re.sub(r'^\[JavaScript \w+: "(.*?)"(?: \{file: .*\})?\]$', r"\1", line.strip())


def main():
    engines = sys.argv[1:] or list(ENGINES)
    kept = json.loads(DATA.read_text()) if DATA.exists() else []
    rows = [row for row in kept if row["engine"] not in engines]
    for engine in engines:
        rows += [{"engine": engine, "cause": cause, "sentence": text} for cause, text in recorded(engine)]
    order = [*CASES, "blocked"]
    rows.sort(key=lambda row: (list(ENGINES).index(row["engine"]), order.index(row["cause"])))
    DATA.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
