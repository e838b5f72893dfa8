"""
Objections: why a value that a denial would need cannot be written.

A remedy is a promise. One that the configuration would refuse, or take for something else, is not given.
"""

from __future__ import annotations

import re
from typing import Any

from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.rules import RULE, Level, broken
from flask_cors_env.config.settings import VARIABLES
from flask_cors_env.config.values import AUTO, OriginValue
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import Origins
from flask_cors_env.core.policy import Resource

_WRITTEN = re.compile(r"Write: (?:CORS_([A-Z_]+)=)?(.*)")
_SUBJECTS = {"ORIGINS": "origin", "METHODS": "method", "ALLOW_HEADERS": "header"}


def objection(
    setting: str, value: str, *, environment: str, unsafe: frozenset[str], credentials: bool
) -> str | None:
    """
    Say why *value* cannot be added to a list, in one sentence or two; None where it can.

    Args:
        setting: ORIGINS, METHODS or ALLOW_HEADERS; others are never objected to.
        value: What a client sent, as a member of the list.
        environment: Whose rules judge.
        unsafe: The rules whose errors are warnings.
        credentials: Whether the resource has credentials.
    """
    subject = _SUBJECTS.get(setting)
    if subject is None:
        return None
    try:
        parsed = VARIABLES[setting].parse(value)
    except FaultyValueError as error:
        return f"No setting allows the {subject}: it {error.faults[0].message}"
    if not _is_meant(parsed, value):
        return f"No setting allows the {subject}: in a list it would mean something else."
    return _against_rules(setting, parsed, environment=environment, unsafe=unsafe, credentials=credentials)


def objection_to_remedy(setting: str, remedy: str, *, environment: str, unsafe: frozenset[str]) -> str | None:
    """Say why the values after ``Write:`` would be refused too, by the rules of *environment*; or None."""
    found = _WRITTEN.fullmatch(remedy)
    setting = setting if found is None or found[1] is None else found[1]
    if found is None or setting not in _SUBJECTS:
        return None
    written = found[2]
    if written.startswith("re.compile("):
        is_refused = RULE["regex"].level(environment) is Level.ERROR and "regex" not in unsafe
        return f"In {environment} the rule regex refuses it." if is_refused else None
    try:
        parsed = VARIABLES[setting].parse(written)
    except FaultyValueError:
        return None
    return _against_rules(setting, parsed, environment=environment, unsafe=unsafe, credentials=False)


def _against_rules(
    setting: str, parsed: Any, *, environment: str, unsafe: frozenset[str], credentials: bool
) -> str | None:
    """Name the first rule of *environment* that refuses *parsed*; None where none does."""
    for rule, fault in broken(setting, _resource(setting, parsed, credentials=credentials)):
        if rule.level(environment, credentials=credentials) is Level.ERROR and rule.id not in unsafe:
            subject = _SUBJECTS[setting]
            return f"In {environment} the {subject} cannot be listed, by the rule {rule.id}. {fault.remedy}."
    return None


def _is_meant(parsed: Any, value: str) -> bool:
    """Tell whether *parsed* stands for *value* alone, byte for byte; names of headers have no case."""
    if isinstance(parsed, OriginValue):
        return [p.text for p in parsed.patterns if p.is_exact] == [value]
    return list(parsed) == [value] and "*" not in value and value != AUTO


def _resource(setting: str, parsed: Any, *, credentials: bool) -> Resource:
    if setting == "ORIGINS":
        return Resource(origins=Origins(parsed.patterns), allow_credentials=credentials)
    if setting == "METHODS":
        return Resource(methods=parsed, allow_credentials=credentials)
    return Resource(allow_headers=HeaderNames(parsed), allow_credentials=credentials)
