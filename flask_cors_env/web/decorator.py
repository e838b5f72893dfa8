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
#: On the wrapper of a class's ``dispatch_request``, which says for every mark of the class when it runs.
_DISPATCH = "__cors_env_dispatch__"
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
    if isinstance(view, type):
        return _marked_class(view, mark)
    if not mark.is_late:  # what is put on at each request would be kept for ever
        marks.put(view, mark)
    return _wrapped(view, mark)


def _marked(view: Any, mark: Mark) -> Any:
    """Return *view* with *mark*: a class that says when it is dispatched, or a function in such a wrapper."""
    if isinstance(view, type):
        return _marked_class(view, mark)
    wrapper = _wrapped(view, mark)
    if not mark.is_late:
        marks.note_around(view, mark, wrapper)
    return wrapper


def _marked_class(view: type, mark: Mark) -> type:
    """Return the class *view* with *mark*; while a request is served, a class of its own below it."""
    bearer = view
    if mark.is_late:
        own = {"__module__": view.__module__, "__qualname__": view.__qualname__}
        bearer = type(view)(view.__name__, (view,), own)
    marks.put(bearer, mark)
    dispatch = getattr(bearer, "dispatch_request", None)
    if dispatch is not None and not hasattr(dispatch, _DISPATCH):  # one for all marks: they may be many
        wrapper = _governed(dispatch, lambda arguments: _begin_class(type(arguments[0])))
        setattr(wrapper, _DISPATCH, True)
        setattr(bearer, "dispatch_request", wrapper)  # noqa: B010 - not every class has one
    return bearer


def _wrapped(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    wrapper = _governed(view, lambda _arguments: _begin(mark, view))
    marks.put(wrapper, mark)
    return wrapper


def _governed(view: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    """Return *view* in a wrapper whose calls are runs; *begin* is given the positional arguments of each."""
    return (_async_wrapper if inspect.iscoroutinefunction(view) else _wrapper)(view, begin)


def _wrapper(view: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(view)
    def governed(*args: Any, **kwargs: Any) -> Any:
        run = begin(args)
        if run is None:
            return view(*args, **kwargs)
        if run.refusal is not None:
            return run.refusal
        try:
            result = view(*args, **kwargs)
        except BaseException:
            run.exchange.governs(run.resource, returned=False)
            raise
        run.ended(result)
        return result

    return governed


def _async_wrapper(view: Callable[..., Any], begin: _Begin) -> Callable[..., Any]:
    @functools.wraps(view)
    async def governed(*args: Any, **kwargs: Any) -> Any:
        run = begin(args)
        if run is None:
            return await view(*args, **kwargs)
        if run.refusal is not None:
            return run.refusal
        try:
            result = await view(*args, **kwargs)
        except BaseException:
            run.exchange.governs(run.resource, returned=False)
            raise
        run.ended(result)
        return result

    return governed


class _Run(NamedTuple):
    """One call of a marked function while a request is served; *refusal* is its answer where it is denied."""

    exchange: Exchange
    resource: Resource
    refusal: Response | None

    def ended(self, result: Any) -> None:
        """Let the rules govern; those of a function before the view only if its *result* is an answer."""
        if result is not None or self.exchange.phase is not Phase.BEFORE:
            self.exchange.governs(self.resource, returned=True)


#: From the positional arguments of a call to its run.
_Begin = Callable[[tuple[Any, ...]], _Run | None]


def _current_app() -> Flask:
    """Return the app itself, which marks and states are known by."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - werkzeug documents it
    return app


def _begin_class(view: type) -> _Run | None:
    """Return the run of a class that is dispatched; None where a function of it bears the mark that holds."""
    request = request_or_none()
    mark = None if request is None else marks.of_class_alone(_current_app(), view, request.method)
    return None if mark is None else _begin(mark, view)


def _begin(mark: Mark, view: Any) -> _Run | None:
    """Return the run that begins; None where no request is served, or the mark does not hold in its app."""
    request = request_or_none()
    if request is None:
        return None
    app = _current_app()
    state = state_of(app) or (None if mark.exempt else adopt.adopt(app))
    if state is None or not mark.holds_in(app):
        return None
    is_new = state.key not in request.environ
    exchange = hooks.enter(state)
    if is_new:  # this very call has brought the app under a policy
        exchange.phase = Phase.VIEW if sys.exc_info()[0] is None else Phase.AFTER
    name = _name(view)
    if exchange.has_started:
        state.warn_once(
            name, f"@cross_origin on {name} governs nothing: the response has started before it runs"
        )
        return None
    endpoint, is_view = request.endpoint, exchange.phase is Phase.VIEW
    resource = state.resource_of_mark(mark, name, endpoint, exchange.path)
    if is_view and exchange.refused is not None:  # the request is refused once
        return _Run(exchange, resource, exchange.refused)
    registered = app.view_functions.get(endpoint or "")
    is_bearer = functools.partial(marks.bears, app, method=request.method, mark=mark)
    if not is_view or is_bearer(registered):
        return _Run(exchange, resource, None)
    state.warn_once(f"{endpoint} {name}", _cause(mark, name, is_hidden=_holds(registered, is_bearer, _DEPTH)))
    return _Run(exchange, resource, exchange.refusal(resource) if resource.enabled else None)


def _name(view: Any) -> str:
    """Return the name of *view* for messages: the qualified one, but for a function that was renamed."""
    qualified, plain = getattr(view, "__qualname__", str(view)), getattr(view, "__name__", "")
    return qualified if qualified.endswith(plain) else plain


def _cause(mark: Mark, name: str, *, is_hidden: bool) -> str:
    """Return why *mark* was not found on its view, and what to do. *is_hidden*: a decorator hides it."""
    what = "cors.exempt" if mark.exempt else "@cross_origin"
    if mark.is_late:
        cause = "it is put on while a request is served; put it on the view before the app registers it"
    elif is_hidden:
        cause = "a decorator above it hides it (it lacks functools.wraps); put it on top of that one"
    else:
        cause = "the view that the app has registered does not show it; put it on that view"
    return f"the preflights of {what} on {name} are decided by the path's policy: {cause}"


def _holds(function: Any, is_bearer: Callable[[Any], bool], depth: int) -> bool:
    """Return True where *function* is a bearer, or was closed over one."""
    if is_bearer(function):
        return True
    return depth > 0 and any(_holds(inner, is_bearer, depth - 1) for inner in _closed_over(function))


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
