"""
Adoption: an app with marked views and no `CORS` gets a policy for those views.

Nothing tells a decorator which app its view will be of, so the first context of each app is watched for. The
request that pushed it is past the wrapper already; it is taken through it by a hook, once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, after_this_request, appcontext_pushed, request
from werkzeug.datastructures import Headers

from flask_cors_env.web.extension import KEY, govern_marked_views
from flask_cors_env.web.middleware import Active, Middleware
from flask_cors_env.web.views import marked_views

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Apps that were looked at, with the number of views they had.
_LOOKED_AT: weakref.WeakKeyDictionary[Flask, int] = weakref.WeakKeyDictionary()


def watch() -> None:
    """Look at every app whose context is pushed from now on."""
    appcontext_pushed.connect(_look)


def _look(app: Flask, **_: Any) -> None:
    if KEY in app.extensions or _LOOKED_AT.get(app) == len(app.view_functions):
        return
    _LOOKED_AT[app] = len(app.view_functions)
    if marked_views(app):
        _Adoption(app, govern_marked_views(app))


class _Adoption:
    """The one request that may be past the wrapper already when its app is adopted."""

    def __init__(self, app: Flask, activate: Callable[[WSGIEnvironment], Active]) -> None:
        self._app = app
        self._activate = activate
        self._pending = True
        self._wrapped = app.wsgi_app
        app.wsgi_app = self  # type: ignore[method-assign]  # Flask's documented way
        app.before_request_funcs.setdefault(None, []).insert(0, self._hook)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The first request that comes by the wrapper: none is past it any more."""
        self._pending = False
        self._app.wsgi_app = self._wrapped  # type: ignore[method-assign]  # as above
        return self._wrapped(environ, start_response)

    def _hook(self) -> Response | None:
        """Take the request that is under way through the wrapper."""
        if not self._pending:
            return None
        self._pending = False
        passing = _Passing()
        return passing.finish(Middleware(passing, self._activate)(request.environ, passing.answer))


class _Passing:
    """Stands for the app below the wrapper and the server above it, while hooks make one response."""

    def __init__(self) -> None:
        self._start: StartResponse | None = None
        self._head: tuple[str, list[tuple[str, str]]] = ("", [])

    def __call__(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._start = start_response
        return []

    def answer(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
        self._head = (status, headers)
        return lambda _: None

    def finish(self, body: Iterable[bytes]) -> Response | None:
        """The answer, if the wrapper gave one; else the app answers, and its response is sent through."""
        if self._start is None:
            status, headers = self._head
            return Response(b"".join(body), status, headers)
        after_this_request(self._send_through)
        return None

    def _send_through(self, response: Response) -> Response:
        if self._start is not None:
            self._start(response.status, list(response.headers))
            response.headers = Headers(self._head[1])
        return response
