"""
Suggestion: the smallest policy that lets in what a log shows was let in, and nothing that is refused today.

It only ever narrows the policy that holds last, resource by resource. The proof is a replay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_cors_env.answers.candidate import of_variables
from flask_cors_env.answers.evidence import Evidence
from flask_cors_env.answers.ground import OF_PROGRAM
from flask_cors_env.answers.migrate import written
from flask_cors_env.answers.narrowing import Entry, Narrowing
from flask_cors_env.answers.replay import Judged, Outcome, Replay, replay
from flask_cors_env.answers.shapes import Shape
from flask_cors_env.config.build import Built
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.core.policy import Policy, Resource


class SuggestionError(ValueError):
    """There is nothing to begin with; the text says what is missing."""


@dataclass(frozen=True)
class Suggestion:
    """
    A policy, and why it is enough.

    Attributes:
        current: The policy that holds last.
        resources: What to write.
        built: The policy that this makes.
        dropped: The entries of *current* that it does without.
        proof: What becomes, under it, of all that *current* lets in.
        opened: What it would let in of what was refused; nothing, unless *current* does.
        whole: What becomes, under it, of the whole log, as `replay` says it: where the policy changed within
            the log, requests came out otherwise then than *current* decides.
        left: What was let in and cannot be kept: what no entry can name, since no browser sends it, and what
            the log does not tell whole.
        programs: The resources that the program itself declares, which no file can narrow.
    """

    current: Policy
    resources: tuple[written.Resource, ...]
    built: Built
    dropped: tuple[Entry, ...]
    proof: Replay
    opened: tuple[Judged, ...]
    whole: Replay
    left: tuple[Shape, ...]
    programs: tuple[str, ...]

    @property
    def unkept(self) -> tuple[Judged, ...]:
        """Every shape that was let in and would, or could, be no more."""
        why = {True: ("cut",), False: ("unnameable",)}
        unnamed = tuple(Judged(shape, Outcome.REFUSED, why[bool(shape.cut)]) for shape in self.left)
        return (*unnamed, *(judged for judged in self.proof.judged if judged.breaks))

    @property
    def lost(self) -> int:
        """How many requests those are."""
        return sum(judged.shape.requests for judged in self.unkept)

    @property
    def is_proved(self) -> bool:
        """Whether all that is let in stays so, and nothing else is let in."""
        return not self.unkept and not self.opened

    @property
    def variables(self) -> dict[str, str]:
        """The policy as environment variables."""
        return written.variables(self.resources)

    @property
    def tree(self) -> dict[str, Any]:
        """The policy as a policy file's."""
        return written.tree(self.resources)


def suggest(told: Evidence, environment: str) -> Suggestion:
    """
    The smallest policy.

    Args:
        told: The evidence.
        environment: Whose rules judge it.

    Raises:
        SuggestionError: The policy that holds last is not in the log, or none of it is in a file's hands.
        CORSConfigError: The rules of *environment* do not permit what was let in.
    """
    current = _current(told)
    mine = [resource for resource in current.resources if not resource.name.startswith(OF_PROGRAM)]
    if not mine:
        raise SuggestionError("the program itself declares every resource; no file can narrow them")
    today = replay(told.shapes, told.policies, current)
    let_in = _let_in(today)
    narrowings = [Narrowing(resource, let_in.get(resource.name, []), current) for resource in mine]
    built, resources = _built(_labelled(narrowings), environment, _unsafe(told, current))
    whole = replay(told.shapes, told.policies, built.policy)
    return Suggestion(
        current=current,
        resources=resources,
        built=built,
        dropped=tuple(entry for narrowing in narrowings for entry in narrowing.dropped()),
        proof=replay([s for n in narrowings for s in n.kept], told.policies, built.policy),
        opened=_opened(whole, today),
        whole=whole,
        left=tuple(shape for narrowing in narrowings for shape in narrowing.left),
        programs=tuple(r.name for r in current.resources if r not in mine),
    )


def _opened(whole: Replay, today: Replay) -> tuple[Judged, ...]:
    """Return what the new policy allows of what was refused then, and would be now."""
    already = {judged.shape for judged in today.of(Outcome.ALLOWED)}
    return tuple(judged for judged in whole.of(Outcome.ALLOWED) if judged.shape not in already)


def _current(told: Evidence) -> Policy:
    """The policy that holds last."""
    ids = [record.id for record in told.history if record.id]
    if not ids or ids[-1] not in told.policies:
        raise SuggestionError(f"the policy that holds last{f', {ids[-1]},' if ids else ''} is not in the log")
    return told.policies[ids[-1]]


def _let_in(today: Replay) -> dict[str, list[Shape]]:
    """What was let in and would be still, as far as can be said, by the resource that governs it now."""
    found: dict[str, list[Shape]] = {}
    for judged in today.judged:
        shape = judged.shape
        if shape.is_allowed and judged.outcome is not Outcome.REFUSED:
            found.setdefault(judged.resource or shape.resource or "", []).append(shape)
    return found


def _unsafe(told: Evidence, current: Policy) -> frozenset[str]:
    """The rules that were switched off when *current* was loaded."""
    records = [record.columns for record in told.history if told.policies.get(record.id) is current]
    lists = (columns.get("cors_policy_unsafe_allow", "") for columns in records)
    return frozenset(rule for text in lists for rule in text.split(",") if rule)


def _built(
    resources: tuple[written.Resource, ...], environment: str, unsafe: frozenset[str]
) -> tuple[Built, tuple[written.Resource, ...]]:
    """The policy that *resources* make; with those of *unsafe* switched off again that it needs."""
    try:
        return of_variables(written.variables(resources), environment), resources
    except CORSConfigError as error:
        needed = {problem.rule for problem in error.problems if problem.rule is not None} & unsafe
        if not needed:
            raise
    for resource in resources:
        resource.settings["UNSAFE_ALLOW"] = sorted(needed)
    return of_variables(written.variables(resources), environment), resources


def _labelled(narrowings: Iterable[Narrowing]) -> tuple[written.Resource, ...]:
    """Resources with names that variables can have; the only one that covers every path needs none."""
    found = list(narrowings)
    made: list[written.Resource] = []
    for narrowing in found:
        paths, settings = sorted({path.text for path in narrowing.resource.paths}), narrowing.settings
        alone = len(found) == 1 and paths == ["/*"] and "PUBLIC" not in settings
        label = "" if alone else _label(narrowing.resource, [other.name for other in made])
        made.append(written.Resource(label, paths, settings))
    return tuple(made)


def _label(resource: Resource, taken: list[str]) -> str:
    """The resource's name in capitals; for one that is known by its path, a name after that."""
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in resource.name).split()
    name = "_".join(words).upper() or "ALL"
    return name if name not in taken else f"{name}_{len(taken) + 1}"
