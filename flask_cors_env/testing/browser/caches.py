"""What a browser remembers: which requests preflights have allowed, and which responses are fresh."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, NamedTuple, TypeAlias

from flask_cors_env.testing.browser.checks import Grant
from flask_cors_env.testing.browser.headers import (
    delta_seconds,
    get_header,
    is_non_wildcard_request_header,
    is_safelisted_method,
    split_value,
    unsafe_request_header_names,
)
from flask_cors_env.testing.browser.requests import PageRequest, Response, WireRequest

Kind: TypeAlias = Literal["method", "header"]
Clock: TypeAlias = Callable[[], float]

ENGINE_MAX_AGE: Final = {"chromium": 7200, "firefox": 86400, "webkit": 600}
HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
UNSTORED_STATUSES: Final = frozenset({206, 304})
CACHE_BYPASSING_HEADERS: Final = frozenset(
    {"range", "cache-control", "if-none-match", "if-modified-since", "if-match"}
)

_LIFETIME: Final = re.compile(r'max-age="?([0-9]+)"?')


class CacheEntry(NamedTuple):
    """Without its age; *kind* tells a method from a header. https://fetch.spec.whatwg.org/#cache-entry."""

    partition: str
    origin: str
    url: str
    credentials: bool
    kind: Kind
    name: str


def cache_entry(page: PageRequest, kind: Kind, name: str, *, credentials: bool) -> CacheEntry:
    """https://fetch.spec.whatwg.org/#concept-cache-create-entry."""
    return CacheEntry(page.partition, page.serialized_origin, page.url, credentials, kind, name)


class PreflightCache:
    """
    What preflights have allowed so far, one entry for each method and header name they listed.

    Two things are narrower than the letter: a ``*`` listed to a request with credentials never serves as a
    wildcard afterwards, and listing a name again renews that name's entry, not a wildcard's beside it.

    Args:
        clock: Seconds, rising.
        max_age_cap: The engine's limit (`ENGINE_MAX_AGE`) in seconds; None is no limit.

    See https://fetch.spec.whatwg.org/#cors-preflight-cache.
    """

    def __init__(self, *, clock: Clock = time.monotonic, max_age_cap: int | None = None) -> None:
        self._clock = clock
        self._cap = inf if max_age_cap is None else max_age_cap
        self._expiry: dict[CacheEntry, float] = {}

    def store(self, page: PageRequest, grant: Grant) -> None:
        """https://fetch.spec.whatwg.org/#cors-preflight-fetch, steps 7.10 to 7.15."""
        expiry, include = self._clock() + min(grant.max_age, self._cap), page.credentials == "include"
        methods = [cache_entry(page, "method", name, credentials=include) for name in grant.methods]
        headers = [cache_entry(page, "header", name, credentials=include) for name in grant.headers]
        self._expiry |= dict.fromkeys(methods + headers, expiry)

    def clear(self, page: PageRequest) -> None:
        """https://fetch.spec.whatwg.org/#concept-cache-clear."""
        key = (page.partition, page.serialized_origin, page.url)
        self._expiry = {entry: expiry for entry, expiry in self._expiry.items() if entry[:3] != key}

    def allows_method(self, page: PageRequest, method: str) -> bool:
        """https://fetch.spec.whatwg.org/#concept-cache-match-method."""
        return self._matches(page, "method", method) or self._matches_wildcard(page, "method")

    def allows_header(self, page: PageRequest, name: str) -> bool:
        """https://fetch.spec.whatwg.org/#concept-cache-match-header."""
        wild = not is_non_wildcard_request_header(name) and self._matches_wildcard(page, "header")
        return wild or self._matches(page, "header", name.lower())

    def covers(self, page: PageRequest) -> bool:
        """No preflight is needed. https://fetch.spec.whatwg.org/#concept-http-fetch, step 4.1."""
        method = is_safelisted_method(page.method) or self.allows_method(page, page.method)
        names = unsafe_request_header_names(page.header_list)
        return method and all(self.allows_header(page, name) for name in names)

    def _matches(self, page: PageRequest, kind: Kind, name: str) -> bool:
        """https://fetch.spec.whatwg.org/#concept-cache-match: an entry with credentials serves both sorts."""
        sorts = (True,) if page.credentials == "include" else (True, False)
        return any(self._is_live(cache_entry(page, kind, name, credentials=sort)) for sort in sorts)

    def _matches_wildcard(self, page: PageRequest, kind: Kind) -> bool:
        live = self._is_live(cache_entry(page, kind, "*", credentials=False))
        return live and page.credentials != "include"

    def _is_live(self, entry: CacheEntry) -> bool:
        return self._clock() < self._expiry.get(entry, -inf)


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """A response with the request header values that its Vary names, and the time it goes stale."""

    response: Response
    selecting: tuple[tuple[str, str | None], ...]
    expiry: float


class HttpCache:
    """
    A cache of GET responses by partition, URL and ``Vary``; it neither serves nor stores OPTIONS.

    One that several browsers share stands for a CDN at its most eager.

    Args:
        clock: Seconds, rising.
        heuristic: Seconds a response stays fresh that does not say so itself. The default stores none of
            them; a large number is the eager cache that finds a missing ``Vary``.

    See https://www.rfc-editor.org/rfc/rfc9111#section-4.1.
    """

    def __init__(self, *, clock: Clock = time.monotonic, heuristic: float = 0) -> None:
        self._clock = clock
        self._heuristic = heuristic
        self._stored: dict[tuple[str, str], list[StoredResponse]] = {}

    def select(self, request: WireRequest, *, partition: str = "") -> Response | None:
        """The newest fresh response whose Vary fits *request*, or None. RFC 9111, sections 4 and 4.1."""
        if request.method != "GET" or any(
            name.lower() in CACHE_BYPASSING_HEADERS for name, _ in request.headers
        ):
            return None
        for stored in reversed(self._stored.get((partition, request.url), [])):
            fits = all(request.header(name) == value for name, value in stored.selecting)
            if fits and self._clock() < stored.expiry:
                return stored.response
        return None

    def update(self, request: WireRequest, response: Response, *, partition: str = "") -> None:
        """Store, or after an unsafe method that succeeded forget. RFC 9111, sections 3 and 4.4."""
        key = (partition, request.url)
        if request.method not in {"GET", "HEAD", "OPTIONS"} and response.status in range(200, 400):
            self._stored.pop(key, None)
        lifetime, vary = self._lifetime(response), _vary(response)
        if request.method == "GET" and lifetime > 0 and "*" not in vary:
            selecting = tuple((name, request.header(name)) for name in vary)
            stored = StoredResponse(response=response, selecting=selecting, expiry=self._clock() + lifetime)
            self._stored.setdefault(key, []).append(stored)

    def _lifetime(self, response: Response) -> float:
        """Seconds; 0 is do not store, as is no-cache. https://www.rfc-editor.org/rfc/rfc9111#section-4.2.1."""
        control = split_value((get_header(response.headers, "cache-control") or "").lower())
        if {"no-store", "no-cache"} & set(control) or response.status in UNSTORED_STATUSES:
            return 0
        ages = [delta_seconds(match[1]) for match in map(_LIFETIME.fullmatch, control) if match]
        return ages[0] if ages else self._heuristic if response.status in HEURISTIC_STATUSES else 0


def _vary(response: Response) -> tuple[str, ...]:
    value = get_header(response.headers, "vary") or ""
    return tuple(sorted({name.lower() for name in split_value(value) if name}))
