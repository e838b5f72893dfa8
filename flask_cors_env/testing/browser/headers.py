"""Field lists, methods and request headers: the words of the standard that both sides share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeAlias

Headers: TypeAlias = Sequence[tuple[str, str]]

SAFELISTED_VALUE_LENGTH: Final = 128
SAFELISTED_TOTAL_LENGTH: Final = 1024

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

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_UNSAFE_BYTE: Final = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE: Final = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE: Final = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_MEMBER: Final = re.compile(r'(?:^|,)((?:[^",]|"(?:[^"\\]|\\.)*"?)*)', re.DOTALL)


class Failure(Enum):
    """The standard's *failure*: a header is there and cannot be read, which is not the same as absent."""

    FAILURE = "failure"


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
    return tuple(members) if all(map(TOKEN.fullmatch, members)) else Failure.FAILURE


def normalize_method(method: str) -> str:
    """Six methods in upper case, all others as written. https://fetch.spec.whatwg.org/#concept-method-normalize."""
    return method.upper() if method.upper() in NORMALIZED_METHODS else method


def is_forbidden_method(method: str) -> bool:
    """https://fetch.spec.whatwg.org/#forbidden-method."""
    return method.upper() in FORBIDDEN_METHODS


def is_safelisted_method(method: str) -> bool:
    """https://fetch.spec.whatwg.org/#cors-safelisted-method."""
    return method in SAFELISTED_METHODS


def is_forbidden_request_header(name: str, value: str) -> bool:
    """https://fetch.spec.whatwg.org/#forbidden-request-header."""
    name = name.lower()
    if name in FORBIDDEN_REQUEST_HEADERS or name.startswith(("proxy-", "sec-")):
        return True
    return name in METHOD_OVERRIDE_HEADERS and any(map(is_forbidden_method, split_value(value)))


def mime_essence(value: str) -> str | None:
    """``type/subtype`` in lower case, or None. https://mimesniff.spec.whatwg.org/#parse-a-mime-type."""
    kind, _, subtype = value.partition(";")[0].strip(" \t\r\n").partition("/")
    return f"{kind}/{subtype}".lower() if TOKEN.fullmatch(kind) and TOKEN.fullmatch(subtype) else None


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


def delta_seconds(digits: str) -> int:
    """Anything above 2**31 is 2**31. https://www.rfc-editor.org/rfc/rfc9111#section-1.2.2."""
    return min(int(digits.lstrip("0")[:11] or "0"), 2**31)
