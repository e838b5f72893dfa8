"""
The catalogue of verdicts, reasons and notes: closed, and declared here once.

Codes are stable: one is added or retired, never reused. Tables and messages are made from these members.
"""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a decision comes to."""

    ALLOW = "allow"
    DENY = "deny"
    SKIP = "skip"


class Difference(StrEnum):
    """In what an origin differs from the nearest entry."""

    SCHEME = "scheme"
    PORT = "port"
    HOST_TYPO = "host_typo"
    WWW = "www"
    SUBDOMAIN = "subdomain"
    TRAILING_SLASH = "trailing_slash"
    CASE = "case"
    LOOPBACK_NAME = "loopback_name"


class About(StrEnum):
    """What of a request a reason is about."""

    ORIGIN = "origin"
    METHOD = "method"
    HEADER = "header"
    PATH = "path"


class Reason(StrEnum):
    """
    Why a decision came out as it did.

    Attributes:
        verdict: What it comes to.
        about: What of the request it is about; a preflight's malformed field may be either of two.
        setting: The setting that changes the outcome, without its prefix; None where no setting does.
        meaning: One sentence for the reference.
        remedy: One sentence for a reader who wants another outcome; ``{variable}`` stands for the place of
            the setting, ``{true}`` for true as that place writes it.
    """

    verdict: Verdict
    about: frozenset[About]
    setting: str | None
    meaning: str
    remedy: str

    def __new__(  # noqa: PLR0913, PLR0917 - one parameter an attribute
        cls, code: str, verdict: Verdict, about: str, setting: str | None, meaning: str, remedy: str
    ) -> Reason:
        """Make the member from its code and what is said of it; *about* is written ``method,header``."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.verdict = verdict
        member.about = frozenset(map(About, about.split(",")))
        member.setting = setting
        member.meaning = meaning
        member.remedy = remedy
        return member

    ORIGIN_EXACT = (
        "origin_exact", Verdict.ALLOW, About.ORIGIN, "ORIGINS",
        "The origin is listed.",
        "To shut it out, remove it from {variable}.",
    )  # fmt: skip
    ORIGIN_PATTERN = (
        "origin_pattern", Verdict.ALLOW, About.ORIGIN, "ORIGINS",
        "A pattern covers the origin: subdomains, any loopback port, or a compiled pattern.",
        "To shut it out, narrow the pattern in {variable}.",
    )  # fmt: skip
    ORIGIN_ANY = (
        "origin_any", Verdict.ALLOW, About.ORIGIN, "ORIGINS",
        "The resource is open to every origin.",
        "To close it, name the origins in {variable}.",
    )  # fmt: skip
    ORIGIN_CALLABLE = (
        "origin_callable", Verdict.ALLOW, About.ORIGIN, "ORIGINS",
        "The application's own function let the origin in.",
        "To shut it out, change the function given as origins.",
    )  # fmt: skip
    NULL_ALLOWED = (
        "null_allowed", Verdict.ALLOW, About.ORIGIN, "ORIGINS",
        "The opaque origin is listed; every sandboxed page has it.",
        'To shut it out, remove "null" from {variable}.',
    )  # fmt: skip

    NO_ORIGIN = (
        "no_origin", Verdict.SKIP, About.ORIGIN, None,
        "There is no Origin field: not a CORS request.",
        "Nothing to do.",
    )  # fmt: skip
    SAME_ORIGIN = (
        "same_origin", Verdict.SKIP, About.ORIGIN, None,
        "The page is of the request's own origin, so the browser asks no permission.",
        "Nothing to do.",
    )  # fmt: skip
    ROUTE_EXEMPT = (
        "route_exempt", Verdict.SKIP, About.PATH, None,
        "The view was exempted with cors.exempt.",
        "Remove the exemption from the view.",
    )  # fmt: skip
    DISABLED = (
        "disabled", Verdict.SKIP, About.PATH, "ENABLED",
        "The resource is switched off.",
        "Set {variable} to {true}.",
    )  # fmt: skip
    APP_HEADERS = (
        "app_headers", Verdict.SKIP, About.PATH, "RESOURCES__<NAME>__PATH",
        "No resource covers the path, or a layer answered it without Flask; the response has CORS fields.",
        "To govern it here, add a resource for the path: {variable}.",
    )  # fmt: skip

    NO_RESOURCE = (
        "no_resource", Verdict.DENY, About.PATH, "RESOURCES__<NAME>__PATH",
        "No resource covers the path, so the response has no fields and a browser will refuse it.",
        "Add a resource for the path: {variable}.",
    )  # fmt: skip
    ORIGIN_NOT_LISTED = (
        "origin_not_listed", Verdict.DENY, About.ORIGIN, "ORIGINS",
        "No entry lets the origin in.",
        "Add the origin to {variable}.",
    )  # fmt: skip
    NULL_NOT_ALLOWED = (
        "null_not_allowed", Verdict.DENY, About.ORIGIN, "ORIGINS",
        "The origin is opaque: a sandboxed frame, a local file, or a redirect across origins.",
        "Serve the page from an origin of its own, and list that. Or add the origin to {variable}.",
    )  # fmt: skip
    ORIGIN_MALFORMED = (
        "origin_malformed", Verdict.DENY, About.ORIGIN, None,
        "The Origin field holds no serialized origin; no browser sends that.",
        "Look at the client, or at the proxy in between.",
    )  # fmt: skip
    METHOD_NOT_ALLOWED = (
        "method_not_allowed", Verdict.DENY, About.METHOD, "METHODS",
        "The preflight asks for a method that is not allowed; methods compare with their case.",
        "Add the method to {variable}.",
    )  # fmt: skip
    HEADER_NOT_ALLOWED = (
        "header_not_allowed", Verdict.DENY, About.HEADER, "ALLOW_HEADERS",
        "The preflight asks for request-header names that are not allowed.",
        "Add the names to {variable}.",
    )  # fmt: skip
    REQUEST_MALFORMED = (
        "request_malformed", Verdict.DENY, "method,header", None,
        "A preflight field is no method, no list of field names, or too long; no browser sends that.",
        "Look at the client, or at the proxy in between.",
    )  # fmt: skip
    PATH_AMBIGUOUS = (
        "path_ambiguous", Verdict.DENY, About.PATH, None,
        "The path has a dot segment or a backslash once decoded, and a resource that it may mean enforces.",
        "Request the path in its plain form: no dot segments, no backslashes, not even encoded ones.",
    )  # fmt: skip
    INTERNAL_ERROR = (
        "internal_error", Verdict.DENY, About.ORIGIN, None,
        "Something failed while deciding, so nothing is shared.",
        "Look at the exception in the application's log.",
    )  # fmt: skip

    @property
    def is_listed(self) -> bool:
        """Whether the remedy adds a value to a list."""
        return self.verdict is Verdict.DENY and self.setting in {"ORIGINS", "METHODS", "ALLOW_HEADERS"}


