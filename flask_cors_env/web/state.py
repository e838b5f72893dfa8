"""
State: one governed app, from `init_app` on. All of it stands under ``app.extensions["cors_env"]``.

`init_app` judges what is known; the first request settles it; then it is only read, or replaced whole.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, Flask
from werkzeug.test import EnvironBuilder

from flask_cors_env.audit import seal
from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.loaded import write_policy
from flask_cors_env.audit.opening import open_log
from flask_cors_env.audit.routes import LoggingRoute
from flask_cors_env.audit.signals import cors_policy_changed, tell
from flask_cors_env.audit.sink import why_not
from flask_cors_env.config.build import Built, Inputs, Scope, build, is_ours
from flask_cors_env.config.environment import READ
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.config.files import Loaded, loaded_by_flask
from flask_cors_env.config.texts import Texts
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.decision import Decision, decide_within
from flask_cors_env.core.origin import DEFAULT_PORTS
from flask_cors_env.core.path import PathIndex
from flask_cors_env.core.policy import Policy, Resource, path_entries
from flask_cors_env.core.request import Kind, page_requests
from flask_cors_env.web import hooks, marks
from flask_cors_env.web.layers import NO_LAYERS, Layers, find_layers
from flask_cors_env.web.marks import Mark
from flask_cors_env.web.middleware import Middleware
from flask_cors_env.web.prepared import Active
from flask_cors_env.web.reload import Watch, tell_changed, tell_rejected
from flask_cors_env.web.routes import advice
from flask_cors_env.web.scopes import BlueprintPolicy, Table, blueprint_policy, marked_views
from flask_cors_env.web.start import Notice
from flask_cors_env.web.views import Selector, closed, left_alone
from flask_cors_env.web.wsgi import placed, reads_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "cors_env"
#: The environment by whose rules a command judges an app while it loads; None for the detected one.
JUDGED_AS: ContextVar[str | None] = ContextVar("cors_judged_as", default=None)
_LOG = logging.getLogger("flask_cors_env")
_NUMBERS = itertools.count(1)
#: How many rules of marks that run, and warnings of such marks, are remembered for one app.
_REMEMBERED = 256


class Terms(NamedTuple):
    """What an app is governed by, beside what its environment says."""

    environ: Mapping[str, str] | None = None
    environment: str | None = None
    env_file: str | None = None
    config_file: str | None = None
    arguments: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    audit_processors: tuple[Any, ...] = ()


def govern(app: Flask, terms: Terms, *, whole: bool, blueprint: BlueprintPolicy | None = None) -> State:
    """Judge *app* by what is known so far, and wrap it if it is not yet; raises CORSConfigError."""
    found = state_of(app)
    state = State(app, terms) if found is None else found
    state.refuse_other(terms, whole=whole)
    changed = state.widened(terms if whole else None, blueprint)
    changed.judge()
    if found is None:
        state.install()
    state.become(changed)
    return state


def state_of(app: Flask) -> State | None:
    """Return the state of *app*; None where nothing governs it."""
    state = app.extensions.get(KEY)
    return state if isinstance(state, State) else None


def govern_blueprint(blueprint: Blueprint, terms: Terms, apps: weakref.WeakSet[Flask]) -> None:
    """Govern the apps that *blueprint* will be registered with, and note them in *apps*."""
    options = {
        key: value for _, given in terms.arguments for key, value in given.items() if value is not None
    }
    options.pop("resources", None)
    resources = terms.arguments[-1][1]["resources"]  # the constructor's are for its app

    def register(setup: Any) -> None:
        name = f"{setup.name_prefix}.{setup.name}".lstrip(".")
        policy = blueprint_policy(name, setup.url_prefix or "", options, resources)
        apps.add(setup.app)
        govern(setup.app, terms._replace(arguments=()), whole=False, blueprint=policy)

    try:
        blueprint.record(register)
    except AssertionError:
        message = f"the blueprint {blueprint.name!r} was registered already; give it its policy before that"
        raise RuntimeError(message) from None


def govern_marked_views(app: Flask) -> State:
    """Govern the marked views of an app that has no policy; what is wrong is raised by every request."""
    state = State(app, Terms())
    try:
        state.judge()
    except CORSConfigError as error:
        state.fail(error)
    state.install()
    hooks.install(app, state)  # the request that brought the app here has its context already
    return state


class State:
    """
    One app's policy: judged at `init_app`, settled by the first request, and then read by all.

    Attributes:
        key: Under which an environ keeps the exchange of a request of this app.
        place: Where the app was governed first, as ``file:line``.
        whole: True where all paths are governed; False where only views and blueprints are.
        ready: What every request is served with; None where `activate` has to be asked.
        is_hooked: True once all methods of the app are wrapped.
    """

    def __init__(self, app: Flask, terms: Terms) -> None:
        self._app = app
        self._terms = terms
        self._texts = Texts()
        self.place = _caller()
        self.key = f"flask_cors_env.exchange.{next(_NUMBERS)}"
        self.is_hooked = False
        self._wrapper: Middleware | None = None
        self._blueprints: tuple[BlueprintPolicy, ...] = ()
        self.whole = False
        self._built: Built | None = None
        self._selector: Selector | None = None
        self._inputs: Inputs | None = None
        self._late: dict[Any, Resource] = {}
        self._warned: set[str] = set()
        self._error: CORSConfigError | None = None
        self._active: Active | None = None
        self.ready: Active | None = None
        self._watch: Watch | None = None
        self._server: str | None = None
        self._reloads = 0
        self._locks: dict[int, threading.RLock] = {}

    @property
    def _lock(self) -> threading.RLock:
        """
        The lock of all that replaces the policy, made where it is first needed.

        A server that loads the app and then lets gevent replace locks (``gunicorn --preload``) would be left
        with one that stops every greenlet. A child gets its own: whoever held the parent's is not there. A
        signal handler may reload while its thread holds the lock.
        """
        return self._locks.setdefault(os.getpid(), threading.RLock())

    @property
    def has_served(self) -> bool:
        """True once a request has come, or has been refused for a policy that cannot be used."""
        return self._active is not None or self._error is not None

    def install(self) -> None:
        """Stand around the app's ``wsgi_app``, and in its methods, from now on."""
        app = self._app
        self._wrapper = Middleware(app.wsgi_app, self)
        app.wsgi_app = self._wrapper  # type: ignore[method-assign]  # Flask's documented way
        hooks.watch(app, self)
        app.extensions[KEY] = self

    def widened(self, terms: Terms | None, blueprint: BlueprintPolicy | None) -> State:
        """A state that also governs the whole app by *terms*, or *blueprint*; this one is left as it is."""
        if blueprint is not None and blueprint.name in {other.name for other in self._blueprints}:
            raise RuntimeError(f"the blueprint {blueprint.name!r} has a CORS policy already; make one call")
        state = State(self._app, terms or self._terms)
        state._texts, state.place = self._texts, self.place
        state.whole = self.whole or terms is not None
        state._blueprints = (*self._blueprints, *([blueprint] if blueprint else []))
        return state

    def refuse_other(self, terms: Terms, *, whole: bool) -> None:
        """Refuse *terms* that name another environment, or other sources, than the app has."""
        for name in ("environ", "environment", "env_file", "config_file"):
            mine, theirs = getattr(self._terms, name), getattr(terms, name)
            silent = (self.whole and theirs is None) or (whole and not self.whole and mine is None)
            if theirs != mine and not silent:
                raise RuntimeError(f"{name}= differs from what this app's policy was given before")

    def become(self, other: State) -> None:
        """Take over what *other* was judged to be."""
        self._terms, self.whole, self._blueprints = other._terms, other.whole, other._blueprints
        self._built, self._selector, self._inputs = other._built, other._selector, other._inputs

    @property
    def policy(self) -> Policy:
        """The policy that requests are decided by, or will be as far as is known."""
        if self._active is not None:
            return self._active.policy
        if self._error is not None:
            raise self._error
        return self.built.policy

    def judge(self, *, command: bool = False, as_environment: str | None = None) -> None:
        """Read all sources and judge them; raises CORSConfigError."""
        inputs = replace(self._read(None), command=command, sink_fault=why_not, key_fault=seal.why_not)
        self._built, self._selector = self._build(inputs, as_environment or JUDGED_AS.get())

    def look_again(self) -> None:
        """Judge what is known by now if no request has settled it: views may have come since `init_app`."""
        if self._active is None and self._error is None:
            self.judge()

    def fail(self, error: CORSConfigError) -> None:
        """Raise *error* for every request from now on."""
        self._error = error

    def for_command(self, as_environment: str | None = None) -> State:
        """The same sources, judged anew for a command; raises CORSConfigError."""
        state = self.widened(None, None)
        state.judge(command=True, as_environment=as_environment)
        return state

    @property
    def built(self) -> Built:
        """What the sources made."""
        if self._built is None:
            raise RuntimeError("the policy has not been judged yet")
        return self._built

    def decisions(
        self,
        origin: str | None,
        method: str,
        url: str,
        headers: Iterable[str],
        *,
        credentialed: bool = False,
    ) -> list[Decision]:
        """What is decided about each request that a browser sends for a page's: a preflight if need be."""
        policy, selector = self.policy, self._selector
        base_url, path = placed(url, self._app.config)
        environ = EnvironBuilder(quote(path), base_url, method=method).get_environ()
        found = []
        is_own = "://" in url and origin == _origin_of(base_url)
        for request in page_requests(
            origin, method, path, headers, same_origin=is_own, credentialed=credentialed
        ):
            if selector is None:
                resource = policy.resource_for(path)
            elif request.kind is Kind.PREFLIGHT:
                resource = selector.for_preflight(selector.request_of(environ), path, method)
            else:
                resource = selector.for_request(selector.request_of(environ), path, method)
            guard = policy.guard_for(path, resource)
            explained, outside = policy.is_development, policy.outside
            found.append(decide_within(resource, request, explained=explained, guard=guard, outside=outside))
        return found

    def resource_of_mark(self, mark: Mark, name: str, endpoint: str | None, path: str) -> Resource:
        """
        Return the rules of a `cross_origin`, or of an exemption, that runs while a request is served.

        Those of a view that was known at the start are in the policy. Others are built from the sources that
        the policy was built from, and judged as they were; rules that do not stand allow nobody.
        """
        if mark.exempt:
            return left_alone(endpoint or name)
        selector = self._selector
        known = None if selector is None or endpoint is None else selector.resource_of(mark, endpoint, path)
        if known is not None:
            return known
        base = self._base_name(endpoint, path)
        rules = _hashable(mark.options) if mark.is_late else mark
        if rules is None:
            return self._build_late(mark, base, endpoint, name)
        key = (rules, base, endpoint, name)
        late = (
            self._late
        )  # a reload puts another in its place: what is built from the old sources ends with it
        found = late.get(key)
        if found is None:
            found = self._build_late(mark, base, endpoint, name)
            if len(late) >= _REMEMBERED:
                late.clear()
            late[key] = found
        return found

    def _base_name(self, endpoint: str | None, path: str) -> str | None:
        if self._selector is not None:
            return self._selector.base_name(endpoint, path)
        base = PathIndex(path_entries(self.built.bases)).find(path)
        return None if base is None else base.name

    def _build_late(self, mark: Mark, base: str | None, endpoint: str | None, name: str) -> Resource:
        if self._inputs is None:
            raise RuntimeError("the policy has not been judged yet")
        taken = {resource.name for resource in self.built.policy.resources}
        names = (f"view:{endpoint or name}", f"view:{endpoint}.{name}", f"view:{endpoint}.{name} (late)")
        called = next(each for each in names if each not in taken)
        scope = Scope(called, base, f"@cross_origin on {name}", mark.options)
        try:
            scopes = (*self._inputs.scopes, scope)
            inputs = replace(self._inputs, known=self.built.environment, scopes=scopes)
            found = build(inputs).policy.resource_named(called)
        except CORSConfigError as error:
            _LOG.error("CORS: @cross_origin on %s allows nobody: %s", name, error)
            found = None
        return found or closed(endpoint or name)

    def warn_once(self, key: str, sentence: str) -> None:
        """Warn of what a mark that runs shows, once for each *key*; of very many, of none any more."""
        if key not in self._warned and len(self._warned) < _REMEMBERED:
            self._warned.add(key)
            _LOG.warning("CORS: %s", sentence)

    def advice(self) -> list[str]:
        """What the app's routes say to the policy."""
        return list(advice(self._app, self.policy))

    def activate(self, environ: WSGIEnvironment) -> Active:
        """What a request is served with; the first one settles it."""
        active = self._active
        if active is None:
            return self._settle(environ)
        if self._watch is not None and self._watch.is_due():
            return self._look(active, self._watch)
        return active

    def reload(self, trigger: str) -> Policy:
        """Read and judge all sources anew, and swap one reference; raises CORSConfigError."""
        with self._lock:
            self._reloads += 1
            texts = self._texts.again()
            if self._active is None:
                kept, self._texts = self._texts, texts
                try:
                    self.judge()
                except CORSConfigError:
                    self._texts = kept
                    raise
                return self.policy
            old, found = self._read_again(self._active, texts)
            built = self.built
        return self._announce(old, found, built, trigger).policy

    def _look(self, active: Active, watch: Watch) -> Active:
        """Reload if a file has changed and nobody else is at it; a bad file leaves the policy as it was."""
        if not self._lock.acquire(blocking=False):
            return active
        try:
            old = self._active or active
            found: Active | CORSConfigError = old
            texts = self._texts.again() if watch.changed() else None
            if texts is not None and watch.took(texts.identities):
                old, found = self._read_again(old, texts)
            built = self.built
        finally:
            self._lock.release()
        try:
            return self._announce(old, found, built, "file")
        except CORSConfigError as error:
            _LOG.error("CORS: the policy stays as it was: %s", error)
            return old

    def _read_again(self, old: Active, texts: Texts) -> tuple[Active, Active | CORSConfigError]:
        """
        Serve what *texts* make, or return what is wrong with them; nothing is logged yet.

        A signal handler that reloads meanwhile reads later: what was read here is then read once more.

        Returns:
            What was replaced, and what replaced it.
        """
        while True:
            reloads = self._reloads
            inputs = replace(self._read(self._server), known=self.built.environment, texts=texts)
            try:
                built, selector = self._build(inputs)
            except CORSConfigError as error:
                return self._active or old, error
            if reloads != self._reloads:
                texts = self._texts.again()
                continue
            old = self._active or old
            self._texts = texts
            self._built = built
            self._selector = selector
            self._late = {}
            active = Active(
                built.policy,
                old.log,
                selector,
                is_plain=old.is_plain,
                layers=old.layers,
                notice=old.notice,
            )
            self._serve_with(active)
            if reloads == self._reloads:
                return old, active
            texts = self._texts.again()

    def _announce(self, old: Active, found: Active | CORSConfigError, built: Built, trigger: str) -> Active:
        """Tell the log and who listens, once no lock is held: both may ask the app, or reload it."""
        if isinstance(found, CORSConfigError):
            tell_rejected(old.log, found, old.policy, trigger)
            raise found
        if found.policy.id != old.policy.id:
            tell_changed(old.log, old.policy, found.policy, trigger)
            _tell(built, found, self._app)
            tell(cors_policy_changed, self._app, previous=old.policy, policy=found.policy)
        return found

    def _serve_with(self, active: Active) -> Active:
        if not active.is_early:
            hooks.install(self._app, self)
        self._active, self.ready = active, active if self._watch is None else None
        return active

    def _settle(self, environ: WSGIEnvironment) -> Active:
        with self._lock:
            if self._active is not None:
                return self._active
            if self._error is not None:
                raise self._error
            try:
                reloads = self._reloads
                active = self._serve_with(self._begin(environ))
                while reloads != self._reloads:  # by a signal handler, which has read later
                    reloads = self._reloads
                    active = self._serve_with(self._begin(environ))
                built = self.built
            except CORSConfigError as error:
                self._error = error
                raise
        with contextlib.suppress(Exception):  # a handler of the app's
            active.notice.tell(environ.get("HTTP_ORIGIN"), self._server or "")
        _tell(built, active, self._app)
        with contextlib.suppress(Exception):  # a handler of the app's
            _warn_of_places(self._app)
            _warn_of_layers(active.layers)
        return active

    def _begin(self, environ: WSGIEnvironment) -> Active:
        """Build from what holds now: config, routes and views may have changed, and the server is seen."""
        self._server = environ.get("SERVER_SOFTWARE", "")
        self._built, self._selector = self._build(self._read(self._server))
        built = self._built
        if built.app["RELOAD"] and built.files:
            named = {self._texts.absolute(path) for path in built.files}
            read = {path: found for path, found in self._texts.identities.items() if path in named}
            self._watch = Watch(read, built.app["RELOAD"])
        layers = find_layers(self._app, self._wrapper, self._wrapper.app) if self._wrapper else NO_LAYERS
        return Active(
            built.policy,
            self._open_log(built),
            self._selector,
            is_plain=self._is_plain(),
            layers=layers,
            notice=Notice(built.environment),
        )

    def _is_plain(self) -> bool:
        """
        Return True in the plain case: the wrapper sees the request that Flask serves.

        It stands directly around the app's own ``Flask.wsgi_app``, and no class of the app's changes what
        Flask reads of the environ.
        """
        app, wrapper = self._app, self._wrapper
        below = None if wrapper is None else wrapper.app
        return (
            getattr(below, "__self__", None) is app
            and getattr(below, "__func__", None) is Flask.wsgi_app
            and hooks.makes_flasks_contexts(app)
            and hooks.dispatches_as_flask(app)
            and reads_environ(app.request_class)
        )

    def _build(self, inputs: Inputs, as_environment: str | None = None) -> tuple[Built, Selector | None]:
        """The policy of the paths, and from it that of views and blueprints, which inherit."""
        inputs = replace(inputs, whole=self.whole)
        built = build(inputs, as_environment=as_environment)
        table = Table(marked_views(self._app), self._blueprints, built.bases)
        if table.scopes:
            inputs = replace(inputs, scopes=tuple(table.scopes))
            built = build(inputs, as_environment=as_environment)
        self._inputs = inputs
        return built, _selector(self._app, built, table)

    def _read(self, server: str | None) -> Inputs:
        environ = os.environ if self._terms.environ is None else self._terms.environ
        loaded = loaded_by_flask(environ, sys.argv[1:]) if self._terms.environ is None else Loaded({}, 0)
        return Inputs(
            environ={name: value for name, value in environ.items() if is_ours(name) or name in READ},
            config={
                name: value
                for name, value in self._app.config.items()
                if isinstance(name, str) and is_ours(name)
            },
            arguments=self._terms.arguments,
            environment=self._terms.environment,
            env_file=self._terms.env_file,
            config_file=self._terms.config_file,
            env_lines=loaded.lines,
            env_faults=loaded.faulty,
            unread=loaded.unread,
            around=dict(environ),
            texts=self._texts,
            debug=bool(self._app.debug),
            testing=bool(self._app.testing),
            server=server,
        )

    def _open_log(self, built: Built) -> AuditLog:
        return open_log(
            self._app,
            built.app,
            name=self._app.name,
            environment=built.environment.name,
            environ=os.environ if self._terms.environ is None else self._terms.environ,
            processors=self._terms.audit_processors,
        )


