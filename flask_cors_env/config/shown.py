"""Values as an operator would write them, for `flask cors show`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flask_cors_env.core.fields import SPELLED
from flask_cors_env.core.policy import Resource


def written(resource: Resource, setting: str, value: Any) -> Any:
    """Return the value of *setting* that holds for *resource*: the field of the resource, else *value*."""
    if setting == "ORIGINS" and resource.origin_function is not None:
        return "a function"
    if setting == "PATH":
        return [path.text for path in resource.paths]
    if setting == "ALLOW_HEADERS":
        return value
    return getattr(resource, SPELLED[setting].name) if setting in SPELLED else value


def spelled(value: Any) -> str:
    """Write *value* as one line: lists by comma, ``none`` for an empty one, booleans in lower case."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, re.Pattern):
        return f"re.compile({value.pattern!r})"
    if isinstance(value, frozenset | set):
        return spelled(sorted(value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(map(spelled, value)) or "none"
    return str(value)
