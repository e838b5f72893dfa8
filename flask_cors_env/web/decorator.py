"""
``@cross_origin``: a view's own policy.

It marks the view; the wrapper around the app finds the mark. In an app that no `CORS` governs, the
environment's policy then holds for the marked views alone, from the app's first context on.
"""

from __future__ import annotations

from typing import Any

from flask_cors_env.config.errors import CORSConfigError
from flask_cors_env.config.sources import merge, read_arguments
from flask_cors_env.web import adopt
from flask_cors_env.web.marks import Mark, wrap

_SOURCE = "the arguments of @cross_origin"


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
    problems = merge([read_arguments(options, _SOURCE)]).problems
    if problems:
        raise CORSConfigError(problems)

    def decorate(view: Any) -> Any:
        return wrap(view, Mark(options))

    return decorate
