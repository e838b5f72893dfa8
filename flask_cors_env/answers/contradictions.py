"""
Contradictions: numbers of one writer and service with two different records.

A record that is there twice is rotation, or two ways of one log. Two records of one number that differ in a
field of the catalogue are no such thing: one of them was altered, or made. Both engines ask this module, so
that none of them counts such a record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from flask_cors_env.answers.account import WORD, Key, key_of
from flask_cors_env.answers.columns import event_of, text_of, timestamp_of
from flask_cors_env.answers.lines import RENAMED, Found, Record
from flask_cors_env.audit.fields import ENVELOPE, FIELDS

_NAMES = tuple(
    dict.fromkeys(
        RENAMED.get(field.name, field.name) for fields in (ENVELOPE, *FIELDS.values()) for field in fields
    )
)


def contradictions(files: Iterable[Iterable[Found]], doubled: set[Key]) -> dict[Key, int]:
    """
    Return the keys of contradicting records, and how often each is there.

    Args:
        files: What each file's lines hold.
        doubled: Where to look: keys whose number is the record's, divided by 64.
    """
    if not doubled:
        return {}
    copies: dict[Key, int] = {}
    contents: dict[Key, set[bytes]] = {}
    for found in files:
        for record in found:
            key = key_of(record) if isinstance(record, dict) else None
            if key is not None and key._replace(number=key.number // WORD) in doubled:
                copies[key] = copies.get(key, 0) + 1
                contents.setdefault(key, set()).add(_content(record))
    return {key: copies[key] for key, different in contents.items() if len(different) > 1}


def _content(record: Record | Any) -> bytes:
    """Return a digest of the catalogue's fields in *record*, as text: a copy written anew is the same."""
    fields: dict[str, Any] = {name: text_of(_plain(record.get(name))) for name in _NAMES}
    fields["event"] = event_of(record) or fields["event"]
    fields["timestamp"] = timestamp_of(record) or fields["timestamp"]
    return hashlib.blake2b(json.dumps(fields).encode(), digest_size=16).digest()


def _plain(value: Any) -> Any:
    """Return a whole number as such: some stores know only numbers with a fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
