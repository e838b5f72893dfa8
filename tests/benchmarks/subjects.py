"""
What is compared: one small app, bare, under flask-cors and under this package, and what browsers send to it.

Every app has one JSON route. Ours writes each audit event in full to a file, where its maker does not say
otherwise; flask-cors writes nothing.
"""

import functools
import logging
import os
import re
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import flask_cors
import structlog
from flask import Flask, jsonify

import flask_cors_env
from flask_cors_env.audit.signals import cors_decided

PATH = "/items"


def origins(count):
    """The first *count* of the origins that are let in."""
    return tuple(f"https://app-{n}.example.com" for n in range(count))


ORIGINS = origins(10)


@dataclass(frozen=True)
class Profile:
    """
    A configuration, as it is given to either extension.

    `origins` holds origins, subdomain patterns, or ``*`` alone. What is empty is left to the extension's
    default. `resources` is how many there are, of which the last covers the route; 0 for one policy of the
    whole app. Where it holds `per_view`, the view's decorator gives the policy.
    """

    origins: tuple[str, ...]
    credentials: bool = False
    exposed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_age: int | None = None
    resources: int = 0
    per_view: bool = False

    @property
    def paths(self):
        """The paths of the resources, the route's last."""
        return (*(f"/area-{n}/" for n in range(self.resources - 1)), PATH) if self.resources else ()


def _std(*origins, **others):
    return Profile(
        origins,
        credentials=True,
        exposed=("ETag", "X-Total-Count"),
        allowed=("Authorization", "Content-Type", "X-Api-Key"),
        max_age=600,
        **others,
    )


PROFILES = {
    "std": _std(*ORIGINS),
    "one": Profile(ORIGINS[:1]),
    "everyone": Profile(("*",)),
    **{f"{count} origins": _std(*origins(count)) for count in (1, 100, 1_000, 10_000)},
    "20 patterns": _std(*(f"https://*.team-{n}.example.com" for n in range(20))),
    "600 patterns": _std(*(f"https://*.{'eu.' * (n % 3)}team-{n}.example.com" for n in range(600))),
    "1 resource": _std(*ORIGINS, resources=1),
    "50 resources": _std(*ORIGINS, resources=50),
    "per view": _std(*ORIGINS, per_view=True),
}


class Fleet:
    """
    The apps, each made when it is first asked for.

    One that has an attribute `asked_within` is to be asked within the context that it gives.

    Args:
        folder: Where the audit logs go, one file for each app.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._apps = {}

    def app(self, maker, profile):
        """The app of *maker*, a key of `MAKERS`, under *profile*, a key of `PROFILES`."""
        key = (maker, profile)
        if key not in self._apps:
            log = self.folder / f"{maker}, {profile}.jsonl".replace(", ", "-").replace(" ", "-")
            self._apps[key] = MAKERS[maker](PROFILES[profile], log)
        return self._apps[key]

    def logs(self):
        """The audit logs that were written."""
        return sorted(self.folder.glob("*.jsonl"))


def shop(around=None):
    """The app, bare; *around* decorates its view."""
    app = Flask("shop")

    def items():
        return jsonify(items=[{"id": 1, "name": "cup"}, {"id": 2, "name": "plate"}])

    app.get(PATH)(items if around is None else around(items))
    return app


def _bare(_profile, _log):
    return shop()


def _under_flask_cors(profile, _log):
    options = {
        "origins": list(map(_expression, profile.origins)),
        "supports_credentials": profile.credentials,
        "expose_headers": list(profile.exposed),
        "allow_headers": list(profile.allowed),
        "max_age": profile.max_age,
        "resources": {f"{path}.*": {} for path in profile.paths},
    }
    options = {name: value for name, value in options.items() if value}
    if profile.per_view:
        return shop(flask_cors.cross_origin(**options))
    app = shop()
    flask_cors.CORS(app, **options)
    return app


def _expression(origin):
    """A subdomain pattern as flask-cors takes it."""
    scheme, star, domain = origin.partition("*.")
    return rf"{scheme}([a-z0-9-]+\.)+{re.escape(domain)}$" if star and domain else origin


def _under_ours(profile, log, variables=(), **options):
    around = flask_cors_env.cross_origin(origins=list(profile.origins)) if profile.per_view else None
    return _governed(shop(around), profile, log, variables, **options)


def _governed(app, profile, log, variables=(), **options):
    environ = {"CORS_AUDIT_SINK": f"file:{log}", **_variables(profile), **dict(variables)}
    flask_cors_env.CORS(app, environ={name: value for name, value in environ.items() if value}, **options)
    return app


def _variables(profile):
    variables = {
        "CORS_ENV": "production",
        "CORS_ORIGINS": ",".join(profile.origins),
        "CORS_ALLOW_CREDENTIALS": "true" if profile.credentials else "",
        "CORS_EXPOSE_HEADERS": ",".join(profile.exposed),
        "CORS_ALLOW_HEADERS": ",".join(profile.allowed),
        "CORS_MAX_AGE": "" if profile.max_age is None else str(profile.max_age),
    }
    if profile.origins == ("*",):
        del variables["CORS_ORIGINS"]
        return variables | {"CORS_RESOURCES__ALL__PATH": "/*", "CORS_RESOURCES__ALL__PUBLIC": "true"}
    paths = {f"CORS_RESOURCES__AREA{n}__PATH": f"{path}*" for n, path in enumerate(profile.paths[:-1])}
    return variables | paths | ({"CORS_RESOURCES__ITEMS__PATH": PATH} if profile.paths else {})


class _Layer:
    """A layer that passes every request on."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        return self.app(environ, start_response)


