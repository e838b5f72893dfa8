"""
Shapes: what the log tells of a request that bears on its decision, so that it can be decided again.

Requests that are alike are one shape, with their number: a log of a million lines has a few thousand. This is
the way back from an event to a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flask_cors_env.answers.questions import SHAPES, Row
from flask_cors_env.audit.event import unescape
from flask_cors_env.core.reason import Verdict
from flask_cors_env.core.request import Kind, Request

_DECIDED = (Verdict.ALLOW, Verdict.DENY)


class Shape(NamedTuple):
    """
    Requests that are alike, and what was decided about them.

    Attributes:
        policy: The id of the policy that decided.
        resource: The name of the resource that governed them; None where none did.
        request: As it was received, unless *cut*. ``credentialed`` also where an Authorization field came;
            the path is ``/`` where the log does not tell it.
        verdict: Allow or deny.
        reasons: As the log tells them.
        has_path: Whether the request's path is the one that was received.
        cut: The fields of the log that hold only the beginning of what was sent.
        requests: How many there are.
        last: When the last of them came; None where the log does not tell.
    """

    policy: str
    resource: str | None
    request: Request
    verdict: Verdict
    reasons: tuple[str, ...]
    has_path: bool = False
    cut: frozenset[str] = frozenset()
    requests: int = 1
    last: str | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether they were let in."""
        return self.verdict is Verdict.ALLOW


def shapes(rows: Iterable[Row]) -> Iterator[Shape]:
    """The shapes that the lines of the answer to `SHAPES` tell of; what was not decided is left out."""
    for row in rows:
        told = row.named(SHAPES)
        if told["cors_decision"] in _DECIDED:
            yield _shape(row)


def _shape(row: Row) -> Shape:
    told = row.named(SHAPES)
    cut = frozenset((told["cors_audit_truncated"] or "").split(",")) - {""}
    path = None if "url.path" in cut else _plain(told["url_path"])
    return Shape(
        policy=told["cors_policy_id"] or "",
        resource=told["cors_resource"],
        request=_request(row)._replace(path=path or "/"),
        verdict=Verdict(told["cors_decision"] or ""),
        reasons=tuple((told["cors_reasons"] or "").split(",")),
        has_path=path is not None,
        cut=cut,
        requests=row.count,
        last=row.last,
    )


def _request(row: Row) -> Request:
    """The request, apart from its path; a preflight always asks for a method, if only for an empty one."""
    told = row.named(SHAPES)
    is_preflight = told["cors_request_kind"] == Kind.PREFLIGHT
    return Request(
        origin=_plain(told["cors_origin"]),
        method="OPTIONS" if is_preflight else told["http_request_method"] or "",
        requested_method=_plain(told["cors_request_method"] or "") if is_preflight else None,
        requested_headers=_plain(told["cors_request_headers"]) if is_preflight else None,
        credentialed=told["cors_request_credentialed"] == "true",
        websocket=told["cors_request_kind"] == Kind.WEBSOCKET,
    )


def _plain(text: str | None) -> str | None:
    return None if text is None else unescape(text)
