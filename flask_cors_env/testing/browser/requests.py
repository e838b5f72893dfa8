"""What a page asks for, and what leaves the browser for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit

from flask_cors_env.testing.browser.headers import (
    NO_CORS_REQUEST_HEADERS,
    TOKEN,
    Headers,
    get_header,
    header_lines,
    is_forbidden_method,
    is_forbidden_request_header,
    is_safelisted_method,
    is_safelisted_request_header,
    normalize_method,
    unsafe_request_header_names,
)

Credentials: TypeAlias = Literal["omit", "same-origin", "include"]
Mode: TypeAlias = Literal["cors", "no-cors"]

_LOOPBACK: Final = re.compile(r"(.*\.)?localhost|127(\.[0-9]+){3}|::1")


def parse_url(url: str, *, base: str = "") -> SplitResult | None:
    """An http(s) URL without its fragment, or None. https://url.spec.whatwg.org/#concept-basic-url-parser."""
    try:
        parts = urlsplit(urljoin(base, url))
        origin_of(parts.geturl())
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    return parts._replace(fragment="", path=parts.path or "/")


def origin_of(url: str) -> str:
    """The serialized origin of an http(s) URL. https://url.spec.whatwg.org/#concept-url-origin."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")


def has_userinfo(url: SplitResult) -> bool:
    """https://url.spec.whatwg.org/#include-credentials."""
    return bool(url.username or url.password)


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    """
    What a script asks for with ``fetch(url, init)``, as the Request object that comes of it.

    Construction normalizes the method and silently drops headers that a script may not set; what cannot be
    asked for at all (a forbidden method, a bad name or value, userinfo in the URL) is a TypeError.

    Attributes:
        origin: Of the page, serialized; ``"null"`` for an opaque one.
        partition: Of both caches, usually the top-level site. Empty: one partition for all.
        passed: The URLs that redirected here, oldest first.

    See https://fetch.spec.whatwg.org/#dom-request.
    """

    origin: str
    url: str
    method: str = "GET"
    headers: Headers = ()
    credentials: Credentials = "same-origin"
    mode: Mode = "cors"
    partition: str = ""
    passed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        method, url = normalize_method(self.method), parse_url(self.url)
        if not TOKEN.fullmatch(self.method) or is_forbidden_method(method):
            raise TypeError(f"a script cannot use the method {method!r}")
        if self.mode == "no-cors" and not is_safelisted_method(method):
            raise TypeError(f"{method!r} is not possible in mode no-cors")
        if url is None or (has_userinfo(url) and not self.passed):
            raise TypeError(f"a page cannot fetch {self.url!r}")
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "url", url.geturl())
        object.__setattr__(self, "headers", tuple(_settable_headers(self.headers, mode=self.mode)))

    @property
    def header_list(self) -> Headers:
        """With the ``Accept`` that every fetch has. https://fetch.spec.whatwg.org/#concept-fetch."""
        default = () if header_lines(self.headers, "accept") else (("Accept", "*/*"),)
        return (*self.headers, *default)

    @property
    def crosses_origins(self) -> bool:
        """Tainting is not "basic". https://fetch.spec.whatwg.org/#concept-request-response-tainting."""
        return any(origin_of(url) != self.origin for url in (*self.passed, self.url))

    @property
    def is_cors(self) -> bool:
        """Tainting is "cors": the answer will be checked. https://fetch.spec.whatwg.org/#concept-main-fetch."""
        return self.crosses_origins and self.mode == "cors"

    @property
    def serialized_origin(self) -> str:
        """``null`` once another origin redirected on. https://fetch.spec.whatwg.org/#serializing-a-request-origin."""
        hops = pairwise(map(origin_of, (*self.passed, self.url)))
        tainted = any(last not in (here, self.origin) for last, here in hops)
        return "null" if tainted else self.origin

    @property
    def includes_credentials(self) -> bool:
        """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch, step 8.3."""
        return self.credentials == "include" or (
            self.credentials == "same-origin" and not self.crosses_origins
        )


def _settable_headers(headers: Headers, *, mode: Mode) -> Iterable[tuple[str, str]]:
    """https://fetch.spec.whatwg.org/#concept-headers-append."""
    for name, raw in headers:
        value = raw.strip(" \t\r\n")
        if not TOKEN.fullmatch(name) or re.search(r"[\x00\r\n]|[^\x00-\xff]", value):
            raise TypeError(f"no header can be {name!r}: {value!r}")
        in_no_cors = name.lower() in NO_CORS_REQUEST_HEADERS and is_safelisted_request_header(name, value)
        if not is_forbidden_request_header(name, value) and (mode == "cors" or in_no_cors):
            yield name, value


@dataclass(frozen=True, kw_only=True)
class WireRequest:
    """A request as it leaves the browser."""

    method: str
    url: str
    headers: Headers

    def header(self, name: str) -> str | None:
        """The value of *name*, any case; None if it is not sent."""
        return get_header(self.headers, name)


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer as it reaches the browser, before anything is hidden from the page."""

    status: int
    headers: Headers
    body: bytes = b""


def needs_preflight(page: PageRequest) -> bool:
    """Unless the cache has it. https://fetch.spec.whatwg.org/#concept-main-fetch, the two cases of "cors"."""
    plain = is_safelisted_method(page.method) and not unsafe_request_header_names(page.header_list)
    return page.is_cors and not plain


def preflight_request(page: PageRequest) -> WireRequest:
    """Never with credentials. https://fetch.spec.whatwg.org/#cors-preflight-fetch, steps 1 to 5."""
    headers = [("Accept", "*/*"), ("Access-Control-Request-Method", page.method)]
    if names := unsafe_request_header_names(page.header_list):
        headers.append(("Access-Control-Request-Headers", ",".join(names)))
    headers += [("Origin", page.serialized_origin), *fetch_metadata(page)]
    return WireRequest(method="OPTIONS", url=page.url, headers=tuple(headers))


def actual_request(page: PageRequest, *, cookie: str | None = None) -> WireRequest:
    """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch, steps 8.12, 8.13 and 8.21."""
    headers = [*page.header_list, *_origin_header(page), *fetch_metadata(page)]
    if cookie is not None and page.includes_credentials:
        headers.append(("Cookie", cookie))
    return WireRequest(method=page.method, url=page.url, headers=tuple(headers))


def _origin_header(page: PageRequest) -> Headers:
    """https://fetch.spec.whatwg.org/#append-a-request-origin-header, with the default referrer policy."""
    if not page.is_cors and page.method in {"GET", "HEAD"}:
        return ()
    downgrade = page.origin.startswith("https:") and page.url.startswith("http:")
    hidden = page.mode == "no-cors" and downgrade
    return (("Origin", "null" if hidden else page.serialized_origin),)


def fetch_metadata(page: PageRequest) -> Headers:
    """Only to https and loopback. https://w3c.github.io/webappsec-fetch-metadata/#fetch-integration."""
    host = urlsplit(page.url).hostname or ""
    if not (page.url.startswith("https:") or _LOOPBACK.fullmatch(host)):
        return ()
    return (("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", page.mode), ("Sec-Fetch-Site", fetch_site(page)))


def fetch_site(page: PageRequest) -> str:
    """A site is a scheme and host here. https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header."""
    if not page.crosses_origins:
        return "same-origin"
    sites = {(parts.scheme, parts.hostname) for parts in map(urlsplit, (page.origin, page.url, *page.passed))}
    return "same-site" if len(sites) == 1 else "cross-site"