def _with_a_layer(_profile, log, *, governed):
    """The app with a layer around Flask: bare, or with ours around the layer."""
    app = shop()
    app.wsgi_app = _Layer(app.wsgi_app)
    return _governed(app, _profile, log) if governed else app


def _taken(profile, log):
    """Ours, for a server that took the WSGI application before the app had a policy."""
    app = shop()
    taken = app.wsgi_app
    _governed(app, profile, log)
    return _Layer(taken)


def _to_a_pipe(profile, log):
    """Ours, its log on a pipe whose reader keeps it in the file *log*."""
    pipe = log.with_suffix(".pipe")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.open(pipe, os.O_WRONLY)  # and kept: a reader ends when nobody writes
    os.set_blocking(reading, True)
    with log.open("ab") as kept:
        subprocess.Popen(["cat"], stdin=reading, stdout=kept)  # it ends when this process does
    os.close(reading)
    return _under_ours(profile, pipe)


def _with_a_receiver(profile, log):
    app = _under_ours(profile, log)
    app.asked_within = functools.partial(cors_decided.connected_to, _receive, app)
    return app


def _receive(_sender, **told):
    """As a receiver that looks at what it is told."""
    return told["decision"].verdict


def _with_a_processor(profile, log):
    return _under_ours(profile, log, audit_processors=[_process])


def _process(_logger, _level, event):
    """As a processor that adds a field."""
    event["region"] = "eu-west-1"
    return event


def _binding(make):
    """What *make* makes, with an app that binds two values for each of its requests, as structlog says."""

    def made(profile, log):
        app = make(profile, log)
        app.before_request(_bind)
        return app

    return made


def _writing_a_line(_profile, log):
    """The bare app, with as many bytes written for each response as our log writes, and nothing else done."""
    app = shop()
    descriptor = os.open(log.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    inner, line = app.wsgi_app, b"-" * 782 + b"\n"

    def around(environ, start_response):
        def start(status, headers, exc_info=None):
            os.write(descriptor, line)
            return start_response(status, headers, exc_info)

        return inner(environ, start)

    app.wsgi_app = around
    return app


def _bind():
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id="7b0c9a52", account=1200)


def _through_structlog(profile, log):
    """Ours, its events handed to the chain and the logger that structlog's documentation begins with."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=log.open("a")),
    )
    return _under_ours(profile, log, {"CORS_AUDIT_SINK": "app"})


def _through_logging(profile, log):
    """Ours, its events handed to a handler of the standard library that writes them to *log*."""
    handler = logging.FileHandler(log)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("flask_cors_env.audit")
    logger.addHandler(handler)
    logger.propagate = False
    return _under_ours(profile, log, {"CORS_AUDIT_SINK": "app"})


def _captured(profile, log):
    """Ours, its events taken by structlog's `capture_logs`."""
    app = _under_ours(profile, log)
    app.asked_within = structlog.testing.capture_logs
    return app


MAKERS = {
    "bare": _bare,
    "bare, values bound": _binding(_bare),
    "bare, a line": _writing_a_line,
    "flask-cors": _under_flask_cors,
    "ours": _under_ours,
    "ours, no log": functools.partial(_under_ours, variables={"CORS_AUDIT": "off"}),
    "ours, a pipe": _to_a_pipe,
    "ours, a receiver": _with_a_receiver,
    "ours, a processor": _with_a_processor,
    "ours, values bound": _binding(_under_ours),
    "ours, structlog": _through_structlog,
    "ours, logging": _through_logging,
    "ours, captured": _captured,
    "bare, a layer": functools.partial(_with_a_layer, governed=False),
    "ours, a layer": functools.partial(_with_a_layer, governed=True),
    "ours, taken": _taken,
}
#: Whose events can be counted in a file.
WRITING = {name for name in MAKERS if name.startswith("ours")} - {"ours, no log", "ours, captured"}


def get(origin=None, **fields):
    """The environ of what a browser sends for ``fetch("https://api.example.com/items")``."""
    return _environ("GET", origin, HTTP_ACCEPT="application/json, text/plain, */*", **fields)


def preflight(origin, headers="content-type,x-api-key"):
    """The environ of the preflight of a PUT with *headers*."""
    return _environ(
        "OPTIONS",
        origin,
        HTTP_ACCEPT="*/*",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="PUT",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=headers,
    )


def _environ(method, origin, **fields):
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": PATH,
        "QUERY_STRING": "",
        "SERVER_NAME": "api.example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "gunicorn/27.0.1",
        "REMOTE_ADDR": "203.0.113.7",
        "REMOTE_PORT": "50412",
        "RAW_URI": PATH,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "HTTP_HOST": "api.example.com",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/143.0.0.0 Safari/537.36",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "HTTP_REFERER": f"{ORIGINS[0]}/",
        "HTTP_SEC_FETCH_SITE": "same-site",
        "HTTP_SEC_FETCH_MODE": "cors",
        "HTTP_SEC_FETCH_DEST": "empty",
        **fields,
    }
    return environ if origin is None else environ | {"HTTP_ORIGIN": origin}
