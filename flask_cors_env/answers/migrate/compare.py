"""
The proof of a migration: the app's own routes, asked of flask-cors as it runs and of the translated policy.

Both run on apps with the routes and without the views, so that none of the app's code runs. A model of the
browser asks; compared is its conclusion: whether a page may read the response, and which headers of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule

from flask_cors_env.answers.migrate.differences import Line
from flask_cors_env.answers.migrate.entries import as_regex, is_anything
from flask_cors_env.answers.migrate.explained import Asked, Seen, explaining
from flask_cors_env.answers.migrate.translate import Translation
from flask_cors_env.core.origin import is_serialized
from flask_cors_env.core.protocol import is_token
from flask_cors_env.core.regex import samples
from flask_cors_env.testing.browser import Browser, PageRequest
from flask_cors_env.web.extension import CORS
from flask_cors_env.web.peer import Found, Options, stand_in

UNLISTED = "https://unlisted.example"
Credentials = Literal["omit", "include"]
#: What every stand-in's response has beside the exposed headers.
_OTHER_HEADER = "X-Unlisted-Response"
_VALUES = {"int": "1", "float": "1.5", "uuid": "0b5c2a5e-0000-4000-8000-000000000000", "path": "a/b"}
_RULE_PART = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\((.*?)\))?:)?[a-zA-Z_]\w*>")
_MOST_NAMES = 8
#: Pairs of a path and an origin, each of which is some ten requests.
_MOST_PAIRS = 2000
#: The environment whose rules take every translation; what it logs is no event of the app.
_SILENT = {"CORS_ENV": "development", "CORS_AUDIT": "off", "CORS_AUDIT_SINK": f"file:{os.devnull}"}


@dataclass(frozen=True)
class Change:
    """
    A request of which the browser concludes otherwise.

    Attributes:
        asked: The request.
        before: What a page may read with flask-cors.
        after: What it may read with the translated policy.
        lines: The comments that speak of it; none where the change was not foreseen.
    """

    asked: Asked
    before: Seen
    after: Seen
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Comparison:
    """
    The outcome of all requests.

    Attributes:
        asked: The number of requests.
        routes: The rules that were asked.
        left_out: The rules that were not, since no path that they route is known.
        is_whole: Whether every route was asked about every origin; of many origins each is asked somewhere.
        changes: Where the browser concludes otherwise.
    """

    asked: int
    routes: tuple[str, ...]
    left_out: tuple[str, ...]
    is_whole: bool
    changes: tuple[Change, ...]

    @property
    def is_foreseen(self) -> bool:
        """Return whether a comment speaks of every change, and every route was asked."""
        return not self.left_out and all(change.lines for change in self.changes)


def compare(app: Flask, found: Found, translation: Translation, *, pairs: int = _MOST_PAIRS) -> Comparison:
    """
    Ask flask-cors as it runs on *app*, and the policy of *translation*, and return what differs.

    Args:
        app: Only read.
        found: How it uses flask-cors.
        translation: Of *found*.
        pairs: The most pairs of a path and an origin that are asked about.
    """
    exposed = {
        name for one in found.governed for name in one.options.expose_headers.split(", ") if is_token(name)
    }
    headers = dict.fromkeys([*sorted(exposed - {"*"}), _OTHER_HEADER], "1")
    theirs = stand_in(app, lambda: ("", headers), with_peer=True)
    ours = stand_in(app, lambda: ("", headers), with_peer=False)
    CORS(ours, environ={**_SILENT, **translation.variables})
    routed = [(rule, _paths(app, rule)) for rule in app.url_map.iter_rules()]
    every = [one.options for one in found.governed]
    origins, most = _origins(every), pairs // max(1, sum(len(paths) for _, paths in routed))
    places = [(rule, path) for rule, paths in routed for path in paths]
    turns = [origins if len(origins) <= most else _some(origins, most, n) for n in range(len(places))]
    asked = [
        one
        for (rule, path), turn in zip(places, turns, strict=True)
        for one in _requests(app, rule, path, every, turn)
    ]
    seen = ((one, _seen(theirs, one.page), _seen(ours, one.page)) for one in asked)
    return Comparison(
        asked=len(asked),
        routes=tuple(rule.rule for rule, paths in routed if paths),
        left_out=tuple(rule.rule for rule, paths in routed if not paths),
        is_whole=len(origins) <= most,
        changes=tuple(
            Change(one, before, after, tuple(explaining(translation.lines, one, before, after)))
            for one, before, after in seen
            if before != after
        ),
    )


def _paths(app: Flask, rule: Rule) -> list[str]:
    """Return paths that *rule* routes, in all spellings; none is known where a converter is the app's own."""
    path = _RULE_PART.sub(_value, rule.rule)
    spellings = [path, path.rstrip("/") if path.endswith("/") else f"{path}/"]
    return [text for text in spellings if text and _endpoint(app, rule, text, _methods(rule)[0]) is not None]


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or {"GET", "PUT"}) - {"OPTIONS", "HEAD"}) or ["GET"]


