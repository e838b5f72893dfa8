"""A page whose script calls an app: what users ask about their own policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from flask_cors_env.testing.browser.requests import PageRequest, origin_of, parse_url
from flask_cors_env.testing.verdict import Finding, Verdict
from flask_cors_env.testing.visit import Visit

if TYPE_CHECKING:
    from flask import Flask

SetHeaders: TypeAlias = str | Iterable[str] | Mapping[str, str]

_REQUEST = "https://fetch.spec.whatwg.org/#dom-request"
#: What a header holds that is only named; a Content-Type of "1" would be no page's.
_VALUES = {"content-type": "application/json"}


class Page:
    """
    A page of some origin, whose script calls an app from a browser.

    Each question is asked by a browser without a past, so no answer rests on one before. None raises because
    of a refusal; what the app itself raises passes through, as from its test client.

    Args:
        app: A Flask app, with a policy of this package, of another, or none.
        origin: ``https://app.example.com``; ``null`` for a sandboxed frame; the app's own for its own pages.
        base_url: Where browsers find the app: scheme, host, a port if it is not the default, and where it is
            mounted. None: where its test client does, which is ``http://localhost`` unless
            PREFERRED_URL_SCHEME, SERVER_NAME or APPLICATION_ROOT say otherwise.
        cookie: What a browser has for the app, as in ``session=...``; sent with credentials. None: nothing.

    Raises:
        ValueError: No page has that *origin*, or *base_url* is no http or https URL.
        TypeError: *app* is no app: a factory, perhaps, that was not called.
    """

    def __init__(
        self, app: Flask, origin: str, *, base_url: str | None = None, cookie: str | None = None
    ) -> None:
        if not hasattr(app, "test_client"):
            raise TypeError(f"a page needs a Flask app, not {app!r}")
        self._app = app
        self._origin = _page_origin(origin)
        self._base_url = _where(_usual_url(app) if base_url is None else base_url)
        self._cookie = cookie

    def __repr__(self) -> str:
        return f"Page({self._origin!r})"

    def can_send(
        self,
        method: str,
        path: str,
        *,
        headers: SetHeaders = (),
        credentials: bool = False,
    ) -> Verdict:
        """
        Whether the browser lets the request out. The preflight is sent and the request is not: no view runs.

        Yes too for what needs no preflight, whoever the page is: a GET, HEAD or POST with safelisted headers.
        There only the answer can be withheld (`can_read`), or its view not run (``CORS_ENFORCE``).

        Args:
            method: As the script writes it.
            path: Below *base_url*, with one leading slash, and its query if it has one.
            headers: Names of the headers that the script sets, or a mapping to their values; a string is a
                list of names, as it is in options.
            credentials: Whether the script asks for ``credentials: "include"``.
        """
        call = _Call(method, path, _valued(headers), credentials)
        return self._judged("send", call, Visit.sending)

    def can_read(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: SetHeaders = (),
        credentials: bool = False,
    ) -> Verdict:
        """
        Whether the script gets the answer, whatever its status. The view runs, unless a preflight is refused.

        Args:
            path: As for `can_send`, and so are the others.
            method: See there.
            headers: See there.
            credentials: See there.
        """
        call = _Call(method, path, _valued(headers), credentials)
        return self._judged("read", call, Visit.reading)

    def sees_header(
        self,
        path: str,
        name: str,
        *,
        method: str = "GET",
        headers: SetHeaders = (),
        credentials: bool = False,
    ) -> Verdict:
        """
        Whether the script gets the answer, and in it the response header *name*. The view runs.

        Args:
            path: As for `can_send`, and so are the others.
            name: In any case.
            method: See there.
            headers: See there.
            credentials: See there.
        """
        call = _Call(method, path, _valued(headers), credentials)
        return self._judged(f"see {name} of", call, lambda visit: visit.seeing(name))

    def _judged(self, deed: str, call: _Call, judge: Callable[[Visit], Finding]) -> Verdict:
        if not call.path.startswith("/") or call.path.startswith("//"):
            raise ValueError(f"a path has one leading slash, unlike {call.path!r}")
        question = f"{self._origin} can {deed} {call.method} {self._base_url}{call.path}"
        try:
            request = call.request(self._origin, self._base_url)
        except TypeError as error:
            finding = Finding(f"No script can ask for it: {error}.", _REQUEST)
            return Verdict(question=question, finding=finding)
        visit = Visit(self._app, self._base_url, request, self._cookie)
        return Verdict(
            question=f"{question}{call.told(request)}",
            finding=judge(visit),
            exchanges=visit.exchanges,
            decision=visit.decision,
        )


class _Call(NamedTuple):
    """A ``fetch()`` as a script writes it."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    credentials: bool

    def request(self, origin: str, base_url: str) -> PageRequest:
        """What the browser makes of it; raises TypeError where no script can ask for it."""
        return PageRequest(
            origin=origin,
            url=f"{base_url}{self.path}",
            method=self.method,
            headers=self.headers,
            credentials="include" if self.credentials else "same-origin",
        )

    def told(self, request: PageRequest) -> str:
        """What comes with the method and the URL."""
        kept = {name for name, _ in request.headers}
        words = [f"with {name}" for name, _ in self.headers if name in kept]
        words += ["with credentials"] if self.credentials else []
        words += [f"without {name} (no script can set it)" for name, _ in self.headers if name not in kept]
        return "".join(f", {word}" for word in words)


def _valued(headers: SetHeaders) -> tuple[tuple[str, str], ...]:
    if isinstance(headers, Mapping):
        return tuple(headers.items())
    names = headers.replace(",", " ").split() if isinstance(headers, str) else headers
    return tuple((name, _VALUES.get(name.lower(), "1")) for name in names)


def _page_origin(origin: str) -> str:
    try:
        own = origin if origin == "null" else origin_of(origin)
    except ValueError:
        own = ""
    if origin != own:
        raise ValueError(f"{origin!r} is no page's origin: scheme://host, :port if not the default, or null")
    return origin


def _usual_url(app: Flask) -> str:
    scheme, host = app.config["PREFERRED_URL_SCHEME"], app.config["SERVER_NAME"] or "localhost"
    return f"{scheme}://{host}/{app.config['APPLICATION_ROOT'].lstrip('/')}"


def _where(base_url: str) -> str:
    parts = parse_url(base_url)
    if parts is None:
        raise ValueError(f"{base_url!r} is not where browsers find an app")
    return origin_of(base_url) + parts.path.rstrip("/")
