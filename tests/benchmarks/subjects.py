"""
What is compared: one small app, bare, under flask-cors and under this package, and what browsers send to it.

Every app has one JSON route. Ours writes each audit event in full to a file; flask-cors writes nothing.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import flask_cors
from flask import Flask, jsonify

import flask_cors_env

PATH = "/items"
ORIGINS = tuple(f"https://app-{n}.example.com" for n in range(10))


@dataclass(frozen=True)
class Profile:
    """
    A configuration, as it is given to either extension.

    `origins` holds origins, subdomain patterns (ours only), or ``*`` alone. What is empty is left to the
    extension's default.
    """

    origins: tuple[str, ...]
    credentials: bool = False
    exposed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    max_age: int | None = None


def _std(*origins):
    return Profile(
        origins,
        credentials=True,
        exposed=("ETag", "X-Total-Count"),
        allowed=("Authorization", "Content-Type", "X-Api-Key"),
        max_age=600,
    )


PROFILES = {
    "std": _std(*ORIGINS),
    "one": Profile(ORIGINS[:1]),
    "everyone": Profile(("*",)),
    "many": _std(*ORIGINS, *(f"https://app-{n}.example.com" for n in range(10, 10_000))),
    "patterns": _std(*(f"https://*.{'eu.' * (n % 3)}team-{n}.example.com" for n in range(600))),
}


class Fleet:
    """
    The apps, each made when it is first asked for.

    Args:
        folder: Where the audit logs go, one file for each profile.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._apps = {}

    def app(self, maker, profile):
        """The app of *maker*, a key of `MAKERS`, under *profile*, a key of `PROFILES`."""
        key = (maker, profile)
        if key not in self._apps:
            self._apps[key] = MAKERS[maker](PROFILES[profile], self.folder / f"{profile}.jsonl")
        return self._apps[key]

    def logs(self):
        """The audit logs that were written."""
        return sorted(self.folder.glob("*.jsonl"))


def _bare(_profile, _log):
    app = Flask("shop")

    @app.get(PATH)
    def items():
        return jsonify(items=[{"id": 1, "name": "cup"}, {"id": 2, "name": "plate"}])

    return app


def _under_flask_cors(profile, log):
    app = _bare(profile, log)
    options = {
        "origins": list(profile.origins),
        "supports_credentials": profile.credentials,
        "expose_headers": list(profile.exposed),
        "allow_headers": list(profile.allowed),
        "max_age": profile.max_age,
    }
    flask_cors.CORS(app, **{name: value for name, value in options.items() if value})
    return app


def _under_ours(profile, log):
    app = _bare(profile, log)
    variables = {
        "CORS_ENV": "production",
        "CORS_AUDIT_SINK": f"file:{log}",
        "CORS_ORIGINS": ",".join(profile.origins),
        "CORS_ALLOW_CREDENTIALS": "true" if profile.credentials else "",
        "CORS_EXPOSE_HEADERS": ",".join(profile.exposed),
        "CORS_ALLOW_HEADERS": ",".join(profile.allowed),
        "CORS_MAX_AGE": "" if profile.max_age is None else str(profile.max_age),
    }
    if profile.origins == ("*",):
        del variables["CORS_ORIGINS"]
        variables |= {"CORS_RESOURCES__ALL__PATH": "/*", "CORS_RESOURCES__ALL__PUBLIC": "true"}
    flask_cors_env.CORS(app, environ={name: value for name, value in variables.items() if value})
    return app


MAKERS = {"bare": _bare, "flask-cors": _under_flask_cors, "ours": _under_ours}


def get(origin=None):
    """The environ of what a browser sends for ``fetch("https://api.example.com/items")``."""
    return _environ("GET", origin, HTTP_ACCEPT="application/json, text/plain, */*")


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
