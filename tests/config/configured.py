"""Builds policies from mappings, for the tests of this folder."""

import pytest

from flask_cors_env import CORSConfigError
from flask_cors_env.config.build import Inputs, build

CALL = "the arguments of CORS()"
INIT = "the arguments of init_app()"
APP = "https://app.example.com"
OTHER = "https://other.example.com"


def inputs(*, config=None, options=None, init=None, other=None, **given):
    """What is in capitals is a variable, without its prefix; production unless ENV says otherwise."""
    variables = {name: given.pop(name) for name in list(given) if name.isupper()}
    environ = {f"CORS_{name}": value for name, value in {"ENV": "production", **variables}.items()}
    arguments = tuple((source, o) for source, o in ((CALL, options), (INIT, init)) if o is not None)
    return Inputs(environ={**environ, **(other or {})}, config=config or {}, arguments=arguments, **given)


def made(**given):
    return build(inputs(**given))


def resource(**given):
    """The one resource of the policy."""
    (only,) = made(**given).policy.resources
    return only


def resources(**given):
    return {resource.name: resource for resource in made(**given).policy.resources}


def canonical(**given):
    return resource(**given).whole()


def refused(**given):
    with pytest.raises(CORSConfigError) as caught:
        made(**given)
    return caught.value


def problems(**given):
    """Every problem as (code, variable, value)."""
    return [(p.code, p.variable, p.value) for p in refused(**given).problems]


def codes(found):
    return [problem.code for problem in found]
