"""
Origins: how one is written in a policy, and which requests' origins a policy's entries match.

A policy's entries are parsed strictly, once, and only their case is folded. A request's origin is never
parsed into something else: it is compared byte for byte with what a browser serializes.
See https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from flask_cors_env.core.protocol import MAX_ORIGIN
from flask_cors_env.core.reason import Difference, Reason

DEFAULT_PORTS = {"http": 80, "https": 443}
#: Schemes whose pages have an opaque origin, serialized as ``null``.
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "file", "javascript"})
_SOCKET_SCHEMES = {"ws": "http", "wss": "https", "ftp": "https"}

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,63}")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_REGEX_HABITS = re.compile(r"[\^$\\()|+{}]|\.\*|\.\+|\?(?=[:.*])|\[(?![0-9a-fA-F:.]+\])")
#: The shape of what a browser serializes; host rules are looser than the grammar's on purpose.
_SERIALIZED = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[!$&'()*+,;=_`{}~\"0-9a-z.-]+)(?::[1-9][0-9]{0,4})?"
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
    regex: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the host is localhost, below it, 127.0.0.0/8 or [::1]."""
        return is_loopback(self.host)

    @classmethod
    def from_regex(cls, regex: re.Pattern[str]) -> OriginPattern:
        """The entry for a compiled pattern; it has to match an origin's whole value."""
        return cls(regex.pattern, OriginKind.REGEX, regex=regex)


ANY = OriginPattern("*", OriginKind.ANY)
NULL = OriginPattern("null", OriginKind.NULL)


def is_loopback(host: str) -> bool:
    """Whether *host* always is this machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3."""
    if host in {"[::1]", "localhost"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and _QUAD.fullmatch(host) is not None


def is_serialized(origin: str) -> bool:
    """Whether *origin* has the shape of what a browser sends, and is within the bounds."""
    return len(origin) <= MAX_ORIGIN and (origin == "null" or _SERIALIZED.fullmatch(origin) is not None)


def parse_origin(text: str) -> OriginPattern:
    """
    Parse an entry: ``scheme://host[:port]``, ``https://*.host``, ``http://localhost:*``, ``*`` or ``null``.

    Raises:
        OriginError: With the corrected spelling, where there is one.
    """
    if text == "*":
        return ANY
    folded = text.lower() if text.isascii() else text
    if folded == "null":
        return NULL
    _refuse_characters(text)
    scheme, rest = _split_scheme(folded)
    host, port_text = _split_port(scheme, rest)
    if port_text == "*":
        return _any_port(scheme, host)
    port = _parse_port(scheme, host, port_text)
    if host.startswith("*."):
        return _subdomains(scheme, host[2:], port)
    _check_host(host, scheme, port_text)
    return OriginPattern(_spell(scheme, host, port), OriginKind.EXACT, scheme, host, port)


def _spell(scheme: str, host: str, port: int | str | None) -> str:
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


def _corrected(spelling: str) -> str | None:
    """*spelling* in canonical form if it is in the grammar, else None: a remedy is never itself wrong."""
    try:
        return parse_origin(spelling).text
    except OriginError:
        return None


def _refuse_characters(text: str) -> None:
    if text != text.strip() or any(c.isspace() or not c.isprintable() for c in text):
        raise OriginError(
            "origin-has-space",
            "has white space or a control character in it.",
            _corrected("".join(text.split())),
        )
    if not text.isascii():
        raise OriginError(
            "origin-not-ascii",
            "is not ASCII; a browser sends a host's ASCII form.",
            _corrected(_to_ascii(text)),
        )
    if _REGEX_HABITS.search(text) and "@" not in text:
        raise OriginError(
            "origin-is-regex", "looks like a regular expression; a string never is one.", _glob_for(text)
        )


def _to_ascii(text: str) -> str:
    """*text* with every label in its ASCII form: a suggestion, judged by the parser before it is shown."""
    labels = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower()).split(".")
    head, sep, labels[0] = labels[0].rpartition("//")
    return head + sep + ".".join(_punycode(label) for label in labels)


