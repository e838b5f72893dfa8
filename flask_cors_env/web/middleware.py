"""
The wrapper around ``app.wsgi_app``, and the life of a request.

    server -> layers above -> Middleware -> layers below -> Flask.wsgi_app -> hooks -> view
                                 |                            ^                |
                                 |  plain case: decide here   |                |  else: decide here
                                 |                            |                |
                  a bridge, or a wsgi_app that was taken -----+----------------+  (no wrapper)

1. The wrapper puts an `Exchange` into the environ. In the plain case (`Active.is_plain`) nothing stands
   between it and Flask: it decides, and answers preflights and refusals ahead of Flask.
2. Everywhere else the decision is made when the request reaches Flask (`hooks`), on what Flask serves.
3. A `cross_origin` that runs says so to the exchange (`decorator`); it governs the response.
4. When the response starts, fields are set and the event is written: by the wrapper where there is one, else
   by the hooks. What a layer below answers without Flask is decided then (`Active.outcome_of_layer`).

Whatever goes wrong here, nothing is shared and the application still answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from flask_cors_env.core.policy import Fields
from flask_cors_env.web.exchange import OUTER, Exchange, Settled
from flask_cors_env.web.prepared import Active, Outcome, Source
from flask_cors_env.web.wsgi import read_facts, vary_field

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


#: All that a response has whose path is ambiguous.
_VARY_ORIGIN = vary_field(("Origin",))


class Middleware:
    """
    The WSGI application around the app's own.

    Args:
        app: What the app's ``wsgi_app`` was.
        source: The governed app.

    Attributes:
        app: As given.
    """

    def __init__(self, app: WSGIApplication, source: Source) -> None:
        self.app = app
        self._source = source

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        source = self._source
        active = source.ready or source.activate(environ)
        if OUTER in environ:
            environ[OUTER].leave_to(source, environ)
        origin: str | None = environ.get("HTTP_ORIGIN")
        if not active.is_early and (origin is None or not active.answers_early(environ)):
            return self._pass_on(environ, start_response, active)
        exchange = environ[source.key] = Settled(source, active, environ, start_response)
        if origin is None and not active.log.skips:
            fields = active.passing
            exchange.fields = _fields_without_origin(active, exchange) if fields is None else fields
            return self.app(environ, exchange.pass_on)
        outcome = exchange.settle(read_facts(environ, origin))
        if outcome.answer is not None:
            return _answer(exchange, outcome, start_response)
        try:
            body = self.app(environ, exchange.start)
        except BaseException as error:
            exchange.raised(error)
            raise
        is_whole = exchange.has_started and exchange.replacement is None
        return body if is_whole else _Watched(body, exchange)

    def _pass_on(
        self, environ: WSGIEnvironment, start_response: StartResponse, active: Active
    ) -> Iterable[bytes]:
        """Let the request reach Flask undecided; a socket that a layer below would take is decided here."""
        exchange = Exchange(self._source, active, environ, start_response)
        environ[self._source.key] = environ[OUTER] = exchange
        facts, path = exchange.look()  # a layer may change the environ
        layers = active.layers
        if facts.is_websocket and facts.origin is not None and layers.may_take_socket(path):
            outcome = active.outcome_of_layer(facts, exchange)
            if outcome.answer is not None:
                return _answer(exchange, outcome, start_response)
            if not layers.hides:
                exchange.record_socket(outcome)
        return self._serve(environ, exchange)

    def _serve(self, environ: WSGIEnvironment, exchange: Exchange) -> Iterable[bytes]:
        try:
            body = self.app(environ, exchange.start)
        except BaseException as error:
            exchange.raised(error)
            raise
        if exchange.has_started and exchange.replacement is None:
            return body
        return _Watched(body, exchange)


class _Watched:
    """The body of an application that starts its response late, or whose response is replaced."""

    def __init__(self, body: Iterable[bytes], exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self._chunks: Iterator[bytes] | None = None
        self._is_replaced = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._exchange.replacement is not None:
            return self._replacing()
        try:
            if self._chunks is None:
                self._chunks = iter(self._body)
            chunk = next(self._chunks)
        except StopIteration:
            if self._exchange.replacement is not None:
                return self._replacing()
            raise
        except BaseException as error:
            self._exchange.raised(error)
            self.close()
            raise
        return chunk if self._exchange.replacement is None else self._replacing()

    def _replacing(self) -> bytes:
        """Return the next chunk of what stands for the body."""
        if not self._is_replaced:
            self._is_replaced = True
            self._chunks = iter(self._exchange.replacement or ())
        return next(self._chunks or iter(()))

    def close(self) -> None:
        """Close the body; where nobody was answered, the event is due all the same."""
        close, self._body = getattr(self._body, "close", None), ()
        try:
            if close is not None:
                close()
        finally:
            self._exchange.abandoned()


def _fields_without_origin(active: Active, exchange: Settled) -> Fields:
    """Return the fields of a response to a request without Origin: caches have to tell it from the others."""
    policy, path = active.policy, exchange.path
    resource = policy.resource_for(path)
    if policy.enforces and policy.guard_for(path, resource) is not None:
        return _VARY_ORIGIN
    return () if resource is None else resource.passing


def _answer(exchange: Exchange, outcome: Outcome, start_response: StartResponse) -> Iterable[bytes]:
    """Answer at once, ahead of the application."""
    line, headers, body = exchange.answer(outcome)
    start_response(line, headers)
    return body
