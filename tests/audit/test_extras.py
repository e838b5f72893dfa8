"""Counters and spans on top of the signals: what they count, and that no client chooses a label."""

import pytest
from apps import APP, EVIL, make, preflight
from opentelemetry import metrics, trace
from prometheus_client import REGISTRY, generate_latest

from flask_cors_env.audit import otel, prometheus
from flask_cors_env.audit.signals import cors_audit_lost, cors_decided


@pytest.fixture(autouse=True)
def _no_receivers():
    yield
    for signal in (cors_decided, cors_audit_lost):
        for receiver in (otel._decided, otel._lost, prometheus._decided, prometheus._lost):
            signal.disconnect(receiver)


def asked(app):
    app.test_client().get("/items", headers={"Origin": APP})
    preflight(app.test_client(), origin=EVIL)


def test_prometheus_counts_decisions_by_reason_and_kind():
    app, _ = make(ORIGINS=APP)
    prometheus.connect(app)
    prometheus.connect(app)
    labels = {"decision": "deny", "reason": "origin_not_listed", "kind": "preflight"}
    before = REGISTRY.get_sample_value("cors_decisions_total", labels) or 0
    asked(app)
    assert REGISTRY.get_sample_value("cors_decisions_total", labels) == before + 1
    assert "evil" not in generate_latest().decode()


def test_prometheus_counts_what_the_log_lost():
    app, _ = make({"CORS_AUDIT_SINK": "file:/dev/full"}, ORIGINS=APP)
    prometheus.connect()
    before = REGISTRY.get_sample_value("cors_audit_lost_total")
    asked(app)
    assert REGISTRY.get_sample_value("cors_audit_lost_total") == before + 3


class Span(trace.NonRecordingSpan):
    """A span that keeps what is set on it."""

    def __init__(self):
        super().__init__(trace.SpanContext(1, 2, is_remote=False))
        self.attributes = {}

    def is_recording(self):
        return True

    def set_attributes(self, attributes):
        self.attributes |= attributes


class Counter(metrics.Counter):
    """A counter that keeps what is added to it."""

    def __init__(self, *_, **__):
        self.added = []

    def add(self, amount, attributes=None, _context=None):
        self.added.append((amount, attributes))


def test_otel_counts_decisions_and_marks_the_span(monkeypatch):
    decisions, lost = Counter("decisions"), Counter("lost")
    monkeypatch.setattr(otel, "_counters", lambda: (decisions, lost))
    app, cors = make({"CORS_AUDIT_SINK": "file:/dev/full"}, ORIGINS=APP)
    otel.connect(app)
    span = Span()
    with trace.use_span(span):
        app.test_client().get("/items", headers={"Origin": APP})
    assert span.attributes == {
        "cors.decision": "allow",
        "cors.reason": "origin_exact",
        "cors.policy.id": cors.policy(app).id,
    }
    counted = {
        "cors.decision": "allow",
        "cors.reason": "origin_exact",
        "cors.request.kind": "actual",
        "http.route": "/items",
    }
    assert decisions.added == [(1, counted)]
    assert lost.added == [(1, None), (1, None)]


def test_otel_without_an_sdk_changes_nothing():
    app, _ = make(ORIGINS=APP)
    otel.connect()
    asked(app)
