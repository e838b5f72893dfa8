"""
Layers: the WSGI middleware around the wrapper and below it, found by walking ``app.wsgi_app``.

A layer that sets CORS fields by itself, or hides what it wraps, is reported: no policy decides there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flask import Flask

from flask_cors_env.audit.event import clean

#: The attributes under which layers keep what they wrap: Socket.IO's, werkzeug's, WhiteNoise's, others'.
_INNER = ("wsgi_app", "app", "application", "_app", "__wrapped__")
#: More layers than this is a ring.
_MOST = 64


class _Known(NamedTuple):
    """
    A layer that sets CORS fields itself.

    Attributes:
        package: The package of its class.
        shares: Returns True where a layer of this package is set up to send CORS fields.
        cure: One sentence for the operator.
    """

    package: str
    shares: Callable[[Any], bool]
    cure: str


def _always(_layer: Any) -> bool:
    return True


_KNOWN = (
    _Known(
        "engineio",
        _always,
        "It decides about its own requests and sockets by cors_allowed_origins: name the same origins there",
    ),
    _Known(
        "whitenoise",
        lambda layer: bool(getattr(layer, "allow_all_origins", True)),
        "It shares its files with every origin; to change that, give it allow_all_origins=False",
    ),
)


#: What a layer that hides what it wraps may do, by its place.
_UNKNOWN = {
    "above": "Its own answers are neither decided by the policy nor logged",
    "below": "Its own answers have CORS fields only where every resource allows the request",
}


class Layers(NamedTuple):
    """
    The layers that the policy does not decide about.

    Attributes:
        names: What is reported, such as ``whitenoise.base.WhiteNoise above``.
        warnings: One sentence for each of the names, with what to do.
        socket_paths: Prefixes of the paths that Socket.IO layers below the wrapper answer by themselves.
        hides: True where a layer below hides what it wraps.
    """

    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    socket_paths: tuple[str, ...] = ()
    hides: bool = False

    def may_take_socket(self, path: str) -> bool:
        """Return True where a layer below may answer a handshake for *path* without Flask."""
        return self.hides or path.startswith(self.socket_paths)


NO_LAYERS = Layers()


def find_layers(app: Flask, wrapper: Any, below: Any) -> Layers:
    """
    Walk the layers of *app*.

    Args:
        app: Its ``wsgi_app`` is the outermost layer.
        wrapper: This package's own layer.
        below: What the wrapper wraps.
    """
    found = Layers()
    for place, start, end in (("above", app.wsgi_app, wrapper), ("below", below, app)):
        for layer, is_opaque in _walk(start, end):
            found = _with(found, layer, place, is_opaque=is_opaque)
    return found


def _walk(layer: Any, end: Any) -> Iterator[tuple[Any, bool]]:
    """Yield each layer down to *end*, outermost first, and whether it hides what it wraps."""
    for _ in range(_MOST):
        bearer = getattr(layer, "__self__", layer)
        if bearer is end or isinstance(bearer, Flask):
            return
        inner = next((each for name in _INNER if callable(each := getattr(bearer, name, None))), None)
        yield bearer, inner is None
        if inner is None:
            return
        layer = inner


def _with(found: Layers, layer: Any, place: str, *, is_opaque: bool) -> Layers:
    """Return *found* with what there is to report of *layer*."""
    known = _known(layer)
    name = f"{_name(layer)} {place}"
    if known is not None and known.shares(layer):
        sentence = f"{name} the CORS wrapper sets CORS fields itself. {known.cure}"
    elif is_opaque:
        unknown = "is a layer we do not know: it hides what it wraps"
        sentence = f"{name} the CORS wrapper {unknown}. {_UNKNOWN[place]}"
    else:
        return found
    path = getattr(layer, "engineio_path", None) if place == "below" else None
    return Layers(
        (*found.names, name),
        (*found.warnings, sentence),
        (*found.socket_paths, path) if isinstance(path, str) else found.socket_paths,
        found.hides or (is_opaque and place == "below"),
    )


def _known(layer: Any) -> _Known | None:
    packages = {each.__module__.partition(".")[0] for each in type(layer).__mro__}
    return next((known for known in _KNOWN if known.package in packages), None)


def _name(layer: Any) -> str:
    """Return where *layer* was written: the name of a function, else of its class."""
    written = layer if hasattr(layer, "__qualname__") else type(layer)
    return clean(f"{written.__module__}.{written.__qualname__}", 128)