def _punycode(label: str) -> str:
    host, colon, port = label.partition(":")
    if not host.isascii():
        host = "xn--" + host.encode("punycode").decode("ascii")
    return host + colon + port


def _glob_for(text: str) -> str:
    """The glob that was meant by the regular expression *text*, else the call that makes it one."""
    glob = (
        text.removeprefix("^")
        .removesuffix("$")
        .removesuffix("/?")
        .replace(r"\.", ".")
        .replace("s?://", "s://")
    )
    glob = re.sub(r"\(?(?:\.|\[[^\]]*\]|\\w)[*+]\)?\.", "*.", glob)
    glob = re.sub(r":(?:\\d|\[0-9\]|\.)[*+]$", ":*", glob)
    return _corrected(glob) or f're.compile(r"{text}") as an argument'


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    if not separator:
        plain = text.removeprefix("//")
        default = "http" if is_loopback(plain.partition(":")[0]) else "https"
        raise OriginError(
            "origin-has-no-scheme",
            "has no scheme; an origin is scheme://host[:port].",
            _corrected(f"{default}://{plain}"),
        )
    if not _SCHEME.fullmatch(scheme):
        raise OriginError("origin-bad-scheme", "has no valid scheme before the host.")
    if scheme in _OPAQUE_SCHEMES:
        raise OriginError(
            "origin-is-opaque", f'is no origin: pages of {scheme}: have the opaque origin "null".', None
        )
    if scheme in _SOCKET_SCHEMES:
        raise OriginError(
            "origin-bad-scheme",
            "is no page's origin; name the page that connects.",
            _corrected(f"{_SOCKET_SCHEMES[scheme]}://{rest}"),
        )
    return scheme, rest


def _split_port(scheme: str, rest: str) -> tuple[str, str | None]:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise OriginError(
            "origin-has-userinfo",
            'has something before an "@"; an origin is scheme://host[:port].',
            _corrected(f"{scheme}://{authority.rpartition('@')[2]}"),
        )
    if authority != rest:
        raise OriginError(
            "origin-has-path",
            "has something after the host; an origin is scheme://host[:port].",
            _corrected(f"{scheme}://{authority}"),
        )
    bracket = authority.find("]")
    host, colon, port = authority[bracket + 1 :].partition(":")
    return authority[: bracket + 1] + host, port if colon else None


