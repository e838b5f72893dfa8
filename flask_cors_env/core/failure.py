"""Which exceptions tell of a failure, and which end whoever runs."""

from __future__ import annotations

_ENDS = (SystemExit, KeyboardInterrupt, GeneratorExit)


def ends(error: BaseException) -> bool:
    """
    Whether *error* ends the process, the generator or the greenlet, and is to go on whatever happens.

    All others tell of a failure, also those that are no Exception: a Timeout of gevent, a cancelled task, an
    event that structlog drops.
    """
    return isinstance(error, _ENDS) or type(error).__name__ == "GreenletExit"
