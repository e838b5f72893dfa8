"""
flask-cors on an app: what it was told, read where it keeps it, without importing it.

Its options sit in the closure of its ``after_request`` function, one for each `CORS(...)`, and in that of the
wrapper around a decorated view. What is read are plain values, of flask-cors 4 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from flask import Flask, request
from werkzeug.routing import Rule

from flask_cors_env.config.build import Inputs, build
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.config.layers import PREFIX
from flask_cors_env.config.settings import SETTINGS
from flask_cors_env.core.environments import DEVELOPMENT

_EXTENSION = "flask_cors.extension"
_DECORATOR = "flask_cors.decorator"

#: Its options, upper case, with their defaults as one would write them; empty where there is none.
OPTIONS = {
    "ORIGINS": "*",
    "METHODS": "GET HEAD POST OPTIONS PUT PATCH DELETE",
    "ALLOW_HEADERS": "*",
    "EXPOSE_HEADERS": "none",
    "SUPPORTS_CREDENTIALS": "false",
    "MAX_AGE": "",
    "RESOURCES": "/*",
    "SEND_WILDCARD": "false",
    "ALWAYS_SEND": "true",
    "AUTOMATIC_OPTIONS": "true",
    "INTERCEPT_EXCEPTIONS": "true",
    "VARY_HEADER": "true",
    "ALLOW_PRIVATE_NETWORK": "false",
}
_REGEX_CODES = frozenset({"origin-is-regex", "header-is-regex", "path-is-regex", "pattern-not-here"})
_PATH_AT_END = re.compile("<path:[^<>]*>$")
#: The characters by which it takes a string for a regular expression.
HINTS = frozenset("*\\]?$^[]()")


@dataclass(frozen=True)
class Options:
    """
    One set of options, as flask-cors has resolved it.

    Attributes:
        origins: Literals and compiled patterns; strings that it takes for expressions in old versions.
        any_origin: Whether every origin is let in.
        methods: Upper case, joined by commas.
        allow_headers: As the origins.
        expose_headers: Joined by commas; empty where there are none.
        credentials: Whether Access-Control-Allow-Credentials is sent.
        max_age: As given; None where it was not.
        send_wildcard: Whether ``*`` is sent where everyone is let in.
        always_send: Whether requests without Origin are answered with fields.
        vary_header: Whether Vary is sent.
        automatic_options: Whether it answers OPTIONS for a decorated view.
        intercept_exceptions: Whether it wraps the app's handling of exceptions.
        allow_private_network: Whether requests from public pages to a private network are let in.
    """

    origins: tuple[Any, ...] = ("*",)
    any_origin: bool = False
    methods: str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    allow_headers: tuple[Any, ...] = ("*",)
    expose_headers: str = ""
    credentials: bool = False
    max_age: Any = None
    send_wildcard: bool = False
    always_send: bool = True
    vary_header: bool = True
    automatic_options: bool = True
    intercept_exceptions: bool = True
    allow_private_network: bool = False

    @classmethod
    def of(cls, resolved: Any) -> Options:
        """What *resolved*, a mapping or an object of flask-cors, holds."""
        told: Mapping[str, Any] = resolved if isinstance(resolved, Mapping) else vars(resolved)
        origins = tuple(told["origins"] or ())
        switches = ("send_wildcard", "always_send", "vary_header", "automatic_options")
        others = ("intercept_exceptions", "allow_private_network")
        return cls(
            origins=origins,
            any_origin=bool(told.get("allow_all_origins")) or ".*" in origins,
            methods=told["methods"] or "",
            allow_headers=tuple(told["allow_headers"] or ()),
            expose_headers=told["expose_headers"] or "",
            credentials=bool(told["supports_credentials"]),
            max_age=told["max_age"],
            **{name: bool(told.get(name, getattr(cls, name))) for name in (*switches, *others)},
        )


class Governed(NamedTuple):
    """
    Paths that one call of `CORS`, or one decorator, governs.

    Attributes:
        place: ``CORS(app)``, ``CORS(<blueprint>)`` or ``@cross_origin <endpoint>``.
        patterns: As `re` matches them, or literals; for a view its rules.
        options: For these paths.
        blueprint: The blueprint's name; None for the app and for views.
        endpoint: The decorated view's; None for the others.
        call: Which call it was: the same number for what one call has said.
    """

    place: str
    patterns: tuple[Any, ...]
    options: Options
    blueprint: str | None = None
    endpoint: str | None = None
    call: int = 0


class Route(NamedTuple):
    """A rule of the URL map: its text, its endpoint, and whether it stands for every host."""

    rule: str
    endpoint: str
    is_for_every_host: bool = True


@dataclass(frozen=True)
class Found:
    """
    How an app uses flask-cors.

    Attributes:
        governed: In the order in which flask-cors asks: views, blueprints, the app; of the app's calls the
            last one first.
        routes: The app's rules.
        hooks: Whether the app has hooks ahead of its views, or views that answer OPTIONS.
        config: The keys of app.config that flask-cors reads.
        regexes: Those of them that hold a regular expression.
        dead: The other ``CORS_*`` keys of app.config, which are no settings of this package alone.
        unread: Decorated views whose options cannot be told, or that have no path of their own.
    """

    governed: tuple[Governed, ...] = ()
    routes: tuple[Route, ...] = ()
    hooks: bool = False
    config: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.governed or self.unread)


def find(app: Flask) -> Found:
    """What flask-cors was told on *app*; nothing where it is not used."""
    decorated: list[Governed] = []
    unread: list[str] = []
    for endpoint, view in sorted(app.view_functions.items()):
        _read_view(app, endpoint, view, decorated, unread)
    routes = tuple(_routes(app.url_map.iter_rules()))
    values = {key: value for key, value in app.config.items() if key.startswith(PREFIX) and value is not None}
    own = {setting.name for setting in SETTINGS}
    read = [key for key in values if key.removeprefix(PREFIX) in OPTIONS]
    return Found(
        governed=(*decorated, *_hooks(app)),
        routes=routes,
        hooks=bool(app.before_request_funcs) or any(_answers_options(app, decorated)),
        config=tuple(read),
        regexes=tuple(key for key in read if _holds_regex(key, values[key])),
        dead=tuple(key for key in values if key not in read and key.removeprefix(PREFIX) not in own),
        unread=tuple(unread),
    )


def _holds_regex(key: str, value: Any) -> bool:
    """Return whether *value* holds a regular expression that is an error in app.config here."""
    try:
        build(Inputs(environ={}, config={key: value}, environment=DEVELOPMENT))
    except CORSConfigError as error:
        return any(problem.code in _REGEX_CODES for problem in error.problems)
    return False


def _routes(rules: Iterable[Rule]) -> Iterator[Route]:
    """Yield the rules, and of one without strict slashes the other spelling that Flask takes."""
    for rule in rules:
        texts = [rule.rule]
        if not (rule.strict_slashes or rule.rule == "/" or _PATH_AT_END.search(rule.rule)):
            texts.append(rule.rule.rstrip("/") if rule.rule.endswith("/") else f"{rule.rule}/")
        for text in texts:
            yield Route(text, rule.endpoint, not (rule.subdomain or rule.host))


def _answers_options(app: Flask, decorated: Iterable[Governed]) -> Iterator[bool]:
    """Whether a route's own view answers OPTIONS, for each route of a view that is not decorated."""
    ours = {governed.endpoint for governed in decorated}
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in ours and "OPTIONS" in (rule.methods or ()):
            yield not getattr(rule, "provide_automatic_options", True)


