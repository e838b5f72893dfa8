"""
Prometheus, on top of the signals: ``cors_decisions_total`` by decision, reason and kind, and
``cors_audit_lost_total``.

Needs the extra ``prometheus``. The counters are in the default registry; the app exposes them, and with
several workers sets PROMETHEUS_MULTIPROC_DIR. An origin is never a label, since clients choose it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from blinker import ANY
from prometheus_client import Counter

from flask_cors_env.audit.signals import cors_audit_lost, cors_decided

if TYPE_CHECKING:
    from flask import Flask


def connect(app: Flask | None = None) -> None:
    """Count the decisions of *app*, or of every app; to call it again changes nothing."""
    sender = ANY if app is None else app
    cors_decided.connect(_decided, sender, weak=False)
    cors_audit_lost.connect(_lost, sender, weak=False)
    _counters()


@functools.cache
def _counters() -> tuple[Counter, Counter]:
    return (
        Counter("cors_decisions", "CORS decisions.", ["decision", "reason", "kind"]),
        Counter("cors_audit_lost", "Audit records that were lost."),
    )


def _decided(_app: Any, *, event: dict[str, Any], **_: Any) -> None:
    kind = event["cors.request.kind"]
    _counters()[0].labels(event["cors.decision"], event["cors.reason"], kind).inc()


def _lost(_app: Any, *, lost: int) -> None:
    _counters()[1].inc(lost)
