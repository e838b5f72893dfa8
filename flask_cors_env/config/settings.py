"""
The catalogue: every setting, declared once.

The README's table, ``.env.example``, the messages and the settings model are made from these declarations.
Adding a setting is a declaration here and the line that obeys it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask_cors_env.config import values
from flask_cors_env.config.environment import ENVIRONMENTS, parse_environment
from flask_cors_env.config.errors import Fault, FaultyValueError
from flask_cors_env.config.rules import parse_rule_ids


class Scope(StrEnum):
    """Where a setting may stand."""

    APP = "app"
    BOTH = "both"
    RESOURCE = "resource"


def _same(value: str) -> Mapping[str, str]:
    return dict.fromkeys(ENVIRONMENTS, value)


def _by_environment(development: str, testing: str, staging: str, production: str) -> Mapping[str, str]:
    return dict(zip(ENVIRONMENTS, (development, testing, staging, production), strict=True))


@dataclass(frozen=True)
class Setting:
    """
    One setting.

    Attributes:
        name: What follows the prefix in its variable.
        scope: For the app, for a resource, or both.
        parse: From a raw value to a typed one; raises FaultyValueError.
        form: What is written, for the reference.
        meaning: For an operator: what it does, its unit and range, and the consequence.
        example: A value that could stand in a real ``.env``.
        defaults: By environment, in the form an operator would write; empty where there is none.
        aliases: Other names it is known by elsewhere, as variables.
        option: Whether it may be given as an argument.
        option_alias: What flask-cors calls that argument; empty where it is called the same, or has none.
        in_files: Whether a policy file may set it.
    """

    name: str
    scope: Scope
    parse: Callable[[Any], Any]
    form: str
    meaning: str
    example: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    option: bool = True
    option_alias: str = ""
    in_files: bool = True

    @property
    def key(self) -> str:
        """Its name in arguments and files."""
        return self.name.lower()

    @property
    def for_app(self) -> bool:
        """Whether ``CORS_<name>`` exists."""
        return self.scope is not Scope.RESOURCE

    @property
    def for_resource(self) -> bool:
        """Whether ``CORS_RESOURCES__<NAME>__<name>`` exists."""
        return self.scope is not Scope.APP


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ENV",
        Scope.APP,
        parse_environment,
        "development, testing, staging or production",
        "Whose rules judge the policy, and which defaults hold. Unset: detected, and production where "
        "nothing says otherwise.",
        "production",
        option=False,
        in_files=False,
    ),
    Setting(
        "ENV_FILE",
        Scope.APP,
        values.text,
        "a path",
        "An env file whose `CORS_*` lines are read; the process environment is stronger. Missing: an error.",
        ".env",
        option=False,
        in_files=False,
    ),
    Setting(
        "CONFIG_FILE",
        Scope.APP,
        values.text,
        "a path",
        "A policy file: TOML, or JSON where it ends in `.json`. Missing or unreadable: an error.",
        "/etc/shop/cors.toml",
        option=False,
        in_files=False,
    ),
    Setting(
        "RELOAD",
        Scope.APP,
        values.period,
        "`off`, or 1 to 86400 seconds; `30s`",
        "How often each process looks whether the policy file or env file is another, and reads it again.",
        "30s",
        _same("off"),
        option=False,
        in_files=False,
    ),
    Setting(
        "STRICT",
        Scope.APP,
        values.boolean,
        "true or false",
        "Whether a `CORS_*` name that is no setting is an error.",
        "true",
        _by_environment("false", "true", "true", "true"),
        option=False,
    ),
    Setting(
        "IGNORE",
        Scope.APP,
        values.words,
        "names with `*`",
        "`CORS_*` names of other programs, which are passed over.",
        "CORS_ANYWHERE_*",
        _same("none"),
        option=False,
    ),
    Setting(
        "ORIGINS",
        Scope.BOTH,
        values.origins,
        "origins; `https://*.example.com`; `https://pr-*.example.com`; `http://localhost:*`; `app://.`; `*`; "
        "`null`; `none`",
        "The origins whose pages may read responses. `*` is everyone, and for development only.",
        "https://app.example.com,https://*.preview.example.com",
        _by_environment("*", "none", "none", "none"),
        aliases=(
            "ALLOWED_ORIGINS",
            "ALLOWED_ORIGIN",
            "ALLOW_ORIGINS",
            "ALLOW_ORIGIN",
            "ORIGIN",
            "ORIGIN_WHITELIST",
        ),
    ),
    Setting(
        "METHODS",
        Scope.BOTH,
        values.methods,
        "methods; `*`; `auto`",
        "The methods a page may use, beside GET, HEAD and POST, which need no listing. `auto`: those routed.",
        "GET,POST,PUT",
        _same("GET HEAD POST PUT PATCH DELETE"),
        aliases=("ALLOWED_METHODS", "ALLOW_METHODS"),
    ),
    Setting(
        "ALLOW_HEADERS",
        Scope.BOTH,
        values.allow_headers,
        "field names; `x-team-*`; `*`",
        "The request headers a page may set. Outside development `*` does not cover Authorization, which is "
        "named beside it.",
        "Content-Type,Authorization",
        _by_environment("* Authorization", *["Content-Type Authorization"] * 3),
        aliases=("ALLOWED_HEADERS",),
        option_alias="HEADERS",
    ),
    Setting(
        "EXPOSE_HEADERS",
        Scope.BOTH,
        values.expose_headers,
        "field names; `*`",
        "The response headers a page may read beside the seven that are always readable.",
        "X-Total-Count",
        _same("none"),
        aliases=("EXPOSED_HEADERS",),
    ),
    Setting(
        "ALLOW_CREDENTIALS",
        Scope.BOTH,
        values.boolean,
        "true or false",
        "Whether pages may send cookies and read the answer. Every origin is named then.",
        "true",
        _same("false"),
        aliases=("SUPPORTS_CREDENTIALS", "CREDENTIALS"),
        option_alias="SUPPORTS_CREDENTIALS",
    ),
    Setting(
        "MAX_AGE",
        Scope.BOTH,
        values.seconds,
        "0 to 86400 seconds; `10m`; `2h`",
        "How long a browser may keep a preflight's answer; 0 asks each time. Chromium stops at 2h.",
        "10m",
        _by_environment("0", "0", "600", "7200"),
        aliases=("PREFLIGHT_MAX_AGE",),
    ),
    Setting(
        "ENFORCE",
        Scope.BOTH,
        values.boolean,
        "true or false",
        "Whether a denied request is answered with 403 and its view does not run. Otherwise the browser "
        "alone withholds the response.",
        "true",
        _same("false"),
    ),
    Setting(
        "PUBLIC",
        Scope.RESOURCE,
        values.boolean,
        "true or false",
        "Public data: every origin, never credentials, GET and HEAD. The explicit door outside development.",
        "true",
        _same("false"),
    ),
    Setting(
        "PATH",
        Scope.RESOURCE,
        values.paths,
        "paths; `/api/*`; `/users/<int:id>`",
        "The paths it governs. `*` stands for part of one segment, a final `/*` for everything below.",
        "/api/*",
    ),
    Setting(
        "ENABLED",
        Scope.BOTH,
        values.boolean,
        "true or false",
        "Whether requests are decided at all. Where it is false responses are left as the app makes them.",
        "false",
        _same("true"),
    ),
    Setting(
        "UNSAFE_ALLOW",
        Scope.BOTH,
        parse_rule_ids,
        "rule ids",
        "Rules of the environment whose errors become warnings, repeated at every start.",
        "http",
        _same("none"),
    ),
    Setting(
        "AUDIT_SINK",
        Scope.APP,
        values.sink,
        "`auto`, `app`, `stderr`, `stdout` or `file:PATH`",
        "Where the audit log goes. `auto`: the app's structlog if it is configured, else its logging if that "
        "has a handler, else lines of our own on standard error. `app`: never lines of our own.",
        "file:/var/log/app/cors.jsonl",
        _same("auto"),
        option=False,
    ),
    Setting(
        "AUDIT",
        Scope.APP,
        values.boolean,
        "on or off",
        "Whether decisions are logged. The policy is, in any case.",
        "off",
        _same("on"),
        option=False,
    ),
    Setting(
        "AUDIT_LEVEL",
        Scope.APP,
        values.one_of("decision", "deny", "all"),
        "`decision`, `deny` or `all`",
        "Which requests are logged: every allow and deny, denials only, or those too that were not decided, "
        "such as requests without an origin.",
        "deny",
        _same("decision"),
        option=False,
    ),
    Setting(
        "AUDIT_FORMAT",
        Scope.APP,
        values.one_of("auto", "json", "console"),
        "`auto`, `json` or `console`",
        "How our own lines are written. `console` is for people, with the remedy. `auto`: console in "
        "development at a terminal, JSON everywhere else.",
        "json",
        _same("auto"),
        option=False,
    ),
    Setting(
        "AUDIT_CLIENT",
        Scope.APP,
        values.one_of("truncate", "full", "off"),
        "`truncate`, `full` or `off`",
        "What is logged of a client's address: its network (/24 or /48), the whole address, or nothing.",
        "off",
        _same("truncate"),
        option=False,
    ),
    Setting(
        "AUDIT_PATH",
        Scope.APP,
        values.boolean,
        "on or off",
        "Whether a request's path and user agent are logged. Paths can name people.",
        "on",
        _same("off"),
        option=False,
    ),
)


def _everyone(value: Any) -> Fault | None:
    """What Django's switch says: false is the default here, true is a setting of ours."""
    try:
        allowed = values.boolean(value)
    except FaultyValueError as error:
        return error.faults[0]
    return Fault("replaced", "has another name here.", None, "Write: CORS_ORIGINS=*") if allowed else None


