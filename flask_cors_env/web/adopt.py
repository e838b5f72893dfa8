"""
Adoption: an app with marked views and no `CORS` gets a policy for those views.

Nothing tells a decorator which app its view will be of, so the first context of each app is watched for. The
request that pushed it is past the wrapper already, as is one by way of an older ``wsgi_app``: a hook takes
such a request through the wrapper.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, appcontext_pushed, request
from werkzeug.datastructures import Headers

from flask_cors_env.web.extension import KEY, govern_marked_views
from flask_cors_env.web.middleware import SERVED_BY, Middleware
from flask_cors_env.web.outcome import Source
from flask_cors_env.web.views import marked_views

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Apps that were looked at, with the number of views they had.
_LOOKED_AT: weakref.WeakKeyDictionary[Flask, int] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()
_PASSING = "flask_cors_env.passing"


def watch() -> None:
    """Look at every app whose context is pushed from now on."""
    appcontext_pushed.connect(_look)


def _look(app: Flask, **_: Any) -> None:
    """Adopt *app* if it has marked views and no policy; what is wrong with it is raised by its requests."""
    if KEY in app.extensions or _LOOKED_AT.get(app) == len(app.view_functions):
        return
    with _LOCK:
        if KEY not in app.extensions and marked_views(app):
            _take_through(app, govern_marked_views(app))
        _LOOKED_AT[app] = len(app.view_functions)


def _take_through(app: Flask, source: Source) -> None:
    """
    Take each request that came past the wrapper through it.

    By hooks that stand where the wrapper would: the first ahead of the app's own, the others after them.
    """

    def enter() -> Response | None:
        if SERVED_BY in request.environ:
            return None
        passing = _Passing()
        request.environ[_PASSING] = passing
        return passing.begin(Middleware(passing, source)(request.environ, passing.answer))

    def leave(response: Response) -> Response:
        passing: _Passing | None = request.environ.pop(_PASSING, None)
        return response if passing is None else passing.send_through(response)

    def fail(error: BaseException | None) -> None:
        passing: _Passing | None = request.environ.pop(_PASSING, None)
        if passing is not None and error is not None:
            passing.raise_in_it(error)

    app.before_request_funcs.setdefault(None, []).insert(0, enter)
    app.after_request_funcs.setdefault(None, []).insert(0, leave)  # they run from the last to the first
    app.teardown_request_funcs.setdefault(None, []).insert(0, fail)


class _Passing:
    """Stands for the app below the wrapper and the server above it, while hooks make one response."""

    def __init__(self) -> None:
        self._start: StartResponse | None = None
        self._head: tuple[str, list[tuple[str, str]]] = ("", [])
        self._body: Iterable[bytes] = ()
        self._error: BaseException | None = None

    def __call__(self, _environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._start = start_response
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        if self._error is not None:
            raise self._error
        yield b""

    def answer(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None, /) -> Any:
        self._head = (status, headers)
        return lambda _: None

    def begin(self, body: Iterable[bytes]) -> Response | None:
        """The answer, if the wrapper gave one; else None, and the app answers."""
        if self._start is None:
            status, headers = self._head
            return Response(b"".join(body), status, headers)
        self._body = body
        return None

    def send_through(self, response: Response) -> Response:
        """The app's response, with what the wrapper makes of its head."""
        if self._start is not None:
            self._start(response.status, list(response.headers))
            response.headers = Headers(self._head[1])
        return response

    def raise_in_it(self, error: BaseException) -> None:
        """Let the wrapper see *error*, which the app raised."""
        self._error = error
        with contextlib.suppress(type(error)):
            list(self._body)
