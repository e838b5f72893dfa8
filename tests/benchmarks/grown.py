"""
How a policy grows: what starting with it takes, and what it weighs. Run each in a process of its own.

All values are made before; what is counted is what `init_app` and the first request make of them.
"""

import gc
import tempfile
import time
import tracemalloc
from pathlib import Path

from subjects import ORIGINS, get, preflight, shop

from flask_cors_env import CORS


def _variables(origins, resources, folder):
    paths = {f"CORS_RESOURCES__AREA{n}__PATH": f"/area-{n}/*" for n in range(resources)}
    listed = ",".join(f"https://app-{n}.example.com" for n in range(origins))
    log = Path(folder) / "grown.jsonl"
    return {"CORS_ENV": "production", "CORS_AUDIT_SINK": f"file:{log}", "CORS_ORIGINS": listed, **paths}


def _started(app, variables):
    CORS(app, environ=variables)
    _send(app, get(ORIGINS[0]))


def _send(app, environ):
    list(app(environ, lambda _status, _headers, _exc_info=None: None))


def start(origins, resources):
    """The nanoseconds of CPU time that *origins* take, which each of *resources* inherits; 0 for none."""
    with tempfile.TemporaryDirectory() as folder:
        app, variables = shop(), _variables(origins, resources, folder)
        begun = time.process_time_ns()
        _started(app, variables)
        return time.process_time_ns() - begun


def of(origins, resources):
    """How many bytes they keep in use."""
    return _weight(origins, resources)


def of_one_origin():
    """How many bytes each of many origins keeps in use."""
    return (_weight(10_010, 0) - _weight(10, 0)) / 10_000


def of_one_resource():
    """How many bytes each of many resources keeps in use."""
    return (_weight(10, 210) - _weight(10, 10)) / 200


def of_remembered():
    """How many bytes clients can make a policy keep in use, by refused preflights of the greatest size."""
    return _weight(10, 0, _fill) - _weight(10, 0)


def _fill(app):
    for number in range(1023):
        asked = preflight(f"https://{number:05}{'a' * 55}.{'b' * 60}.example.com", "x-" + "c" * 330)
        _send(app, asked | {"REMOTE_ADDR": f"2001:db8:{number:x}::1%{'z' * 40}"})


def _weight(origins, resources, then=lambda _app: None):
    with tempfile.TemporaryDirectory() as folder:
        _started(shop(), _variables(10, 1, folder))  # what the first app of a process makes for all of them
        app, variables = shop(), _variables(origins, resources, folder)
        tracemalloc.start()
        _started(app, variables)
        then(app)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return used
