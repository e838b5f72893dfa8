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
from typing import Any, NamedTuple

from flask_cors_env.config import values
from flask_cors_env.config.environment import parse_environment
from flask_cors_env.config.errors import Fault, FaultyValueError
from flask_cors_env.config.rules import parse_rule_ids
from flask_cors_env.core import fields
from flask_cors_env.core.fields import FIELDS, MAX_AGE_LIMIT, ResourceField, Spelling, by_environment, same


class Scope(StrEnum):
    """
    Where a setting may stand.

    READING is what the app reads its settings from: variables alone. APP is the app's: files too. OPERATOR is
    the app's and its resources', and BOTH likewise, in arguments as well; RESOURCE is a resource's alone.
    """

    READING = "reading"
    APP = "app"
    OPERATOR = "operator"
    BOTH = "both"
    RESOURCE = "resource"


class Type(NamedTuple):
    """
    A declared type of values, which parses and describes itself (see `model`).

    Attributes:
        parse: From a raw value to a typed one; raises FaultyValueError.
        schema: The values in a policy file, as JSON Schema.
    """

    parse: Callable[[Any], Any]
    schema: Mapping[str, Any]


_STRING: Mapping[str, Any] = {"type": "string"}
_LIST: Mapping[str, Any] = {"anyOf": [_STRING, {"type": "array", "items": _STRING}]}
_DURATION: Mapping[str, Any] = {
    "anyOf": [{"type": "integer", "minimum": -1, "maximum": MAX_AGE_LIMIT}, _STRING]
}
_BOOLEAN = Type(values.boolean, {"anyOf": [{"type": "boolean"}, _STRING, {"enum": [0, 1]}]})
_TEXT = Type(values.text, _STRING)


def _one_of(*words: str) -> Type:
    return Type(values.one_of(*words), _STRING)


@dataclass(frozen=True)
class Setting:
    """
    One setting.

    Attributes:
        name: What follows the prefix in its variable.
        scope: Where it may stand.
        type: Of its values.
        form: What is written, for the reference.
        meaning: For an operator: what it does, its unit and range, and the consequence.
        example: A value that could stand in a real ``.env``.
        defaults: By environment, in the form an operator would write; empty where there is none.
        aliases: Other names it is known by elsewhere, as variables.
        option_alias: What flask-cors calls that argument; empty where it is called the same, or has none.
    """

    name: str
    scope: Scope
    type: Type
    form: str
    meaning: str
    example: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    option_alias: str = ""

    @property
    def parse(self) -> Callable[[Any], Any]:
        """From a raw value to a typed one; raises FaultyValueError."""
        return self.type.parse

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
        return self.scope not in {Scope.READING, Scope.APP}

    @property
    def is_option(self) -> bool:
        """Whether it may be an argument, or stand in one."""
        return self.scope in {Scope.BOTH, Scope.RESOURCE}

    @property
    def in_files(self) -> bool:
        """Whether a policy file may set it."""
        return self.scope is not Scope.READING


#: The operator's grammar of each type of a resource's fields.
_TYPES: Mapping[fields.FieldType, Type] = {
    fields.BOOLEAN: _BOOLEAN,
    fields.SECONDS: Type(values.seconds, _DURATION),
    fields.PATHS: Type(values.paths, _LIST),
    fields.ORIGINS: Type(values.origins, _LIST),
    fields.METHODS: Type(values.methods, _LIST),
    fields.REQUEST_NAMES: Type(values.allow_headers, _LIST),
    fields.RESPONSE_NAMES: Type(values.expose_headers, _LIST),
}


def _of_field(field: ResourceField, spelling: Spelling) -> Setting:
    """Return the setting that decides a resource's *field*, as operators spell it."""
    return Setting(
        field.setting,
        Scope.BOTH if spelling.inherited else Scope.RESOURCE,
        _TYPES[field.type],
        spelling.form,
        field.meaning,
        spelling.example,
        spelling.defaults,
        spelling.aliases,
        option_alias=spelling.option_alias,
    )


