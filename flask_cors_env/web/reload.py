"""
Reloading: the files that a policy was read from are looked at again, and one reference is swapped.

A change that cannot be used leaves the old policy in force. Nothing is watched by default, no signal is
handled, and each process keeps its own clock.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Mapping

from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import POLICY_CHANGED, POLICY_REJECTED, Event, clean
from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.core.change import Change, difference
from flask_cors_env.core.policy import Policy

_Identity = tuple[int, int, int, int, int] | None
#: Characters of each list of entries in one event.
_LIST = 1000


def identity(path: str) -> _Identity:
    """
    What tells one file from the next under one name; None where there is no plain file.

    A Kubernetes ConfigMap is swapped by a symbolic link: time and size may stay, the inode does not. A
    FIFO in a file's place is none: to read it could take for ever.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - no object is needed for four numbers
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


class Watch:
    """
    Says, at most once in a period, whether one of some files is another by now.

    Args:
        paths: The files.
        period: Seconds between two looks.
        seen: What they were before they were read, as far as they were known.
    """

    def __init__(self, paths: Iterable[str], period: float, seen: Mapping[str, _Identity]) -> None:
        self._paths = tuple(paths)
        self._period = period
        self._seen = tuple(seen[path] if path in seen else identity(path) for path in self._paths)
        self._due = time.monotonic() + period

    def is_due(self) -> bool:
        """Whether it is time for another look; the next one is then a period away."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self._period
        return True

    def changed(self) -> bool:
        """Whether a file is another than at the last look."""
        seen, self._seen = self._seen, self._look()
        return seen != self._seen and not any(map(_is_no_file, self._paths))

    def _look(self) -> tuple[_Identity, ...]:
        return tuple(map(identity, self._paths))


def _is_no_file(path: str) -> bool:
    """Return whether something other than a plain file stands at *path*."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116 - as above
    except OSError:
        return False


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