def _replaced(remedy: str) -> Callable[[Any], Fault | None]:
    return lambda _: Fault("replaced", "is not taken here.", None, remedy)


def _expressions(names: str, remedy: str) -> Mapping[str, Callable[[Any], Fault | None]]:
    """*names* of regular expressions, as Starlette, Django and others call them."""
    return {f"{name}_{end}": _replaced(remedy) for name in names.split() for end in ("REGEX", "REGEXES")}


def _without_effect(why: str) -> Callable[[Any], Fault | None]:
    return lambda _: Fault("without-effect", f"has no effect: {why}.", None, "Remove it")


def _vary(value: Any) -> Fault | None:
    """flask-cors's switch for Vary: on is what always happens, off would poison caches."""
    try:
        wanted = values.boolean(value)
    except FaultyValueError as error:
        return error.faults[0]
    if not wanted:
        return Fault("vary-required", "is off; without Vary caches mix up the answers.", None, "Remove it")
    return Fault("without-effect", "has no effect: Vary is always sent where it is due.", None, "Remove it")


_DOMAINS = "Write: CORS_ORIGINS=https://*.example.com"


def _headers(_: Any) -> Fault:
    return Fault("replaced", "has another name here.", None, "Write: CORS_ALLOW_HEADERS, and the names")


