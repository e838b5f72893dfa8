"""
Origins: how one is written in a policy, and which requests' origins a policy's entries match.

A policy's entries are parsed strictly, once, and only their case is folded. A request's origin is never
parsed into something else: it is compared byte for byte with what a browser serializes.
See https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from flask_cors_env.core.host import HostError, check_host, ends_in_number, is_loopback, to_ascii
from flask_cors_env.core.near import Near, Neighbours
from flask_cors_env.core.protocol import MAX_ORIGIN
from flask_cors_env.core.reason import Difference, Reason

DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535
_OTHER_SCHEME = {"http": "https", "https": "http"}
#: Schemes whose pages have an opaque origin, serialized as ``null``.
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "file", "javascript"})
_SOCKET_SCHEMES = {"ws": "http", "wss": "https", "ftp": "https"}

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_LABELS = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_HOST_BEFORE_PORT = re.compile(r"\[[^\]]*\]|[^:/?#]*")
#: What a shell, Kubernetes or a template would have replaced by a value.
VARIABLE = re.compile(r"\$[({A-Za-z_]|\{\{")
_REGEX_HABITS = re.compile(
    r"[\^$\\()|{}]|(?<![a-z0-9_*-])\.\*|\.\+|://.*\+|\?(?=[:.*])|\[[^\]]*[a-z0-9]-[a-z0-9]", re.IGNORECASE
)
_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}
#: The shape of what a browser serializes; host rules are looser than the grammar's on purpose.
_SERIALIZED = re.compile(
    r"([a-z][a-z0-9+.-]*)://(?:\[[0-9a-f:.]+\]|[!$&'()*+,;=_`{}~\"0-9a-z.-]+)(?::([1-9][0-9]{0,4}))?"
)


class OriginKind(StrEnum):
    """What an entry of a policy's origins stands for."""

    EXACT = "exact"
    SUBDOMAINS = "subdomains"
    ANY_PORT = "any_port"
    ANY = "any"
    NULL = "null"
    REGEX = "regex"


