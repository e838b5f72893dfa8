"""
``@cross_origin``: a view's own policy.

It marks the view; the wrapper around the app finds the mark. In an app that no `CORS` governs, the
environment's policy then holds for the marked views alone, from the app's first context on.
"""

from __future__ import annotations

from typing import Any

from flask_cors_env.config.errors import CORSConfigError, Fault
from flask_cors_env.config.sources import merge, read_arguments
from flask_cors_env.config.values import OriginValue
from flask_cors_env.core.origin import Origins
from flask_cors_env.core.policy import Resource, contradictions
from flask_cors_env.web import adopt
from flask_cors_env.web.marks import Mark, wrap

_SOURCE = "the arguments of @cross_origin"
_OFF = "allow_credentials=False"


def cross_origin(origins: Any = None, /, **options: Any) -> Any:
    """
    Give a view a policy of its own: it inherits the app's for its path, and overrides what is named.

    Works bare, with options, with the origins as its one positional argument, on functions, coroutine
    functions, and MethodView classes and methods, and best directly below the route.

    Args:
        origins: The origins; or the view itself, where the decorator is used bare.
        **options: ``origins methods allow_headers expose_headers allow_credentials max_age enforce`` and
            their aliases.

    Raises:
        CORSConfigError: At once, for an option that is unknown or does not parse.
        TypeError: The origins were given twice.
    """
    adopt.watch()
    if callable(origins) and not options:
        return wrap(origins, Mark({}))
    if origins is not None:
        if "origins" in options:
            raise TypeError("cross_origin() got the origins twice")
        options["origins"] = origins
    _refuse(options)

    def decorate(view: Any) -> Any:
        return wrap(view, Mark(options))

    return decorate


def _refuse(options: dict[str, Any]) -> None:
    """Raise for what is wrong with *options* whatever they will inherit."""
    own = merge([read_arguments(options, _SOURCE)])
    origins = own.app.get("ORIGINS") or OriginValue()
    resource = Resource(
        origins=Origins(origins.patterns),
        allow_credentials=bool(own.app.get("ALLOW_CREDENTIALS")),
        expose_headers=own.app.get("EXPOSE_HEADERS") or (),
    )
    found = [
        own.stacks[c.setting,][0].problem(Fault(c.code, c.message, None, c.remedy.format(credentials=_OFF)))
        for c in contradictions(resource)
    ]
    if own.problems or found:
        raise CORSConfigError([*own.problems, *found])
