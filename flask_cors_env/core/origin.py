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
#: The scheme of pages from files. Electron, Cordova and Android's WebView send its origin without a host.
FILE = "file"
#: Schemes whose pages always have an opaque origin, serialized as ``null``.
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "javascript"})
#: Schemes that no page has, each with the scheme of the pages that connect.
_SOCKET_SCHEMES = {"ws": "http", "wss": "https", "ftp": "https"}
#: Schemes whose hosts are not opaque, and those that are no scheme of an origin.
_KNOWN_SCHEMES = frozenset({*DEFAULT_PORTS, *_SOCKET_SCHEMES})
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_LABELS = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
#: What a ``*`` within a label stands for, and a label that has one; a label has at most 63 characters.
_PART = re.compile(r"[a-z0-9-]+")
_PART_LABEL = re.compile(r"(?!xn--)[a-z0-9_-]*\*[a-z0-9_-]*")
_MAX_LABEL = 63
#: An opaque host, a port included: kept and compared as it is.
_OPAQUE_HOST = re.compile(r"[!$%&(-+\-.0-9:;<=>A-Z\[\]^_`a-z{|}~]*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_BARE_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.*]*")
_HOST_BEFORE_PORT = re.compile(r"\[[^\]]*\]|[^:/?#]*")
#: What a shell, Kubernetes or a template would have replaced by a value.
VARIABLE = re.compile(r"\$[({A-Za-z_]|\{\{")
_REGEX_HABITS = re.compile(
    r"[\^$\\()|{}]|(?<![a-z0-9_*-])\.\*|\.\+|://.*\+|\?(?=[:.*])|\[[^\]]*[a-z0-9]-[a-z0-9]", re.IGNORECASE
)
#: The same in an opaque host, which may have most of those characters.
_OPAQUE_REGEX_HABITS = re.compile(r"\\|[.\]][*+]|\]\{|\(\?")
_ANY_PORT = "takes any port; that is for localhost and loopback addresses only."
_FLAGS = {re.ASCII: "a", re.IGNORECASE: "i", re.MULTILINE: "m", re.DOTALL: "s", re.VERBOSE: "x"}
#: The shape of what a browser serializes; host rules are looser than the grammar's on purpose.
_SERIALIZED = re.compile(
    r"(https?)://(?:\[[0-9a-f:.]+\]|[!$&'()*+,;=_`{}~\"0-9a-z.-]+)(?::([1-9][0-9]{0,4}))?"
)


