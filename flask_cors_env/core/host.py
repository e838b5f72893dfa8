"""
Hosts: what may stand between an origin's scheme and its port.

The rules are those of https://url.spec.whatwg.org/#host-parsing for ASCII, as a parser applies them to a host
that is in canonical form already; whatever it would respell is refused with that spelling.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata

_LABEL = re.compile(r"[a-z0-9_-]+")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_QUAD = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
#: Variation selectors and fillers: mapped to nothing.
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class HostError(ValueError):
    """
    A host that no origin has.

    Attributes:
        code: As of `OriginError`.
        message: What is wrong, without the host itself.
        better: The host in another spelling, or None where no one spelling is right.
    """

    def __init__(self, code: str, message: str, better: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.better = better


def is_loopback(host: str) -> bool:
    """Whether *host* always is this machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3."""
    if host in {"[::1]", "localhost"} or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and _QUAD.fullmatch(host) is not None


def ends_in_number(host: str) -> bool:
    """Whether a URL parser takes *host* for an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker."""
    return _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]) is not None


def check_host(host: str) -> None:
    """
    Refuse what is no host of http or https in canonical form.

    Args:
        host: Lower case and ASCII.

    Raises:
        HostError: With the canonical spelling, where there is one.
    """
    if host == "":
        raise HostError("origin-has-no-host", "has no host; an origin is scheme://host[:port].")
    if host.startswith("["):
        _check_ipv6(host)
    elif ends_in_number(host):
        _check_ipv4(host)
    else:
        _check_domain(host)


def _check_domain(host: str) -> None:
    """
    Letters, digits, hyphens and underscores, in labels.

    What an ``xn--`` label stands for is not looked at: since 2026 the standard takes ASCII as it is.
    See https://github.com/whatwg/url/pull/914.
    """
    labels = host.split(".")
    if "" in labels:
        raise HostError(
            "origin-empty-label", "has an empty label in its host.", ".".join(filter(None, labels))
        )
    if not all(map(_LABEL.fullmatch, labels)):
        raise HostError("origin-bad-host", "has a host that is no domain name.")


def _check_ipv4(host: str) -> None:
    if not _QUAD.fullmatch(host):
        raise HostError("origin-numeric-host", "has a numeric host that is no dotted quad.", _read_ipv4(host))


def _read_ipv4(host: str) -> str | None:
    """The dotted quad that URL parsers read in *host*: https://url.spec.whatwg.org/#concept-ipv4-parser."""
    parts = host.removesuffix(".").split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):  # noqa: PLR2004
        return None
    try:
        *head, last = map(_read_number, parts)
    except ValueError:
        return None
    if any(number > 255 for number in head) or last >= 256 ** (4 - len(head)):  # noqa: PLR2004
        return None
    return str(ipaddress.IPv4Address(last + sum(n * 256 ** (3 - i) for i, n in enumerate(head))))


def _read_number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)


def _check_ipv6(host: str) -> None:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        address = None
    if address is None or not host.endswith("]") or address.scope_id:
        raise HostError("origin-bad-host", "has a host in brackets that is no IPv6 address.")
    canonical = f"[{_spell_ipv6(address)}]"
    if host != canonical:
        raise HostError(
            "origin-ipv6-form", "has an IPv6 address in another form than browsers send.", canonical
        )


def _spell_ipv6(address: ipaddress.IPv6Address) -> str:
    """As https://url.spec.whatwg.org/#concept-ipv6-serializer: groups only, also where IPv4 is mapped."""
    if address.ipv4_mapped is None:
        return address.compressed
    low = int(address) & 0xFFFFFFFF
    return f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"


def to_ascii(host: str) -> str:
    """
    *host* with every label in its ASCII form: a suggestion, to be judged by the parser before it is shown.

    The mapping is that of https://www.unicode.org/reports/tr46/ for what stands in domain names; the standard
    library's own codec follows an older standard, by which ``straße`` is another domain.
    """
    host = _IGNORED.sub("", host).replace("ẞ", "ß")
    kept = {"ß", "ς"}.intersection(host)
    compatible = unicodedata.normalize("NFKC", host)
    folded = "".join(char if char in kept else char.casefold() for char in compatible)
    labels = unicodedata.normalize("NFC", folded).replace("。", ".").split(".")
    return ".".join(map(_punycode, labels))


def _punycode(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