def _endpoint(app: Flask, rule: Rule, path: str, method: str) -> str | None:
    """Return the endpoint that *path* is routed to; None where it is not routed, or redirected."""
    host, subdomain = _host(app, rule), None if app.url_map.host_matching else rule.subdomain
    try:
        return str(app.url_map.bind(host, subdomain=subdomain).match(path, method)[0])
    except (HTTPException, RequestRedirect, LookupError, ValueError, TypeError):
        return None


def _value(match: re.Match[str]) -> str:
    if match[1] == "any":
        return match[2].split(",")[0].strip("\"' ")
    return _VALUES.get(match[1] or "", "a")


def _host(app: Flask, rule: Rule) -> str:
    server = app.config.get("SERVER_NAME") or "api.example.test"
    return rule.host or (f"{rule.subdomain}.{server}" if rule.subdomain else server)


def _some(origins: Sequence[str], most: int, turn: int) -> list[str]:
    """Return those of *origins* that are asked at this turn: the unlisted, and the next of the others."""
    usual, others = list(origins[:2]), origins[2:]
    count = max(1, most - len(usual))
    return usual + [others[(turn * count + n) % len(others)] for n in range(count)]


def _requests(
    app: Flask, rule: Rule, path: str, every: Sequence[Options], origins: Iterable[str]
) -> Iterator[Asked]:
    """Yield requests for *path*: of each of *origins*, with every method of the route, then with headers."""
    methods = _methods(rule)
    endpoints = {method: _endpoint(app, rule, path, method) or "" for method in methods}
    sorts: list[Credentials] = (
        ["omit", "include"] if any(options.credentials for options in every) else ["omit"]
    )
    variants = [*product(methods, [()]), *product(methods[:1], ([name] for name in _names(every)))]
    for origin, (method, names), credentials in product(origins, variants, sorts):
        fields = [(name, "application/json" if name.lower() == "content-type" else "1") for name in names]
        url = f"https://{_host(app, rule)}{path}"
        page = PageRequest(origin=origin, url=url, method=method, headers=fields, credentials=credentials)
        yield Asked(page, path, endpoints[method])


def _origins(every: Iterable[Options]) -> list[str]:
    """Return the origins that are configured, examples of those in expressions, and others."""
    found = [UNLISTED, "null"]
    for pattern in (pattern for options in every for pattern in options.origins if not is_anything(pattern)):
        found += [origin for text in _examples(pattern) for origin in (text, f"{text}.unlisted.example")]
    return [origin for origin in dict.fromkeys(map(str.lower, found)) if is_serialized(origin)]


def _examples(pattern: object) -> list[str]:
    """Return the literal *pattern*, or texts that the expression matches."""
    regex = as_regex(pattern)
    return [str(pattern)] if regex is None else samples(regex)


def _names(every: Iterable[Options]) -> list[str]:
    """Return names of request headers: usual ones, those that are configured, and another."""
    patterns = [p for options in every for p in options.allow_headers if not is_anything(p)]
    configured = [name for pattern in patterns for name in _examples(pattern)]
    usual = ["Content-Type", "Authorization", "X-Unlisted"]
    return list(dict.fromkeys(filter(is_token, (*usual, *configured[:_MOST_NAMES]))))


def _seen(app: Flask, page: PageRequest) -> Seen:
    client = app.test_client(use_cookies=False)

    def send(
        method: str, url: str, headers: list[tuple[str, str]]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        answer = client.open(url, method=method, headers=headers)
        return answer.status_code, list(answer.headers), answer.data

    outcome = Browser(send).fetch(page)
    return None if outcome.cause else tuple(name for name, _ in outcome.headers if name.startswith("x-"))
