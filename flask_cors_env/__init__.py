"""Cross-origin access control for Flask, configured by the environment and audited by its log."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from flask_cors_env._version import __version__

if TYPE_CHECKING:
    from flask_cors_env.audit.signals import cors_decided, cors_policy_changed
    from flask_cors_env.config.errors import CORSConfigError
    from flask_cors_env.core.decision import Decision, decide
    from flask_cors_env.core.policy import Policy, Resource
    from flask_cors_env.core.reason import Reason
    from flask_cors_env.core.request import Request
    from flask_cors_env.web.decorator import cross_origin
    from flask_cors_env.web.extension import CORS

__all__ = [
    "CORS",
    "CORSConfigError",
    "Decision",
    "Policy",
    "Reason",
    "Request",
    "Resource",
    "__version__",
    "cors_decided",
    "cors_policy_changed",
    "cross_origin",
    "decide",
]

#: Where the public names live; each is imported when it is first asked for.
_HOMES = {
    "CORS": "flask_cors_env.web.extension",
    "CORSConfigError": "flask_cors_env.config.errors",
    "Decision": "flask_cors_env.core.decision",
    "Policy": "flask_cors_env.core.policy",
    "Reason": "flask_cors_env.core.reason",
    "Request": "flask_cors_env.core.request",
    "Resource": "flask_cors_env.core.policy",
    "cors_decided": "flask_cors_env.audit.signals",
    "cors_policy_changed": "flask_cors_env.audit.signals",
    "cross_origin": "flask_cors_env.web.decorator",
    "decide": "flask_cors_env.core.decision",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
