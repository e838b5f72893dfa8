"""
Widening: whether a page can do or read something under one policy that it could not under another.

Policies are compared where they meet: for each pair of resources, an old and a new one, that govern one path
there is a witness, a path that no other pattern covers unless it covers all that the pair governs. The same
holds for origins and names: an entry with a ``*`` is asked about with something in its place that no entry
says. So the answer is exact, but where an application's function or a compiled pattern has its say: what
cannot be computed counts as widened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, product

from flask_cors_env.core import protocol
from flask_cors_env.core.fields import FIELDS, Grants, ResourceField
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import OriginPattern, Origins
from flask_cors_env.core.path import PathPattern
from flask_cors_env.core.policy import Policy, Resource

_Entry = tuple[PathPattern, Resource]

#: How many pairs of patterns are looked at; where there are more, the answer is that it cannot be computed.
_PAIRS = 2_000_000
#: How many steps are taken to find the ways in which two patterns meet in one segment.
_LOOKS = 20_000
#: What stands for a star in an origin or a name, the first that no entry has.
_LETTERS = "qzxjkvwyfhpbmgucldtrsnoiea0123456789"
#: A port that no entry names.
_PORTS = range(49152, 65536)


def widens(old: Policy, new: Policy) -> bool:
    """Return whether a page can do or read something under *new* that it could not under *old*."""
    if old.canonical_json() == new.canonical_json() and not _asks_functions(old, new):
        return False
    fresh = _fresh_letter(old, new)
    try:
        return any(_allows_more(one, other, fresh) for one, other in _meetings(old, new))
    except _TooManyError:
        return True


def _asks_functions(*policies: Policy) -> bool:
    return any(resource.origin_function is not None for policy in policies for resource in policy.resources)


# --- which resources govern one path, before and after


class _TooManyError(Exception):
    """There are more ways for patterns to meet than can be looked at."""


def _meetings(old: Policy, new: Policy) -> Iterator[tuple[Resource | None, Resource | None]]:
    """
    Yield the pairs of resources that govern one path or view, but for those that are the same in both.

    Where neither of two resources has changed, both stand in both policies: the more specific one governs.
    """
    before, after = _entries(old), _entries(new)
    gone, come = _without(old, new), _without(new, old)
    mark = _fresh_mark(pattern for pattern, _ in (*before, *after))
    changed_before = [entry for entry in before if entry[1] in gone]
    changed_after = [entry for entry in after if entry[1] in come]
    if len(changed_before) * len(after) + len(before) * len(changed_after) > _PAIRS:
        raise _TooManyError
    meeting = chain(
        ((pattern, pattern) for pattern, _ in (*changed_before, *changed_after)),
        ((one, other) for (one, _), (other, _) in product(changed_before, after) if one.overlaps(other)),
        ((one, other) for (one, _), (other, _) in product(before, changed_after) if one.overlaps(other)),
    )
    seen = set()
    for number, path in enumerate(path for pair in meeting for path in _witnesses(*pair, mark)):
        if number > _PAIRS:
            raise _TooManyError
        pair = old.resource_for(path), new.resource_for(path)
        if pair not in seen:
            seen.add(pair)
            yield pair
    yield from _of_views(old, new)


def _entries(policy: Policy) -> list[_Entry]:
    return [(path, resource) for resource in policy.resources for path in resource.paths]


def _without(policy: Policy, other: Policy) -> set[Resource]:
    """Return the resources of *policy* that *other* does not have just so."""
    return {
        resource
        for resource in policy.resources
        if not _is_same(resource, other.resource_named(resource.name))
    }


def _is_same(resource: Resource, other: Resource | None) -> bool:
    return (
        other is not None
        and other.canonical() == resource.canonical()
        and other.origin_function is resource.origin_function
    )


def _of_views(old: Policy, new: Policy) -> Iterator[tuple[Resource | None, Resource | None]]:
    """Yield the pairs that govern one view; where one of them is missing, any of the other policy may."""
    for resource in old.resources:
        if not resource.paths:
            twin = new.resource_named(resource.name)
            yield from ((resource, one) for one in ([twin] if twin else [None, *new.resources]))
    for resource in new.resources:
        if not resource.paths and old.resource_named(resource.name) is None:
            yield from ((one, resource) for one in (None, *old.resources))


def _fresh_mark(patterns: Iterable[PathPattern]) -> str:
    """Return a character that stands in no pattern."""
    used = set().union(*(pattern.text for pattern in patterns))
    return next(char for char in map(chr, range(0x4E00, 0x9FFF)) if char not in used)


def _witnesses(one: PathPattern, other: PathPattern, mark: str) -> Iterator[str]:
    """Yield paths that both patterns cover: one for each way in which they can."""
    longer, shorter = sorted((one, other), key=lambda pattern: len(pattern.segments), reverse=True)
    segments = [
        _meeting_segments(segment, shorter.segments[at] if at < len(shorter.segments) else "*", mark)
        for at, segment in enumerate(longer.segments)
    ]
    for chosen in product(*segments):
        for below in ((), ("",), (mark,), (mark, mark), (mark, "")):
            path = "/" + "/".join((*chosen, *below))
            if one.covers(path) and other.covers(path):
                yield path


def _meeting_segments(one: str, other: str, mark: str) -> list[str]:
    """Return segments that both globs match, with and without *mark* where both have a star."""
    found: dict[str, None] = {}
    reached, looked = [(0, 0, "", False)], 0
    while reached:
        i, j, text, is_marked = reached.pop()
        looked += 1
        if looked > _LOOKS:
            raise _TooManyError
        if i == len(one) and j == len(other):
            found[text] = None
            continue
        mine, theirs = one[i : i + 1], other[j : j + 1]
        if mine == "*":
            reached.append((i + 1, j, text, is_marked))
            if theirs not in {"", "*"}:
                reached.append((i, j + 1, text + theirs, False))
        if theirs == "*":
            reached.append((i, j + 1, text, is_marked))
            if mine not in {"", "*"}:
                reached.append((i + 1, j, text + mine, False))
        if mine == theirs == "*" and not is_marked:
            reached.append((i, j, text + mark, True))
        if mine == theirs and mine not in {"", "*"}:
            reached.append((i + 1, j + 1, text + mine, False))
    return list(found)


# --- what two resources allow on one path


def _allows_more(old: Resource | None, new: Resource | None, fresh: str) -> bool:
    """Return whether some page can do or read more where *new* governs than where *old* did."""
    if _refuses_strangers(old) and not _refuses_strangers(new):
        return True
    if new is None or not new.enabled or not (new.origins or new.origin_function):
        return False
    if old is None or not old.enabled:
        return True
    return (
        _lets_more_in(old, new, fresh)
        or (new.allow_credentials and not old.allow_credentials)
        or _sends_more(old, new, fresh)
        or _shows_more(old, new)
        or any(_grants_more(field, old, new) for field in FIELDS if field.name not in _JUDGED)
    )


#: The fields whose meaning is looked at above; any other is judged by what the catalogue says it grants.
_JUDGED = frozenset(
    "paths origins origin_function methods allow_headers expose_headers allow_credentials max_age enforce "
    "enabled defaulted".split()
)


def _grants_more(field: ResourceField, old: Resource, new: Resource) -> bool:
    """Return whether *field* allows more in *new*, by the catalogue alone."""
    before, after = (field.type.write(getattr(resource, field.name)) for resource in (old, new))
    if field.grants is Grants.ENTRIES:
        return not set(after) <= set(before)
    return before != after and str(after).lower() == field.grants


def _refuses_strangers(resource: Resource | None) -> bool:
    """Return whether a view does not run for an origin that is not allowed, and there are such origins."""
    return resource is not None and resource.enabled and resource.enforce and not resource.origins.any


def _lets_more_in(old: Resource, new: Resource, fresh: str) -> bool:
    if old.origins.any:
        return False
    if new.origin_function is not None and not _asks_as_before(old, new):
        return True
    known = set(old.origins.canonical)
    added = [pattern for pattern in new.origins.patterns if pattern.canonical not in known]
    literal = Origins(pattern for pattern in old.origins.patterns if pattern.regex is None)
    for pattern in added:
        if pattern.regex is not None:
            return True
        allowing = literal if "*" in pattern.text else old.origins
        if not all(map(allowing.match, _origins_of(pattern, known, fresh))):
            return True
    return False


def _asks_as_before(old: Resource, new: Resource) -> bool:
    """Return whether the same function is asked; with credentials it is not asked about the opaque origin."""
    is_asked_more = old.allow_credentials and not new.allow_credentials
    return new.origin_function is old.origin_function and not is_asked_more


def _origins_of(pattern: OriginPattern, known: set[str], fresh: str) -> Iterator[str]:
    """Yield origins that stand for all that *pattern* allows, and are not among those that are *known*."""
    text = pattern.text
    host, _, port = text.rpartition(":")
    if text == "*":
        text = f"https://{fresh * 6}.{fresh * 6}"
    elif port == "*":
        text = next(origin for number in _PORTS if (origin := f"{host}:{number}") not in known)
    if "://*." in text:
        yield text.replace("*", f"{fresh * 6}.{fresh * 6}", 1)
    yield text.replace("*", fresh * 6)


def _sends_more(old: Resource, new: Resource, fresh: str) -> bool:
    """Return whether a page can use a method or a request header that it could not."""
    methods = {*new.allowed_methods, *((fresh * 6).upper() for star in new.methods & {"*"})}
    if "*" not in old.methods and not methods <= old.allowed_methods:
        return True
    before, after = old.allow_headers, new.allow_headers
    is_open = before.any and not before.refused([protocol.NON_WILDCARD_REQUEST_HEADER])
    if not is_open and set(after.regexes) - set(before.regexes):
        return True
    literal = HeaderNames(text for text in before.texts if not text.startswith("regex:"))
    globs = [f"{prefix}{fresh * 6}" for prefix in after.prefixes] + ([fresh * 6] if after.any else [])
    return bool(before.refused(_settable(after.names)) or literal.refused(_settable(globs)))


def _settable(names: Iterable[str]) -> list[str]:
    """Return those of *names*, in lower case, that a page's script may set."""
    lower = map(str.lower, names)
    return [name for name in lower if not protocol.is_forbidden_request_header(name)]


def _shows_more(old: Resource, new: Resource) -> bool:
    """Return whether a page can read a response header that it could not."""
    shown = {name.lower() for name in old.expose_headers}
    added = {name.lower() for name in new.expose_headers} - shown
    never_or_always = protocol.FORBIDDEN_RESPONSE_HEADERS | protocol.SAFELISTED_RESPONSE_HEADERS
    return "*" not in shown and bool(added - never_or_always)


def _fresh_letter(*policies: Policy) -> str:
    """Return a letter or digit that stands in no entry with a star, and nowhere six times in a row."""
    texts = {
        text.lower()
        for policy in policies
        for resource in policy.resources
        for text in (*resource.origins.canonical, *resource.allow_headers.texts, *resource.methods)
    }
    starred = set().union(*(text for text in texts if "*" in text and not text.startswith("regex:")))
    used = {letter for letter in _LETTERS if any(letter * 6 in text for text in texts)}
    return next((letter for letter in _LETTERS if letter not in starred | used), _LETTERS[-1])
