"""What a WSGI environ and a list of response fields say, in this package's terms."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flask import request as flask_request

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
_current_request = flask_request._get_current_object  # type: ignore[attr-defined]  # noqa: SLF001 - asked once, not three times


def path_of(environ: WSGIEnvironment) -> str:
    """The path as the router sees it: decoded once, with one leading slash, without the mount point."""
    return read_path(environ.get("PATH_INFO", ""))


def read_path(raw: str) -> str:
    """The same of ``PATH_INFO``."""
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


def request_of(environ: WSGIEnvironment, origin: str | None) -> Request:
    """The request that a decision is made on."""
    return Request(
        origin,
        environ.get("REQUEST_METHOD", "GET"),
        path_of(environ),
        environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"),
        environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS"),
        is_same_origin(environ, origin),
        "HTTP_COOKIE" in environ,
    )


def is_same_origin(environ: WSGIEnvironment, origin: str | None) -> bool:
    """
    Whether the page is of the request's own origin.

    Browsers say so in Sec-Fetch-Site, also behind a proxy that the app does not know of; else the request's
    scheme, host and port have to be the origin's.
    """
    if environ.get("HTTP_SEC_FETCH_SITE") == "same-origin":
        return True
    scheme = environ.get("wsgi.url_scheme", "http")
    port = DEFAULT_PORTS.get(scheme)
    return origin == f"{scheme}://{host_of(environ).lower().removesuffix(f':{port}')}"


def host_of(environ: WSGIEnvironment) -> str:
    """The request's host and port: what the client says, else the server's own."""
    host: str = (
        environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
    )
    return host


def surroundings_of(environ: WSGIEnvironment) -> Surroundings:
    """What the audit event tells of the request beside the decision, but for what is this one's alone."""
    get = environ.get
    return Surroundings(
        get("wsgi.url_scheme"), get("HTTP_HOST"), get("HTTP_SEC_FETCH_SITE"), "HTTP_AUTHORIZATION" in environ
    )


def active_request(environ: WSGIEnvironment) -> Any:
    """Flask's active request if it is this one; else None."""
    try:
        active: Any = _current_request()
    except RuntimeError:  # there is none
        return None
    return active if active.environ is environ else None


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
