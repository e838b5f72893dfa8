"""
Policies: from the canonical JSON in the log to the policy that decided, equal by its id.

Nothing here is trusted: what is no policy of ours, or does not come out with the same id, is none. An
application's own function cannot be in a log; a policy that has one is known, and whom it lets in is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_cors_env.answers.timeline import PolicyRecord, policy_id
from flask_cors_env.core.origin import OriginError, OriginPattern, Origins, parse_origin
from flask_cors_env.core.path import parse_path
from flask_cors_env.core.policy import UNSET, HeaderNames, Policy, Resource
from flask_cors_env.core.request import Request

_REGEX = re.compile(r"regex:(?:\(\?([aimsx]+)\))?(.*)", re.DOTALL)
_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
#: What a resource can be made of as it stands.
_PLAIN = ("name", "allow_credentials", "max_age", "enforce", "enabled")


def policies(records: Iterable[PolicyRecord]) -> dict[str, Policy]:
    """The policies that *records* tell the whole of, by their ids."""
    documents = {record.id: record.document for record in records if record.document is not None}
    parsed = {name: parse_policy(document) for name, document in documents.items()}
    return {name: policy for name, policy in parsed.items() if policy is not None and name in _ids(policy)}


def _ids(policy: Policy) -> set[str]:
    """Return the ids of *policy*, one for each version of the canonical document."""
    return {policy.id, policy_id(policy.canonical_json(0))}


def parse_policy(document: str) -> Policy | None:
    """Return the policy whose canonical JSON is *document*, of any version; None where it is none."""
    try:
        told = json.loads(document)
        made = Policy(_resources(told["resources"]), environment=told["environment"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, re.error):
        return None
    return made


def _resources(told: Iterable[Mapping[str, Any]]) -> Iterator[Resource]:
    """The resources, of which one may name an earlier one for its origins."""
    origins: dict[str, Origins] = {}
    for values in told:
        one = {**UNSET, **values}
        listed = one["origins"]
        found = origins[listed["as"]] if isinstance(listed, dict) else Origins(map(_origin, listed))
        origins[one["name"]] = found
        yield _resource(one, found)


def _resource(told: Mapping[str, Any], origins: Origins) -> Resource:
    return Resource(
        **{name: told[name] for name in _PLAIN},
        paths=tuple(map(parse_path, told["paths"])),
        origins=origins,
        origin_function=unknown if told["origin_function"] else None,
        methods=frozenset(told["methods"]),
        allow_headers=HeaderNames(_regex(text) or text for text in told["allow_headers"]),
        expose_headers=tuple(told["expose_headers"]),
        defaulted=frozenset(told["defaulted"]),
    )


def unknown(*, origin: str, request: Request) -> bool:
    """Stands in for an application's own function: whom it lets in is not in the log."""
    raise LookupError(f"whether {origin!r} is let in to {request.path!r} is the application's to say")


def _origin(text: str) -> OriginPattern:
    try:
        return parse_origin(text)
    except OriginError:
        regex = _regex(text)
        if regex is None:
            raise
        return OriginPattern.from_regex(regex)


def _regex(text: str) -> re.Pattern[str] | None:
    """The compiled pattern that is written as *text*; None where it is written as none."""
    found = _REGEX.fullmatch(text)
    if found is None:
        return None
    flags = re.NOFLAG
    for letter in found[1] or "":
        flags |= _FLAGS[letter]
    return re.compile(found[2], flags)
