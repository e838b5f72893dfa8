"""The catalogue of what behaves differently; the README's table is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from flask_cors_env.config.errors import shown


class Effect(StrEnum):
    """What a difference does to the pages that use the app."""

    BY_HAND = "by hand"
    WIDER = "wider"
    NARROWER = "narrower"
    DIFFERS = "differs"
    PRODUCTION = "production"
    NOTE = "note"


class Difference(Enum):
    """
    One way in which the settings do not do what flask-cors does.

    Attributes:
        code: Kebab-case, unique, stable.
        effect: What it does to pages. ``by hand``: it could not be translated, and is left out.
        what: What happens here, as a sentence.
        why: The reason, as a clause.
    """

    ORIGIN_PREFIX = (
        "origin-prefix",
        Effect.NARROWER,
        "A pattern stands for whole origins, their port included.",
        "a match of the beginning lets https://app.example.com.evil.net in",
    )
    ORIGIN_DOT = (
        "origin-dot",
        Effect.NARROWER,
        "A dot is a dot.",
        "unescaped, it lets https://appxexample.com in",
    )
    ORIGIN_NO_DOT = (
        "origin-no-dot",
        Effect.NARROWER,
        "Subdomains end in a dot; the host itself is listed beside them.",
        "without it https://evilexample.com is let in",
    )
    ORIGIN_SCHEME = (
        "origin-scheme",
        Effect.NARROWER,
        "The scheme is named: https.",
        "what is not encrypted anyone on the way can speak as",
    )
    ORIGIN_LABEL = (
        "origin-label",
        Effect.WIDER,
        "`*.` stands for one or more labels of any letters, digits, hyphens and underscores.",
        "a glob is read in one way only; to be narrower, name the origins",
    )
    ORIGIN_PORT = (
        "origin-port",
        Effect.WIDER,
        "`:*` stands for every port, the default one included.",
        "on the reader's own machine ports change daily",
    )
    ORIGIN_GLOB = (
        "origin-glob",
        Effect.DIFFERS,
        "It is read as it is written, as a glob.",
        "flask-cors takes it for a regular expression, which is not what it looks like",
    )
    ORIGIN_NEVER = (
        "origin-never",
        Effect.NOTE,
        "It is left out: it equals no origin that a browser sends.",
        "an origin is scheme://host[:port], without path and default port",
    )
    ORIGIN_BY_HAND = (
        "origin-by-hand",
        Effect.BY_HAND,
        "It is left out: list the origins, or pass re.compile(...) as an argument, in development only.",
        "no glob says the same, and a string is never a regular expression",
    )
    ORIGIN_BESIDE_ANY = (
        "origin-beside-any",
        Effect.NOTE,
        "The origins beside `*` are left out.",
        "they add nothing to everyone; if they alone are meant, remove `*` and list them",
    )
    ORIGIN_ANY = (
        "origin-any",
        Effect.DIFFERS,
        "`*` is sent, to every origin and without one, and not the request's origin.",
        "one answer for all needs no Vary, so that caches keep one",
    )
    ORIGIN_ANY_CREDENTIALS = (
        "origin-any-credentials",
        Effect.BY_HAND,
        "Nobody is let in: name the origins, or take the credentials away.",
        "with both any site could act as the user",
    )
    ORIGIN_NULL_CREDENTIALS = (
        "origin-null-credentials",
        Effect.NARROWER,
        "`null` is left out.",
        "any sandboxed page has that origin, and could act as the user",
    )
    ORIGIN_SUFFIX_CREDENTIALS = (
        "origin-suffix-credentials",
        Effect.BY_HAND,
        "It is left out: name the registered domain.",
        "anyone can register a name below that suffix, and act as the user",
    )
    PUBLIC = (
        "public",
        Effect.NOTE,
        "It is public: every origin, GET and HEAD, never credentials.",
        "that is the one way in which `*` is for production too",
    )
    METHOD_UNLISTED = (
        "method-unlisted",
        Effect.WIDER,
        "Preflights for GET, HEAD and POST pass unlisted, if their header names do.",
        "browsers send these three without listing; what must not be read is for the app to refuse",
    )
    METHOD_STAR = (
        "method-star",
        Effect.NOTE,
        "`*` is left out; if every method is meant, write METHODS=*.",
        "flask-cors compares it as a method's name, which lets none in",
    )
    METHOD_FORBIDDEN = (
        "method-forbidden",
        Effect.NOTE,
        "It is left out.",
        "no page can use that method",
    )
    METHOD_MALFORMED = (
        "method-malformed",
        Effect.WIDER,
        "It is left out, so that browsers can read the list, and preflights pass.",
        "one name that is no method makes a browser refuse every preflight",
    )
    HEADER_PREFIX = (
        "header-prefix",
        Effect.NARROWER,
        "A pattern stands for whole names.",
        "a match of the beginning lets x-trace-id-override in",
    )
    HEADER_WIDER = (
        "header-wider",
        Effect.WIDER,
        "The star stands for any characters of a name.",
        "a glob is read in one way only; to be narrower, list the names",
    )
    HEADER_NEVER = (
        "header-never",
        Effect.NOTE,
        "It is left out: it equals no name that a page can send.",
        "one string is one name, commas included, and some names are the browser's",
    )
    HEADER_BY_HAND = (
        "header-by-hand",
        Effect.BY_HAND,
        "It is left out: list the names, or pass re.compile(...) as an argument, in development only.",
        "no glob says the same, and a string is never a regular expression",
    )
    EXPOSED_FORBIDDEN = (
        "exposed-forbidden",
        Effect.NOTE,
        "It is left out of the exposed headers.",
        "it is no name of a field",
    )
    EXPOSED_MALFORMED = (
        "exposed-malformed",
        Effect.WIDER,
        "It is left out, so that browsers can read the list, and pages the other headers.",
        "one name that is no header makes a browser expose none",
    )
    EXPOSED_STAR = (
        "exposed-star",
        Effect.NARROWER,
        "`*` is left out: name the headers that pages read.",
        "with credentials it is no wildcard, and only pages without them read every header",
    )
    MAX_AGE_DEFAULT = (
        "max-age-default",
        Effect.NOTE,
        "5 seconds are written; without the line they are 10m in staging and 2h in production.",
        "5 is what browsers take where flask-cors sends nothing",
    )
    MAX_AGE_UNSENT = (
        "max-age-unsent",
        Effect.NOTE,
        "5 seconds are written; 0 is sent here, if it is meant.",
        "flask-cors does not send 0, and browsers do not read what is no number",
    )
    MAX_AGE_CAPPED = (
        "max-age-capped",
        Effect.DIFFERS,
        "It is a day at the most.",
        "no browser keeps a preflight for longer",
    )
    PATH_PREFIX = (
        "path-prefix",
        Effect.DIFFERS,
        "Segments match whole: /api/* is not /apifoo, which then falls to another pattern, or to none.",
        "a match of the beginning governs paths that nobody meant",
    )
    PATH_DEPTH = (
        "path-depth",
        Effect.DIFFERS,
        "A star within a path keeps to its segment.",
        "so that a pattern shows how deep it reaches",
    )
    PATH_DOT = (
        "path-dot",
        Effect.DIFFERS,
        "A dot in a path is a dot.",
        "unescaped, it stands for every character",
    )
    PATH_WIDER = (
        "path-wider",
        Effect.WIDER,
        "The star stands for any characters, and for none.",
        "a glob has no classes of characters; to be narrower, list the paths",
    )
    PATH_CASE = (
        "path-case",
        Effect.DIFFERS,
        "Paths are matched with their case.",
        "the router does so too",
    )
    PATH_GLOB = (
        "path-glob",
        Effect.DIFFERS,
        "It is read as it is written, as a glob.",
        "flask-cors takes it for a regular expression, which is not what it looks like",
    )
    PATH_NEVER = (
        "path-never",
        Effect.NOTE,
        "It is left out, with its options: it equals no request's path.",
        "flask-cors compares it letter by letter, a Flask rule's angle brackets included",
    )
    PATH_BY_HAND = (
        "path-by-hand",
        Effect.BY_HAND,
        "What may be meant is closed: write globs for the paths, and name their origins.",
        "no glob says the same",
    )
    PATH_ORDER = (
        "path-order",
        Effect.DIFFERS,
        "Where two patterns cover a path the more specific one governs it.",
        "flask-cors asks them in an order that a longer, looser pattern can win",
    )
    PATH_OVERLAP = (
        "path-overlap",
        Effect.BY_HAND,
        "It is closed, and so is the other: make one of the two more specific, and name their origins.",
        "two patterns cover the same paths, and are as specific",
    )
    POLICY_UNION = (
        "policy-union",
        Effect.DIFFERS,
        "Of several policies for a path one holds: that of the most specific pattern, or of the last call.",
        "flask-cors lets in whom any of its calls lets in, so that none of them can be read alone",
    )
    BLUEPRINT_BELOW = (
        "blueprint-below",
        Effect.WIDER,
        "The policy covers all below the prefix, 404s and 405s included.",
        "flask-cors leaves those without fields, so that pages see a CORS error and not theirs",
    )
    BLUEPRINT_BY_HAND = (
        "blueprint-by-hand",
        Effect.BY_HAND,
        "Its paths are closed: give the blueprint its policy with cors.init_app(blueprint, ...).",
        "no pattern tells its paths from the rest of the app",
    )
    VIEW_ERRORS = (
        "view-errors",
        Effect.DIFFERS,
        "The view's policy holds for its errors too, and for values that its rule does not take.",
        "flask-cors gives them the app's fields, or none",
    )
    VIEW_BY_HAND = (
        "view-by-hand",
        Effect.BY_HAND,
        "Keep its decorator, from flask_cors_env import cross_origin; without that its paths are closed.",
        "a setting is for a path, whatever the method",
    )
    PREFLIGHT_FIRST = (
        "preflight-first",
        Effect.WIDER,
        "Preflights are answered ahead of hooks, authentication and OPTIONS views.",
        "a preflight never carries credentials, so that a guard refuses every page that needs one",
    )
    PREFLIGHT_REFUSED = (
        "preflight-refused",
        Effect.DIFFERS,
        "Outside development a refused preflight is a 403; browsers refuse both alike.",
        "flask-cors answers 200, which neither a log nor a developer can tell from success",
    )
    PREFLIGHT_UNROUTED = (
        "preflight-unrouted",
        Effect.WIDER,
        "Preflights of governed paths without a route are answered as the others.",
        "the page could not read the 404 of its request otherwise",
    )
    VARY = (
        "vary",
        Effect.DIFFERS,
        "Vary: Origin is on every response of a governed path, refused or without an origin too.",
        "a cache would hand one page's answer to another",
    )
    AUTOMATIC_OPTIONS = (
        "automatic-options",
        Effect.WIDER,
        "automatic_options=False has no effect: the policy answers preflights.",
        "a view that answers them itself gives other fields than the policy",
    )
    SEND_WILDCARD = (
        "send-wildcard",
        Effect.NOTE,
        "send_wildcard has no effect.",
        "`*` is always sent where everyone is let in",
    )
    ALWAYS_SEND = (
        "always-send",
        Effect.DIFFERS,
        "always_send has no effect.",
        "a response to a request without Origin has fields only where everyone is let in",
    )
    INTERCEPT_EXCEPTIONS = (
        "intercept-exceptions",
        Effect.NOTE,
        "intercept_exceptions has no effect.",
        "a page that may read the response may read that it is an error",
    )
    VARY_HEADER = (
        "vary-header",
        Effect.DIFFERS,
        "vary_header=False is not obeyed.",
        "without Vary a cache hands one page's answer to another",
    )
    PRIVATE_NETWORK = (
        "private-network",
        Effect.DIFFERS,
        "allow_private_network has no effect: the grant is never given.",
        "no current browser asks for it",
    )
    APP_CONFIG = (
        "app-config",
        Effect.NOTE,
        "Remove it from app.config.",
        "it is read here too, and a regular expression in it is an error",
    )
    PRODUCTION = (
        "production",
        Effect.PRODUCTION,
        "Production refuses to start with it.",
        "its rules are stricter than those of development",
    )

    def __init__(self, code: str, effect: Effect, what: str, why: str) -> None:
        self.code = code
        self.effect = effect
        self.what = what
        self.why = why


@dataclass(frozen=True)
class Line:
    """
    A difference where it is met.

    Attributes:
        difference: Which.
        place: What of flask-cors's options it is about; empty for all of them.
        value: The value that it is about, printable; None for the place as a whole.
        advice: What to write, or which rule is broken; or None.
    """

    difference: Difference
    place: str = ""
    value: str | None = None
    advice: str | None = None

    @classmethod
    def of(cls, difference: Difference, place: str, value: object = None, advice: str | None = None) -> Line:
        """*difference* with its place, the value made fit to be shown."""
        return cls(difference, place, None if value is None else shown(value), advice)
