"""A request as the decision sees it: a few plain values, as they were received."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from flask_cors_env.core.protocol import SAFELISTED_METHODS, normalize_method


class Kind(StrEnum):
    """
    The kind of a request: https://fetch.spec.whatwg.org/#http-requests.

    A ``websocket`` is the handshake of RFC 6455. Browsers ask no permission for it: there is no preflight.
    """

    NONE = "none"
    PREFLIGHT = "preflight"
    ACTUAL = "actual"
    WEBSOCKET = "websocket"


class Request(NamedTuple):
    """
    What a decision depends on.

    Attributes:
        origin: The ``Origin`` field's value; None where it was absent, which is not ``"null"``.
        method: The request's own method.
        path: Decoded once, with one leading slash, without the mount point.
        requested_method: The value of ``Access-Control-Request-Method``, or None.
        requested_headers: The value of ``Access-Control-Request-Headers``, or None.
        same_origin: True where the page is of the request's own origin. It decides about the event and about
            `enforce`, never about response fields.
        credentialed: True where the request has a ``Cookie`` field.
        host_differs: True where the browser says same-origin and the request's host is another one.
        websocket: True where the request asks for an upgrade to the WebSocket protocol.
    """

    origin: str | None
    method: str = "GET"
    path: str = "/"
    requested_method: str | None = None
    requested_headers: str | None = None
    same_origin: bool = False
    credentialed: bool = False
    host_differs: bool = False
    websocket: bool = False

    @property
    def kind(self) -> Kind:
        """Return the kind. A preflight has the method OPTIONS, an origin and a requested method."""
        if self.origin is None:
            return Kind.NONE
        if self.method == "OPTIONS" and self.requested_method is not None:
            return Kind.PREFLIGHT
        return Kind.WEBSOCKET if self.websocket else Kind.ACTUAL

    @property
    def is_foreign(self) -> bool:
        """Return True where `enforce` may refuse the request: its page is of another origin."""
        return self.origin is not None and not (self.same_origin or self.host_differs)


def page_requests(  # noqa: PLR0913 - all that a browser looks at
    origin: str | None,
    method: str,
    path: str,
    headers: Iterable[str] = (),
    *,
    same_origin: bool = False,
    credentialed: bool = False,
) -> list[Request]:
    """
    Return what a browser sends for a page's request: a preflight ahead of it where it needs one.

    Args:
        origin: The page's origin; None for a request without one.
        method: As the page's script names it.
        path: With one leading slash.
        headers: Names of the headers that the script sets and that are not safelisted.
        same_origin: Whether the page is of the request's own origin, which asks for no preflight.
        credentialed: Whether the page asks with credentials. A preflight carries none, and is noted as ahead
            of a request that does: its response has to allow credentials too.

    See https://fetch.spec.whatwg.org/#http-fetch, step 4.
    """
    method = normalize_method(method)
    names = sorted({name.lower() for name in headers})
    actual = Request(origin, method, path, same_origin=same_origin, credentialed=credentialed)
    if origin is None or same_origin or (method in SAFELISTED_METHODS and not names):
        return [actual]
    asked = ",".join(names) or None
    return [Request(origin, "OPTIONS", path, method, asked, credentialed=credentialed), actual]