#: The words of CORS_AUDIT_LEVEL and CORS_AUDIT_CLIENT, and the formats of CORS_AUDIT_FORMAT beside ``auto``.
AUDIT_LEVELS = ("decision", "deny", "all")
AUDIT_CLIENTS = ("truncate", "full", "off")
AUDIT_FORMATS = ("json", "console")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ENV",
        Scope.READING,
        Type(parse_environment, _STRING),
        "development, testing, staging or production",
        "Whose rules judge the policy, and which defaults hold. Unset: detected, and production where "
        "nothing says otherwise.",
        "production",
    ),
    Setting(
        "ENV_FILE",
        Scope.READING,
        _TEXT,
        "a path",
        "An env file whose `CORS_*` lines are read; the process environment is stronger. Missing: an error.",
        ".env",
    ),
    Setting(
        "CONFIG_FILE",
        Scope.READING,
        _TEXT,
        "a path",
        "A policy file: TOML, or JSON where it ends in `.json`. Missing or unreadable: an error.",
        "/etc/shop/cors.toml",
    ),
    Setting(
        "RELOAD",
        Scope.READING,
        Type(values.period, _DURATION),
        f"`off`, or 1 to {MAX_AGE_LIMIT} seconds; `30s`",
        "How often each process looks whether the policy file or env file is another, and reads it again.",
        "30s",
        same("off"),
    ),
    Setting(
        "STRICT",
        Scope.APP,
        _BOOLEAN,
        "true or false",
        "Whether a `CORS_*` name that is no setting is an error.",
        "true",
        by_environment("false", "true", "true", "true"),
    ),
    Setting(
        "IGNORE",
        Scope.APP,
        Type(values.words, _LIST),
        "names with `*`",
        "`CORS_*` names of other programs, which are passed over.",
        "CORS_ANYWHERE_*",
        same("none"),
    ),
    *(_of_field(f, f.spelling) for f in FIELDS if f.spelling is not None and f.spelling.inherited),
    Setting(
        "PUBLIC",
        Scope.RESOURCE,
        _BOOLEAN,
        "true or false",
        "Public data: every origin, never credentials, GET and HEAD. The explicit door outside development.",
        "true",
        same("false"),
    ),
    *(_of_field(f, f.spelling) for f in FIELDS if f.spelling is not None and not f.spelling.inherited),
    Setting(
        "UNSAFE_ALLOW",
        Scope.OPERATOR,
        Type(parse_rule_ids, _LIST),
        "rule ids",
        "Rules of the environment whose errors become warnings, repeated at every start.",
        "http",
        same("none"),
    ),
    Setting(
        "AUDIT_SINK",
        Scope.APP,
        Type(values.sink, _STRING),
        values.listed((*values.SINKS, "file:PATH")),
        "Where the audit log goes. `auto`: the app's structlog if it is configured, else its logging if that "
        "has a handler, else lines of our own on standard error. `app`: never lines of our own.",
        "file:/var/log/app/cors.jsonl",
        same("auto"),
    ),
    Setting(
        "AUDIT",
        Scope.APP,
        _BOOLEAN,
        "on or off",
        "Whether decisions are logged. The policy is, in any case.",
        "off",
        same("on"),
    ),
    Setting(
        "AUDIT_LEVEL",
        Scope.APP,
        _one_of(*AUDIT_LEVELS),
        values.listed(AUDIT_LEVELS),
        "Which requests are logged: every allow and deny, denials only, or those too that were not decided, "
        "such as requests without an origin.",
        "deny",
        same("decision"),
    ),
    Setting(
        "AUDIT_FORMAT",
        Scope.APP,
        _one_of("auto", *AUDIT_FORMATS),
        values.listed(("auto", *AUDIT_FORMATS)),
        "How our own lines are written. `console` is for people, with the remedy. `auto`: console in "
        "development at a terminal, JSON everywhere else.",
        "json",
        same("auto"),
    ),
    Setting(
        "AUDIT_CLIENT",
        Scope.APP,
        _one_of(*AUDIT_CLIENTS),
        values.listed(AUDIT_CLIENTS),
        "What is logged of a client's address: its network (/24 or /48), the whole address, or nothing.",
        "off",
        same("truncate"),
    ),
    Setting(
        "AUDIT_KEY_FILE",
        Scope.APP,
        _TEXT,
        "a path",
        "A file that `flask cors key` made: our own log lines are sealed by it, and `flask cors verify "
        "--key-file` proves them. The app must be able to replace it, and needs its folder for that. "
        "Unreadable: an error.",
        "/var/lib/app/cors.key",
    ),
    Setting(
        "AUDIT_PATH",
        Scope.APP,
        _BOOLEAN,
        "on or off",
        "Whether a request's path and user agent are logged. Paths can name people.",
        "on",
        same("off"),
    ),
)


