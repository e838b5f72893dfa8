"""
What a browser does with CORS: pure functions, two caches, and a `Browser` that joins them to any transport.

Every function follows the section of the Fetch standard that its docstring names, in that section's order;
where the model is narrower than the letter it says so. Values are ``str`` holding one character per byte.
Left out: bodies of requests, service workers, authentication prompts, CSP, CORP, mixed content, the rules of
cookies, revalidation of stored responses, sites wider than one host, and URLs only a browser can repair.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from http import HTTPStatus
from itertools import pairwise
from math import inf
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit

Headers: TypeAlias = Sequence[tuple[str, str]]
Credentials: TypeAlias = Literal["omit", "same-origin", "include"]
Mode: TypeAlias = Literal["cors", "no-cors"]
Stage: TypeAlias = Literal["preflight", "response", "redirect"]
Kind: TypeAlias = Literal["method", "header"]
Clock: TypeAlias = Callable[[], float]
Send: TypeAlias = Callable[[str, str, list[tuple[str, str]]], tuple[int, list[tuple[str, str]], bytes]]

DEFAULT_MAX_AGE: Final = 5
ENGINE_MAX_AGE: Final = {"chromium": 7200, "firefox": 86400, "webkit": 600}
SAFELISTED_VALUE_LENGTH: Final = 128
SAFELISTED_TOTAL_LENGTH: Final = 1024
OK_STATUSES: Final = range(200, 300)
REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
REDIRECT_LIMIT: Final = 20

NORMALIZED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
SAFELISTED_ESSENCES: Final = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
FORBIDDEN_REQUEST_HEADERS: Final = frozenset(
    {"accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method"}
    | {"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive"}
    | {"origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via"}
)
METHOD_OVERRIDE_HEADERS: Final = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
NO_CORS_REQUEST_HEADERS: Final = frozenset({"accept", "accept-language", "content-language", "content-type"})
NON_WILDCARD_REQUEST_HEADERS: Final = frozenset({"authorization"})
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

HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
UNSTORED_STATUSES: Final = frozenset({206, 304})
CACHE_BYPASSING_HEADERS: Final = frozenset(
    {"range", "cache-control", "if-none-match", "if-modified-since", "if-match"}
)

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_UNSAFE_BYTE: Final = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE: Final = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE: Final = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_LOOPBACK: Final = re.compile(r"(.*\.)?localhost|127(\.[0-9]+){3}|::1")
_LIFETIME: Final = re.compile(r'max-age="?([0-9]+)"?')
_MEMBER: Final = re.compile(r'(?:^|,)((?:[^",]|"(?:[^"\\]|\\.)*"?)*)', re.DOTALL)


class Cause(StrEnum):
    """Why a page may not read a response; one member for each step of the standard that can fail."""

    ALLOW_ORIGIN_MISSING = auto()
    ALLOW_ORIGIN_REPEATED = auto()
    ALLOW_ORIGIN_MISMATCH = auto()
    ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS = auto()
    ALLOW_CREDENTIALS_NOT_TRUE = auto()
    PREFLIGHT_STATUS_NOT_OK = auto()
    ALLOW_METHODS_MALFORMED = auto()
    ALLOW_HEADERS_MALFORMED = auto()
    METHOD_NOT_ALLOWED = auto()
    AUTHORIZATION_NOT_ALLOWED = auto()
    HEADER_NOT_ALLOWED = auto()
    REDIRECT_INVALID = auto()
    REDIRECT_LIMIT_REACHED = auto()
    REDIRECT_WITH_USERINFO = auto()
    OPAQUE_RESPONSE = auto()


class Failure(Enum):
    """The standard's *failure*: a header is there and cannot be read, which is not the same as absent."""

    FAILURE = "failure"


# --- header lists ---------------------------------------------------------------------------------------


def header_lines(headers: Headers, name: str) -> tuple[str, ...]:
    """The value of each line called *name*, in order. https://fetch.spec.whatwg.org/#concept-header-list."""
    return tuple(value.strip(" \t") for key, value in headers if key.lower() == name.lower())


def get_header(headers: Headers, name: str) -> str | None:
    """All lines of *name* joined, or None. https://fetch.spec.whatwg.org/#concept-header-list-get."""
    lines = header_lines(headers, name)
    return ", ".join(lines) if lines else None


def split_value(value: str) -> tuple[str, ...]:
    """Members, quoted commas kept. https://fetch.spec.whatwg.org/#header-value-get-decode-and-split."""
    return tuple(member.strip(" \t") for member in _MEMBER.findall(value))


def extract_header_list_values(name: str, headers: Headers) -> tuple[str, ...] | Failure | None:
    """
    The members of an ``Access-Control-*`` response header; one bad member fails all of them.

    Empty members are dropped (RFC 9110, 5.6.1.2). *name* is in lower case; only max-age is no list.

    See https://fetch.spec.whatwg.org/#extract-header-list-values.
    """
    lines = header_lines(headers, name)
    if not lines:
        return None
    if name == "access-control-max-age":
        return lines if len(lines) == 1 and _DIGITS.fullmatch(lines[0]) else Failure.FAILURE
    members = [stripped for line in lines for member in line.split(",") if (stripped := member.strip(" \t"))]
    return tuple(members) if all(map(_TOKEN.fullmatch, members)) else Failure.FAILURE


# --- methods --------------------------------------------------------------------------------------------


