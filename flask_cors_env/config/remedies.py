"""
Remedies of what does not parse: the values to write suit their place and the environment that judges.

A remedy is a promise. Of the values that a message says to write, those that the rules refuse are left out
and named; where all are refused, the remedy says by which rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask_cors_env.config.errors import FaultyValueError, Problem
from flask_cors_env.config.rules import RULE, Rule, broken
from flask_cors_env.config.settings import VARIABLES
from flask_cors_env.core.header_names import HeaderNames
from flask_cors_env.core.origin import Origins
from flask_cors_env.core.policy import Resource

_WRITTEN = re.compile(r"(Write: (?:CORS_([A-Z_]+)=)?)(.*)")
_COMPILED = "re.compile("
_BY_HAND = {"origin-is-regex": "List the origins", "header-is-regex": "List the header names"}
_SUBJECTS = {"ORIGINS": "origin", "ALLOW_HEADERS": "header"}


def suited(
    problem: Problem, environment: str, *, is_argument: bool, refuses: Callable[[Rule], bool]
) -> Problem:
    """
    Return *problem* with a remedy that the configuration takes, or that says what refuses it.

    Args:
        problem: Any; one whose remedy has no values to write is left as it is.
        environment: The environment that judges.
        is_argument: Whether the value is an argument. Elsewhere ``re.compile`` is no remedy: an argument
            would hide the variable.
        refuses: Whether a rule refuses what breaks it, in the place of the value.
    """
    remedy = problem.remedy or _BY_HAND.get(problem.code, "")
    found = _WRITTEN.fullmatch(remedy)
    setting = re.split(r"CORS_|__", problem.setting)[-1] if found is None or found[2] is None else found[2]
    if found is None or setting not in _SUBJECTS:
        return replace(problem, remedy=remedy or None)
    if found[3].startswith(_COMPILED):
        is_taken = is_argument and not refuses(RULE["regex"])
        return problem if is_taken else replace(problem, remedy=_BY_HAND.get(problem.code))
    entries = re.split(", ?", found[3])
    refused = {entry: rule for entry in entries if (rule := _refusing(setting, entry, refuses)) is not None}
    kept = [entry for entry in entries if entry not in refused]
    name = environment.capitalize()
    if refused and kept:
        said = "".join(f' {name} refuses "{entry}" [{rule.id}].' for entry, rule in refused.items())
        return replace(problem, message=problem.message + said, remedy=found[1] + ", ".join(kept))
    for rule in refused.values():
        subject = f"In {environment} the {_SUBJECTS[setting]} cannot be listed, by the rule {rule.id}"
        return replace(problem, remedy=f"{remedy} - {subject}. {rule.remedy}.")
    return replace(problem, remedy=remedy)


def _refusing(setting: str, entry: str, refuses: Callable[[Rule], bool]) -> Rule | None:
    """Return the first rule that refuses *entry*, one value of a list; None where none does."""
    try:
        parsed = VARIABLES[setting].parse(entry)
    except FaultyValueError:
        return None
    return next((rule for rule, _ in broken(setting, _resource(setting, parsed)) if refuses(rule)), None)


def _resource(setting: str, parsed: Any) -> Resource:
    if setting == "ORIGINS":
        return Resource(origins=Origins(parsed.patterns))
    return Resource(allow_headers=HeaderNames(parsed))
