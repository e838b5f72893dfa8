"""
The words of the standards: methods, field names and the lists that hold them.

Sets and predicates only, each with the section it comes from. Nothing here is a setting.
"""

from __future__ import annotations

from collections.abc import Iterable

ACAO = "Access-Control-Allow-Origin"
ACAC = "Access-Control-Allow-Credentials"
ACAM = "Access-Control-Allow-Methods"
ACAH = "Access-Control-Allow-Headers"
ACEH = "Access-Control-Expose-Headers"
ACMA = "Access-Control-Max-Age"

#: Response fields of the protocol, lower case: https://fetch.spec.whatwg.org/#http-responses
#: (with the one of the abandoned private-network proposal, which is never given).
RESPONSE_FIELDS = frozenset(
    name.lower() for name in (ACAO, ACAC, ACAM, ACAH, ACEH, ACMA, "Access-Control-Allow-Private-Network")
)
#: What a preflight's response depends on: https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
PREFLIGHT_VARY = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")

#: Pass every preflight unlisted: https://fetch.spec.whatwg.org/#cors-safelisted-method
SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
#: https://fetch.spec.whatwg.org/#forbidden-method
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
#: Upper-cased by browsers, no others are: https://fetch.spec.whatwg.org/#concept-method-normalize
NORMALIZED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})

#: Never sent by a page, so never worth allowing: https://fetch.spec.whatwg.org/#forbidden-request-header
FORBIDDEN_REQUEST_HEADERS = frozenset(
    "accept-charset accept-encoding access-control-request-headers access-control-request-method "
    "access-control-request-private-network connection content-length cookie cookie2 date dnt expect host "
    "keep-alive origin referer set-cookie te trailer transfer-encoding upgrade via".split()
)
FORBIDDEN_REQUEST_PREFIXES = ("proxy-", "sec-")
#: https://fetch.spec.whatwg.org/#forbidden-response-header-name
FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
#: Readable by every page: https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name
SAFELISTED_RESPONSE_HEADERS = frozenset(
    "cache-control content-language content-length content-type expires last-modified pragma".split()
)

#: Never covered by a wildcard: https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
NON_WILDCARD_REQUEST_HEADER = "authorization"

#: Longest values that are looked at; beyond them a request is malformed (bytes, and names).
MAX_ORIGIN = 512
MAX_METHOD = 64
MAX_NAMES_BYTES = 8192
MAX_NAMES = 128

#: A few empty list members are borne with, beyond the names themselves.
_MAX_MEMBERS = MAX_NAMES + 16
_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Of a list of names: lower case, a space for white space, and "?" for what cannot be in one.
_IN_LISTS = bytes(
    0x20 if byte in b" \t" else byte if byte in _TOKEN_BYTES + b"," else 0x3F for byte in range(256)
).lower()


def _has_only_token_characters(text: str) -> bool:
    """Whether *text* has no character that a token cannot have: one pass in C."""
    return text.isascii() and not text.encode().translate(None, _TOKEN_BYTES)


def is_token(text: str) -> bool:
    """Whether *text* is a token: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2."""
    return text != "" and _has_only_token_characters(text)


def is_method(text: str) -> bool:
    """Whether *text* is a method, of a length that is looked at."""
    return len(text) <= MAX_METHOD and is_token(text)


def normalize_method(method: str) -> str:
    """*method* as a browser would send it; only six names are upper-cased, ``patch`` is not."""
    upper = method.upper()
    return upper if upper in NORMALIZED_METHODS and method.isascii() else method


def is_forbidden_request_header(name: str) -> bool:
    """Whether a page can never send the field *name* (lower case)."""
    return name in FORBIDDEN_REQUEST_HEADERS or name.startswith(FORBIDDEN_REQUEST_PREFIXES)


def parse_names(value: str) -> tuple[str, ...] | None:
    """
    The field names of a list-based field value, lower case, sorted and unique.

    Empty members and white space around members are accepted, as RFC 9110 section 5.6.1.2 asks of a
    recipient. None where a member is no token, or the value is over its bounds. Linear in its length.
    """
    if len(value) > MAX_NAMES_BYTES or not value.isascii():
        return None
    text = value.encode().translate(_IN_LISTS).decode()
    members = text.split(",", _MAX_MEMBERS)
    if len(members) > _MAX_MEMBERS or "?" in text:
        return None
    if " " in text:
        members = [member.strip(" ") for member in members]
        if " " in "".join(members):
            return None
    if len(members) - members.count("") > MAX_NAMES:
        return None
    names = dict.fromkeys(sorted(members))  # browsers send them sorted: then this is one pass
    names.pop("", None)
    return tuple(names)


def merge_vary(present: Iterable[str], added: Iterable[str]) -> list[str]:
    """
    The members of a ``Vary`` field when *added* joins the values that are *present*.

    Names compare without case and are not repeated; ``*`` stands alone, since it says all there is to say.
    See https://www.rfc-editor.org/rfc/rfc9110#section-12.5.5.
    """
    members: dict[str, str] = {}
    for value in (*present, *added):
        for member in value.split(","):
            name = member.strip(" \t")
            if name:
                members.setdefault(name.lower(), name)
    return ["*"] if "*" in members else list(members.values())
