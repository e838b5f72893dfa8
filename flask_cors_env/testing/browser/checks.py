"""The judgement of an answer: whether the page may read it or send its request, and which step refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from flask_cors_env.testing.browser.causes import Cause
from flask_cors_env.testing.browser.headers import (
    NON_WILDCARD_REQUEST_HEADERS,
    Failure,
    Headers,
    delta_seconds,
    extract_header_list_values,
    get_header,
    header_lines,
    is_non_wildcard_request_header,
    is_safelisted_method,
    unsafe_request_header_names,
)
from flask_cors_env.testing.browser.requests import PageRequest, Response, has_userinfo, origin_of, parse_url

DEFAULT_MAX_AGE: Final = 5
OK_STATUSES: Final = range(200, 300)
REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
REDIRECT_LIMIT: Final = 20

REQUEST_BODY_HEADERS: Final = frozenset(
    {"content-encoding", "content-language", "content-location", "content-type"}
)
SAFELISTED_RESPONSE_HEADERS: Final = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
FORBIDDEN_RESPONSE_HEADERS: Final = frozenset({"set-cookie", "set-cookie2"})


def cors_check(page: PageRequest, response: Response) -> Cause | None:
    """None is success. https://fetch.spec.whatwg.org/#concept-cors-check."""
    lines = header_lines(response.headers, "access-control-allow-origin")
    allowed, include = ", ".join(lines), page.credentials == "include"
    if not lines:
        return Cause.ALLOW_ORIGIN_MISSING
    if allowed == "*":
        return Cause.ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS if include else None
    if allowed != page.serialized_origin:
        return Cause.ALLOW_ORIGIN_REPEATED if len(lines) > 1 else Cause.ALLOW_ORIGIN_MISMATCH
    if include and get_header(response.headers, "access-control-allow-credentials") != "true":
        return Cause.ALLOW_CREDENTIALS_NOT_TRUE
    return None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What the answer to a preflight lists: methods as written, header names in lower case, seconds."""

    methods: frozenset[str]
    headers: frozenset[str]
    max_age: int

    def refusal(self, page: PageRequest) -> Cause | None:
        """None if *page* is covered. https://fetch.spec.whatwg.org/#cors-preflight-fetch, from step 7.5."""
        wildcard = {"*"} if page.credentials != "include" else set()
        names = unsafe_request_header_names(page.header_list)
        if not is_safelisted_method(page.method) and not self.methods & {page.method, *wildcard}:
            return Cause.METHOD_NOT_ALLOWED
        if any(is_non_wildcard_request_header(name) and name not in self.headers for name in names):
            return Cause.AUTHORIZATION_NOT_ALLOWED
        if not all(self.headers & {name, *wildcard} for name in names):
            return Cause.HEADER_NOT_ALLOWED
        return None


def read_grant(response: Response) -> Grant | Cause:
    """https://fetch.spec.whatwg.org/#cors-preflight-fetch, steps 7.1 to 7.3, 7.8 and 7.9."""
    methods = extract_header_list_values("access-control-allow-methods", response.headers)
    names = extract_header_list_values("access-control-allow-headers", response.headers)
    if isinstance(methods, Failure):
        return Cause.ALLOW_METHODS_MALFORMED
    if isinstance(names, Failure):
        return Cause.ALLOW_HEADERS_MALFORMED
    headers = frozenset(name.lower() for name in names or ())
    return Grant(methods=frozenset(methods or ()), headers=headers, max_age=_max_age(response))


def _max_age(response: Response) -> int:
    value = extract_header_list_values("access-control-max-age", response.headers)
    if value is None or isinstance(value, Failure):
        return DEFAULT_MAX_AGE
    return delta_seconds(value[0])


def judge_preflight(page: PageRequest, response: Response) -> Grant | Cause:
    """In the standard's order. https://fetch.spec.whatwg.org/#cors-preflight-fetch, step 7."""
    if cause := cors_check(page, response):
        return cause
    if response.status not in OK_STATUSES:
        return Cause.PREFLIGHT_STATUS_NOT_OK
    grant = read_grant(response)
    return grant if isinstance(grant, Cause) else grant.refusal(page) or grant


def exposed_header_names(page: PageRequest, response: Response) -> frozenset[str]:
    """Lower case. https://fetch.spec.whatwg.org/#concept-response-cors-exposed-header-name-list."""
    names = extract_header_list_values("access-control-expose-headers", response.headers)
    if names is None or isinstance(names, Failure):
        return frozenset()
    if "*" in names and page.credentials != "include":
        return frozenset(name.lower() for name, _ in response.headers)
    return frozenset(name.lower() for name in names)


def readable_headers(page: PageRequest, response: Response) -> Headers:
    """Sorted, lower case, joined, as a script sees them. https://fetch.spec.whatwg.org/#concept-filtered-response."""
    names = {name.lower() for name, _ in response.headers} - FORBIDDEN_RESPONSE_HEADERS
    if page.crosses_origins:
        names &= SAFELISTED_RESPONSE_HEADERS | exposed_header_names(page, response)
    if page.crosses_origins and not page.is_cors:
        names = set()
    return tuple((name, get_header(response.headers, name) or "") for name in sorted(names))


def follow_redirect(page: PageRequest, response: Response) -> PageRequest | Cause | None:
    """The request that follows, None if none. https://fetch.spec.whatwg.org/#concept-http-redirect-fetch."""
    locations = header_lines(response.headers, "location")
    if response.status not in REDIRECT_STATUSES or not locations:
        return None
    url = parse_url(locations[0], base=page.url)
    if url is None or len(locations) > 1:
        return Cause.REDIRECT_INVALID
    if len(page.passed) == REDIRECT_LIMIT:
        return Cause.REDIRECT_LIMIT_REACHED
    method = _redirected_method(page.method, status=response.status)
    dropped = REQUEST_BODY_HEADERS if method != page.method else frozenset()
    if origin_of(page.url) != origin_of(url.geturl()):
        dropped |= NON_WILDCARD_REQUEST_HEADERS
    kept = tuple((name, value) for name, value in page.headers if name.lower() not in dropped)
    onward = replace(page, method=method, url=url.geturl(), headers=kept, passed=(*page.passed, page.url))
    return Cause.REDIRECT_WITH_USERINFO if onward.is_cors and has_userinfo(url) else onward


def _redirected_method(method: str, *, status: int) -> str:
    """https://fetch.spec.whatwg.org/#concept-http-redirect-fetch, step 12."""
    moved = status in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND} and method == "POST"
    other = status == HTTPStatus.SEE_OTHER and method not in {"GET", "HEAD"}
    return "GET" if moved or other else method
