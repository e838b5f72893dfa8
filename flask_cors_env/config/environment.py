"""
Which environment's rules hold, and why.

A name that somebody gave is obeyed. Without one it is production, except where Flask's own command line runs
a debugged app, or the first request shows that Werkzeug's development server does.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask_cors_env.config.errors import Fault, FaultyValueError
from flask_cors_env.config.values import advice, scalar, unquote
from flask_cors_env.core.environments import DEVELOPMENT, ENVIRONMENTS, PRODUCTION, STAGING, TESTING

if TYPE_CHECKING:
    from flask_cors_env.config.build import Inputs

_ALIASES = {
    DEVELOPMENT: "dev develop local",
    TESTING: "test tests ci",
    STAGING: "stage stg qa uat preprod",
    PRODUCTION: "prod prd live",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases.split())}
#: Variables of others that name an environment. FLASK_ENV, dead since Flask 2.3, never selects development.
_FOREIGN = ("APP_ENV", "ENVIRONMENT", "FLASK_ENV")
_PLATFORMS = (
    "KUBERNETES_SERVICE_HOST DYNO FLY_APP_NAME K_SERVICE AWS_LAMBDA_FUNCTION_NAME RENDER RAILWAY_ENVIRONMENT "
    "WEBSITE_INSTANCE_ID"
).split()
#: What is imported where a production server loads the app.
_SERVER_MODULES = "uwsgi mod_wsgi waitress cheroot uvicorn hypercorn granian gevent.pywsgi".split()
DEVELOPMENT_SERVER = "Werkzeug/"
#: Said first where production is only the fallback.
FALLBACK = (
    "Nothing names the environment: on your own machine, set CORS_ENV=development or run flask run --debug."
)

#: Every variable that detection reads; a change in one of them before the first request is noticed.
READ = ("FLASK_RUN_FROM_CLI", "PYTEST_VERSION", "SERVER_SOFTWARE", *_FOREIGN, *_PLATFORMS)


@dataclass(frozen=True)
class Environment:
    """
    The outcome of detection.

    Attributes:
        name: One of the four.
        because: What decided, for messages: ``APP_ENV=production``.
        fallback: Whether production holds only since nothing said otherwise.
        settled: False where the first request still decides; *name* is provisional until then.
        notes: What else an operator should know.
    """

    name: str
    because: str
    fallback: bool = False
    settled: bool = True
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}, because {self.because}"


def parse_environment(value: Any) -> str:
    """
    One of the four names, from a name or alias in any case.

    Raises:
        FaultyValueError: It is none of them.
    """
    name = _NAMES.get(scalar(value).lower())
    if name is None:
        remedy = advice(value, f"Write: {', '.join(ENVIRONMENTS)}")
        raise FaultyValueError(Fault("unknown-environment", "is no environment.", value, remedy))
    return name


def detect(named: Environment | None, signs: Inputs) -> Environment:
    """Return the environment whose rules hold; a name that was given is never overruled."""
    found = named or _foreign(signs)
    if found is None or found.fallback:
        found = _unnamed(signs, () if found is None else found.notes)
    marker = next((name for name in _PLATFORMS if signs.environ.get(name)), None)
    if found.name == DEVELOPMENT and found.settled and marker is not None:
        note = f"development on a deployment platform ({marker} is set)"
        return replace(found, notes=(*found.notes, note))
    return found


def _foreign(signs: Inputs) -> Environment | None:
    for variable in _FOREIGN:
        value = unquote(signs.environ.get(variable, ""))
        if value:
            return _read_foreign(variable, value)
    return None


def _read_foreign(variable: str, value: str) -> Environment:
    """What another's variable names; its value is shown only if it is a name known here."""
    name = _NAMES.get(value.lower())
    if name is None:
        because = f"{variable} names none that is known here"
        return Environment(PRODUCTION, because, notes=(f"{because}; set CORS_ENV",))
    if variable == "FLASK_ENV" and name == DEVELOPMENT:
        note = "FLASK_ENV cannot select development; set CORS_ENV"
        return Environment(PRODUCTION, "nothing else names one", fallback=True, notes=(note,))
    return Environment(name, f"{variable}={value}")


def _unnamed(signs: Inputs, notes: tuple[str, ...]) -> Environment:
    cli = signs.environ.get("FLASK_RUN_FROM_CLI") == "true"
    if signs.testing or "PYTEST_VERSION" in signs.environ:
        because = "app.testing is set" if signs.testing else "pytest runs it"
        return Environment(TESTING, because, notes=notes)
    if signs.debug and cli:
        return Environment(DEVELOPMENT, "flask runs it in debug mode", notes=notes)
    server = _production_server(signs)
    if server or signs.command or cli:
        because = f"{server} and nothing names another" if server else "nothing names another"
        return Environment(PRODUCTION, because, fallback=True, notes=notes)
    return _by_first_request(signs, notes)


def _production_server(signs: Inputs) -> str | None:
    if "SERVER_SOFTWARE" in signs.environ:
        return "a server loads it (SERVER_SOFTWARE is set)"
    module = next((name for name in _SERVER_MODULES if name in sys.modules), None)
    return None if module is None else f"{module} loads it"


def _by_first_request(signs: Inputs, notes: tuple[str, ...]) -> Environment:
    if signs.server is None:
        because = "nothing names one yet; the first request settles it"
        return Environment(DEVELOPMENT, because, settled=False, notes=notes)
    if signs.debug and signs.server.startswith(DEVELOPMENT_SERVER):
        return Environment(DEVELOPMENT, "Werkzeug's server runs it in debug mode", notes=notes)
    return Environment(PRODUCTION, "nothing names another", fallback=True, notes=notes)
