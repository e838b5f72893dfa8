"""
Which environment's rules hold, and why.

A name that somebody gave is obeyed. Without one it is production, except where Flask's own command line runs
a debugged app, or the first request shows that Werkzeug's development server does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from flask_cors_env.config.errors import Fault, FaultyValueError, shown
from flask_cors_env.config.settings import ENVIRONMENTS
from flask_cors_env.config.values import unquote

DEVELOPMENT, TESTING, STAGING, PRODUCTION = ENVIRONMENTS

_ALIASES = {
    DEVELOPMENT: "development dev develop local",
    TESTING: "testing test tests ci",
    STAGING: "staging stage stg qa uat preprod",
    PRODUCTION: "production prod prd live",
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
#: Variables of others that name an environment. FLASK_ENV, dead since Flask 2.3, never selects development.
_FOREIGN = ("APP_ENV", "ENVIRONMENT", "FLASK_ENV")
_PLATFORMS = (
    "KUBERNETES_SERVICE_HOST DYNO FLY_APP_NAME K_SERVICE AWS_LAMBDA_FUNCTION_NAME RENDER RAILWAY_ENVIRONMENT "
    "WEBSITE_INSTANCE_ID"
).split()
_SERVER_MODULES = ("uwsgi", "mod_wsgi")
_DEVELOPMENT_SERVER = "Werkzeug/"

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


@dataclass(frozen=True)
class Signs:
    """
    What detection looks at.

    Attributes:
        argument: The ``environment=`` argument, or None.
        cors_env: CORS_ENV with the place it was found in, strongest first, or None.
        environ: The process environment.
        debug: ``app.debug``.
        testing: ``app.testing``.
        command: Whether a command asks, not a server.
        server: The first request's ``SERVER_SOFTWARE``; None before there was one.
    """

    argument: str | None
    cors_env: tuple[str, str] | None
    environ: Mapping[str, str]
    debug: bool = False
    testing: bool = False
    command: bool = False
    server: str | None = None


def detect(signs: Signs) -> Environment:
    """
    The environment whose rules hold.

    Raises:
        FaultyValueError: A name given to us, by argument or CORS_ENV, that is none of the known ones.
    """
    found = _named(signs) or _foreign(signs)
    if found is None or found.fallback:
        return _unnamed(signs, found)
    if found.name == DEVELOPMENT:
        markers = [name for name in _PLATFORMS if signs.environ.get(name)]
        if markers:
            note = f"development on a deployment platform ({markers[0]} is set)"
            return Environment(found.name, found.because, notes=(*found.notes, note))
    return found


def _named(signs: Signs) -> Environment | None:
    if signs.argument is not None:
        return Environment(_known(signs.argument), f"environment={unquote(signs.argument)}")
    if signs.cors_env is not None:
        value, place = signs.cors_env
        where = "" if place == "the process environment" else f" in {place}"
        return Environment(_known(value), f"CORS_ENV={unquote(value)}{where}")
    return None


def _known(value: str) -> str:
    name = _NAMES.get(unquote(str(value)).lower())
    if name is None:
        raise FaultyValueError(
            Fault(
                "unknown-environment", "is no environment.", shown(value), f"Write: {', '.join(ENVIRONMENTS)}"
            )
        )
    return name


def _foreign(signs: Signs) -> Environment | None:
    for variable in _FOREIGN:
        value = unquote(signs.environ.get(variable, ""))
        if value:
            return _read_foreign(variable, value)
    return None


def _read_foreign(variable: str, value: str) -> Environment:
    name = _NAMES.get(value.lower())
    because = f"{variable}={shown(value)}"
    if name is None:
        return Environment(PRODUCTION, because, notes=(f"{because} names no environment known here",))
    if variable == "FLASK_ENV" and name == DEVELOPMENT:
        return Environment(
            PRODUCTION,
            "nothing else names one",
            fallback=True,
            notes=("FLASK_ENV cannot select development",),
        )
    return Environment(name, because)


def _unnamed(signs: Signs, found: Environment | None) -> Environment:
    notes = () if found is None else found.notes
    cli = signs.environ.get("FLASK_RUN_FROM_CLI") == "true"
    if signs.testing or "PYTEST_VERSION" in signs.environ:
        because = "app.testing is set" if signs.testing else "pytest runs it"
        return Environment(TESTING, because, notes=notes)
    if signs.debug and cli:
        return Environment(DEVELOPMENT, "flask runs it in debug mode", notes=notes)
    served = _production_server(signs)
    if served or signs.command or cli:
        because = served or "nothing names another"
        return Environment(PRODUCTION, because, fallback=True, notes=notes)
    return _by_first_request(signs, notes)


def _production_server(signs: Signs) -> str | None:
    if "SERVER_SOFTWARE" in signs.environ:
        return f"{shown(signs.environ['SERVER_SOFTWARE'])} serves it and nothing names another"
    module = next((name for name in _SERVER_MODULES if name in sys.modules), None)
    return None if module is None else f"{module} serves it and nothing names another"


def _by_first_request(signs: Signs, notes: tuple[str, ...]) -> Environment:
    if signs.server is None:
        return Environment(DEVELOPMENT, "nothing names one yet", settled=False, notes=notes)
    if signs.debug and signs.server.startswith(_DEVELOPMENT_SERVER):
        return Environment(DEVELOPMENT, "Werkzeug's server runs it in debug mode", notes=notes)
    return Environment(PRODUCTION, "nothing names another", fallback=True, notes=notes)