def _caller() -> str:
    """Return the place outside this package, as ``file:line``, that called what is running."""
    frame = sys._getframe(1)  # noqa: SLF001 - documented, and inspect.stack() reads every file
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("flask_cors_env."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def state_for_command(app: Flask | None, as_environment: str | None = None) -> State:
    """
    What the sources of *app* make, judged anew; of the environment alone where there is no app or no policy.

    Raises:
        CORSConfigError: With every problem.
    """
    state = None if app is None else state_of(app)
    if state is None:
        state = State(app or Flask("flask_cors_env"), Terms()).widened(Terms(), None)
    return state.for_command(as_environment)


def _selector(app: Flask, built: Built, table: Table) -> Selector | None:
    """None where the path alone says which resource governs, which is the fast case."""
    automatic = any(AUTO in resource.methods for resource in built.policy.resources)
    if not table and not automatic:
        return None
    with_paths = [resource for resource in built.policy.resources if resource.paths]
    bases = PathIndex(path_entries([*with_paths, *built.bases]))
    return Selector(app, built.policy, bases.find, table)


def _warn_of_places(app: Flask) -> None:
    """Say once of each view whose `cross_origin` stands above its route that it holds all the same."""
    for endpoint in marks.above_routes(app):
        _LOG.warning("CORS: @cross_origin stands above the route of %s; put it below", endpoint)


def _warn_of_layers(layers: Layers) -> None:
    """Say once of each layer that the policy does not decide about what to do."""
    for sentence in layers.warnings:
        _LOG.warning("CORS: %s", sentence)


def _hashable(value: Any) -> Any:
    """Return *value* with tuples for lists and mappings; None where it holds what a request may make anew."""
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_hashable(each) for each in value]
        return None if None in parts else (type(value), *parts)
    return None if callable(value) or getattr(value, "__hash__", None) is None else (type(value), value)


