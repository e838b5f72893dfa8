"""
The extension: what an application calls.

`CORS` keeps its arguments and nothing else. All state is per app (`flask_cors_env.web.state`).
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from flask import Blueprint, Flask, current_app, has_app_context
from werkzeug.local import LocalProxy

from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.core.decision import Decision
from flask_cors_env.core.policy import Policy
from flask_cors_env.web.decorator import exempted
from flask_cors_env.web.marks import Mark
from flask_cors_env.web.start import once
from flask_cors_env.web.state import State, Terms, govern, govern_blueprint, state_of

V = TypeVar("V", bound=Callable[..., Any])
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
        **options: ``origins methods allow_headers expose_headers allow_credentials max_age enforce
            enabled``
            and their aliases; None where the environment decides.

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
        terms = Terms(
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
            govern_blueprint(app, terms, self._apps)
        else:
            _refuse_late(app)
            self._apps.add(app)
            try:
                govern(app, terms, whole=True)
            except CORSConfigError as error:
                raise once(error) from None

    def exempt(self, view: V) -> V:
        """
        Leave *view* (a function, a MethodView or a method) alone; its responses are the app's.

        This holds in the apps that this object governs.
        """
        exempt: V = exempted(view, Mark({}, apps=self._apps))
        return exempt

    def policy(self, app: Flask | None = None) -> Policy:
        """
        The policy of *app*, or of the current app.

        Before the first request it is the one that `init_app` judged.
        """
        return _required(app, self._apps).policy

    def reload(self, app: Flask | None = None) -> Policy:
        """
        Read the sources of *app* again, and decide by what they say from now on.

        The environment stays the one that was found. Requests under way keep the policy they began with.

        Args:
            app: None for the current app, and outside of an app context, as in a signal handler, for the one
                app that this object governs.

        Returns:
            The policy that holds now.

        Raises:
            CORSConfigError: With every problem; the policy stays as it was, and the log says so.
        """
        return _required(app, self._apps).reload("reload")

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
        state = _required(app, self._apps)
        state.look_again()
        return state.decisions(origin, method, path, names)[0]


def _refuse_late(app: Flask) -> None:
    if not isinstance(app, Flask):
        raise TypeError(f"init_app takes a Flask app, not {type(app).__name__}")
    state = state_of(app)
    if state is not None and state.whole:
        raise RuntimeError(
            f"this app has a CORS policy already, from {state.place}; a second one would hide the first. "
            "Make one call: resources= takes paths with rules of their own, init_app(blueprint) a blueprint"
        )
    if getattr(app, "_got_first_request", False) or (state is not None and state.has_served):
        raise RuntimeError("this app has served a request already; call init_app before it does")
    if any(f.__module__.startswith("flask_cors.") for f in app.after_request_funcs.get(None, ())):
        _LOG.warning("flask-cors is active on this app too; remove it, since both write the same fields")


def _required(app: Flask | None, governed: Collection[Flask]) -> State:
    if app is None and not has_app_context() and len(governed) == 1:
        app = next(iter(governed))
    state = state_of(current_app if app is None else app)
    if state is None:
        raise RuntimeError("this app has no CORS policy; call init_app first")
    return state


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
