"""
Marks on views: ``@cross_origin`` and ``cors.exempt``.

Marks are an attribute of the view, found through what wraps the view with ``functools.wraps``. What
`cross_origin` marks is its wrapper: the bare function may be another route's, or another app's. An exemption
is on the bare function too, so that it may follow the route, and says in which apps it holds.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Flask, has_request_context

#: The attribute that carries a view's marks, the latest first.
ATTRIBUTE = "__cors_env__"


class Mark:
    """
    What a view says of itself.

    Attributes:
        options: As given to `cross_origin`.
        apps: Where the view is left alone; None for `cross_origin`, which holds in every app.
        is_late: True where it was put on while a request was served.
        wrapper: What `cross_origin` returned for it, while that lives; None for a class and an exemption.
        registered: True where some app has registered the wrapper.
    """

    def __init__(self, options: Mapping[str, Any], *, apps: weakref.WeakSet[Flask] | None = None) -> None:
        self.options = dict(options)
        self.apps = apps
        self.is_late = has_request_context()
        self.wrapper: weakref.ref[Any] | None = None
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
    Return the mark that holds in *app* for *method* of *view*; None where there is none.

    It is the one whose function will return last: the view function's, that of ``dispatch_request``, the
    handler's. Else it is the class's.
    """
    view_class = getattr(view, "view_class", None)
    found = _of_function(app, view)
    if view_class is not None:
        found = found or _of_functions(app, view_class, method) or _of_bearer(app, view_class)
    return found


def of_class_alone(app: Flask, view_class: type, method: str) -> Mark | None:
    """Return the mark of *view_class* that holds for *method*; None where its function has one."""
    return None if _of_functions(app, view_class, method) else _of_bearer(app, view_class)


def _of_functions(app: Flask, view_class: type, method: str) -> Mark | None:
    found = _of_function(app, getattr(view_class, "dispatch_request", None))
    return found or _of_function(app, _handler(view_class, method))


def _handler(view_class: type, method: str) -> Any:
    """Return the function of *view_class* that serves *method*; None where there is none."""
    handler = getattr(view_class, method.lower(), None)
    return getattr(view_class, "get", None) if handler is None and method == "HEAD" else handler


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


def bears(app: Flask, view: Any, method: str, mark: Mark) -> bool:
    """Return True where *mark* can be found on *view* before it runs."""
    view_class = getattr(view, "view_class", None)
    bearers = list(_chain(view))
    if view_class is not None:
        dispatch = getattr(view_class, "dispatch_request", None)
        bearers += [*_chain(_handler(view_class, method)), *_chain(dispatch), view_class]
    return mark.holds_in(app) and any(mark in getattr(bearer, ATTRIBUTE, ()) for bearer in bearers)


def note_around(view: Any, mark: Mark, wrapper: Any) -> None:
    """Note that *wrapper* stands around *view*, which some route may have registered without it."""
    mark.wrapper = weakref.ref(wrapper)
    for function in _chain(view):
        with contextlib.suppress(TypeError):  # it takes no weak reference, or no hash
            _AROUND.setdefault(function, []).append(mark)


def put(view: Any, mark: Mark) -> None:
    """Put *mark* on *view* before others; a bound method, for one, takes no attribute."""
    with contextlib.suppress(AttributeError):
        setattr(view, ATTRIBUTE, (mark, *getattr(view, ATTRIBUTE, ())))
