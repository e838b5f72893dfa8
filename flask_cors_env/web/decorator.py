"""
``@cross_origin``: a view's own policy, found on the view before it runs, or said by its wrapper when it runs.

In an app that no `CORS` governs, the environment's policy then holds for the marked views alone, from the
app's first context on.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Flask, Response, current_app

from flask_cors_env.config.errors import CORSConfigError, Fault
from flask_cors_env.config.layers import read_arguments
from flask_cors_env.config.sources import merge
from flask_cors_env.config.values import OriginValue
from flask_cors_env.core.origin import Origins
from flask_cors_env.core.policy import Resource, contradictions
from flask_cors_env.web import adopt, hooks, marks
from flask_cors_env.web.exchange import Exchange, Phase, request_or_none
from flask_cors_env.web.marks import Mark
from flask_cors_env.web.state import state_of

_SOURCE = "the arguments of @cross_origin"
_OFF = "allow_credentials=False"
_LOG = logging.getLogger("flask_cors_env")
#: How deep a wrapper is looked for in what functions were closed over.
_DEPTH = 4


def cross_origin(origins: Any = None, /, **options: Any) -> Any:
    """
    Give a view a policy of its own: it inherits the app's for its path, and overrides what is named.

    Works bare, with options, with the origins as its one positional argument; on functions, coroutine
    functions, MethodView classes and methods, error handlers and before_request functions. Its place is
    directly below the route. Where it cannot be found before it runs, a preflight is decided by the path's
    policy, and what its own policy denies is refused with 403 before the view.

    Args:
        origins: The origins; or the view itself, where the decorator is used bare.
        **options: ``origins methods allow_headers expose_headers allow_credentials max_age enforce
            enabled``
            and their aliases.

    Raises:
        CORSConfigError: At once, for an option that is unknown or does not parse.
        TypeError: The origins were given twice.
    """
    adopt.watch()
    if callable(origins) and not options:
        return _marked(origins, Mark({}))
    if origins is not None:
        if "origins" in options:
            raise TypeError("cross_origin() got the origins twice")
        options["origins"] = origins
    _refuse(options)

    def decorate(view: Any) -> Any:
        return _marked(view, Mark(options))

    return decorate


def exempted(view: Any, mark: Mark) -> Any:
    """Return *view* with *mark*, an exemption. The view itself bears it too: a route may have it already."""
    is_put = marks.put(view, mark)
    return view if isinstance(view, type) and is_put else _wrapped(view, mark)


def _marked(view: Any, mark: Mark) -> Any:
    """Return *view* with *mark*: a class itself, a function in a wrapper that says when it runs."""
    if isinstance(view, type):
        marks.put(view, mark)
        return view
    wrapper = _wrapped(view, mark)
    if not mark.is_late:  # what is put on at each request would be noted for ever
        marks.note_around(view, mark, wrapper)
    return wrapper


def _wrapped(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    wrapper = _async_wrapper(view, mark) if inspect.iscoroutinefunction(view) else _wrapper(view, mark)
    marks.put(wrapper, mark)
    return wrapper


def _wrapper(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    @functools.wraps(view)
    def governed(*args: Any, **kwargs: Any) -> Any:
        run = _begin(mark, view)
        if run is None:
            return view(*args, **kwargs)
        if run.refusal is not None:
            return run.refusal
        try:
            result = view(*args, **kwargs)
        except BaseException:
            run.exchange.governs(run.resource, returned=False)
            raise
        run.exchange.governs(run.resource, returned=True)
        return result

    return governed


def _async_wrapper(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    @functools.wraps(view)
    async def governed(*args: Any, **kwargs: Any) -> Any:
        run = _begin(mark, view)
        if run is None:
            return await view(*args, **kwargs)
        if run.refusal is not None:
            return run.refusal
        try:
            result = await view(*args, **kwargs)
        except BaseException:
            run.exchange.governs(run.resource, returned=False)
            raise
        run.exchange.governs(run.resource, returned=True)
        return result

    return governed


class _Run(NamedTuple):
    """One call of a marked function while a request is served; *refusal* is its answer where it is denied."""

    exchange: Exchange
    resource: Resource
    refusal: Response | None


def _begin(mark: Mark, view: Callable[..., Any]) -> _Run | None:
    """Return the run that begins; None where no request is served, or the mark does not hold in its app."""
    request = request_or_none()
    if request is None:
        return None
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the app itself is what is known
    state = state_of(app) or (None if mark.exempt else adopt.adopt(app))
    if state is None or not mark.holds_in(app):
        return None
    is_new = state.key not in request.environ
    exchange = hooks.enter(state)
    if is_new:  # this very call has brought the app under a policy
        exchange.phase = Phase.VIEW if sys.exc_info()[0] is None else Phase.AFTER
    name = getattr(view, "__qualname__", str(view))
    if exchange.has_started:
        state.warn_once(
            name, f"@cross_origin on {name} governs nothing: the response has started before it runs"
        )
        return None
    endpoint, is_view = request.endpoint, exchange.phase is Phase.VIEW
    resource = state.resource_of_mark(mark, name, endpoint, exchange.path)
    registered = app.view_functions.get(endpoint or "")
    if not is_view or marks.bears(app, registered, request.method, mark):
        return _Run(exchange, resource, None)
    state.warn_once(f"{endpoint} {name}", _cause(mark, name, registered))
    return _Run(exchange, resource, exchange.refusal(resource) if resource.enabled else None)


def _cause(mark: Mark, name: str, registered: Any) -> str:
    """Return why *mark* could not be found on the view that the app has *registered*, and what to do."""
    what = "cors.exempt" if mark.exempt else "@cross_origin"
    if mark.is_late:
        cause = "it is put on while a request is served; put it on the view before the app registers it"
    elif _holds(registered, mark, _DEPTH):
        cause = "a decorator above it hides it (it lacks functools.wraps); put it on top of that one"
    else:
        cause = "the view that the app has registered does not show it; put it on that view"
    return f"the preflights of {what} on {name} are decided by the path's policy: {cause}"


def _holds(function: Any, mark: Mark, depth: int) -> bool:
    """Return True where *function* was closed over a function that bears *mark*."""
    if mark in getattr(function, marks.ATTRIBUTE, ()):
        return True
    return depth > 0 and any(_holds(inner, mark, depth - 1) for inner in _closed_over(function))


def _closed_over(function: Any) -> Iterator[Any]:
    """Yield the callables that *function* was closed over; a cell may be empty."""
    for cell in getattr(function, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if callable(value):
            yield value


def _refuse(options: dict[str, Any]) -> None:
    """Raise for what is wrong with *options* whatever they will inherit."""
    own = merge([read_arguments(options, _SOURCE)])
    values = {name: stack.value for name, stack in own.app.items()}
    origins = values.get("ORIGINS") or OriginValue()
    resource = Resource(
        origins=Origins(origins.patterns),
        allow_credentials=bool(values.get("ALLOW_CREDENTIALS")),
        expose_headers=values.get("EXPOSE_HEADERS") or (),
    )
    found = [
        own.app[c.setting].top.problem(Fault(c.code, c.message, None, c.remedy.format(credentials=_OFF)))
        for c in contradictions(resource)
    ]
    if own.problems or found:
        raise CORSConfigError([*own.problems, *found])
