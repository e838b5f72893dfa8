"""
The hooks: methods of the app object through which every request of Flask goes, whatever calls them.

A ``wsgi_app`` that somebody took before there was a wrapper, and a bridge that calls these methods by itself,
come past the wrapper. Functions given to ``before_request`` do not do: url_value_preprocessors run ahead of
them, and an ``after_request`` function that raises skips those registered before it.

Two methods are wrapped from the start: the one that makes a request's context, which sees whether the wrapper
has seen the request, and the one that runs the view. The others cost every request something, and are wrapped
when the first request comes that the wrapper does not decide on.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from flask_cors_env.web.exchange import CONTEXT, OUTER, Exchange, Phase, current_request
from flask_cors_env.web.prepared import Source

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Method = Callable[..., Any]
_LOCK = threading.Lock()
#: No argument. A function with a default is called faster than one that takes any arguments.
_NONE: Any = object()


def enter(source: Source) -> Exchange:
    """Return the exchange of the request that Flask serves, decided: it may not have passed the wrapper."""
    request = current_request()
    exchange: Exchange | None = request.environ.get(source.key)
    if exchange is None:
        install(current_app._get_current_object(), source)  # type: ignore[attr-defined]  # noqa: SLF001 - the app itself
        active = source.ready or source.activate(request.environ)
        exchange = request.environ[source.key] = Exchange(source, active, request.environ, None)
        if OUTER in request.environ:
            request.environ[OUTER].leave_to(source, request.environ)
        _watch_teardown(source)
    if exchange.request is not request:
        exchange.enter(request)
    return exchange


def watch(app: Flask, source: Source) -> None:
    """Wrap what every request needs."""
    for name, hook in _WATCHING.items():
        setattr(app, name, hook(app, source, getattr(app, name)))


def install(app: Flask, source: Source) -> None:
    """
    Wrap the other methods too, once; each passes on whatever arguments it is given.

    A coming Flask gives them its context: https://github.com/pallets/flask/pull/5818.
    """
    if source.is_hooked:
        return
    with _LOCK:  # no request goes on beside one that wraps half of them
        if not source.is_hooked:
            for name, hook in _HOOKS.items():
                setattr(app, name, hook(source, getattr(app, name)))
        source.is_hooked = True


def dispatches_as_flask(app: Flask) -> bool:
    """Return True where views are run by Flask's own methods: an app may call a view by itself."""
    return type(app).full_dispatch_request is Flask.full_dispatch_request


def makes_flasks_contexts(app: Flask) -> bool:
    """Return True where the context of a request is made by Flask's own method, on the environ as it is."""
    hook: Any = vars(app).get("request_context")
    method = getattr(hook, "__wrapped__", None)
    return method is not None and getattr(method, "__func__", None) is Flask.request_context


def _request_context(app: Flask, source: Source, method: Method) -> Method:
    key = source.key

    @functools.wraps(method)
    def request_context(environ: WSGIEnvironment) -> Any:
        exchange = environ.get(key)
        if exchange is None or exchange.settled is not environ:
            install(app, source)
        return method(environ)

    return request_context


def _full_dispatch_request(source: Source, method: Method) -> Method:
    def full_dispatch_request(context: Any = _NONE) -> Any:
        exchange = enter(source)
        if exchange.due is not None:
            return exchange.take_answer(exchange.due)
        return method() if context is _NONE else method(context)

    return full_dispatch_request


def _watch_teardown(source: Source) -> None:
    """Have an exception's event written when the context ends: a bridge may not ask Flask to handle it."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the app itself
    if "do_teardown_request" not in vars(app):
        app.do_teardown_request = _do_teardown_request(source, app.do_teardown_request)  # type: ignore[method-assign]


def _do_teardown_request(source: Source, method: Method) -> Method:
    """While the view runs, it is a copied context that ends."""

    def do_teardown_request(*args: Any) -> Any:
        exchange: Exchange | None = current_request().environ.get(source.key)
        error = next((each for each in args if isinstance(each, BaseException)), None)
        is_over = exchange is not None and exchange.phase is not Phase.VIEW
        if exchange is not None and exchange.start_response is None and error is not None and is_over:
            exchange.raised(error)
        return method(*args)

    return do_teardown_request


def _preprocess_request(source: Source, method: Method) -> Method:
    def preprocess_request(context: Any = _NONE) -> Any:
        exchange = enter(source)
        if exchange.due is not None:
            return exchange.take_answer(exchange.due)
        result = method() if context is _NONE else method(context)
        if result is None:
            exchange.phase = Phase.VIEW  # an app may call its view by itself
            exchange.forget_governing()
        return result

    return preprocess_request


def _dispatch_request(_app: Flask, source: Source, method: Method) -> Method:
    """
    Guard the view, whatever calls for it.

    No function before the view has answered, or it would not run: what such functions are marked with governs
    nothing. What a `cross_origin` refuses is the answer, whatever the decorators above it make of it.
    """
    key, current = source.key, CONTEXT.get
    in_view, after_view = Phase.VIEW, Phase.AFTER  # looked up once: an enum's members are slow to find

    def dispatch_request(context: Any = _NONE) -> Any:
        environ = current().request.environ
        exchange = environ.get(key)
        if exchange is None or exchange.settled is not environ:
            exchange = enter(source)
            if exchange.due is not None:
                return exchange.take_answer(exchange.due)
        if exchange.governing is not None:
            exchange.forget_governing()
        exchange.phase = in_view
        try:
            result = method() if context is _NONE else method(context)
        except BaseException:
            if exchange.refused is None:
                raise
            result = exchange.refused
        finally:
            exchange.phase = after_view
        return result if exchange.refused is None else exchange.refused

    return dispatch_request


def _process_response(source: Source, method: Method) -> Method:
    key, current = source.key, CONTEXT.get

    def process_response(first: Any, second: Any = _NONE) -> Any:
        response = method(first) if second is _NONE else method(first, second)
        exchange: Exchange | None = current().request.environ.get(key)
        return (enter(source) if exchange is None else exchange).finish(response)

    return process_response


def _handle_exception(source: Source, method: Method) -> Method:
    """An error before the request reached Flask's dispatch does not keep a preflight from its answer."""

    def handle_exception(*args: Any) -> Any:
        exchange = enter(source)
        if exchange.due is not None and not exchange.is_answered:
            return exchange.take_answer(exchange.due)
        try:
            response = method(*args)
        except BaseException as error:
            if exchange.start_response is None:
                exchange.raised(error)
            raise
        return exchange.finish(response)

    return handle_exception


_WATCHING: dict[str, Callable[[Flask, Source, Method], Method]] = {
    "request_context": _request_context,
    "dispatch_request": _dispatch_request,
}
_HOOKS: dict[str, Callable[[Source, Method], Method]] = {
    "full_dispatch_request": _full_dispatch_request,
    "preprocess_request": _preprocess_request,
    "process_response": _process_response,
    "handle_exception": _handle_exception,
}