def _hooks(app: Flask) -> Iterator[Governed]:
    """What each call of `CORS` said; Flask asks blueprints first, and of each the last one first."""
    call = 0
    for name, functions in sorted(app.after_request_funcs.items(), key=lambda item: item[0] is None):
        for function in reversed(functions):
            call += 1
            is_peer = getattr(function, "__module__", None) == _EXTENSION
            resources = _closed_over(function, "resources") if is_peer else None
            for pattern, resolved in resources or ():
                place = "CORS(app)" if name is None else f"CORS({name})"
                yield Governed(place, (pattern,), Options.of(resolved), name, None, call)


def _closed_over(function: Any, name: str) -> Any:
    """The value of *name* that *function* was closed over; None where it has none."""
    cells = getattr(function, "__closure__", None) or ()
    names = function.__code__.co_freevars if cells else ()
    found = [cell for known, cell in zip(names, cells, strict=True) if known == name]
    return found[0].cell_contents if found else None


def _read_view(app: Flask, endpoint: str, view: Any, decorated: list[Governed], unread: list[str]) -> None:
    wrappers = _wrappers(view) or _hidden(app, view)
    handled = [wrapper for handler in _handlers(view) for wrapper in _wrappers(handler)]
    if not (wrappers or handled):
        return
    options = _told_by(app, wrappers[0]) if len(wrappers) == 1 and not handled else None
    if options is None:
        unread.append(endpoint)
        return
    rules = tuple(rule.rule for rule in app.url_map.iter_rules(endpoint))
    decorated.append(Governed(f"@cross_origin {endpoint}", rules, options, endpoint=endpoint))