class OriginError(ValueError):
    """
    An entry that is not in the grammar.

    Attributes:
        code: Kebab-case, unique, stable.
        message: What is wrong, without the entry itself.
        remedy: The line to write instead, or None where no one line is right.
    """

    def __init__(self, code: str, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """
    One entry of a policy's origins.

    Attributes:
        text: The canonical spelling; for a compiled pattern its source.
        kind: What it stands for.
        scheme: Lower case; empty for ``*``, ``null`` and compiled patterns.
        host: Without ``*.``; IPv6 in brackets.
        port: 1 to 65535; None where the scheme's default is meant, or any.
        regex: The compiled pattern, for REGEX only.
    """

    text: str
    kind: OriginKind
    scheme: str = ""
    host: str = ""
    port: int | None = None
    regex: re.Pattern[str] | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether the host is localhost, below it, 127.0.0.0/8 or [::1]."""
        return is_loopback(self.host)

    @property
    def is_subdomains(self) -> bool:
        """Whether it stands for what is below the host, and not for the host."""
        return self.kind is OriginKind.SUBDOMAINS

    def __str__(self) -> str:
        return self.text

    @property
    def canonical(self) -> str:
        """What tells it from every other entry."""
        return self.text if self.regex is None else canonical_regex(self.regex)

    @classmethod
    def from_regex(cls, regex: re.Pattern[str]) -> OriginPattern:
        """The entry for a compiled pattern for text; it has to match an origin's whole value."""
        if not isinstance(regex.pattern, str):
            raise TypeError(f"{regex.pattern!r} is a pattern for bytes")
        return cls(regex.pattern, OriginKind.REGEX, regex=regex)


ANY = OriginPattern("*", OriginKind.ANY)
NULL = OriginPattern("null", OriginKind.NULL)


def canonical_regex(regex: re.Pattern[str]) -> str:
    """A compiled pattern as text, with the flags that change what it matches."""
    letters = "".join(letter for flag, letter in _FLAGS.items() if regex.flags & flag)
    return f"regex:(?{letters}){regex.pattern}" if letters else f"regex:{regex.pattern}"


def is_serialized(origin: str) -> bool:
    """Whether *origin* has the form of what a browser sends, and is within the bounds."""
    if origin == "null":
        return True
    found = _SERIALIZED.fullmatch(origin) if len(origin) <= MAX_ORIGIN else None
    return found is not None and (found[2] is None or _is_sent_port(found[1], found[2]))


def parse_origin(text: str) -> OriginPattern:
    """
    Parse an entry: ``scheme://host[:port]``, ``https://*.host``, ``http://localhost:*``, ``*`` or ``null``.

    Raises:
        OriginError: With the corrected spelling, where there is one.
    """
    if text == "*":
        return ANY
    _refuse_characters(text)
    folded = text.lower()
    if folded == "null":
        return NULL
    scheme, rest = _split_scheme(folded)
    host, port_text = _split_port(scheme, rest)
    if port_text == "*":
        return _any_port(scheme, host)
    port = _parse_port(scheme, host, port_text)
    if host.startswith("*."):
        return _subdomains(scheme, host[2:], port)
    _check_host(scheme, host, port)
    return OriginPattern(_spell(scheme, host, port), OriginKind.EXACT, scheme, host, port)


def _spell(scheme: str, host: str, port: int | str | None) -> str:
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


def corrected(spelling: str) -> str | None:
    """*spelling* in canonical form, or corrected in turn: a remedy is never itself wrong."""
    try:
        return parse_origin(spelling).text
    except OriginError as error:
        return None if error.code == "origin-is-regex" else error.remedy


def _refuse_characters(text: str) -> None:
    if len(text) > MAX_ORIGIN:
        raise OriginError(
            "origin-too-long", f"is longer than {MAX_ORIGIN} bytes; no request's origin may be."
        )
    if " " in text or not text.isprintable():  # no other white space is printable
        trimmed = text.strip()
        raise OriginError(
            "origin-has-space",
            "has white space or a control character in it.",
            None if trimmed == text else corrected(trimmed),
        )
    if not text.isascii():
        raise OriginError(
            "origin-not-ascii", "is not ASCII; a browser sends a host's ASCII form.", _in_ascii(text)
        )
    if "@" in text:
        return
    if VARIABLE.search(text):
        raise OriginError("origin-has-variable", "names a variable that nothing has replaced by its value.")
    if _REGEX_HABITS.search(text):
        raise OriginError(
            "origin-is-regex", "looks like a regular expression; a string never is one.", _glob_for(text)
        )


def _in_ascii(text: str) -> str | None:
    """*text* with its host in ASCII; None where what follows the host would change with it."""
    scheme, separator, rest = text.rpartition("://")
    host, colon, port = rest.partition(":")
    if not (scheme + port).isascii() or any(char in "/?#@" for char in host):
        return None
    return corrected(scheme + separator + to_ascii(host) + colon + port)


def _glob_for(text: str) -> str | None:
    """The glob that was meant by the regular expression *text*, else the call that makes it one."""
    glob = text.removeprefix("^").removesuffix("$").replace(r"\/", "/").replace(r"\.", ".")
    glob = "*" if glob in {".*", ".+"} else glob.removesuffix("/?").replace("s?://", "s://")
    glob = re.sub(r"\(?(?:\.|\[[^\]]*\]|\\w)[*+]\)?\.", "*.", glob)
    glob = re.sub(r"(?:\((?:\?:)?)?:(?:\\d|\[0-9\]|\.)(?:[*+]|\{[0-9,]+\})(?:\)\??)?$", ":*", glob)
    meant = None if glob == text else corrected(glob)
    return meant or compile_call(text)


def compile_call(text: str) -> str | None:
    """The call that compiles *text*, if it can be compiled, and without a warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, ValueError, OverflowError, RecursionError, Warning):
        return None
    is_plain = text.isascii() and text.isprintable() and '"' not in text
    return f're.compile(r"{text}") as an argument' if is_plain else f"re.compile({text!a}) as an argument"


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise OriginError(
            "origin-has-no-scheme", "has no scheme; an origin is scheme://host[:port].", _with_scheme(text)
        )
    if not _SCHEME.fullmatch(scheme):
        raise OriginError("origin-bad-scheme", "has no valid scheme before the host.")
    if scheme in _OPAQUE_SCHEMES:
        raise OriginError(
            "origin-is-opaque", f'is no origin: pages of {scheme}: have the opaque origin "null".'
        )
    if scheme in _SOCKET_SCHEMES:
        raise OriginError(
            "origin-bad-scheme",
            "is no page's origin; name the page that connects.",
            corrected(f"{_SOCKET_SCHEMES[scheme]}://{rest}"),
        )
    return scheme, rest


def _with_scheme(text: str) -> str | None:
    """*text*, which has no scheme or lacks the slashes after it, as an origin."""
    scheme, _, rest = text.partition(":")
    if scheme in DEFAULT_PORTS:
        return None if rest.isdigit() else corrected(f"{scheme}://{rest.lstrip('/')}")
    plain = text.removeprefix("//")
    host = _HOST_BEFORE_PORT.match(plain)
    loopback = host is not None and is_loopback(host[0])
    return corrected(f"{'http' if loopback else 'https'}://{plain}")


def _split_port(scheme: str, rest: str) -> tuple[str, str | None]:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise OriginError(
            "origin-has-userinfo",
            'has something before an "@"; an origin is scheme://host[:port].',
            corrected(f"{scheme}://{authority.rpartition('@')[2]}"),
        )
    if authority != rest:
        raise OriginError(
            "origin-has-path",
            "has something after the host; an origin is scheme://host[:port].",
            corrected(rest if "://" in rest else f"{scheme}://{authority}"),
        )
    end = authority.rfind("]") + 1
    if "[" in authority[end:]:
        return authority, None
    host, colon, port = authority[end:].partition(":")
    return authority[:end] + host, port if colon else None


def _parse_port(scheme: str, host: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= _MAX_PORT:
        meant = host if text == "" else f"[{host}:{text}]"
        remedy = corrected(f"{scheme}://{meant}") if text == "" or ":" in text else None
        raise OriginError("origin-bad-port", f"has a port that is no number from 1 to {_MAX_PORT}.", remedy)
    port = int(text)
    if DEFAULT_PORTS.get(scheme) == port:
        raise OriginError(
            "origin-has-default-port",
            f"names {scheme}'s default port, which browsers leave out.",
            corrected(f"{scheme}://{host}"),
        )
    if text != str(port):
        raise OriginError(
            "origin-bad-port", "has a port with leading zeros.", corrected(f"{scheme}://{host}:{port}")
        )
    return port


def _any_port(scheme: str, host: str) -> OriginPattern:
    if "*" not in host:
        _check_host(scheme, host, "*")
    if "*" in host or scheme not in DEFAULT_PORTS or not is_loopback(host):
        raise OriginError(
            "origin-any-port",
            "takes any port; that is for localhost and loopback addresses only.",
            corrected(_spell(scheme, host, None)) if host.startswith("*.") else None,
        )
    return OriginPattern(_spell(scheme, host, "*"), OriginKind.ANY_PORT, scheme, host)


def _subdomains(scheme: str, host: str, port: int | None) -> OriginPattern:
    if scheme not in DEFAULT_PORTS:
        raise OriginError(
            "origin-bad-wildcard", "has subdomains of a scheme that has none; name each origin."
        )
    if host.startswith("[") or ends_in_number(host):
        raise OriginError("origin-bad-wildcard", 'has a "*" before an address, which has no subdomains.')
    _check_host(scheme, host, port, prefix="*.")
    return OriginPattern(_spell(scheme, "*." + host, port), OriginKind.SUBDOMAINS, scheme, host, port)


def _check_host(scheme: str, host: str, port: int | str | None, prefix: str = "") -> None:
    if "*" in host:
        raise OriginError(
            "origin-bad-wildcard",
            'has a "*" that does not stand for the labels before a domain name.',
            _star_for(scheme, host, port),
        )
    try:
        check_host(host, special=scheme in DEFAULT_PORTS)
    except HostError as error:
        remedy = None if error.better is None else corrected(_spell(scheme, prefix + error.better, port))
        raise OriginError(error.code, error.message, remedy) from None


def _star_for(scheme: str, host: str, port: int | str | None) -> str | None:
    """The pattern that was meant by stars in front; a star elsewhere cannot be kept without widening it."""
    domain = host.lstrip("*.")
    return corrected(_spell(scheme, f"*.{domain}", port)) if domain and "*" not in domain else None


class Match(NamedTuple):
    """The entry that lets an origin in, and the reason that says how."""

    reason: Reason
    rule: str


_MATCHES_ANY = Match(Reason.ORIGIN_ANY, "*")


class Origins:
    """
    A policy's origins, prepared: every look-up costs the same however many entries there are.

    Args:
        patterns: The entries; duplicates are harmless.

    Attributes:
        patterns: The entries, sorted.
        canonical: The same as they are told in a canonical policy.
        any: Whether everyone is let in.
        null: Whether the opaque origin is.
    """

    def __init__(self, patterns: Iterable[OriginPattern] = ()) -> None:
        self.patterns = tuple(sorted(set(patterns), key=lambda p: p.canonical))
        self.canonical = tuple(p.canonical for p in self.patterns)
        kinds = {kind: [p for p in self.patterns if p.kind is kind] for kind in OriginKind}
        self.any = bool(kinds[OriginKind.ANY])
        self.null = bool(kinds[OriginKind.NULL])
        self._named = {p.text: Match(Reason.ORIGIN_EXACT, p.text) for p in kinds[OriginKind.EXACT]}
        if self.null:
            self._named["null"] = Match(Reason.NULL_ALLOWED, "null")
        self._any_port = {_spell(p.scheme, p.host, None): p.text for p in kinds[OriginKind.ANY_PORT]}
        self._suffixes = {_suffix(p): p.text for p in kinds[OriginKind.SUBDOMAINS]}
        self._depths = sorted({p.host.count(".") + 1 for p in kinds[OriginKind.SUBDOMAINS]}, reverse=True)
        self._regexes = tuple((p.regex, p.text) for p in kinds[OriginKind.REGEX] if p.regex is not None)
        self._patterned = bool(self.any or self._any_port or self._suffixes or self._regexes)
        self._neighbours = Neighbours(self.patterns)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __iter__(self) -> Iterator[OriginPattern]:
        return iter(self.patterns)

    def match(self, origin: str) -> Match | None:
        """The entry that lets *origin* in, or None. *origin* is within the bounds."""
        found = self._named.get(origin)
        if found is None and self._patterned:
            return self._match_pattern(origin)
        return found

    def nearest(self, origin: str) -> Near | None:
        """The entry closest to *origin*, which none lets in, and what differs; None if none is close."""
        if not self.patterns:
            return None
        spelled = origin.rstrip("/").lower()
        scheme, separator, rest = spelled.partition("://")
        if not separator:
            return None
        if spelled != origin:
            found = self.match(spelled)
            if found is not None:
                slash = origin.endswith("/")
                return Near(found.rule, Difference.TRAILING_SLASH if slash else Difference.CASE)
        return self._respelled(scheme, rest) or self._neighbours.find(scheme, rest)

    def _respelled(self, scheme: str, rest: str) -> Near | None:
        """With the other scheme, or with or without ``www.``."""
        other = _OTHER_SCHEME.get(scheme)
        if other is None:
            return None
        found = self.match(f"{other}://{rest}")
        if found is not None:
            return Near(found.rule, Difference.SCHEME)
        www = f"{scheme}://{rest[4:]}" if rest.startswith("www.") else f"{scheme}://www.{rest}"
        return Near(www, Difference.WWW) if www in self._named else None

    def _match_pattern(self, origin: str) -> Match | None:
        if self.any:
            return _MATCHES_ANY
        rule = self._match_port(origin) or self._match_suffix(origin) or self._match_regex(origin)
        return None if rule is None else Match(Reason.ORIGIN_PATTERN, rule)

    def _match_port(self, origin: str) -> str | None:
        if not self._any_port:
            return None
        base, _, port = origin.rpartition(":")
        if _is_sent_port(base.partition(":")[0], port):
            return self._any_port.get(base)
        return self._any_port.get(origin)

    def _match_suffix(self, origin: str) -> str | None:
        if not self._suffixes:
            return None
        scheme, _, rest = origin.partition("://")
        for depth in self._depths:
            head, *tail = rest.rsplit(".", depth)
            rule = self._suffixes.get(f"{scheme}://{'.'.join(tail)}")
            if rule is not None and _LABELS.fullmatch(head):
                return rule
        return None

    def _match_regex(self, origin: str) -> str | None:
        """Compiled patterns are asked about what browsers send only, and not about the opaque origin."""
        if not self._regexes or origin == "null" or not is_serialized(origin):
            return None
        return next((text for regex, text in self._regexes if regex.fullmatch(origin)), None)


def _suffix(pattern: OriginPattern) -> str:
    return _spell(pattern.scheme, pattern.host, pattern.port)


def _is_sent_port(scheme: str, port: str) -> bool:
    """Whether a browser writes *port* in an origin of *scheme*: it is in range, and not the default."""
    if not _PORT.fullmatch(port):
        return False
    return int(port) <= _MAX_PORT and DEFAULT_PORTS.get(scheme) != int(port)
