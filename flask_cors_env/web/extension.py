"""
The extension: what an application calls, and what is kept for each app.

`CORS` keeps its arguments and nothing else. All state is per app, under ``app.extensions["cors_env"]``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

from flask import Blueprint, Flask, current_app, has_app_context
from werkzeug.local import LocalProxy
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.loaded import write_policy
from flask_cors_env.audit.opening import open_log
from flask_cors_env.audit.signals import cors_policy_changed, tell
from flask_cors_env.audit.sink import why_not
from flask_cors_env.config.build import Built, Inputs, build, is_ours
from flask_cors_env.config.environment import READ
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.config.files import Loaded, loaded_by_flask
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.decision import Decision, decide_within
from flask_cors_env.core.path import PathIndex
from flask_cors_env.core.policy import Policy, path_entries
from flask_cors_env.core.request import Kind, page_requests
from flask_cors_env.web import marks, start
from flask_cors_env.web.marks import Mark
from flask_cors_env.web.middleware import Middleware
from flask_cors_env.web.outcome import Active, Source
from flask_cors_env.web.reload import Watch, identity, tell_changed, tell_rejected
from flask_cors_env.web.routes import advice
from flask_cors_env.web.views import BlueprintPolicy, Selector, Table, blueprint_policy, marked_views
from flask_cors_env.web.wsgi import is_same_origin, placed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

V = TypeVar("V", bound=Callable[..., Any])

KEY = "cors_env"
_LOG = logging.getLogger("flask_cors_env")


class CORS:
    """
    Cross-origin access control for Flask apps, configured by the environment.

    Args:
        app: Initialised at once; None where `init_app` follows.
        environment: ``development``, ``testing``, ``staging`` or ``production``; None to detect it.
        environ: Stands in for ``os.environ``; None for the real one.
        env_file: An env file whose ``CORS_*`` lines are read; None where CORS_ENV_FILE may name one.
        config_file: A policy file, TOML or JSON; None where CORS_CONFIG_FILE may name one.
        resources: A mapping from path patterns, or names, to options; or path patterns alone.
        audit_processors: structlog processors run on every audit event before it is rendered.
        **options: ``origins methods allow_headers expose_headers allow_credentials max_age enforce`` and
            their aliases; None where the environment decides.

    Raises:
        CORSConfigError: From `init_app`, with every problem in one round.
    """

    def __init__(  # noqa: PLR0913 - the contract's signature
        self,
        app: Flask | Blueprint | None = None,
        *,
        environment: str | None = None,
        environ: Mapping[str, str] | None = None,
        env_file: str | os.PathLike[str] | None = None,
        config_file: str | os.PathLike[str] | None = None,
        resources: Any = None,
        audit_processors: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        self._environment = environment
        self._environ = environ
        self._env_file = env_file
        self._config_file = config_file
        self._audit_processors = tuple(audit_processors)
        self._options = {**options, "resources": resources}
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        if isinstance(app, Blueprint):
            self.init_app(app, resources=resources)
        elif app is not None:
            self.init_app(app)

    def init_app(  # noqa: PLR0913 - as the constructor
        self,
        app: Flask | Blueprint,
        *,
        environment: str | None = None,
        environ: Mapping[str, str] | None = None,
        env_file: str | os.PathLike[str] | None = None,
        config_file: str | os.PathLike[str] | None = None,
        resources: Any = None,
        audit_processors: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        """
        Govern *app*; what is given here is stronger than what the constructor was given.

        Args:
            app: The app; or a blueprint, whose policy then covers its endpoints and, below its URL prefix,
                the paths that no other endpoint routes. The rest of the app is left alone.
            environment: As for the constructor, and so are the others.
            environ: See there.
            env_file: See there.
            config_file: See there.
            resources: See there; those of a blueprint are full paths below its prefix.
            audit_processors: Run after the constructor's.
            **options: See there.

        Raises:
            CORSConfigError: Every problem of the configuration; the app is left as it was.
            RuntimeError: The app has a policy or has served a request, or the blueprint was registered.
        """
        terms = _Terms(
            environ=self._environ if environ is None else environ,
            environment=environment or self._environment,
            env_file=_path(env_file or self._env_file),
            config_file=_path(config_file or self._config_file),
            arguments=(
                ("the arguments of CORS()", self._options),
                ("the arguments of init_app()", {**options, "resources": resources}),
            ),
            audit_processors=(*self._audit_processors, *audit_processors),
        )
        if isinstance(app, LocalProxy):  # current_app: the app itself is what has to be kept
            app = app._get_current_object()  # noqa: SLF001 - werkzeug's documented way
        if isinstance(app, Blueprint):
            _govern_blueprint(app, terms, self._apps)
        else:
            _refuse_late(app)
            self._apps.add(app)
            try:
                _govern(app, terms, whole=True)
            except CORSConfigError as error:
                raise start.once(error) from None

    def exempt(self, view: V) -> V:
        """
        Leave *view* (a function, a MethodView or a method) alone; its responses are the app's.

        This holds in the apps that this object governs.
        """
        return marks.put(view, Mark({}, apps=self._apps))

    def policy(self, app: Flask | None = None) -> Policy:
        """
        The policy of *app*, or of the current app.

        Before the first request it is the one that `init_app` judged.
        """
        return _state_of(app, self._apps).policy

    def reload(self, app: Flask | None = None) -> Policy:
        """
        Read the sources of *app*, or of the current app, again, and decide by what they say from now on.

        The environment stays the one that was found. Requests under way keep the policy they began with.

        Returns:
            The policy that holds now.

        Raises:
            CORSConfigError: With every problem; the policy stays as it was, and the log says so.
        """
        return _state_of(app, self._apps).reload("reload")

    def decide(
        self,
        *,
        origin: str | None,
        method: str = "GET",
        path: str = "/",
        headers: str | Iterable[str] = (),
        app: Flask | None = None,
    ) -> Decision:
        """
        What would be decided about a page's request, its preflight if it needs one.

        Before the first request it is by what is known at the call.

        Args:
            origin: The page's origin; None for a request without one.
            method: As the page's script names it.
            path: With one leading slash; or a whole URL, where the app routes by host.
            headers: Names of the request headers that the script sets and a preflight has to ask for; a
                string is a list of them, as it is in options.
            app: The app; None for the current one.

        Returns:
            The preflight's decision where there is one, else the request's own.

        Raises:
            CORSConfigError: The policy is not one to decide by.
            ValueError: No browser could ask for the URL.
        """
        names = headers.replace(",", " ").split() if isinstance(headers, str) else headers
        state = _state_of(app, self._apps)
        state.look_again()
        return state.decisions(origin, method, path, names)[0]


def _refuse_late(app: Flask) -> None:
    if not isinstance(app, Flask):
        raise TypeError(f"init_app takes a Flask app, not {type(app).__name__}")
    if KEY in app.extensions and app.extensions[KEY].whole:
        raise RuntimeError("this app has a CORS policy already; a second one would hide the first")
    if getattr(app, "_got_first_request", False):
        raise RuntimeError("this app has served a request already; call init_app before it does")
    if any(f.__module__.startswith("flask_cors.") for f in app.after_request_funcs.get(None, ())):
        _LOG.warning("flask-cors is active on this app too; remove it, since both write the same fields")
    _warn_of_proxy_fix(app)


def _warn_of_proxy_fix(app: Flask) -> None:
    """ProxyFix below the wrapper works too late for it: a preflight is answered before."""
    layer: Any = app.wsgi_app
    while layer is not None:
        if isinstance(layer, DispatcherMiddleware):
            _LOG.warning(
                "CORS: DispatcherMiddleware was installed before init_app, so preflights of the mounted apps "
                "are answered by this app's policy; install it after"
            )
        if isinstance(layer, ProxyFix):
            _LOG.warning(
                "CORS: ProxyFix was installed before init_app, so requests are judged, and preflights "
                "logged, by the proxy's address; install it after"
            )
            return
        layer = getattr(layer, "app", None)


def _state_of(app: Flask | None, governed: Iterable[Flask]) -> _State:
    """Return the state of *app*; None is the current app, or else the only one that is *governed*."""
    apps = list(governed)
    alone = apps[0] if len(apps) == 1 and not has_app_context() else None
    target = app or alone or current_app
    state = target.extensions.get(KEY)
    if not isinstance(state, _State):
        raise RuntimeError("this app has no CORS policy; call init_app first")  # noqa: TRY004 - nobody passed a type
    return state


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


class _Terms(NamedTuple):
    """What an app is governed by, beside what its environment says."""

    environ: Mapping[str, str] | None = None
    environment: str | None = None
    env_file: str | None = None
    config_file: str | None = None
    arguments: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    audit_processors: tuple[Any, ...] = ()


def _govern(app: Flask, terms: _Terms, *, whole: bool, blueprint: BlueprintPolicy | None = None) -> _State:
    """Judge *app* by what is known so far, and wrap it if it is not yet; raises CORSConfigError."""
    found = app.extensions.get(KEY)
    state = found if isinstance(found, _State) else _State(app, terms)
    state.refuse_other(terms, whole=whole)
    changed = state.widened(terms if whole else None, blueprint)
    changed.judge()
    if found is None:
        app.wsgi_app = Middleware(app.wsgi_app, state)  # type: ignore[method-assign]  # Flask's documented way
        app.extensions[KEY] = state
    state.become(changed)
    return state


def _govern_blueprint(blueprint: Blueprint, terms: _Terms, apps: weakref.WeakSet[Flask]) -> None:
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
        _govern(setup.app, terms._replace(arguments=()), whole=False, blueprint=policy)

    try:
        blueprint.record(register)
    except AssertionError:
        message = f"the blueprint {blueprint.name!r} was registered already; give it its policy before that"
        raise RuntimeError(message) from None


def govern_marked_views(app: Flask) -> Source:
    """Govern the marked views of an app that has no policy; what is wrong is raised by every request."""
    state = _State(app, _Terms())
    try:
        state.judge()
    except CORSConfigError as error:
        state.fail(error)
    app.wsgi_app = Middleware(app.wsgi_app, state)  # type: ignore[method-assign]  # Flask's documented way
    app.extensions[KEY] = state
    return state


class _State:
    """One app's policy: judged at `init_app`, settled by the first request, and then read by all."""

    def __init__(self, app: Flask, terms: _Terms) -> None:
        self._app = app
        self._terms = terms
        self._blueprints: tuple[BlueprintPolicy, ...] = ()
        self.whole = False
        self._built: Built | None = None
        self._selector: Selector | None = None
        self._error: CORSConfigError | None = None
        self._active: Active | None = None
        self.ready: Active | None = None
        self._watch: Watch | None = None
        self._server: str | None = None
        self._locks: dict[str, threading.Lock] = {}

    @property
    def _lock(self) -> threading.Lock:
        """
        The lock of all that replaces the policy, made where it is first needed.

        A server that loads the app and then lets gevent replace locks (``gunicorn --preload``) would be left
        with one that stops every greenlet.
        """
        return self._locks.setdefault("policy", threading.Lock())

    def widened(self, terms: _Terms | None, blueprint: BlueprintPolicy | None) -> _State:
        """A state that also governs the whole app by *terms*, or *blueprint*; this one is left as it is."""
        state = _State(self._app, terms or self._terms)
        state.whole = self.whole or terms is not None
        state._blueprints = (*self._blueprints, *([blueprint] if blueprint else []))
        return state

    def refuse_other(self, terms: _Terms, *, whole: bool) -> None:
        """Refuse *terms* that name another environment, or other sources, than the app has."""
        for name in ("environ", "environment", "env_file", "config_file"):
            mine, theirs = getattr(self._terms, name), getattr(terms, name)
            silent = (self.whole and theirs is None) or (whole and not self.whole and mine is None)
            if theirs != mine and not silent:
                raise RuntimeError(f"{name}= differs from what this app's policy was given before")

    def become(self, other: _State) -> None:
        """Take over what *other* was judged to be."""
        self._terms, self.whole, self._blueprints = other._terms, other.whole, other._blueprints
        self._built, self._selector = other._built, other._selector

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
        inputs = replace(self._read(None), command=command, sink_fault=why_not)
        self._built, self._selector = self._build(inputs, as_environment)

    def look_again(self) -> None:
        """Judge what is known by now if no request has settled it: views may have come since `init_app`."""
        if self._active is None and self._error is None:
            self.judge()

    def fail(self, error: CORSConfigError) -> None:
        """Raise *error* for every request from now on."""
        self._error = error

    def for_command(self, as_environment: str | None = None) -> _State:
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
        is_own = "://" in url and is_same_origin(environ, origin)
        found = []
        for request in page_requests(
            origin, method, path, headers, same_origin=is_own, credentialed=credentialed
        ):
            if selector is None:
                resource = policy.resource_for(path)
            elif request.kind is Kind.PREFLIGHT:
                resource = selector.for_preflight(environ, path, method)
            else:
                resource = selector.for_request(environ, path, method)
            found.append(
                decide_within(resource, request, explained=policy.is_development, outside=policy.outside)
            )
        return found

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
            old = self._active
            if old is None:
                self.judge()
                return self.policy
            found, built = self._read_again(old), self.built
        return self._announce(old, found, built, trigger).policy

    def _look(self, active: Active, watch: Watch) -> Active:
        """Reload if a file has changed and nobody else is at it; a bad file leaves the policy as it was."""
        if not self._lock.acquire(blocking=False):
            return active
        try:
            old = self._active or active
            found = self._read_again(old) if watch.changed() else old
            built = self.built
        finally:
            self._lock.release()
        try:
            return self._announce(old, found, built, "file")
        except CORSConfigError as error:
            _LOG.error("CORS: the policy stays as it was: %s", error)
            return old

    def _read_again(self, old: Active) -> Active | CORSConfigError:
        """Swap what requests are served with, or give what is wrong; nobody is told yet."""
        inputs = replace(self._read(self._server), known=self.built.environment)
        try:
            built, selector = self._build(inputs)
        except CORSConfigError as error:
            return error
        self._built = built
        self._selector = selector
        return self._serve_with(Active(built.policy, old.log, selector, old.notice))

    def _announce(self, old: Active, found: Active | CORSConfigError, built: Built, trigger: str) -> Active:
        """Tell the log and who listens, once no lock is held: both may ask the app, or reload it."""
        if isinstance(found, CORSConfigError):
            tell_rejected(old.log, found, old.policy, trigger)
            raise found
        if found.policy.id != old.policy.id:
            tell_changed(old.log, old.policy, found.policy, trigger)
            _tell(built, old.log, self._app)
            tell(cors_policy_changed, self._app, previous=old.policy, policy=found.policy)
        return found

    def _serve_with(self, active: Active) -> Active:
        self._active, self.ready = active, active if self._watch is None else None
        return active

    def _settle(self, environ: WSGIEnvironment) -> Active:
        with self._lock:
            if self._active is not None:
                return self._active
            if self._error is not None:
                raise self._error
            try:
                active, built = self._serve_with(self._begin(environ)), self.built
            except CORSConfigError as error:
                self._error = error
                raise
        with contextlib.suppress(Exception):  # a handler of the app's
            active.notice.of_request(environ)
        _tell(built, active.log, self._app)
        with contextlib.suppress(Exception):  # a handler of the app's
            _warn_of_places(self._app)
        return active

    def _begin(self, environ: WSGIEnvironment) -> Active:
        """Build from what holds now: config, routes and views may have changed, and the server is seen."""
        self._server = environ.get("SERVER_SOFTWARE", "")
        before = {path: identity(path) for path in self.built.files}
        self._built, self._selector = self._build(self._read(self._server))
        built = self._built
        if built.app["RELOAD"] and built.files:
            self._watch = Watch(built.files, built.app["RELOAD"], before)
        return Active(built.policy, self._open_log(built), self._selector, start.Notice(built.environment))

    def _build(self, inputs: Inputs, as_environment: str | None = None) -> tuple[Built, Selector | None]:
        """The policy of the paths, and from it that of views and blueprints, which inherit."""
        inputs = replace(inputs, whole=self.whole)
        built = build(inputs, as_environment=as_environment)
        table = Table(marked_views(self._app), self._blueprints, built.bases)
        if table.scopes:
            built = build(replace(inputs, scopes=tuple(table.scopes)), as_environment=as_environment)
        return built, _selector(self._app, built, table)

    def _read(self, server: str | None) -> Inputs:
        environ = os.environ if self._terms.environ is None else self._terms.environ
        loaded = loaded_by_flask(environ) if self._terms.environ is None else Loaded({}, 0)
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
            unread=loaded.unread,
            around=environ,
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


