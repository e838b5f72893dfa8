"""The catalogue of refusals: closed, one for each step of the standard at which a browser can stop."""

from __future__ import annotations

from enum import StrEnum

_CHECK = "https://fetch.spec.whatwg.org/#concept-cors-check"
_PREFLIGHT = "https://fetch.spec.whatwg.org/#cors-preflight-fetch"
_REDIRECT = "https://fetch.spec.whatwg.org/#concept-http-redirect-fetch"


class Cause(StrEnum):
    """
    Why a page may not read a response, or send a request.

    Attributes:
        section: Where the standard says so, with the step.
        meaning: What the answer does or lacks: the rest of a sentence that begins with "The answer".
    """

    section: str
    meaning: str

    def __new__(cls, code: str, section: str, meaning: str) -> Cause:
        """Make the member from its code and what is said of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.section = section
        member.meaning = meaning
        return member

    ALLOW_ORIGIN_MISSING = (
        "allow_origin_missing", f"{_CHECK}, step 2",
        "has no Access-Control-Allow-Origin",
    )  # fmt: skip
    ALLOW_ORIGIN_REPEATED = (
        "allow_origin_repeated", f"{_CHECK}, step 4",
        "has more than one Access-Control-Allow-Origin",
    )  # fmt: skip
    ALLOW_ORIGIN_MISMATCH = (
        "allow_origin_mismatch", f"{_CHECK}, step 4",
        "has an Access-Control-Allow-Origin for another origin",
    )  # fmt: skip
    ALLOW_ORIGIN_WILDCARD_WITH_CREDENTIALS = (
        "allow_origin_wildcard_with_credentials", f"{_CHECK}, step 4",
        "has an Access-Control-Allow-Origin of *, which covers no request with credentials",
    )  # fmt: skip
    ALLOW_CREDENTIALS_NOT_TRUE = (
        "allow_credentials_not_true", f"{_CHECK}, step 8",
        "has no Access-Control-Allow-Credentials of true, and the request has credentials",
    )  # fmt: skip
    PREFLIGHT_STATUS_NOT_OK = (
        "preflight_status_not_ok", f"{_PREFLIGHT}, step 7",
        "has a status that is none of 200 to 299",
    )  # fmt: skip
    ALLOW_METHODS_MALFORMED = (
        "allow_methods_malformed", f"{_PREFLIGHT}, step 7.3",
        "has an Access-Control-Allow-Methods that is no list of methods",
    )  # fmt: skip
    ALLOW_HEADERS_MALFORMED = (
        "allow_headers_malformed", f"{_PREFLIGHT}, step 7.3",
        "has an Access-Control-Allow-Headers that is no list of field names",
    )  # fmt: skip
    METHOD_NOT_ALLOWED = (
        "method_not_allowed", f"{_PREFLIGHT}, step 7.5",
        "does not list the method in Access-Control-Allow-Methods",
    )  # fmt: skip
    AUTHORIZATION_NOT_ALLOWED = (
        "authorization_not_allowed", f"{_PREFLIGHT}, step 7.6",
        "does not list Authorization in Access-Control-Allow-Headers, where * does not cover it",
    )  # fmt: skip
    HEADER_NOT_ALLOWED = (
        "header_not_allowed", f"{_PREFLIGHT}, step 7.7",
        "does not list every header in Access-Control-Allow-Headers",
    )  # fmt: skip
    REDIRECT_INVALID = (
        "redirect_invalid", _REDIRECT,
        "redirects to what is no http or https URL",
    )  # fmt: skip
    REDIRECT_LIMIT_REACHED = (
        "redirect_limit_reached", _REDIRECT,
        "redirects for the 21st time",
    )  # fmt: skip
    REDIRECT_WITH_USERINFO = (
        "redirect_with_userinfo", _REDIRECT,
        "redirects to a URL with a user name",
    )  # fmt: skip
    OPAQUE_RESPONSE = (
        "opaque_response", "https://fetch.spec.whatwg.org/#concept-filtered-response-opaque",
        "is opaque: the request was made in mode no-cors",
    )  # fmt: skip
