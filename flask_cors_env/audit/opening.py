"""Opening: from the settings of an app to its log, with everything prepared that no request changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from structlog.typing import Processor

from flask_cors_env._version import __version__
from flask_cors_env.audit.emit import AuditLog
from flask_cors_env.audit.event import CLIENTS, Told
from flask_cors_env.audit.render import FORMATS
from flask_cors_env.audit.sink import is_terminal, open_sink

#: Variables that are read here: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
_NAME = "OTEL_SERVICE_NAME"
_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"


def open_log(  # noqa: PLR0913 - what a log depends on
    app: Any,
    settings: Mapping[str, Any],
    *,
    name: str,
    environment: str,
    environ: Mapping[str, str],
    processors: Iterable[Processor] = (),
) -> AuditLog:
    """
    The log of *app*.

    Args:
        app: The sender of signals.
        settings: The values of the AUDIT settings, by name.
        name: What the app is called where the environment does not say it.
        environment: Whose rules hold.
        environ: The process environment.
        processors: The app's own, run on every event.
    """
    attributes = resource_attributes(environ.get(_ATTRIBUTES, ""))
    chosen = _format(settings)
    return AuditLog(
        open_sink(settings["AUDIT_SINK"]),
        service=environ.get(_NAME) or attributes.get("service.name") or name,
        version=attributes.get("service.version"),
        environment=environment,
        processors=processors,
        where=settings["AUDIT_SINK"],
        render=FORMATS[chosen],
        level=settings["AUDIT_LEVEL"] if settings["AUDIT"] else None,
        told=Told(CLIENTS[settings["AUDIT_CLIENT"]], settings["AUDIT_PATH"]),
        sender=app,
        facts=_facts(settings, chosen),
        key_file=settings["AUDIT_KEY_FILE"],
    )


def _format(settings: Mapping[str, Any]) -> str:
    """Return ``json`` or ``console``; the setting's ``auto`` is for people where there is one."""
    chosen: str = settings["AUDIT_FORMAT"]
    if chosen != "auto":
        return chosen
    return "console" if is_terminal(settings["AUDIT_SINK"]) else "json"


def _facts(settings: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """The settings of the log, as ``cors.policy.loaded`` tells them."""
    return {
        "cors.audit.enabled": settings["AUDIT"],
        "cors.audit.level": settings["AUDIT_LEVEL"],
        "cors.audit.format": chosen,
        "cors.audit.sink": settings["AUDIT_SINK"],
        "cors.audit.client": settings["AUDIT_CLIENT"],
        "cors.audit.path": settings["AUDIT_PATH"],
        "otel.scope.version": __version__,
    }


def resource_attributes(text: str) -> dict[str, str]:
    """What OTEL_RESOURCE_ATTRIBUTES says: ``name=value`` pairs, the values percent-encoded."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}