def normalize_method(method: str) -> str:
    """Six methods in upper case, all others as written. https://fetch.spec.whatwg.org/#concept-method-normalize."""
    return method.upper() if method.upper() in NORMALIZED_METHODS else method


def is_forbidden_method(method: str) -> bool:
    """https://fetch.spec.whatwg.org/#forbidden-method."""
    return method.upper() in FORBIDDEN_METHODS


def is_safelisted_method(method: str) -> bool:
    """https://fetch.spec.whatwg.org/#cors-safelisted-method."""
    return method in SAFELISTED_METHODS


# --- request headers ------------------------------------------------------------------------------------


def is_forbidden_request_header(name: str, value: str) -> bool:
    """https://fetch.spec.whatwg.org/#forbidden-request-header."""
    name = name.lower()
    if name in FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-")):
        return True
    return name in METHOD_OVERRIDE_HEADERS and any(map(is_forbidden_method, split_value(value)))


def mime_essence(value: str) -> str | None:
    """``type/subtype`` in lower case, or None. https://mimesniff.spec.whatwg.org/#parse-a-mime-type."""
    kind, _, subtype = value.partition(";")[0].strip(" \t\r\n").partition("/")
    return f"{kind}/{subtype}".lower() if _TOKEN.fullmatch(kind) and _TOKEN.fullmatch(subtype) else None


def is_simple_range(value: str) -> bool:
    """One range with a start, no spaces. https://fetch.spec.whatwg.org/#simple-range-header-value."""
    match = _RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))


def is_safelisted_request_header(name: str, value: str) -> bool:
    """https://fetch.spec.whatwg.org/#cors-safelisted-request-header."""
    if len(value) > SAFELISTED_VALUE_LENGTH:
        return False
    match name.lower():
        case "accept":
            return not _UNSAFE_BYTE.search(value)
        case "accept-language" | "content-language":
            return bool(_LANGUAGE.fullmatch(value))
        case "content-type":
            return not _UNSAFE_BYTE.search(value) and mime_essence(value) in SAFELISTED_ESSENCES
        case "range":
            return is_simple_range(value)
        case _:
            return False


def unsafe_request_header_names(headers: Headers) -> tuple[str, ...]:
    """Lower case, sorted, unique. https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names."""
    safe = [(name, value) for name, value in headers if is_safelisted_request_header(name, value)]
    if sum(len(value) for _, value in safe) > SAFELISTED_TOTAL_LENGTH:
        safe = []
    return tuple(sorted({name.lower() for name, value in headers if (name, value) not in safe}))


def is_non_wildcard_request_header(name: str) -> bool:
    """https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name."""
    return name.lower() in NON_WILDCARD_REQUEST_HEADERS


# --- requests -------------------------------------------------------------------------------------------


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
        if not _TOKEN.fullmatch(self.method) or is_forbidden_method(method):
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
        if not _TOKEN.fullmatch(name) or re.search(r"[\x00\r\n]|[^\x00-\xff]", value):
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


def actual_request(page: PageRequest, *, has_cookie: bool = False) -> WireRequest:
    """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch, steps 8.12, 8.13 and 8.21."""
    headers = [*page.header_list, *_origin_header(page), *fetch_metadata(page)]
    if has_cookie and page.includes_credentials:
        headers.append(("Cookie", "session=1"))
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


# --- the judgement of an answer -------------------------------------------------------------------------


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
    return _delta_seconds(value[0])


def _delta_seconds(digits: str) -> int:
    """Anything above 2**31 is 2**31. https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2."""
    return min(int(digits.lstrip("0")[:11] or "0"), 2**31)


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


# --- the caches -----------------------------------------------------------------------------------------


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
        ages = [_delta_seconds(match[1]) for match in map(_LIFETIME.fullmatch, control) if match]
        return ages[0] if ages else self._heuristic if response.status in HEURISTIC_STATUSES else 0


def _vary(response: Response) -> tuple[str, ...]:
    value = get_header(response.headers, "vary") or ""
    return tuple(sorted({name.lower() for name in split_value(value) if name}))


# --- the browser ----------------------------------------------------------------------------------------


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
        has_cookie: Requests with credentials carry ``Cookie: session=1``.

    See https://fetch.spec.whatwg.org/#fetching.
    """

    def __init__(
        self,
        send: Send,
        *,
        clock: Clock = time.monotonic,
        max_age_cap: int | None = None,
        http_cache: HttpCache | None = None,
        has_cookie: bool = False,
    ) -> None:
        self._transport = send
        self._has_cookie = has_cookie
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

    def _http_fetch(self, page: PageRequest) -> Response | Outcome:
        """https://fetch.spec.whatwg.org/#concept-http-fetch."""
        if needs_preflight(page) and not self.preflight_cache.covers(page):
            answer = self._send(preflight_request(page))
            grant = judge_preflight(page, answer)
            if isinstance(grant, Cause):
                return Outcome(cause=grant, stage="preflight", status=answer.status)
            self.preflight_cache.store(page, grant)
        response = self._network_or_cache_fetch(page)
        cause = cors_check(page, response) if page.is_cors else None
        return Outcome(cause=cause, stage="response", status=response.status) if cause else response

    def _network_or_cache_fetch(self, page: PageRequest) -> Response:
        """https://fetch.spec.whatwg.org/#concept-http-network-or-cache-fetch."""
        request = actual_request(page, has_cookie=self._has_cookie)
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
