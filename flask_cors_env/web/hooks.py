"""
The hooks: methods of the app object through which every request of Flask goes, whatever calls them.

A ``wsgi_app`` that somebody took before there was a wrapper, and a bridge that calls these methods by itself,
come past the wrapper. Functions given to ``before_request`` do not do: url_value_preprocessors run ahead of
them, and an ``after_request`` function that raises skips those registered before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask.globals
from flask import Flask, current_app

from flask_cors_env.web.exchange import Exchange, Phase, current_request
from flask_cors_env.web.prepared import Source

Method = Callable[..., Any]
#: No argument. A function with a default is called faster than one that takes any arguments.
_NONE: Any = object()
#: Holds Flask's context, of which one attribute is the request. The name is Flask's own until 3.1; the proxy
#: that everybody may use answers in three times the instructions, four times a request.
_CONTEXT: Any = getattr(flask.globals, "_cv_request", None) or getattr(flask.globals, "_cv_app", None)


class _ByProxy:
    """The same by way of `flask.request`, where Flask has neither name."""

    @property
    def request(self) -> Any:
        return current_request()

    def get(self) -> Any:
        return self


_CONTEXT = _CONTEXT or _ByProxy()


def enter(source: Source) -> Exchange:
    """Return the exchange of the request that Flask serves, decided: it may not have passed the wrapper."""
    request = current_request()
    exchange: Exchange | None = request.environ.get(source.key)
    if exchange is None:
        active = source.ready or source.activate(request.environ)
        exchange = request.environ[source.key] = Exchange(source, active, request.environ, None)
    if exchange.request is not request:
        exchange.enter(request)
    return exchange


def install(app: Flask, source: Source) -> None:
    """
    Wrap the methods of *app*; each passes on whatever arguments it is given.

    A coming Flask gives them its context: https://github.com/pallets/flask/pull/5818.
    """
    for name, hook in _HOOKS.items():
        setattr(app, name, hook(source, getattr(app, name)))


def _full_dispatch_request(source: Source, method: Method) -> Method:
    key, current = source.key, _CONTEXT.get

    def full_dispatch_request(context: Any = _NONE) -> Any:
        exchange = current().request.environ.get(key)
        if exchange is None or not exchange.is_settled:
            exchange = enter(source)
            if exchange.due is not None:
                return exchange.take_answer(exchange.due)
        return method() if context is _NONE else method(context)

    return full_dispatch_request


def _watch_teardown(source: Source, exchange: Exchange) -> None:
    """Have the event written when the context ends: a bridge may not ask Flask to handle the exception."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the app itself
    if exchange.start_response is None and "do_teardown_request" not in vars(app):
        app.do_teardown_request = _do_teardown_request(source, app.do_teardown_request)  # type: ignore[method-assign]


def _do_teardown_request(source: Source, method: Method) -> Method:
    def do_teardown_request(*args: Any) -> Any:
        exchange: Exchange | None = current_request().environ.get(source.key)
        error = next((each for each in args if isinstance(each, BaseException)), None)
        if exchange is not None and exchange.start_response is None and error is not None:
            exchange.raised(error)
        return method(*args)

    return do_teardown_request


def _preprocess_request(source: Source, method: Method) -> Method:
    """A function before the view that returns None governs nothing."""
    key, current = source.key, _CONTEXT.get

    def preprocess_request(context: Any = _NONE) -> Any:
        exchange = current().request.environ.get(key)
        if exchange is None or not exchange.is_settled:
            exchange = enter(source)
            if exchange.due is not None:
                return exchange.take_answer(exchange.due)
        try:
            result = method() if context is _NONE else method(context)
        except BaseException:
            _watch_teardown(source, exchange)
            raise
        if result is None and exchange.governing is not None:
            exchange.forget_governing()
        return result

    return preprocess_request


def _dispatch_request(source: Source, method: Method) -> Method:
    """What a `cross_origin` has refused is the answer, whatever the decorators above it make of it."""
    key, current = source.key, _CONTEXT.get

    def dispatch_request(context: Any = _NONE) -> Any:
        exchange = current().request.environ.get(key)
        if exchange is None or not exchange.is_settled:
            exchange = enter(source)
            if exchange.due is not None:
                return exchange.take_answer(exchange.due)
        exchange.phase = Phase.VIEW
        try:
            result = method() if context is _NONE else method(context)
        except BaseException:
            _watch_teardown(source, exchange)
            if exchange.refused is None:
                raise
            result = exchange.refused
        finally:
            exchange.phase = Phase.AFTER
        return result if exchange.refused is None else exchange.refused

    return dispatch_request


def _process_response(source: Source, method: Method) -> Method:
    key, current = source.key, _CONTEXT.get

    def process_response(first: Any, second: Any = _NONE) -> Any:
        response = method(first) if second is _NONE else method(first, second)
        exchange = current().request.environ.get(key)
        if exchange is not None and exchange.start_response is not None:
            return response
        return enter(source).finish(response)

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


_HOOKS: dict[str, Callable[[Source, Method], Method]] = {
    "full_dispatch_request": _full_dispatch_request,
    "preprocess_request": _preprocess_request,
    "dispatch_request": _dispatch_request,
    "process_response": _process_response,
    "handle_exception": _handle_exception,
}
