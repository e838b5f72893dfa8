"""
OpenTelemetry, on top of the signals: a counter of decisions, and the decision on the active span.

Needs the extra ``otel``, which is the API alone: without an SDK of the app's, nothing is measured. An origin
is no attribute of the counter, since clients choose it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from blinker import ANY
from opentelemetry import metrics, trace

from flask_cors_env._version import __version__
from flask_cors_env.audit.signals import cors_audit_lost, cors_decided

if TYPE_CHECKING:
    from flask import Flask

_COUNTED = ("cors.decision", "cors.reason", "cors.request.kind", "http.route")
_ON_SPANS = ("cors.decision", "cors.reason", "cors.policy.id")


def connect(app: Flask | None = None) -> None:
    """Count and mark the decisions of *app*, or of every app; to call it again changes nothing."""
    sender = ANY if app is None else app
    cors_decided.connect(_decided, sender, weak=False)
    cors_audit_lost.connect(_lost, sender, weak=False)


@functools.cache
def _counters() -> tuple[metrics.Counter, metrics.Counter]:
    meter = metrics.get_meter("flask_cors_env", __version__)
    return (
        meter.create_counter("cors.decisions", unit="{decision}", description="CORS decisions."),
        meter.create_counter("cors.audit.lost", unit="{record}", description="Audit records that were lost."),
    )


def _decided(_app: Any, *, event: dict[str, Any], **_: Any) -> None:
    _counters()[0].add(1, {name: event[name] for name in _COUNTED if name in event})
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes({name: event[name] for name in _ON_SPANS})


def _lost(_app: Any, *, lost: int) -> None:
    _counters()[1].add(lost)
