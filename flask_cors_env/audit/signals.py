"""
Signals: what a program can listen to, each sent with the app as its sender.

A receiver that raises changes nothing: not the response, not the log, not the other receivers.
See https://flask.palletsprojects.com/en/stable/signals/.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

from blinker import NamedSignal, Namespace

from flask_cors_env.core.failure import ends

_signals = Namespace()

cors_decided: NamedSignal = _signals.signal(
    "cors-decided",
    doc="""
    One allow or deny decision (skips too where CORS_AUDIT_LEVEL=all), after its event is written.

    Keywords: ``request`` and ``decision`` as `decide` takes and returns them; ``event``, the fields of the
    event; ``uid``, the ``log.record.uid`` it is written under, or "" where it is not written.
    """,
)
cors_policy_changed: NamedSignal = _signals.signal(
    "cors-policy-changed",
    doc="""
    Another policy holds. Keywords: ``previous`` and ``policy``.
    """,
)
cors_audit_lost: NamedSignal = _signals.signal(
    "cors-audit-lost",
    doc="""
    Records were lost. Keyword: ``lost``, how many.
    """,
)

_LOG = logging.getLogger("flask_cors_env")
_failures = itertools.count(1)


def tell(signal: NamedSignal, sender: Any, **told: Any) -> None:
    """Send *signal* to each of its receivers; what they raise is counted, and told now and then."""
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, **told)
        except BaseException as error:
            if ends(error):
                raise
            _count(signal)


def _count(signal: NamedSignal) -> None:
    """Tell the first failure, the second, the fourth, the eighth: enough to see, too little to drown in."""
    number = next(_failures)
    if number & (number - 1) == 0:
        _LOG.warning("CORS: a receiver of %s raised (%d so far)", signal.name, number, exc_info=True)
