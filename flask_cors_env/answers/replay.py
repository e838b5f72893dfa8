"""
Replay: what another policy would have done with the requests in a log.

Each shape is decided by the production `decide_within`, within the resource that would govern it. What the
log does not tell is never guessed: where it could matter, a shape is undecidable. It does not matter where a
request is denied in any case, or where both policies say alike what was decided already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from flask_cors_env.answers.ground import Doubt, Ground, UndecidableError
from flask_cors_env.answers.shapes import Shape
from flask_cors_env.config.values import AUTO
from flask_cors_env.core.decision import decide_within
from flask_cors_env.core.policy import Policy, Resource
from flask_cors_env.core.reason import About, Note, Reason, Verdict, reason_about
from flask_cors_env.core.request import Kind, Request


class Outcome(StrEnum):
    """What becomes of a shape under another policy."""

    SAME = "same"
    REFUSED = "refused"
    ALLOWED = "allowed"
    UNDECIDABLE = "undecidable"


class Judged(NamedTuple):
    """
    What becomes of one shape.

    Attributes:
        shape: As it was recorded.
        outcome: What becomes of it.
        reasons: Codes of reasons and notes; the doubt's where it is undecidable.
        offending: The refused method and request-header names.
        doubt: Why it is undecidable; None where it is not.
        resource: The name of the resource that would govern it; None where none would, or nobody can say.
    """

    shape: Shape
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    offending: tuple[str, ...] = ()
    doubt: Doubt | None = None
    resource: str | None = None

    @property
    def breaks(self) -> bool:
        """Whether something that is let in would, or could, be refused."""
        undecided = self.outcome is Outcome.UNDECIDABLE and self.shape.is_allowed
        return undecided or self.outcome is Outcome.REFUSED


@dataclass(frozen=True)
class Replay:
    """
    What becomes of a log.

    Attributes:
        judged: Every shape, in the order given.
    """

    judged: tuple[Judged, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing that was let in would, or could, be refused."""
        return not any(judged.breaks for judged in self.judged)

    def of(self, outcome: Outcome) -> tuple[Judged, ...]:
        """The shapes with this outcome, those with the most requests first."""
        found = (judged for judged in self.judged if judged.outcome is outcome)
        return tuple(sorted(found, key=lambda judged: -judged.shape.requests))

    def requests(self, outcome: Outcome) -> int:
        """How many requests have this outcome."""
        return sum(judged.shape.requests for judged in self.of(outcome))


def replay(shapes: Iterable[Shape], recorded: Mapping[str, Policy], new: Policy) -> Replay:
    """
    Decide *shapes* anew.

    Args:
        shapes: From one log.
        recorded: The policies that decided, as far as they are known, by their ids.
        new: The policy to decide by.
    """
    grounds = {name: Ground(recorded.get(name), new) for name in {*recorded, ""}}
    return Replay(tuple(_judged(shape, grounds.get(shape.policy, grounds[""])) for shape in shapes))


def _judged(shape: Shape, ground: Ground) -> Judged:
    """What becomes of *shape*, if it is the same in every place where it may be decided."""
    old, places, doubt = ground.places(shape)
    found = [_in_place(shape, old, new, ground) for new in places]
    if len({judged.outcome for judged in found}) != 1:
        return Judged(shape, Outcome.UNDECIDABLE, (doubt.value,), (), doubt)
    return found[0] if len(found) == 1 else found[0]._replace(resource=None)


def _in_place(shape: Shape, old: Resource | None, new: Resource | None, ground: Ground) -> Judged:
    try:
        guard = ground.guard(shape, new)
        return _compared(shape, old, new, guard)._replace(resource=None if new is None else new.name)
    except UndecidableError as error:
        return Judged(shape, Outcome.UNDECIDABLE, (error.doubt.value,), (), error.doubt)


def _compared(shape: Shape, old: Resource | None, new: Resource | None, guard: Resource | None) -> Judged:
    """
    What becomes of *shape*; where credentials came, it also matters whether they are wanted.

    Whether those were cookies, without which the browser withholds the response, or a field that the page set
    itself, is not in the log.
    """
    verdict, reasons, offending = _decided(shape, old, new, guard)
    is_allowed = verdict is Verdict.ALLOW
    was, becomes = (
        _degree(shape, old, is_allowed=shape.is_allowed),
        _degree(shape, new, is_allowed=is_allowed),
    )
    if was == becomes:
        return Judged(shape, Outcome.SAME)
    withheld = is_allowed and becomes < was
    why = (Note.CREDENTIALS_NOT_ALLOWED.value,) if withheld else tuple(map(str, reasons))
    return Judged(shape, Outcome.ALLOWED if becomes > was else Outcome.REFUSED, why, offending)


