"""
WSGI: an environ becomes a few plain values, and response fields are set in a list.

No other module reads an environ, but for what this package keeps in it under keys of its own.
"""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from flask import Request as FlaskRequest
from werkzeug.exceptions import HTTPException

from flask_cors_env.audit.event import Surroundings, trace_of
from flask_cors_env.core.origin import DEFAULT_PORTS
from flask_cors_env.core.policy import Fields
from flask_cors_env.core.protocol import RESPONSE_FIELDS, merge_vary
from flask_cors_env.core.request import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TOUCHED = RESPONSE_FIELDS | {"vary"}
#: What the names above begin with, in either case: a look at one character spares most fields the rest.
_INITIALS = frozenset(letter for name in _TOUCHED for letter in (name[0], name[0].upper()))
TELEMETRY = "opentelemetry.trace"


class RequestFacts(NamedTuple):
    """
    The values of one request that its decision and its event are made from, and are remembered under.

    The path stands beside it, since few policies need it and clients write paths of any length.

    Attributes:
        origin: The ``Origin`` field; None where it was absent.
        method: In upper case, as Flask routes it.
        requested_method: ``Access-Control-Request-Method``, or None.
        requested_headers: ``Access-Control-Request-Headers``, or None.
        fetch_site: ``Sec-Fetch-Site``, or None.
        scheme: ``http`` or ``https``, as the server or a proxy layer says.
        host: The ``Host`` field; None where it was absent.
        server: The server's own name and port where there is no host; else empty.
        upgrade: The ``Upgrade`` field, or None.
        has_cookie: True where a ``Cookie`` field came.
        has_authorization: True where an ``Authorization`` field came.
    """

    origin: str | None
    method: str
    requested_method: str | None
    requested_headers: str | None
    fetch_site: str | None
    scheme: str
    host: str | None
    server: str
    upgrade: str | None
    has_cookie: bool
    has_authorization: bool

    @property
    def is_preflight(self) -> bool:
        """Return True for a CORS-preflight request: https://fetch.spec.whatwg.org/#cors-preflight-request."""
        return self.method == "OPTIONS" and self.requested_method is not None and self.origin is not None

    @property
    def is_websocket(self) -> bool:
        """Return True for the handshake of a WebSocket: https://www.rfc-editor.org/rfc/rfc6455#section-4.1."""
        return self.upgrade is not None and "websocket" in re.split("[, ]+", self.upgrade.lower())

    @property
    def is_same_origin(self) -> bool:
        """
        Return True where the page is of the request's own origin, as far as this request alone can tell.

        The schemes may differ where a browser says same-origin, or for a handshake, on which browsers say
        nothing: a TLS proxy that the app was not told of.
        """
        if self.origin is None or self.fetch_site not in {None, "same-origin"}:
            return False
        scheme, separator, host = self.origin.partition("://")
        if not separator or host != _without_port(self.host or self.server, scheme, self.scheme):
            return False
        is_told = self.fetch_site is not None
        return scheme == self.scheme or is_told or (scheme == "https" and self.is_websocket)

    def request(self, path: str) -> Request:
        """Return the request that a decision is made on; *path* is decoded once, with one leading slash."""
        same_origin = self.is_same_origin
        return Request(
            self.origin,
            self.method,
            path,
            self.requested_method,
            self.requested_headers,
            same_origin,
            self.has_cookie,
            self.fetch_site == "same-origin" and not same_origin,
            self.is_websocket,
        )

    def surroundings(self) -> Surroundings:
        """Return what the audit event says of the request beside its decision."""
        return Surroundings(self.scheme, self.host, self.fetch_site, self.has_authorization)


def is_preflight(environ: WSGIEnvironment) -> bool:
    """Return True where *environ*, which has an origin, is a preflight's."""
    return environ.get("REQUEST_METHOD") == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ


def _without_port(host: str, *schemes: str) -> str:
    """Return *host* in lower case, without a port that is the default of one of *schemes*."""
    host = host.lower()
    for scheme in schemes:
        port = DEFAULT_PORTS.get(scheme)
        if port is not None:
            host = host.removesuffix(f":{port}")
    return host


def read_facts(environ: WSGIEnvironment, origin: str | None) -> RequestFacts:
    """Read the facts of the request in *environ*; its origin was looked up before."""
    get = environ.get
    host = get("HTTP_HOST")
    server = "" if host else f"{get('SERVER_NAME', '')}:{get('SERVER_PORT', '')}"
    return tuple.__new__(
        RequestFacts,
        (
            origin,
            get("REQUEST_METHOD", "GET").upper(),
            get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
            get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
            get("HTTP_SEC_FETCH_SITE"),
            get("wsgi.url_scheme", "http"),
            host,
            server,
            get("HTTP_UPGRADE"),
            "HTTP_COOKIE" in environ,
            "HTTP_AUTHORIZATION" in environ,
        ),
    )


