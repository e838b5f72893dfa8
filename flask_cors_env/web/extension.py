"""
The extension: what an application calls, and what is kept for each app.

`CORS` keeps its arguments and nothing else. All state is per app, under ``app.extensions["cors_env"]``.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from flask_cors_env.audit.emit import AuditLog, write_policy
from flask_cors_env.audit.sink import open_sink
from flask_cors_env.config.build import Built, Inputs, build, is_ours
from flask_cors_env.config.environment import READ
from flask_cors_env.config.errors import CORSConfigError, Problem, shown
from flask_cors_env.core.decision import Decision, decide
from flask_cors_env.core.policy import Policy
from flask_cors_env.core.request import Request
from flask_cors_env.web.middleware import Active, Middleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "cors_env"
_LOG = logging.getLogger("flask_cors_env")


class CORS:
    """
    Cross-origin access control for Flask apps, configured by the environment.

    Args:
        app: Initialised at once; None where `init_app` follows.
        environment: ``development``, ``testing``, ``staging`` or ``production``; None to detect it.
        environ: Stands in for ``os.environ``; None for the real one.
        resources: A mapping from path patterns, or names, to options; or path patterns alone.
        audit_processors: structlog processors run on every audit event before it is rendered.
        **options: ``origins methods allow_headers expose_headers allow_credentials max_age enforce`` and
            their aliases; None where the environment decides.

    Raises:
        CORSConfigError: From `init_app`, with every problem in one round.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        environment: str | None = None,
        environ: Mapping[str, str] | None = None,
        resources: Any = None,
        audit_processors: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        self._environment = environment
        self._environ = environ
        self._audit_processors = tuple(audit_processors)
        self._options = {**options, "resources": resources}
        if app is not None:
            self.init_app(app)

    def init_app(
        self,
        app: Flask,
        *,
        environment: str | None = None,
        environ: Mapping[str, str] | None = None,
        resources: Any = None,
        audit_processors: Iterable[Any] = (),
        **options: Any,
    ) -> None:
        """
        Govern *app*; what is given here is stronger than what the constructor was given.

        Raises:
            CORSConfigError: Every problem of the configuration; the app is left as it was.
            RuntimeError: The app has a policy already, or has served a request.
        """
        _refuse_late(app)
        state = _State(
            app,
            environ=self._environ if environ is None else environ,
            environment=environment or self._environment,
            arguments=(
                ("the arguments of CORS()", self._options),
                ("the arguments of init_app()", {**options, "resources": resources}),
            ),
            audit_processors=(*self._audit_processors, *audit_processors),
        )
        state.judge()
        app.extensions[KEY] = state
        app.wsgi_app = Middleware(app.wsgi_app, state.activate)  # type: ignore[method-assign]  # Flask's documented way

    def policy(self, app: Flask | None = None) -> Policy:
        """
        The policy of *app*, or of the current app.

        Before the first request it is the one that `init_app` judged.
        """
        return _state_of(app).policy

    def decide(
        self,
        *,
        origin: str | None,
        method: str = "GET",
        path: str = "/",
        headers: Iterable[str] = (),
        app: Flask | None = None,
    ) -> Decision:
        """
        What would be decided about a page's request, its preflight if it needs one.

        Args:
            origin: The page's origin; None for a request without one.
            method: As the page's script names it.
            path: With one leading slash.
            headers: Names of the request headers that the script sets and a preflight has to ask for.
            app: The app; None for the current one.
        """
        names = sorted({name.lower() for name in headers})
        policy = self.policy(app)
        if origin is None or (method in {"GET", "HEAD", "POST"} and not names):
            return decide(policy, Request(origin, method, path))
        return decide(policy, Request(origin, "OPTIONS", path, method, ",".join(names)))


def _refuse_late(app: Flask) -> None:
    if not isinstance(app, Flask):
        raise TypeError(f"init_app takes a Flask app, not {type(app).__name__}")
    if KEY in app.extensions:
        raise RuntimeError("this app has a CORS policy already; a second one would hide the first")
    if getattr(app, "_got_first_request", False):
        raise RuntimeError("this app has served a request already; call init_app before it does")
    if any(f.__module__.startswith("flask_cors.") for f in app.after_request_funcs.get(None, ())):
        _LOG.warning("flask-cors is active on this app too; remove it, since both write the same fields")


def _state_of(app: Flask | None) -> _State:
    target = current_app if app is None else app
    state = target.extensions.get(KEY)
    if not isinstance(state, _State):
        raise RuntimeError("this app has no CORS policy; call init_app first")  # noqa: TRY004 - nobody passed a type
    return state


