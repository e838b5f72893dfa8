"""
Reloading: the files that a policy was read from are looked at again, and one reference is swapped.

A change that cannot be used leaves the old policy in force. Nothing is watched by default, no signal is
handled, and each process keeps its own clock.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import POLICY_CHANGED, POLICY_REJECTED, Event, clean
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.config.texts import Identity, identity
from flask_cors_env.core.change import Change, difference
from flask_cors_env.core.policy import Policy

_Identities = Mapping[str, Identity | None]
#: Characters of each list of entries in one event.
_LIST = 1000


class Watch:
    """
    Says, at most once in a period, whether one of some files is another by now, and settled.

    A file is settled when two looks find the same one: a half-written or emptied file is not taken.

    Args:
        read: The files as they were read, by path; those that are no regular files are not watched.
        period: Seconds between two looks.
    """

    def __init__(self, read: _Identities, period: float) -> None:
        self._known: _Identities = {path: found for path, found in read.items() if found is not None}
        self._period = period
        self._seen: _Identities = self._known
        self._due = time.monotonic() + period

    def is_due(self) -> bool:
        """Whether it is time for another look; the next one is then a period away."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self._period
        return True

    def changed(self) -> bool:
        """Tell whether a file is another than the one that was read, and the same as at the last look."""
        seen, self._seen = self._seen, {path: identity(path) for path in self._known}
        return seen == self._seen != self._known

    def took(self, read: _Identities) -> bool:
        """
        Tell whether the files that were *read* are those of the last look, which is then over with them.

        They are not read again, whatever came of them, until one is another.
        """
        found = {path: read.get(path) for path in self._known}
        if found != self._seen:
            return False
        self._known = found
        return True


def tell_rejected(log: AuditLog, error: CORSConfigError, kept: Policy, trigger: str) -> None:
    """Write ``cors.policy.rejected``: what was wrong, and which policy stays in force."""
    first = error.problems[0]
    fields: Event = {
        "error.type": first.code,
        "error.message": clean(first.sentence),
        "cors.policy.problems": len(error.problems),
        "cors.policy.env": clean(",".join(dict.fromkeys(problem.variable for problem in error.problems))),
        "cors.policy.action": "keep_previous",
        "cors.policy.id": kept.id,
        "cors.policy.trigger": trigger,
    }
    log.write("error", POLICY_REJECTED, fields)


def tell_changed(log: AuditLog, old: Policy, new: Policy, trigger: str) -> Change:
    """Write ``cors.policy.changed``: what was added, removed, and whether anything is let in that was not."""
    change = difference(old, new)
    fields: Event = {
        "cors.policy.id": new.id,
        "cors.policy.previous_id": old.id,
        "cors.policy.added": clean(",".join(change.added), _LIST),
        "cors.policy.removed": clean(",".join(change.removed), _LIST),
        "cors.policy.widened": change.widened,
        "cors.policy.trigger": trigger,
    }
    log.write("warning", POLICY_CHANGED, fields)
    return change