#: What stands in app.config by habit and changes nothing, without prefix: a warning says so.
IN_CONFIG: Mapping[str, Fault] = {
    "HEADERS": Fault(
        "without-effect",
        "has no effect, in flask-cors neither.",
        None,
        "Remove it; request headers are allowed by CORS_ALLOW_HEADERS",
    ),
    "OPTIONS": Fault(
        "without-effect",
        "is another program's, and has no effect here.",
        None,
        "Write: CORS_IGNORE=CORS_OPTIONS",
    ),
}

#: Settings of other packages, without prefix, and what is to be said where one is set; None: nothing.
FOREIGN: Mapping[str, Callable[[Any], Fault | None]] = {
    "ALLOW_ALL_ORIGINS": _everyone,
    "ORIGIN_ALLOW_ALL": _everyone,
    "ORIGIN_REGEX_WHITELIST": _replaced(_DOMAINS),
    **_expressions("ORIGIN ORIGINS ALLOW_ORIGIN ALLOW_ORIGINS ALLOWED_ORIGIN ALLOWED_ORIGINS", _DOMAINS),
    **_expressions("HEADERS ALLOW_HEADERS ALLOWED_HEADERS", "Write: CORS_ALLOW_HEADERS=X-Team-*"),
    "URLS_REGEX": _replaced("Write: CORS_RESOURCES__<NAME>__PATH=/api/*"),
    "ORIGINS_FILE": _replaced("Write: CORS_CONFIG_FILE, and the origins in that file"),
    "SEND_WILDCARD": _without_effect("a policy for every origin always sends *"),
    "ALWAYS_SEND": _without_effect("a response without Origin has fields only where everyone is allowed"),
    "AUTOMATIC_OPTIONS": _without_effect("preflights are answered ahead of the app"),
    "INTERCEPT_EXCEPTIONS": _without_effect("errors always have the fields"),
    "ALLOW_PRIVATE_NETWORK": _without_effect("no browser asks for it any more, and it is never granted"),
    "VARY_HEADER": _vary,
    "HEADERS": _headers,
}

#: Every setting by its name as a variable, upper case and without prefix, and by its aliases.
VARIABLES = {name: setting for setting in SETTINGS for name in (setting.name, *setting.aliases)}
#: Every setting that may be an argument, or stand in one, by its name there, upper case.
OPTIONS = {
    name: setting
    for setting in SETTINGS
    for name in (setting.name, setting.option_alias)
    if setting.option and name
}


@functools.cache
def default(name: str, environment: str) -> Any:
    """The typed default of the setting *name* in *environment*; None where there is none."""
    setting = VARIABLES[name]
    written = setting.defaults.get(environment)
    return None if written is None else setting.parse(written)


@functools.cache
def loopback_origins() -> values.OriginValue:
    """The default of ORIGINS in development where credentials are on."""
    hosts = ("localhost", "127.0.0.1", "[::1]")
    return values.origins([f"{scheme}://{host}:*" for scheme in ("http", "https") for host in hosts])