def _degree(shape: Shape, resource: Resource | None, *, is_allowed: bool) -> int:
    """0 for a denial, 1 where credentials came and are not wanted, as far as *resource* is known; else 2."""
    unwanted = shape.request.credentialed and resource is not None and not resource.allow_credentials
    return 0 if not is_allowed else 1 if unwanted else 2


_Decided = tuple[Verdict, tuple[Reason, ...], tuple[str, ...]]


def _decided(shape: Shape, old: Resource | None, new: Resource | None, guard: Resource | None) -> _Decided:
    """The decision about *shape*; where something is in doubt, it is taken in the client's favour first."""
    if guard is not None:
        decision = decide_within(new, shape.request, guard=guard)
        return decision.verdict, decision.reasons, decision.offending
    if new is not None and new.enabled:
        _refuse_unknown_origin(shape, new)
        if "cors.origin" in shape.cut and not _lets_in_cut(shape, old, new):
            return Verdict.DENY, (Reason.ORIGIN_MALFORMED,), ()
    request, doubts = _favoured(shape, old, new)
    decision = decide_within(new, request)
    if not doubts or decision.verdict is not Verdict.ALLOW:
        return decision.verdict, decision.reasons, decision.offending
    if _asks_alike(old, new) and any(_ASKED >= reason_about(code) > frozenset() for code in shape.reasons):
        return Verdict.DENY, decision.reasons, ()
    raise UndecidableError(doubts[0])


#: What a preflight asks for.
_ASKED = frozenset({About.METHOD, About.HEADER})


def _asks_alike(old: Resource | None, new: Resource | None) -> bool:
    """Whether both allow the same methods and header names, so that what was refused for them still is."""
    return old is not None and new is not None and _same_methods(old, new) and _same_headers(old, new)


def _same_methods(old: Resource | None, new: Resource) -> bool:
    return old is not None and old.methods == new.methods


def _same_headers(old: Resource | None, new: Resource) -> bool:
    return old is not None and old.allow_headers.texts == new.allow_headers.texts


def _refuse_unknown_origin(shape: Shape, new: Resource) -> None:
    """Raise where nobody can say whether *new* lets the origin in."""
    origin = shape.request.origin
    if origin is None:
        raise UndecidableError(Doubt.ORIGIN)
    if new.origin_function is not None and new.origins.match(origin) is None:
        raise UndecidableError(Doubt.FUNCTION)


def _lets_in_cut(shape: Shape, old: Resource | None, new: Resource) -> bool:
    """Whether *new* lets in the origin that was cut: only ``*`` can, and only one that is not too long."""
    was_malformed = Reason.ORIGIN_MALFORMED in shape.reasons
    known = old is not None and old.origins.any if new.origins.any else was_malformed
    if not known:
        raise UndecidableError(Doubt.CUT)
    return not was_malformed


def _favoured(shape: Shape, old: Resource | None, new: Resource | None) -> tuple[Request, list[Doubt]]:
    """The request with what is not known of it in the client's favour, and the doubts that remain."""
    request, doubts = shape.request, []
    if request.kind is not Kind.PREFLIGHT or new is None:
        return request, []
    if "cors.request.headers" in shape.cut:
        names = request.requested_headers or ""
        request = request._replace(requested_headers=names.rpartition(",")[0])
        doubts += [] if shape.is_allowed and _same_headers(old, new) else [Doubt.CUT]
    doubt = _doubt_of_method(shape, new)
    if doubt is not None:
        request = request._replace(requested_method="GET")
        doubts += [] if shape.is_allowed and _same_methods(old, new) else [doubt]
    return request, doubts


def _doubt_of_method(shape: Shape, new: Resource) -> Doubt | None:
    """Why nobody can say whether *new* allows the method; None where its lists say it."""
    if "cors.request.method" in shape.cut:
        return Doubt.CUT
    is_routed = AUTO in new.methods and shape.request.requested_method not in new.allowed_methods
    return Doubt.ROUTES if is_routed else None
