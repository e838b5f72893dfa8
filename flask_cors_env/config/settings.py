"""
The catalogue: every setting, declared once.

The README's table, ``.env.example``, the messages and the settings model are made from these declarations.
Adding a setting is a declaration here and the line that obeys it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from flask_cors_env.config import values

ENVIRONMENTS = ("development", "testing", "staging", "production")


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
        aliases: Other names it is known by elsewhere.
        option: Whether it may be given as an argument.
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
        values.text,
        "development, testing, staging or production",
        "Whose rules judge the policy, and which defaults hold. Unset: detected, and production where "
        "nothing says otherwise.",
        "production",
        option=False,
    ),
    Setting(
        "ORIGINS",
        Scope.BOTH,
        values.origins,
        "origins; `https://*.example.com`; `http://localhost:*`; `*`; `null`; `none`",
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
        "The request headers a page may set. `*` does not cover Authorization, which is named beside it.",
        "Content-Type,Authorization",
        _by_environment("* Authorization", *["Content-Type Authorization"] * 3),
        aliases=("ALLOWED_HEADERS", "HEADERS"),
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
        values.words,
        "rule ids",
        "Rules of the environment whose errors become warnings, repeated at every start.",
        "http",
        _same("none"),
    ),
    Setting(
        "AUDIT_SINK",
        Scope.APP,
        values.text,
        "`auto`, `stderr`, `stdout` or `file:PATH`",
        "Where the audit log's lines go.",
        "file:/var/log/app/cors.jsonl",
        _same("auto"),
        option=False,
    ),
)

BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_KEY = {setting.key: setting for setting in SETTINGS}
CANONICAL = {alias: setting.name for setting in SETTINGS for alias in setting.aliases}
#: The other names that arguments go by: those of flask-cors.
OPTION_ALIASES = {"HEADERS": "ALLOW_HEADERS", "SUPPORTS_CREDENTIALS": "ALLOW_CREDENTIALS"}

#: The default of ORIGINS in development where credentials are on.
LOOPBACK_ORIGINS = " ".join(
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1", "[::1]")
)
