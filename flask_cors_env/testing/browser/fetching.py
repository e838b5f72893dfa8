"""A browser's whole path from ``fetch()`` to what the page may read, over any transport."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from flask_cors_env.testing.browser.caches import Clock, HttpCache, PreflightCache
from flask_cors_env.testing.browser.causes import Cause
from flask_cors_env.testing.browser.checks import (
    cors_check,
    follow_redirect,
    judge_preflight,
    readable_headers,
)
from flask_cors_env.testing.browser.headers import Headers, get_header
from flask_cors_env.testing.browser.requests import (
    PageRequest,
    Response,
    WireRequest,
    actual_request,
    needs_preflight,
    preflight_request,
)

Stage: TypeAlias = Literal["preflight", "response", "redirect"]
Send: TypeAlias = Callable[[str, str, list[tuple[str, str]]], tuple[int, list[tuple[str, str]], bytes]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    What came of a fetch: what the page sees, and what only the model knows.

    Attributes:
        cause: None if the page may read the response; then `headers` and `body` are what it reads.
        stage: Where it was refused; None if it was not.
        status: Of the last answer, the preflight's included. A page sees it only if the fetch is readable.
        headers: Only those the page may read: lower case, sorted.
        sent: What reached the network for this fetch, in order; what a cache answered is not in it.
    """

    cause: Cause | None = None
    stage: Stage | None = None
    status: int
    headers: Headers = ()
    body: bytes = b""
    sent: tuple[WireRequest, ...] = ()

    @property
    def verdict(self) -> Literal["readable", "refused"]:
        """What the page gets: a response, or a TypeError (in mode no-cors, an opaque response)."""
        return "readable" if self.cause is None else "refused"

    @property
    def preflighted(self) -> bool:
        """Whether a preflight was sent for this fetch."""
        return any(request.header("access-control-request-method") for request in self.sent)

    def header(self, name: str) -> str | None:
        """What ``response.headers.get(name)`` gives the page."""
        return get_header(self.headers, name)


class Browser:
    """
    A browser's whole path from ``fetch()`` to what the page may read, over any transport.

    Over Flask's test client, made with ``use_cookies=False``, *send* is::

        def send(method, url, headers):
            answer = client.open(url, method=method, headers=headers)
            return answer.status_code, list(answer.headers), answer.data

    Args:
        send: Called with method, URL and headers; returns status, headers and body. Redirects are not its
            business.
        clock: Seconds, rising; for the two caches, but not for an *http_cache* that is given.
        max_age_cap: See `PreflightCache`.
        http_cache: None is one of its own, which stores only what says how long it is fresh.
        cookie: The ``Cookie`` of requests with credentials, such as ``session=1``; None if there is none.

    See https://fetch.spec.whatwg.org/#fetching.
    """

    def __init__(
        self,
        send: Send,
        *,
        clock: Clock = time.monotonic,
        max_age_cap: int | None = None,
        http_cache: HttpCache | None = None,
        cookie: str | None = None,
    ) -> None:
        self._transport = send
        self._cookie = cookie
        self.preflight_cache = PreflightCache(clock=clock, max_age_cap=max_age_cap)
        self.http_cache = HttpCache(clock=clock) if http_cache is None else http_cache
        self.sent: list[WireRequest] = []

    def fetch(self, page: PageRequest) -> Outcome:
        """https://fetch.spec.whatwg.org/#concept-main-fetch, once more for every redirect."""
        start, guarded = len(self.sent), False
        while True:
            guarded = guarded or needs_preflight(page)
            answer = self._http_fetch(page)
            onward = follow_redirect(page, answer) if isinstance(answer, Response) else None
            if not isinstance(onward, PageRequest):
                break
            page = onward
        outcome = _outcome(page, answer, failed_redirect=onward)
        if guarded and outcome.cause:
            self.preflight_cache.clear(page)
        return replace(outcome, sent=tuple(self.sent[start:]))

    def preflight(self, page: PageRequest) -> Outcome | None:
        """
        The refusal of the preflight that *page* needs; None if it needs none, or was granted.

        See https://fetch.spec.whatwg.org/#concept-http-fetch, step 4.
        """
        if not needs_preflight(page) or self.preflight_cache.covers(page):
            return None
        answer = self._send(preflight_request(page))
        grant = judge_preflight(page, answer)
        if isinstance(grant, Cause):
            return Outcome(cause=grant, stage="preflight", status=answer.status)
        self.preflight_cache.store(page, grant)
        return None

    def _http_fetch(self, page: PageRequest) -> Response | Outcome:
        """https://fetch.spec.whatwg.org/#concept-http-fetch."""
        if refusal := self.preflight(page):
            return refusal
        response = self._network_or_cache_fetch(page)
        cause = cors_check(page, response) if page.is_cors else None
        return Outcome(cause=cause, stage="response", status=response.status) if cause else response

    def _network_or_cache_fetch(self, page: PageRequest) -> Response:
        """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch."""
        request = actual_request(page, cookie=self._cookie)
        stored = self.http_cache.select(request, partition=page.partition)
        if stored is not None:
            return stored
        response = self._send(request)
        self.http_cache.update(request, response, partition=page.partition)
        return response

    def _send(self, request: WireRequest) -> Response:
        self.sent.append(request)
        status, headers, body = self._transport(request.method, request.url, list(request.headers))
        return Response(status=status, headers=tuple(headers), body=body)


def _outcome(page: PageRequest, answer: Response | Outcome, *, failed_redirect: Cause | None) -> Outcome:
    """https://fetch.spec.whatwg.org/#concept-filtered-response."""
    if isinstance(answer, Outcome):
        return answer
    if failed_redirect:
        return Outcome(cause=failed_redirect, stage="redirect", status=answer.status)
    if page.crosses_origins and not page.is_cors:
        return Outcome(cause=Cause.OPAQUE_RESPONSE, stage="response", status=answer.status)
    return Outcome(status=answer.status, headers=readable_headers(page, answer), body=answer.body)