def _parse_port(scheme: str, host: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= 65535:  # noqa: PLR2004
        remedy = _corrected(f"{scheme}://{host}") if text == "" else None
        raise OriginError("origin-bad-port", "has a port that is no number from 1 to 65535.", remedy)
    port = int(text)
    if DEFAULT_PORTS.get(scheme) == port:
        raise OriginError(
            "origin-has-default-port",
            f"names {scheme}'s default port, which browsers leave out.",
            _corrected(f"{scheme}://{host}"),
        )
    if text != str(port):
        raise OriginError(
            "origin-bad-port", "has a port with leading zeros.", _corrected(f"{scheme}://{host}:{port}")
        )
    return port


def _any_port(scheme: str, host: str) -> OriginPattern:
    if host.startswith("*") or scheme not in DEFAULT_PORTS or not is_loopback(host):
        raise OriginError(
            "origin-any-port", "takes any port; that is for localhost and loopback addresses only.", None
        )
    _check_host(host, scheme, "*")
    return OriginPattern(_spell(scheme, host, "*"), OriginKind.ANY_PORT, scheme, host)


def _subdomains(scheme: str, host: str, port: int | None) -> OriginPattern:
    if scheme not in DEFAULT_PORTS:
        raise OriginError(
            "origin-bad-wildcard", "has subdomains of a scheme that has none; name each origin."
        )
    if "*" in host or host.startswith("[") or _ends_in_number(host):
        raise OriginError(
            "origin-bad-wildcard",
            'has a "*" that stands for no whole labels before a domain name.',
            _corrected(_spell(scheme, "*." + host.lstrip("*."), port)),
        )
    _check_host(host, scheme, None if port is None else str(port), star=True)
    return OriginPattern(_spell(scheme, "*." + host, port), OriginKind.SUBDOMAINS, scheme, host, port)


def _check_host(host: str, scheme: str, port: str | None, *, star: bool = False) -> None:
    prefix = "*." if star else ""
    if host.startswith("["):
        _check_ipv6(host, scheme, port)
    elif "*" in host:
        raise OriginError(
            "origin-bad-wildcard",
            'has a "*" elsewhere than as "*." before the host.',
            _star_for(scheme, host, port),
        )
    elif host == "":
        raise OriginError("origin-has-no-host", "has no host; an origin is scheme://host[:port].")
    elif scheme in DEFAULT_PORTS and _ends_in_number(host):
        _check_ipv4(host, scheme, port)
    else:
        _check_domain(host, scheme, port, prefix)


def _star_for(scheme: str, host: str, port: str | None) -> str | None:
    domain = host.rpartition("*")[2].partition(".")[2]
    return _corrected(_spell(scheme, "*." + domain, port)) if domain else None


def _ends_in_number(host: str) -> bool:
    """Whether a URL parser takes *host* for an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker."""
    return _NUMERIC.fullmatch(host.removesuffix(".").rpartition(".")[2]) is not None


def _check_ipv4(host: str, scheme: str, port: str | None) -> None:
    if not _QUAD.fullmatch(host) or re.search(r"(?:^|\.)0[0-9]", host):
        raise OriginError(
            "origin-numeric-host",
            "has a numeric host that is no dotted quad.",
            _corrected(_spell(scheme, _read_ipv4(host) or "", port)),
        )


def _read_ipv4(host: str) -> str | None:
    """The dotted quad that URL parsers read in *host*: https://url.spec.whatwg.org/#concept-ipv4-parser."""
    try:
        numbers = [_read_number(part) for part in host.removesuffix(".").split(".")]
    except ValueError:
        return None
    *head, last = numbers
    if len(head) > 3 or any(n > 255 for n in head) or last >= 256 ** (4 - len(head)):  # noqa: PLR2004
        return None
    value = last + sum(n * 256 ** (3 - i) for i, n in enumerate(head))
    return str(ipaddress.IPv4Address(value))


def _read_number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and part != "0" else int(part)


def _check_ipv6(host: str, scheme: str, port: str | None) -> None:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        address = None
    if address is None or not host.endswith("]") or address.scope_id:
        raise OriginError("origin-bad-host", "has a host in brackets that is no IPv6 address.")
    canonical = f"[{_spell_ipv6(address)}]"
    if host != canonical:
        raise OriginError(
            "origin-ipv6-form",
            "has an IPv6 address in another form than browsers send.",
            _corrected(_spell(scheme, canonical, port)),
        )


def _spell_ipv6(address: ipaddress.IPv6Address) -> str:
    """As https://url.spec.whatwg.org/#concept-ipv6-serializer: groups only, also where IPv4 is mapped."""
    if address.ipv4_mapped is None:
        return address.compressed
    low = int(address) & 0xFFFFFFFF
    return f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"


def _check_domain(host: str, scheme: str, port: str | None, prefix: str) -> None:
    labels = host.split(".")
    if "" in labels:
        whole = ".".join(filter(None, labels))
        raise OriginError(
            "origin-empty-label",
            "has an empty label in its host.",
            _corrected(_spell(scheme, prefix + whole, port)),
        )
    if len(host) > 253 or not all(map(_is_label, labels)):  # noqa: PLR2004
        raise OriginError("origin-bad-host", "has a host that is no domain name.")


def _is_label(label: str) -> bool:
    return _LABEL.fullmatch(label) is not None and (not label.startswith("xn--") or _is_valid_punycode(label))


def _is_valid_punycode(label: str) -> bool:
    """Whether an ``xn--`` label stands for a non-ASCII one that maps to itself, as UTS 46 asks."""
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        same = decoded.encode("punycode").decode("ascii") == label[4:]
    except (UnicodeError, OverflowError, ValueError):
        return False
    if not same or decoded.isascii() or unicodedata.normalize("NFC", decoded) != decoded:
        return False
    if unicodedata.category(decoded[0]).startswith("M"):
        return False
    return all(_is_valid_in_idna(char) for char in decoded)


def _is_valid_in_idna(char: str) -> bool:
    if char.isascii():
        return _LABEL.fullmatch(char) is not None
    if char in "\u00df\u03c2":
        return True
    stable = unicodedata.normalize("NFKC", char).casefold() == char
    return stable and unicodedata.category(char)[0] in "LMNS"


class Match(NamedTuple):
    """The entry that lets an origin in, and the reason that says how."""

    reason: Reason
    rule: str


class Near(NamedTuple):
    """The nearest entry to an origin that no entry lets in, and what differs."""

    rule: str
    difference: Difference


class Origins:
    """
    A policy's origins, prepared: every look-up costs the same however many entries there are.

    Args:
        patterns: The entries; duplicates are harmless.
    """

    def __init__(self, patterns: Iterable[OriginPattern] = ()) -> None:
        self.patterns = tuple(sorted(set(patterns), key=lambda p: p.text))
        kinds = {kind: [p for p in self.patterns if p.kind is kind] for kind in OriginKind}
        self.any = bool(kinds[OriginKind.ANY])
        self.null = bool(kinds[OriginKind.NULL])
        self._exact = {p.text: Match(Reason.ORIGIN_EXACT, p.text) for p in kinds[OriginKind.EXACT]}
        self._any_port = {_spell(p.scheme, p.host, None): p.text for p in kinds[OriginKind.ANY_PORT]}
        self._suffixes = {_suffix(p): p.text for p in kinds[OriginKind.SUBDOMAINS]}
        self._depths = sorted({p.host.count(".") + 1 for p in kinds[OriginKind.SUBDOMAINS]}, reverse=True)
        self._regexes = tuple(p for p in kinds[OriginKind.REGEX])
        self._patterned = bool(self._any_port or self._suffixes or self._regexes)
        self._near = _Neighbours(self.patterns)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __iter__(self) -> Iterator[OriginPattern]:
        return iter(self.patterns)

    def match(self, origin: str) -> Match | None:
        """The entry that lets *origin* in, or None. *origin* is within the bounds."""
        found = self._exact.get(origin)
        if found is not None:
            return found
        if self.any:
            return Match(Reason.ORIGIN_ANY, "*")
        if origin == "null":
            return Match(Reason.NULL_ALLOWED, "null") if self.null else None
        return self._match_pattern(origin) if self._patterned else None

    def nearest(self, origin: str) -> Near | None:
        """The entry closest to *origin*, which none lets in, and what differs; None if none is close."""
        for spelling, difference in _respelled(origin):
            found = self.match(spelling)
            if found is not None:
                return Near(found.rule, difference)
        return self._near.find(origin)

    def _match_pattern(self, origin: str) -> Match | None:
        rule = self._match_port(origin) or self._match_suffix(origin)
        if rule is not None:
            return Match(Reason.ORIGIN_PATTERN, rule)
        for pattern in self._regexes:
            if pattern.regex is not None and pattern.regex.fullmatch(origin):
                return Match(Reason.ORIGIN_PATTERN, pattern.text)
        return None

    def _match_port(self, origin: str) -> str | None:
        if not self._any_port:
            return None
        base, _, port = origin.rpartition(":")
        if _is_sent_port(base, port):
            return self._any_port.get(base)
        return self._any_port.get(origin)

    def _match_suffix(self, origin: str) -> str | None:
        if not self._suffixes:
            return None
        scheme, _, rest = origin.partition("://")
        for depth in self._depths:
            head, *tail = rest.rsplit(".", depth)
            rule = self._suffixes.get(f"{scheme}:.{'.'.join(tail)}")
            if rule is not None and _LABELS.fullmatch(head):
                return rule
        return None


def _suffix(pattern: OriginPattern) -> str:
    port = "" if pattern.port is None else f":{pattern.port}"
    return f"{pattern.scheme}:.{pattern.host}{port}"


def _is_sent_port(base: str, port: str) -> bool:
    """Whether a browser would write *port* after *base*: a number in range that is not the default."""
    if not _PORT.fullmatch(port):
        return False
    return int(port) <= 65535 and DEFAULT_PORTS.get(base.partition(":")[0]) != int(port)  # noqa: PLR2004


def _respelled(origin: str) -> Iterator[tuple[str, Difference]]:
    """Other spellings of *origin* that an operator may have meant to let in, with what each changes."""
    lower = origin.lower()
    if lower != origin:
        yield lower, Difference.CASE
    if origin.endswith("/"):
        yield origin.rstrip("/"), Difference.TRAILING_SLASH
    scheme, separator, rest = origin.partition("://")
    if separator and scheme in DEFAULT_PORTS:
        yield ("http" if scheme == "https" else "https") + "://" + rest, Difference.SCHEME
        yield f"{scheme}://{rest[4:] if rest.startswith('www.') else 'www.' + rest}", Difference.WWW


_Key = TypeVar("_Key")
_Half = tuple[int, int, str]
#: A bucket of neighbours keeps its first few entries only, so that a look-up's cost stays constant.
_KEEP = 8


def _keep(index: dict[_Key, list[OriginPattern]], key: _Key, pattern: OriginPattern) -> None:
    bucket = index.setdefault(key, [])
    if len(bucket) < _KEEP:
        bucket.append(pattern)


class _Neighbours:
    """Indexes that find an entry's neighbours in constant time."""

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        self._hosts: dict[str, list[OriginPattern]] = {}
        self._halves: dict[_Half, list[OriginPattern]] = {}
        for pattern in patterns:
            if pattern.host:
                _keep(self._hosts, pattern.host, pattern)
                for key in _halves(pattern.host, len(pattern.host)):
                    _keep(self._halves, key, pattern)

    def find(self, origin: str) -> Near | None:
        scheme, separator, rest = origin.partition("://")
        host = rest.rstrip("/") if rest.endswith("]") else rest.rpartition(":")[0] or rest
        if not separator or not self._hosts:
            return None
        return self._same_host(scheme, host) or self._typo(host) or self._parent(host)

    def _same_host(self, scheme: str, host: str) -> Near | None:
        found = self._hosts.get(host)
        if not found:
            return None
        entry = next((p for p in found if p.scheme == scheme), found[0])
        if entry.kind is OriginKind.SUBDOMAINS:
            return Near(entry.text, Difference.SUBDOMAIN)
        return Near(entry.text, Difference.PORT if entry.scheme == scheme else Difference.SCHEME)

    def _parent(self, host: str) -> Near | None:
        found = self._hosts.get(host.partition(".")[2])
        return Near(found[0].text, Difference.SUBDOMAIN) if found else None

    def _typo(self, host: str) -> Near | None:
        """One character added, lost, changed or swapped: half of the host is then as it was."""
        for length in (len(host) - 1, len(host), len(host) + 1):
            for key in _halves(host, length):
                for entry in self._halves.get(key, ()):
                    if _is_one_edit(entry.host, host):
                        return Near(entry.text, Difference.HOST_TYPO)
        return None


def _halves(host: str, length: int) -> tuple[_Half, _Half]:
    """The first and the last half of *host*, as keys for hosts that are *length* characters long."""
    middle = length // 2
    return (length, 0, host[:middle]), (length, 1, host[len(host) - (length - middle) :])


def _is_one_edit(one: str, other: str) -> bool:
    if len(one) > len(other):
        one, other = other, one
    start = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    swapped = one[start + 1 : start + 2] + one[start : start + 1] + one[start + 2 :]
    return one[start + 1 :] == other[start + 1 :] or swapped == other[start:]