def _handlers(view: Any) -> list[Any]:
    """The methods of a class-based view."""
    view_class = getattr(view, "view_class", None)
    methods = getattr(view_class, "methods", None) or ()
    return [getattr(view_class, method.lower(), None) for method in methods]


def _wrappers(view: Any) -> list[Any]:
    """The wrappers of flask-cors around *view*; several contradict each other."""
    return [one for one in _chain(view) if getattr(one, "__globals__", {}).get("__name__") == _DECORATOR]


def _chain(view: Any) -> Iterator[Any]:
    """*view* and what it wraps, outermost first."""
    seen = set[int]()
    while view is not None and id(view) not in seen:
        seen.add(id(view))
        yield view
        view = getattr(view, "__wrapped__", None)


def _hidden(app: Flask, view: Any) -> list[Any]:
    """Wrappers that a decorator without `functools.wraps` hides: it holds them, and they are no other's."""
    others = {id(one) for other in app.view_functions.values() if other is not view for one in _chain(other)}
    held = (value for one in _chain(view) for value in _held(one))
    return [one for value in held for one in _wrappers(value) if id(one) not in others]


def _held(function: Any) -> Iterator[Any]:
    """The functions that *function* was closed over; a cell may be empty."""
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):
            if callable(cell.cell_contents):
                yield cell.cell_contents


def _told_by(app: Flask, wrapper: Any) -> Options | None:
    """What a decorated view is governed by, as flask-cors resolves it; None where it raises."""
    resolve = wrapper.__globals__["get_cors_options"]
    try:
        return Options.of(resolve(app, _closed_over(wrapper, "_options")))
    except (ValueError, TypeError, KeyError):
        return None


def stand_in(app: Flask, answer: Callable[[], Any], *, with_peer: bool) -> Flask:
    """
    Return an app with the routes of *app*, whose views all return *answer*: no code of the app's views runs.

    Args:
        app: Only read.
        answer: What every view returns.
        with_peer: Whether flask-cors itself runs on it as on *app*, with its functions and decorators. If
            not, the keys of app.config that begin with ``CORS_`` are left out too.
    """
    made = Flask(app.import_name, static_folder=None, root_path=app.root_path)
    made.url_map, made.subdomain_matching = app.url_map, app.subdomain_matching
    made.config.update({k: v for k, v in app.config.items() if with_peer or not k.startswith(PREFIX)})
    made.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    for endpoint, view in app.view_functions.items():
        made.view_functions[endpoint] = _answering(view, answer) if with_peer else _plain(answer)
    for name, functions in app.after_request_funcs.items() if with_peer else ():
        made.after_request_funcs[name] = [f for f in functions if getattr(f, "__module__", "") == _EXTENSION]
    return made


def _plain(answer: Callable[[], Any]) -> Callable[..., Any]:
    return lambda **_: answer()


def _answering(view: Any, answer: Callable[[], Any]) -> Callable[..., Any]:
    """Return a view of *answer*, decorated by flask-cors as *view* is, or as its methods are."""
    handlers = {
        handler.__name__.upper(): _decorated(handler, answer) for handler in _handlers(view) if handler
    }
    plain = _plain(answer)

    def dispatch(**values: Any) -> Any:
        return handlers.get(request.method, plain)(**values)

    return _decorated(view, answer, dispatch)


def _decorated(view: Any, answer: Callable[[], Any], inner: Any = None) -> Callable[..., Any]:
    made = inner or _plain(answer)
    for wrapper in reversed(_wrappers(view)):
        made = wrapper.__globals__["cross_origin"](**_closed_over(wrapper, "_options"))(made)
    return cast("Callable[..., Any]", made)