def _told(built: Built, layers: Layers, app: Flask) -> dict[str, Iterable[str]]:
    """What ``cors.policy.loaded`` lists."""
    given = [leaf for leaf in built.leaves if not leaf.source.startswith("default of ")]
    unsafe = [leaf.value for leaf in given if leaf.setting == "UNSAFE_ALLOW"]
    return {
        "cors.policy.env": {_name_of(leaf.source) for leaf in given},
        "cors.policy.warnings": {warning.code for warning in (*built.warnings, *built.nobody)},
        "cors.policy.unsafe_allow": {rule for value in unsafe for rule in value.split(", ")},
        "cors.policy.exempt": {view.endpoint for view in marked_views(app) if view.mark.exempt},
        "cors.policy.layers": set(layers.names),
    }


def _name_of(source: str) -> str:
    """Return what set a value: a variable's name alone, what a file or an argument names with its place."""
    name, _, place = source.partition(" in ")
    path, colon, line = place.rpartition(":")
    where = os.path.basename(path) if colon and line.isdigit() else place  # noqa: PTH119 - no path is needed
    return name if is_ours(name) else f"{where}: {name}"


def _origin_of(base_url: str) -> str:
    """Return the origin of a URL without a path, as a browser serializes that."""
    scheme, _, host = base_url.lower().partition("://")
    return f"{scheme}://{host.removesuffix(f':{DEFAULT_PORTS[scheme]}')}"