#: What a request class may answer differently from its environ.
_SERVED = ("path", "method", "scheme", "host", "__init__")


@functools.lru_cache(maxsize=64)
def reads_environ(request_class: Any) -> bool:
    """Return True where requests of *request_class* have path, method, scheme and host of their environ."""
    return all(
        getattr_static(request_class, name, None) is getattr_static(FlaskRequest, name, None)
        for name in _SERVED
    )


def read_served(request: FlaskRequest) -> tuple[RequestFacts, str]:
    """Read facts and path of *request* as Flask serves it, whatever its class makes of the environ."""
    environ = request.environ
    facts = read_facts(environ, environ.get("HTTP_ORIGIN"))
    request_class: Any = type(request)
    if reads_environ(request_class):
        return facts, path_of(environ)
    host = facts.host
    with contextlib.suppress(HTTPException):  # a host that is not trusted: Flask answers with 400
        host = request.host
    method, server = request.method.upper(), "" if host else facts.server
    served = facts._replace(method=method, scheme=request.scheme, host=host, server=server)
    return served, request.path


def path_of(environ: WSGIEnvironment) -> str:
    """Return the path as Flask routes it: decoded once, with one leading slash, without the mount point."""
    raw: str = environ.get("PATH_INFO", "")
    if not raw.isascii():
        raw = raw.encode("latin-1", "replace").decode("utf-8", "replace")
    return "/" + raw.lstrip("/")


def placed(url: str, config: Mapping[str, Any]) -> tuple[str, str]:
    """
    The base URL and the path of *url*; a path alone is on the host that the app's *config* names.

    Both are read as a browser and the router read them: no query, decoded once, with one leading slash.

    Raises:
        ValueError: No browser could ask for it.
    """
    address = re.sub("[\t\n\r]", "", re.split("[?#]", url, maxsplit=1)[0])
    address.encode()  # what is no text, such as bytes of a shell's, is part of no URL
    if address.startswith("/") or "://" not in address:
        trusted = config.get("TRUSTED_HOSTS") or ["localhost"]
        return f"http://{config.get('SERVER_NAME') or trusted[0].lstrip('.')}", _decoded(address)
    parts = urlsplit(address)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("no scheme that pages send requests to, or no host")
    parts.hostname.encode("idna")
    _ = parts.port  # raises for one that is none
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", _decoded(parts.path)


def _decoded(path: str) -> str:
    return "/" + unquote(path).lstrip("/")


def agent_of(environ: WSGIEnvironment) -> str | None:
    """Return the ``User-Agent`` field, or None."""
    agent: str | None = environ.get("HTTP_USER_AGENT")
    return agent


def client_of(environ: WSGIEnvironment) -> tuple[str | None, bool]:
    """Return the client's address, or None, and True where `trace_ids` may have an answer."""
    return environ.get("REMOTE_ADDR"), "HTTP_TRACEPARENT" in environ or TELEMETRY in sys.modules


def trace_ids(environ: WSGIEnvironment) -> tuple[str, str] | None:
    """The active span's ids, where the app has OpenTelemetry; else those that the request names."""
    telemetry = sys.modules.get(TELEMETRY)
    if telemetry is not None:
        with contextlib.suppress(Exception):  # an event without its trace is better than none
            context = telemetry.get_current_span().get_span_context()
            if context.is_valid:
                return f"{context.trace_id:032x}", f"{context.span_id:016x}"
    named = environ.get("HTTP_TRACEPARENT")
    return None if named is None else trace_of(named)


@functools.lru_cache
def vary_field(names: tuple[str, ...]) -> Fields:
    """The ``Vary`` field of *names*; nothing where there are none."""
    return (("Vary", ", ".join(names)),) if names else ()


def set_fields(present: list[tuple[str, str]], fields: Fields) -> tuple[list[tuple[str, str]], bool]:
    """
    The response fields with *fields* set, those named ``Vary`` merged.

    Returns:
        The new list, and whether the application had set Access-Control fields of its own.
    """
    for name, _ in present:
        if name[:1] in _INITIALS and name.lower() in _TOUCHED:
            return _merged(present, fields), has_any(present, RESPONSE_FIELDS)
    return [*present, *fields], False


def _merged(present: list[tuple[str, str]], fields: Fields) -> list[tuple[str, str]]:
    kept = [item for item in present if item[0].lower() not in _TOUCHED]
    varied = merge_vary(_vary_of(present), _vary_of(fields))
    if varied:
        kept.append(("Vary", ", ".join(varied)))
    return [*kept, *(field for field in fields if field[0] != "Vary")]


def _vary_of(fields: Iterable[tuple[str, str]]) -> list[str]:
    return [value for name, value in fields if name.lower() == "vary"]


def has_any(present: Iterable[tuple[str, str]], names: Collection[str]) -> bool:
    """Whether a response has a field of *names*, lower case."""
    return any(name.lower() in names for name, _ in present)
