"""Remedies for regular expressions that suit the place of the value and the environment that judges."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from flask_cors_env.config.errors import Problem
from flask_cors_env.config.rules import Level, broken
from flask_cors_env.core.environments import DEVELOPMENT
from flask_cors_env.core.origin import Origins, parse_origin
from flask_cors_env.core.policy import Resource

_WRITE, _COMPILED = "Write: ", "Write: re.compile("
_BY_HAND = {"origin-is-regex": "List the origins", "header-is-regex": "List the header names"}


def suited(problem: Problem, environment: str, *, is_argument: bool, unsafe: Collection[str]) -> Problem:
    """
    Return *problem* with a remedy that the configuration takes.

    Args:
        problem: Any; only one of a regular expression is changed.
        environment: The environment that judges. Development alone takes compiled patterns.
        is_argument: Whether the value is an argument. Elsewhere ``re.compile`` is no remedy: an argument
            would hide the variable.
        unsafe: The rules that UNSAFE_ALLOW names.
    """
    by_hand = _BY_HAND.get(problem.code)
    if by_hand is None:
        return problem
    remedy = problem.remedy or by_hand
    if remedy.startswith(_COMPILED):
        return problem if is_argument and environment == DEVELOPMENT else replace(problem, remedy=by_hand)
    refused = _refused(remedy, environment, unsafe) if problem.code == "origin-is-regex" else {}
    kept = [entry for entry in _entries(remedy) if entry not in refused]
    said = "".join(f' {environment.capitalize()} refuses "{e}" [{rule}].' for e, rule in refused.items())
    return replace(
        problem,
        message=f"{problem.message}{said}",
        remedy=_WRITE + ", ".join(kept) if refused and kept else remedy,
    )


def _entries(remedy: str) -> list[str]:
    return remedy.removeprefix(_WRITE).split(", ") if remedy.startswith(_WRITE) else []


def _refused(remedy: str, environment: str, unsafe: Collection[str]) -> dict[str, str]:
    """Return the entries that *environment* refuses, each with the rule."""
    found: dict[str, str] = {}
    for entry in _entries(remedy):
        resource = Resource(origins=Origins([parse_origin(entry)]))
        for rule, _ in broken("ORIGINS", resource):
            if rule.id not in unsafe and rule.level(environment, credentials=False) is Level.ERROR:
                found[entry] = rule.id
    return found