def _tell(built: Built, active: Active, app: Flask) -> None:
    """Say once what holds: to the audit log, and its warnings to the app's operators."""
    log = active.log
    with contextlib.suppress(Exception):  # a handler of the app's
        _warn(built)
        _warn_of_format(log)
    told = {name: ",".join(sorted(values)) for name, values in _told(built, active.layers, app).items()}
    values = {"cors.policy.because": built.environment.because, **told}
    try:
        write_policy(log, built.policy.id, built.policy.canonical_json(), values)
    except Exception as error:  # noqa: BLE001 - a pipeline of the app's; what it does later is counted too
        log.lose(error)


def _warn_of_format(log: AuditLog) -> None:
    """Say once that a handler of the app's writes the log so that `flask cors` cannot read it again."""
    route = log.route()
    text = route.unread() if isinstance(route, LoggingRoute) else None
    if text is not None:
        _LOG.warning(
            "CORS: flask cors reads the audit log only with --prefix: a line begins %a, and its format names "
            "the logger nowhere, or not where readers look. Take logging's BASIC_FORMAT",
            text[:60],
        )


def _warn(built: Built) -> None:
    for warning in (*built.warnings, *built.nobody, *built.environment.notes):
        _LOG.warning("CORS: %s", warning)
    for hint in (*built.notes, *built.narrowed):
        _LOG.info("CORS: %s", hint)