def state_for_command(app: Flask | None, as_environment: str | None = None) -> _State:
    """
    What the sources of *app* make, judged anew; of the environment alone where there is no app or no policy.

    Raises:
        CORSConfigError: With every problem.
    """
    state = None if app is None else app.extensions.get(KEY)
    if not isinstance(state, _State):
        state = _State(app or Flask("flask_cors_env"), _Terms()).widened(_Terms(), None)
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


def _told(built: Built, app: Flask) -> dict[str, Iterable[str]]:
    """What ``cors.policy.loaded`` lists."""
    given = [leaf for leaf in built.leaves if not leaf.source.startswith("default of ")]
    unsafe = [leaf.value for leaf in given if leaf.setting == "UNSAFE_ALLOW"]
    return {
        "cors.policy.env": {_name_of(leaf.source) for leaf in given},
        "cors.policy.warnings": {warning.code for warning in (*built.warnings, *built.nobody)},
        "cors.policy.unsafe_allow": {rule for value in unsafe for rule in value.split(", ")},
        "cors.policy.exempt": {view.endpoint for view in marked_views(app) if view.mark.exempt},
    }


def _name_of(source: str) -> str:
    """Return what set a value: a variable's name alone, what a file or an argument names with its place."""
    name, _, place = source.partition(" in ")
    path, colon, line = place.rpartition(":")
    where = os.path.basename(path) if colon and line.isdigit() else place  # noqa: PTH119 - no path is needed
    return name if is_ours(name) else f"{where}: {name}"


def _tell(built: Built, log: AuditLog, app: Flask) -> None:
    """Say once what holds: to the audit log, and its warnings to the app's operators."""
    with contextlib.suppress(Exception):  # a handler of the app's
        _warn(built)
    told = {name: ",".join(sorted(values)) for name, values in _told(built, app).items()}
    values = {"cors.policy.because": built.environment.because, **told}
    try:
        write_policy(log, built.policy.id, built.policy.canonical_json(), values)
    except Exception as error:  # noqa: BLE001 - a pipeline of the app's; what it does later is counted too
        log.lose(error)


def _warn(built: Built) -> None:
    for warning in (*built.warnings, *built.nobody, *built.environment.notes):
        _LOG.warning("CORS: %s", warning)
    for hint in built.notes:
        _LOG.info("CORS: %s", hint)
