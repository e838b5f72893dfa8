"""
Marks on views: ``@cross_origin`` and ``cors.exempt``.

Marks are an attribute of the view, found through what wraps the view with ``functools.wraps``. The wrapper
that `cross_origin` returns calls the view and nothing else; it is there to notice a decorator that hides the
mark. The bare function is left unmarked: it may be another route's, or another app's. An exemption is on the
bare function, so that it may follow the route, and says in which apps it holds.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from flask import Flask, current_app, has_request_context, request

V = TypeVar("V", bound=Callable[..., Any])

#: The attribute that carries a view's marks, the latest first.
ATTRIBUTE = "__cors_env__"

_LOG = logging.getLogger("flask_cors_env")


class Mark:
    """
    What a view says of itself.

    Attributes:
        options: As given to `cross_origin`.
        apps: Where the view is left alone; None for `cross_origin`, which holds in every app.
        wrapper: What `cross_origin` returned for it, while that lives; None for a class and an exemption.
        seen: Whether its first call has been looked at.
        registered: Whether some app has registered the wrapper.
    """

    def __init__(self, options: Mapping[str, Any], *, apps: weakref.WeakSet[Flask] | None = None) -> None:
        self.options = dict(options)
        self.apps = apps
        self.wrapper: weakref.ref[Any] | None = None
        self.seen = False
        self.registered = False

    @property
    def exempt(self) -> bool:
        """Whether the view is left alone."""
        return self.apps is not None

    def holds_in(self, app: Flask) -> bool:
        """Whether the view of *app* is meant."""
        return self.apps is None or app in self.apps


#: For a function, the marks of what `cross_origin` wrapped around it.
_AROUND: weakref.WeakKeyDictionary[Any, list[Mark]] = weakref.WeakKeyDictionary()
#: Apps that were looked at: a wrapper that one of them registered is not meant for another's bare function.
_APPS: weakref.WeakSet[Flask] = weakref.WeakSet()


def of_view(app: Flask, view: Any, method: str) -> Mark | None:
    """
    The mark that holds in *app* for *method* of *view*.

    It is its handler's, else that of ``dispatch_request``, else the function's, else the class's.
    """
    view_class = getattr(view, "view_class", None)
    found: Mark | None = None
    if view_class is not None:
        handler = getattr(view_class, method.lower(), None)
        if handler is None and method == "HEAD":
            handler = getattr(view_class, "get", None)
        found = None if handler is None else _of_function(app, handler)
        found = found or _of_function(app, getattr(view_class, "dispatch_request", None))
    found = found or _of_function(app, view)
    if found is None and view_class is not None:
        found = _of_bearer(app, view_class)
    return found


def above_routes(app: Flask) -> dict[str, Mark]:
    """
    The marks that stand above the route of a view, by endpoint.

    The app has registered the function without its wrapper. A function whose wrapper serves some route, or
    whose name still means the bare function, is not meant.
    """
    _APPS.add(app)
    views = [view for known in list(_APPS) for view in known.view_functions.values()]
    registered = {id(function) for view in views for function in _chain(view)}
    return {
        endpoint: mark
        for endpoint, view in app.view_functions.items()
        if _of_function(app, view) is None
        for mark in _around(view)
        if _is_above(view, mark, registered)
    }


def _around(view: Any) -> list[Mark]:
    try:
        return _AROUND.get(view, [])
    except TypeError:  # it takes no weak reference, or no hash: nothing was noted of it
        return []


def _is_above(view: Any, mark: Mark, registered: set[int]) -> bool:
    wrapper = None if mark.wrapper is None else mark.wrapper()
    if mark.registered or (wrapper is not None and id(wrapper) in registered):
        mark.registered = True
        return False
    if "<locals>" in getattr(view, "__qualname__", ""):
        return True
    bound = getattr(view, "__globals__", {}).get(getattr(view, "__name__", ""))
    return any(function is wrapper for function in _chain(bound))


def _of_function(app: Flask, function: Any) -> Mark | None:
    return next(filter(None, (_of_bearer(app, f) for f in _chain(function))), None)


def _of_bearer(app: Flask, bearer: Any) -> Mark | None:
    return next((mark for mark in getattr(bearer, ATTRIBUTE, ()) if mark.holds_in(app)), None)


def _chain(view: Any) -> Iterator[Any]:
    """*view* and what it wraps, outermost first; what takes no attributes is passed over."""
    seen: set[int] = set()
    while view is not None and id(view) not in seen:
        seen.add(id(view))
        if hasattr(view, "__dict__"):
            yield view
        view = getattr(view, "__wrapped__", None)


def wrap(view: V, mark: Mark) -> V:
    """*view* with *mark*; a function is wrapped so that a decorator that hides the mark is noticed."""
    if isinstance(view, type):
        return put(view, mark)
    wrapper: Any = _async_wrapper(view, mark) if inspect.iscoroutinefunction(view) else _wrapper(view, mark)
    for function in _chain(view):
        with contextlib.suppress(TypeError):  # it takes no weak reference, or no hash
            _AROUND.setdefault(function, []).append(mark)
    mark.wrapper = weakref.ref(wrapper)
    done: V = put(wrapper, mark)
    return done


def put(view: V, mark: Mark) -> V:
    """*view*, bearing *mark* before others; what takes no attribute, as a bound method, is wrapped."""
    marks = (mark, *getattr(view, ATTRIBUTE, ()))
    try:
        setattr(view, ATTRIBUTE, marks)
    except AttributeError:
        bearer: Any = _wrapper(view, mark)
        setattr(bearer, ATTRIBUTE, marks)
        wrapped: V = bearer
        return wrapped
    return view


def _wrapper(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    @functools.wraps(view)
    def governed(*args: Any, **kwargs: Any) -> Any:
        _notice(mark, view)
        return view(*args, **kwargs)

    return governed


def _async_wrapper(view: Callable[..., Any], mark: Mark) -> Callable[..., Any]:
    @functools.wraps(view)
    async def governed(*args: Any, **kwargs: Any) -> Any:
        _notice(mark, view)
        return await view(*args, **kwargs)

    return governed


def _notice(mark: Mark, view: Callable[..., Any]) -> None:
    """At the first call, warn if the mark cannot be found from the view that the app has registered."""
    if mark.seen or not has_request_context():
        return
    mark.seen = True
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - the app itself is what is known
    registered = app.view_functions.get(request.endpoint or "")
    if registered is not None and of_view(app, registered, request.method) is not mark:
        _LOG.warning(
            "CORS: the policy of @cross_origin on %s does not hold: a decorator above it hides it "
            "(it lacks functools.wraps); put @cross_origin on top of that one",
            getattr(view, "__qualname__", view),
        )
