"""Evidence: what a log tells of one app, for those who judge its policy by it."""

from __future__ import annotations

from typing import NamedTuple

from flask_cors_env.answers.engine import Answers
from flask_cors_env.answers.omitted import Omission, omissions
from flask_cors_env.answers.policies import policies
from flask_cors_env.answers.questions import SHAPES
from flask_cors_env.answers.shapes import Shape, shapes
from flask_cors_env.answers.timeline import PolicyRecord
from flask_cors_env.core.policy import Policy


class SeveralServicesError(ValueError):
    """A log of several apps, whose policies are not each other's; *services* are their names."""

    def __init__(self, services: tuple[str, ...]) -> None:
        super().__init__(f"the log is of several services: {', '.join(services)}")
        self.services = services


class Evidence(NamedTuple):
    """
    What a log tells of one app.

    Attributes:
        shapes: What was asked of it, and what was decided.
        policies: Its policies, as far as the log tells the whole of them, by their ids.
        history: What it tells of policies, in the order of time.
    """

    shapes: tuple[Shape, ...]
    policies: dict[str, Policy]
    history: tuple[PolicyRecord, ...]

    @property
    def omitted(self) -> tuple[Omission, ...]:
        """Return what the log leaves out of the requests that were allowed."""
        return tuple(omission for omission in omissions(r.columns for r in self.history) if omission.allows)


def evidence(found: Answers, service: str | None = None) -> Evidence:
    """
    The evidence in the answers to `SHAPES`.

    Args:
        found: With those answers.
        service: The app's name; None where there is but one.

    Raises:
        SeveralServicesError: There are several, and *service* is none of them.
    """
    services = tuple(sorted({record.service for record in found.policies}))
    if len(services) > 1 and service not in services:
        raise SeveralServicesError(services)
    history = tuple(r for r in found.policies if service is None or r.service == service)
    ids = {record.id for record in history}
    told = tuple(shapes(found.rows[SHAPES.name]))
    mine = told if len(services) < 2 else tuple(shape for shape in told if shape.policy in ids)  # noqa: PLR2004 - several
    return Evidence(mine, policies(history), history)