def reason_about(code: str) -> frozenset[About]:
    """Return what the reason *code* is about; nothing for a reason of a later version."""
    return _ABOUT.get(code, frozenset())


_ABOUT = {reason.value: reason.about for reason in Reason}


class Note(StrEnum):
    """
    What else is worth knowing of a decision.

    Attributes:
        setting: The setting that it is about, without its prefix; None where it is about none.
        meaning: One sentence for the reference.
        remedy: One sentence for whoever minds; ``{variable}`` and ``{true}`` stand for the same as
            there. None where there is nothing to do.
    """

    setting: str | None
    meaning: str
    remedy: str | None

    def __new__(cls, code: str, setting: str | None, meaning: str, remedy: str | None = None) -> Note:
        """Make the member from its code and what is said of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.setting = setting
        member.meaning = meaning
        member.remedy = remedy
        return member

    CREDENTIALS_NOT_ALLOWED = (
        "credentials_not_allowed", "ALLOW_CREDENTIALS",
        "Cookies came and the resource has no credentials: a browser in that mode hides the response.",
        "To share responses to requests with cookies, set {variable} to {true}.",
    )  # fmt: skip
    RESPONSE_CONFLICT = (
        "response_conflict", None,
        "The application or a layer below set Access-Control fields of its own; they were replaced.",
        "Leave the fields to one of the two: take these out of the view, the extension or the proxy.",
    )  # fmt: skip
    DEBUGGER_RESPONSE = (
        "debugger_response", None,
        "An exception went past the application, so its error page carries no fields.",
        "The browser will call this a CORS error; it is your exception.",
    )  # fmt: skip
    DEVELOPMENT_DEFAULT = (
        "development_default", "ORIGINS",
        "The allowance rests on a default of development; other environments need the setting named.",
        "Outside development nothing is let in by default: set {variable}.",
    )  # fmt: skip
    NOT_ENFORCED = (
        "not_enforced", "ENFORCE",
        "Browsers ask no permission for WebSockets, so the denial did not stop the handshake.",
        "To refuse such handshakes with 403, set {variable} to {true}.",
    )  # fmt: skip
    HOST_DIFFERS = (
        "host_differs", None,
        "The browser says same-origin, but the request's host is not the page's: a proxy hides the host.",
        "A proxy hides the host: add werkzeug's ProxyFix, or let the proxy pass on the Host field.",
    )  # fmt: skip