class _State:
    """One app's policy: judged at `init_app`, settled by the first request, and then read by all."""

    def __init__(
        self,
        app: Flask,
        *,
        environ: Mapping[str, str] | None,
        environment: str | None,
        arguments: tuple[tuple[str, Mapping[str, Any]], ...],
        audit_processors: tuple[Any, ...],
    ) -> None:
        self._app = app
        self._environ = environ
        self._environment = environment
        self._arguments = arguments
        self._audit_processors = audit_processors
        self._lock = threading.Lock()
        self._inputs: Inputs | None = None
        self._built: Built | None = None
        self._error: CORSConfigError | None = None
        self._active: Active | None = None

    @property
    def policy(self) -> Policy:
        """The policy that requests are decided by, or will be as far as is known."""
        if self._active is not None:
            return self._active.policy
        if self._error is not None:
            raise self._error
        if self._built is None:
            raise RuntimeError("the policy has not been judged yet")
        return self._built.policy

    def judge(self) -> None:
        """Read all sources and judge them; raises CORSConfigError."""
        self._inputs = self._read(None)
        self._built = build(self._inputs)

    def built(self, as_environment: str | None) -> Built:
        """What the sources make for a command; raises CORSConfigError."""
        return build(replace(self._read(None), command=True), as_environment=as_environment)

    def activate(self, environ: WSGIEnvironment) -> Active:
        """What a request is served with; the first one settles it."""
        active = self._active
        return self._settle(environ) if active is None else active

    def _settle(self, environ: WSGIEnvironment) -> Active:
        with self._lock:
            if self._active is not None:
                return self._active
            if self._error is not None:
                raise self._error
            try:
                self._active = self._begin(environ)
            except CORSConfigError as error:
                self._error = error
                raise
            return self._active

    def _begin(self, environ: WSGIEnvironment) -> Active:
        """Build anew if anything changed since `init_app`, or if the server had to be seen."""
        inputs = self._read(environ.get("SERVER_SOFTWARE", ""))
        built = self._built
        if built is None or not built.environment.settled or replace(inputs, server=None) != self._inputs:
            built = self._built = build(inputs)
        log = self._open_log(built)
        _tell(built, log)
        return Active(built.policy, log)

    def _read(self, server: str | None) -> Inputs:
        environ = os.environ if self._environ is None else self._environ
        return Inputs(
            environ={name: value for name, value in environ.items() if is_ours(name) or name in READ},
            config={
                name: value
                for name, value in self._app.config.items()
                if isinstance(name, str) and is_ours(name)
            },
            arguments=self._arguments,
            environment=self._environment,
            debug=bool(self._app.debug),
            testing=bool(self._app.testing),
            server=server,
        )

    def _open_log(self, built: Built) -> AuditLog:
        name = built.app["AUDIT_SINK"]
        try:
            sink = open_sink(name)
        except (OSError, ValueError) as error:
            message = "cannot be written." if isinstance(error, OSError) else "is no sink."
            problem = Problem(
                "audit-sink",
                "CORS_AUDIT_SINK",
                "CORS_AUDIT_SINK",
                "the configuration",
                message,
                shown(name),
                "Write: auto, stderr, stdout, or file:PATH",
            )
            raise CORSConfigError([problem], str(built.environment)) from error
        service = os.environ.get("OTEL_SERVICE_NAME") or self._app.name
        return AuditLog(
            sink,
            service=service,
            environment=built.environment.name,
            processors=self._audit_processors,
        )


def built_for(app: Flask, as_environment: str | None = None) -> Built:
    """
    What the sources of *app* make, judged anew; of the environment alone if it has no policy.

    Raises:
        CORSConfigError: With every problem.
    """
    state = app.extensions.get(KEY)
    return state.built(as_environment) if isinstance(state, _State) else built_without_app(as_environment)


def built_without_app(as_environment: str | None = None) -> Built:
    """What the process environment alone makes; raises CORSConfigError."""
    return build(Inputs(environ=os.environ, command=True), as_environment=as_environment)


def _tell(built: Built, log: AuditLog) -> None:
    """Say once what holds: to the audit log, and its warnings to the app's operators."""
    for warning in built.warnings:
        _LOG.warning("CORS: %s", warning)
    for note in built.environment.notes:
        _LOG.warning("CORS: %s", note)
    rest = {
        "cors.policy.because": built.environment.because,
        "cors.policy.warnings": ",".join(dict.fromkeys(warning.code for warning in built.warnings)),
    }
    write_policy(log, built.policy.id, built.policy.canonical_json(), rest)