class OriginKind(StrEnum):
    """What an entry of a policy's origins stands for."""

    EXACT = "exact"
    SUBDOMAINS = "subdomains"
    PART = "part"
    ANY_PORT = "any_port"
    ANY_HOST = "any_host"
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
        host: Without ``*.`` and without a label that has a ``*``; IPv6 in brackets. Of another scheme than
            http and https it is opaque: as written, a port included, and it may be empty.
        port: 1 to 65535; None where the scheme's default is meant, or any.
        regex: The compiled pattern, for REGEX only.
        label: The leftmost label, ``pr-*``, for PART only.
    """

    text: str
    kind: OriginKind
    scheme: str = ""
    host: str = ""
    port: int | None = None
    regex: re.Pattern[str] | None = None
    label: str = ""

    @property
    def is_loopback(self) -> bool:
        """Tell whether the host is localhost, below it, 127.0.0.0/8 or [::1]."""
        return is_loopback(self.host)

    @property
    def is_exact(self) -> bool:
        """Tell whether the entry stands for one origin, its own text."""
        return self.kind is OriginKind.EXACT

    @property
    def is_below_host(self) -> bool:
        """Tell whether the entry stands for hosts below its host, and not for the host."""
        return self.kind in {OriginKind.SUBDOMAINS, OriginKind.PART}

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
    """Tell whether *origin* has the form of what a browser sends, and is within the bounds."""
    if origin == "null":
        return True
    if len(origin) > MAX_ORIGIN:
        return False
    found = _SERIALIZED.fullmatch(origin)
    if found is not None:
        return found[2] is None or _is_sent_port(found[1], found[2])
    scheme, separator, host = origin.partition("://")
    if not separator or scheme in _KNOWN_SCHEMES or not _SCHEME.fullmatch(scheme):
        return False
    return host == "" if scheme == FILE else scheme not in _OPAQUE_SCHEMES and _is_opaque_host(host)


def _is_opaque_host(host: str) -> bool:
    return _OPAQUE_HOST.fullmatch(host) is not None


def parse_origin(text: str) -> OriginPattern:
    """
    Parse an entry of a policy's origins.

    ``scheme://host[:port]``, ``https://*.host``, ``https://pr-*.host``, ``http://localhost:*``,
    ``moz-extension://*``, ``file://``, ``*`` or ``null``.

    Raises:
        OriginError: With the corrected spelling, where there is one.
    """
    if text == "*":
        return ANY
    _refuse_characters(text)
    scheme, separator, host = text.partition("://")
    scheme = scheme.lower()
    if separator and scheme not in _KNOWN_SCHEMES and _SCHEME.fullmatch(scheme):
        return _of_other_scheme(scheme, host)
    return _parse_web(text)


def _parse_web(text: str) -> OriginPattern:
    """Parse an entry whose scheme is http or https, or that has no valid scheme."""
    _refuse_regex(text, _REGEX_HABITS)
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
    label, _, parent = host.partition(".")
    if parent and "*" not in parent and _PART_LABEL.fullmatch(label) and label != "*":
        return _part(scheme, label, parent, port)
    _check_host(scheme, host, port)
    return OriginPattern(_spell(scheme, host, port), OriginKind.EXACT, scheme, host, port)


def _of_other_scheme(scheme: str, host: str) -> OriginPattern:
    """
    Parse an entry of another scheme than http and https, whose host is opaque.

    See https://url.spec.whatwg.org/#concept-opaque-host-parser.
    """
    if scheme in _OPAQUE_SCHEMES:
        raise OriginError(
            "origin-is-opaque", f'is no origin: pages of {scheme}: have the opaque origin "null".'
        )
    _refuse_userinfo(scheme, host)
    _refuse_regex(f"{scheme}://{host}", _OPAQUE_REGEX_HABITS)
    _refuse_path(scheme, host, re.split(r"[/?#]", host, maxsplit=1)[0])
    if host == "*" and scheme != FILE:
        return OriginPattern(f"{scheme}://*", OriginKind.ANY_HOST, scheme)
    if scheme == FILE and host != "":
        raise OriginError(
            "origin-bad-host", 'has a host; the origin of files has none, or is "null".', "file://"
        )
    if host.endswith(":*"):
        raise OriginError("origin-any-port", _ANY_PORT)
    if "*" in host:
        message = 'has a "*" that does not stand for the whole host, and of this scheme no other is taken.'
        raise OriginError("origin-bad-wildcard", message)
    if not _is_opaque_host(host):
        raise OriginError("origin-bad-host", "has a quote or a comma in its host.")
    return OriginPattern(f"{scheme}://{host}", OriginKind.EXACT, scheme, host)


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
    if "@" not in text and VARIABLE.search(text):
        raise OriginError("origin-has-variable", "names a variable that nothing has replaced by its value.")


def _refuse_regex(text: str, habits: re.Pattern[str]) -> None:
    if "@" not in text and habits.search(text):
        raise OriginError(
            "origin-is-regex", "looks like a regular expression; a string never is one.", _entries_for(text)
        )


def _in_ascii(text: str) -> str | None:
    """*text* with its host in ASCII; None where what follows the host would change with it."""
    scheme, separator, rest = text.rpartition("://")
    host, colon, port = rest.partition(":")
    if not (scheme + port).isascii() or any(char in "/?#@" for char in host):
        return None
    return corrected(scheme + separator + to_ascii(host) + colon + port)


def _entries_for(text: str) -> str | None:
    """Return the entries that the regular expression *text* stands for, else the call that makes it one."""
    from flask_cors_env.core.globs import advised, read_origins  # noqa: PLC0415 - for errors only

    is_opaque = "://" in text and not re.match(r"\^?\(?https?", text, re.IGNORECASE)  # its case counts
    return advised(read_origins, text, re.NOFLAG if is_opaque else re.IGNORECASE) or compile_call(text)


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
    lacks_colon = re.match(r"(https?)/+(?=[^/])", text)
    if lacks_colon is not None:
        return corrected(f"{lacks_colon[1]}://{text[lacks_colon.end() :]}")
    plain = text.removeprefix("//")
    if _BARE_IPV6.fullmatch(plain):
        plain = _in_brackets(plain)
    host = _HOST_BEFORE_PORT.match(plain)
    loopback = host is not None and is_loopback(host[0])
    if not loopback and re.fullmatch(r"[a-z0-9_-]*", plain):
        return None  # a word, such as "true"
    return corrected(f"{'http' if loopback else 'https'}://{plain}")


def _split_port(scheme: str, rest: str) -> tuple[str, str | None]:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    _refuse_userinfo(scheme, authority)
    _refuse_path(scheme, rest, authority)
    end = authority.rfind("]") + 1
    if "[" in authority[end:]:
        return authority, None
    host, colon, port = authority[end:].partition(":")
    return authority[:end] + host, port if colon else None


def _refuse_userinfo(scheme: str, authority: str) -> None:
    if "@" in authority:
        raise OriginError(
            "origin-has-userinfo",
            'has something before an "@"; an origin is scheme://host[:port].',
            corrected(f"{scheme}://{authority.rpartition('@')[2]}"),
        )


def _refuse_path(scheme: str, rest: str, authority: str) -> None:
    if authority != rest:
        raise OriginError(
            "origin-has-path",
            "has something after the host; an origin is scheme://host[:port].",
            corrected(rest if "://" in rest else f"{scheme}://{authority}"),
        )


def _parse_port(scheme: str, host: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= _MAX_PORT:
        meant = host if text == "" else _in_brackets(f"{host}:{text}")
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


def _in_brackets(address: str) -> str:
    """Return an IPv6 *address* as hosts have it; after the loopback address stands a port."""
    port = address.removeprefix("::1:")
    return f"[{address}]" if port == address or ":" in port else f"[::1]:{port}"


def _any_port(scheme: str, host: str) -> OriginPattern:
    if "*" not in host:
        _check_host(scheme, host, "*")
    if "*" in host or not is_loopback(host):
        raise OriginError(
            "origin-any-port",
            _ANY_PORT,
            corrected(_spell(scheme, host, None)) if host.startswith("*.") else None,
        )
    return OriginPattern(_spell(scheme, host, "*"), OriginKind.ANY_PORT, scheme, host)


def _part(scheme: str, label: str, host: str, port: int | None) -> OriginPattern:
    """Make the entry for hosts whose leftmost label has something for the ``*`` of *label*."""
    if host.startswith("[") or ends_in_number(host):
        raise OriginError("origin-bad-wildcard", 'has a "*" before an address, which has no subdomains.')
    if len(label) > _MAX_LABEL:
        raise OriginError("origin-bad-wildcard", f"has a label of more than {_MAX_LABEL} characters.")
    _check_host(scheme, host, port, prefix=f"{label}.")
    return OriginPattern(
        _spell(scheme, f"{label}.{host}", port), OriginKind.PART, scheme, host, port, label=label
    )


def _subdomains(scheme: str, host: str, port: int | None) -> OriginPattern:
    if host.startswith("[") or ends_in_number(host):
        raise OriginError("origin-bad-wildcard", 'has a "*" before an address, which has no subdomains.')
    _check_host(scheme, host, port, prefix="*.")
    return OriginPattern(_spell(scheme, "*." + host, port), OriginKind.SUBDOMAINS, scheme, host, port)


def _check_host(scheme: str, host: str, port: int | str | None, prefix: str = "") -> None:
    if "*" in host:
        raise OriginError(
            "origin-bad-wildcard",
            'has a "*" that is neither all of the labels before a domain name, nor one part of the first.',
            _star_for(scheme, host, port),
        )
    try:
        check_host(host)
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
        self._any_host = {p.scheme: p.text for p in kinds[OriginKind.ANY_HOST]}
        self._parts = _Parts(kinds[OriginKind.PART])
        self._suffixes = {_suffix(p): p.text for p in kinds[OriginKind.SUBDOMAINS]}
        self._depths = sorted({p.host.count(".") + 1 for p in kinds[OriginKind.SUBDOMAINS]}, reverse=True)
        self._regexes = tuple((p.regex, p.text) for p in kinds[OriginKind.REGEX] if p.regex is not None)
        self._patterned = len(self._named) < len(self.patterns)
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
        """Find the entry closest to *origin*, which none lets in, and what differs; None if none is close."""
        scheme, separator, host = origin.partition("://")
        if not separator or not self.patterns:
            return None
        bare = host.rstrip("/")
        spelled = f"{scheme}://{bare}".lower()
        found = self.match(spelled) if spelled != origin else None
        rule = self._neighbours.folded(spelled) if found is None else found.rule
        if rule is not None:
            return Near(rule, Difference.CASE if bare == host else Difference.TRAILING_SLASH)
        scheme, _, rest = spelled.partition("://")
        return self._respelled(scheme, rest) or self._neighbours.find(scheme, rest)

    def _respelled(self, scheme: str, rest: str) -> Near | None:
        """Look with the other scheme, by another name of this machine, and with or without ``www.``."""
        other = _OTHER_SCHEME.get(scheme)
        if other is None:
            return None
        found = self.match(f"{other}://{rest}")
        if found is not None:
            return Near(found.rule, Difference.SCHEME)
        for name in _other_loopback_names(rest):
            found = self.match(f"{scheme}://{name}")
            if found is not None:
                return Near(found.rule, Difference.LOOPBACK_NAME)
        www = f"{scheme}://{rest[4:]}" if rest.startswith("www.") else f"{scheme}://www.{rest}"
        return Near(www, Difference.WWW) if www in self._named else None

    def _match_pattern(self, origin: str) -> Match | None:
        if self.any:
            return _MATCHES_ANY
        rule = (
            self._match_port(origin)
            or self._parts.match(origin)
            or self._match_suffix(origin)
            or self._match_host(origin)
            or self._match_regex(origin)
        )
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

    def _match_host(self, origin: str) -> str | None:
        """Match any host of a scheme that is neither http nor https; the host has to be there."""
        scheme, _, host = origin.partition("://")
        rule = self._any_host.get(scheme)
        return rule if rule is not None and host != "" and _is_opaque_host(host) else None

    def _match_regex(self, origin: str) -> str | None:
        """Compiled patterns are asked about what browsers send only, and not about the opaque origin."""
        if not self._regexes or origin == "null" or not is_serialized(origin):
            return None
        return next((text for regex, text in self._regexes if regex.fullmatch(origin)), None)


class _Parts:
    """
    Entries with a ``*`` within the leftmost label, prepared: a look-up depends on their lengths alone.

    For each parent host the distinct lengths of what stands before and after the ``*``, the longest first,
    and the entries by those texts.
    """

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        self._ends: dict[str, dict[tuple[str, str], str]] = {}
        for pattern in patterns:
            before, _, after = pattern.label.partition("*")
            self._ends.setdefault(_suffix(pattern), {})[before, after] = pattern.text
        self._lengths = {
            suffix: sorted({(len(b), len(a)) for b, a in ends}, key=lambda pair: (-sum(pair), pair))
            for suffix, ends in self._ends.items()
        }

    def match(self, origin: str) -> str | None:
        """Find the entry for *origin*, or None."""
        scheme, _, rest = origin.partition("://")
        label, _, parent = rest.partition(".")
        ends = self._ends.get(f"{scheme}://{parent}")
        if ends is None or len(label) > _MAX_LABEL:
            return None
        for before, after in self._lengths[f"{scheme}://{parent}"]:
            end = len(label) - after
            rule = ends.get((label[:before], label[end:])) if end > before else None
            if rule is not None and _PART.fullmatch(label[before:end]):
                return rule
        return None


def _other_loopback_names(rest: str) -> list[str]:
    """List *rest*, a host with its port, by the other names of this machine; empty if it is another's."""
    host = rest if rest.endswith("]") else rest.rpartition(":")[0] or rest
    if not is_loopback(host):
        return []
    return [name + rest[len(host) :] for name in _LOOPBACK_NAMES if name != host]


def _suffix(pattern: OriginPattern) -> str:
    return _spell(pattern.scheme, pattern.host, pattern.port)


def _is_sent_port(scheme: str, port: str) -> bool:
    """Whether a browser writes *port* in an origin of *scheme*: it is in range, and not the default."""
    if not _PORT.fullmatch(port):
        return False
    return int(port) <= _MAX_PORT and DEFAULT_PORTS.get(scheme) != int(port)
