"""What a WSGI environ and a list of response fields say, in this package's terms."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from flask import has_request_context
from flask import request as flask_request

from flask_cors_env.audit.event import Surroundings, trace_of
from flask_cors_env.core.origin import DEFAULT_PORTS
from flask_cors_env.core.policy import Fields
from flask_cors_env.core.protocol import RESPONSE_FIELDS, merge_vary
from flask_cors_env.core.request import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_TOUCHED = RESPONSE_FIELDS | {"vary"}
_ACAO = "access-control-allow-origin"


def path_of(environ: WSGIEnvironment) -> str:
    """The path as the router sees it: decoded once, with one leading slash, without the mount point."""
    raw: str = environ.get("PATH_INFO", "")
    if not raw.isascii():
        raw = raw.encode("latin-1", "replace").decode("utf-8", "replace")
    return "/" + raw.lstrip("/")


def request_of(environ: WSGIEnvironment, origin: str | None, path: str) -> Request:
    """The request that a decision is made on."""
    return Request(
        origin,
        environ.get("REQUEST_METHOD", "GET"),
        path,
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
    host: str = environ.get("HTTP_HOST") or _server_name(environ)
    port = DEFAULT_PORTS.get(scheme)
    return origin == f"{scheme}://{host.lower().removesuffix(f':{port}')}"


def _server_name(environ: WSGIEnvironment) -> str:
    return f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"


def surroundings_of(environ: WSGIEnvironment) -> Surroundings:
    """What the audit event tells of the request beside what the decision depends on."""
    active = _active_request(environ)
    return Surroundings(
        environ.get("wsgi.url_scheme"),
        environ.get("HTTP_HOST"),
        environ.get("REMOTE_ADDR"),
        environ.get("HTTP_SEC_FETCH_SITE"),
        None if active is None or active.url_rule is None else active.url_rule.rule,
        "HTTP_AUTHORIZATION" in environ,
        environ.get("HTTP_USER_AGENT"),
        _trace_of(environ),
        active is not None,
    )


def _active_request(environ: WSGIEnvironment) -> Any:
    """Flask's active request if it is this one; else None."""
    if not has_request_context():
        return None
    active: Any = flask_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - one proxy look-up, not three
    return active if active.environ is environ else None


def _trace_of(environ: WSGIEnvironment) -> tuple[str, str] | None:
    """The active span's ids, where the app has OpenTelemetry; else those that the request names."""
    telemetry = sys.modules.get("opentelemetry.trace")
    if telemetry is not None:
        context = telemetry.get_current_span().get_span_context()
        if context.is_valid:
            return f"{context.trace_id:032x}", f"{context.span_id:016x}"
    named = environ.get("HTTP_TRACEPARENT")
    return None if named is None else trace_of(named)


@functools.lru_cache
def _vary_field(names: tuple[str, ...]) -> Fields:
    return (("Vary", ", ".join(names)),) if names else ()


def set_fields(
    present: list[tuple[str, str]], fields: Fields, vary: tuple[str, ...]
) -> tuple[list[tuple[str, str]], bool]:
    """
    The response fields with *fields* set and *vary* merged.

    Returns:
        The new list, and whether the application had set Access-Control fields of its own.
    """
    names = [name.lower() for name, _ in present]
    if _TOUCHED.isdisjoint(names):
        return [*present, *_vary_field(vary), *fields], False
    kept: list[tuple[str, str]] = []
    varies: list[str] = []
    conflict = False
    for name, item in zip(names, present, strict=True):
        if name == "vary":
            varies.append(item[1])
        elif name in RESPONSE_FIELDS:
            conflict = True
        else:
            kept.append(item)
    if varies or vary:
        kept.append(("Vary", ", ".join(merge_vary(varies, vary))))
    kept += fields
    return kept, conflict


def has_own_fields(present: list[tuple[str, str]]) -> bool:
    """Whether the application shares this response by itself."""
    return any(name.lower() == _ACAO for name, _ in present)
