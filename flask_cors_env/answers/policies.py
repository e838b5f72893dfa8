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

from flask_cors_env.answers.timeline import PolicyRecord
from flask_cors_env.core.fields import FIELDS, ORIGINS
from flask_cors_env.core.origin import Origins
from flask_cors_env.core.policy import Policy, Resource


def policies(records: Iterable[PolicyRecord]) -> dict[str, Policy]:
    """The policies that *records* tell the whole of, by their ids."""
    documents = {record.id: record.document for record in records if record.document is not None}
    parsed = {name: parse_policy(document) for name, document in documents.items()}
    return {name: policy for name, policy in parsed.items() if policy is not None and policy.id == name}


def parse_policy(document: str) -> Policy | None:
    """Return the policy whose canonical JSON is *document*; None where it is none, or of a later version."""
    try:
        told = json.loads(document)
        resources = list(_resources(told["resources"], is_versioned="v" in told))
        made = Policy(resources, environment=told["environment"], is_versioned="v" in told)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, re.error):
        return None
    return made if made.canonical() == told else None


def _resources(told: Iterable[Mapping[str, Any]], *, is_versioned: bool) -> Iterator[Resource]:
    """Yield the resources, of which one may name an earlier one for its origins."""
    origins: dict[str, Origins] = {}
    for one in told:
        values = {f.name: one.get(f.name, f.empty) if is_versioned else one[f.name] for f in FIELDS}
        listed = values.pop("origins")
        read = {f.name: f.type.read(values[f.name]) for f in FIELDS if f.name in values}
        named = isinstance(listed, dict)
        origins[one["name"]] = origins[listed["as"]] if named else ORIGINS.read(listed)
        yield Resource(name=one["name"], origins=origins[one["name"]], **read)
