"""
Adoption: an app with marked views and no `CORS` gets a policy for those views.

Nothing tells a decorator which app its view will be of, so the first context of each app is watched for. The
request that pushed it is past the wrapper already; the hooks take it from there.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from flask import Flask, appcontext_pushed

from flask_cors_env.web.scopes import marked_views
from flask_cors_env.web.state import State, govern_marked_views, state_of

#: Apps that were looked at, with the number of views they had.
_LOOKED_AT: weakref.WeakKeyDictionary[Flask, int] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def watch() -> None:
    """Look at every app whose context is pushed from now on."""
    appcontext_pushed.connect(_look)


def adopt(app: Flask) -> State:
    """Govern the marked views of *app*; what is wrong with its policy is raised by its requests."""
    with _LOCK:
        return state_of(app) or govern_marked_views(app)


def _look(app: Flask, **_: Any) -> None:
    """Adopt *app* if it has marked views and no policy."""
    if state_of(app) is not None or _LOOKED_AT.get(app) == len(app.view_functions):
        return
    if marked_views(app):
        adopt(app)
    _LOOKED_AT[app] = len(app.view_functions)