def _switch(on: Fault, off: Fault | None) -> Callable[[Any], Fault | None]:
    """Return a judge of a switch: the fault of a true value, and of a false one."""

    def judge(value: Any) -> Fault | None:
        try:
            return on if values.boolean(value) else off
        except FaultyValueError as error:
            return error.faults[0]

    return judge


def _replaced(remedy: str) -> Callable[[Any], Fault | None]:
    return lambda _: Fault("replaced", "is not taken here.", None, remedy)


def _expressions(names: str, remedy: str) -> Mapping[str, Callable[[Any], Fault | None]]:
    """Return judges of *names* of regular expressions, as Starlette, Django and others call them."""
    return {f"{name}_{end}": _replaced(remedy) for name in names.split() for end in ("REGEX", "REGEXES")}


def _without_effect(why: str) -> Callable[[Any], Fault | None]:
    return lambda _: Fault("without-effect", f"has no effect: {why}.", None, "Remove it")


_EVERYONE = _switch(Fault("replaced", "has another name here.", None, "Write: CORS_ORIGINS=*"), None)
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
    "ALLOW_ALL_ORIGINS": _EVERYONE,
    "ORIGIN_ALLOW_ALL": _EVERYONE,
    "ORIGIN_REGEX_WHITELIST": _replaced(_DOMAINS),
    **_expressions("ORIGIN ORIGINS ALLOW_ORIGIN ALLOW_ORIGINS ALLOWED_ORIGIN ALLOWED_ORIGINS", _DOMAINS),
    **_expressions("HEADERS ALLOW_HEADERS ALLOWED_HEADERS", "Write: CORS_ALLOW_HEADERS=X-Team-*"),
    "HEADERS": _headers,
    "URLS_REGEX": _replaced("Write: CORS_RESOURCES__<NAME>__PATH=/api/*"),
    "ORIGINS_FILE": _replaced("Write: CORS_CONFIG_FILE, and the origins in that file"),
    "SEND_WILDCARD": _without_effect("a policy for every origin always sends *"),
    "ALWAYS_SEND": _without_effect("a response without Origin has fields only where everyone is allowed"),
    "AUTOMATIC_OPTIONS": _without_effect("preflights are answered ahead of the app"),
    "INTERCEPT_EXCEPTIONS": _without_effect("errors always have the fields"),
    "ALLOW_PRIVATE_NETWORK": _without_effect("no browser asks for it any more, and it is never granted"),
    "VARY_HEADER": _switch(
        Fault("without-effect", "has no effect: Vary is always sent where it is due.", None, "Remove it"),
        Fault("vary-required", "is off; without Vary caches mix up the answers.", None, "Remove it"),
    ),
}

#: The settings that say who may do what, and so contradict PUBLIC; a view that sets one is public no longer.
CLOSES_PUBLIC = ("ORIGINS", "METHODS", "ALLOW_CREDENTIALS")
#: Every setting by its name as a variable, upper case and without prefix, and by its aliases.
VARIABLES = {name: setting for setting in SETTINGS for name in (setting.name, *setting.aliases)}
#: Every setting that may be an argument, or stand in one, by its name there, upper case.
OPTIONS = {
    name: setting
    for setting in SETTINGS
    for name in (setting.name, setting.option_alias)
    if setting.is_option and name
}


@functools.cache
def default(name: str, environment: str) -> Any:
    """Return the typed default of the setting *name* in *environment*; None where there is none."""
    setting = VARIABLES[name]
    written = setting.defaults.get(environment)
    return None if written is None else setting.parse(written)


@functools.cache
def loopback_origins() -> values.OriginValue:
    """Return the default of ORIGINS in development where credentials are on."""
    hosts = ("localhost", "127.0.0.1", "[::1]")
    return values.origins([f"{scheme}://{host}:*" for scheme in ("http", "https") for host in hosts])
