"""One request of a page, in a browser of its own: what was sent, what came back, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flask_cors_env.audit.signals import cors_decided
from flask_cors_env.core.decision import Decision
from flask_cors_env.testing.browser.causes import Cause
from flask_cors_env.testing.browser.checks import FORBIDDEN_RESPONSE_HEADERS
from flask_cors_env.testing.browser.fetching import Browser, Outcome, Stage
from flask_cors_env.testing.browser.headers import get_header
from flask_cors_env.testing.browser.requests import PageRequest, Response, needs_preflight
from flask_cors_env.testing.verdict import Exchange, Finding
from flask_cors_env.web.extension import CORS
from flask_cors_env.web.state import KEY

if TYPE_CHECKING:
    from flask import Flask

_FETCH = "https://fetch.spec.whatwg.org/#"
_REDIRECT = f"{_FETCH}concept-http-redirect-fetch"
_OWN_ORIGIN = "The page is of the app's own origin."
_SHARED = "The answer is shared with the page."
_UNASKED = "It needs no preflight, so any page may send it."
_CREDENTIALS = {Cause.ALLOW_CREDENTIALS_NOT_TRUE, Cause.ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS}


class Visit:
    """
    A browser without a past, and the app at the other end.

    Args:
        app: Asked through its test client.
        base_url: Where the browser finds it, without a slash at the end.
        request: What the page asks for.
        cookie: As for `Browser`.
    """

    def __init__(self, app: Flask, base_url: str, request: PageRequest, cookie: str | None) -> None:
        self._app = app
        self._client = app.test_client(use_cookies=False)
        self._base_url = base_url
        self._request = request
        self._browser = Browser(self._send, cookie=cookie)
        self._answers: list[Response | None] = []
        self._heard: list[Decision] = []

    def sending(self) -> Finding:
        """Whether the request is let out; no view runs."""
        with cors_decided.connected_to(self._hear):
            refusal = self._browser.preflight(self._request)
        if refusal is not None and refusal.cause is not None:
            return _refused(refusal.cause, refusal.stage)
        if needs_preflight(self._request):
            return Finding("The preflight grants it.")
        return Finding(_UNASKED, setting="ENFORCE") if self._request.crosses_origins else Finding(_OWN_ORIGIN)

    def reading(self) -> Finding:
        """Whether the page gets the answer."""
        return self._read(self._fetch())

    def seeing(self, name: str) -> Finding:
        """Whether the page gets the answer, and in it the header *name*."""
        outcome = self._fetch()
        found = self._read(outcome)
        if not found.answer or outcome.header(name) is not None:
            return found
        if get_header(self._last_headers, name) is None:
            return Finding(f"The answer has no {name}.", f"{_FETCH}dom-headers-get")
        if name.lower() in FORBIDDEN_RESPONSE_HEADERS:
            return Finding(f"No page may read {name}.", f"{_FETCH}forbidden-response-header-name")
        because = f"The answer has {name}, and does not list it in Access-Control-Expose-Headers."
        section = f"{_FETCH}concept-response-cors-exposed-header-name-list"
        return Finding(because, section, setting="EXPOSE_HEADERS")

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What left the browser, in order, with the answers."""
        return tuple(map(Exchange, self._browser.sent, self._answers))

    @property
    def decision(self) -> Decision | None:
        """The last one heard; where none was, since a skip is not told, what would be decided."""
        if self._heard:
            return self._heard[-1]
        if KEY not in self._app.extensions or not self._request.crosses_origins:
            return None
        path = unquote(urlsplit(self._request.url.removeprefix(self._base_url)).path)
        origin, method = self._request.origin, self._request.method
        return CORS().decide(origin=origin, method=method, path=path, app=self._app)

    def _read(self, outcome: Outcome) -> Finding:
        if outcome.cause is None:
            return Finding(_SHARED if self._request.crosses_origins else _OWN_ORIGIN)
        if self._answers[-1] is None:
            url = self._browser.sent[-1].url
            return Finding(f"It is redirected to {url}, whose answer is not the app's.", _REDIRECT)
        return _refused(outcome.cause, outcome.stage)

    def _fetch(self) -> Outcome:
        with cors_decided.connected_to(self._hear):
            return self._browser.fetch(self._request)

    def _send(
        self, method: str, url: str, headers: list[tuple[str, str]]
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The app's answer without its body, on which no verdict depends; an error from another server."""
        if not url.startswith(f"{self._base_url}/"):
            self._answers.append(None)
            return 502, [], b""
        path, base_url = url.removeprefix(self._base_url), f"{self._base_url}/"
        with self._client.open(path, base_url=base_url, method=method, headers=headers) as answer:
            self._answers.append(Response(status=answer.status_code, headers=tuple(answer.headers)))
            return answer.status_code, list(answer.headers), b""

    def _hear(self, _app: Flask, *, decision: Decision, **_told: Any) -> None:
        self._heard.append(decision)

    @property
    def _last_headers(self) -> tuple[tuple[str, str], ...]:
        last = self._answers[-1]
        return () if last is None else tuple(last.headers)


def _refused(cause: Cause, stage: Stage | None) -> Finding:
    subject = "The preflight's answer" if stage == "preflight" else "The answer"
    setting = "ALLOW_CREDENTIALS" if cause in _CREDENTIALS else None
    return Finding(f"{subject} {cause.meaning}.", cause.section, cause, setting)
