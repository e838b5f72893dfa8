"""
Candidates: policies that do not serve yet, made by the production configuration from what is written.

Nothing of the machine that asks goes in: no process environment, no app.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask_cors_env.config.build import Built, Inputs, build
from flask_cors_env.config.environment import Environment
from flask_cors_env.core.policy import Policy

#: What decides about the environment where no option does.
LOG = "the log says so"
_POLICY_FILES = (".toml", ".json")


def of_file(path: str, environment: str, because: str = LOG) -> Built:
    """
    The policy that a file makes.

    Args:
        path: A policy file, where it ends in ``.toml`` or ``.json``; else an env file.
        environment: Whose rules judge it, whatever the file names.
        because: What decided that, for messages.

    Raises:
        CORSConfigError: With every problem.
    """
    setting = "config_file" if path.endswith(_POLICY_FILES) else "env_file"
    known = Environment(environment, because)
    inputs = Inputs({}, known=known, command=True, **{setting: path})  # type: ignore[arg-type]  # one of two that take a path
    return build(inputs)


def of_variables(variables: Mapping[str, str], environment: str, because: str = LOG) -> Built:
    """The policy that *variables* make, likewise."""
    return build(Inputs(variables, known=Environment(environment, because), command=True))


def environment_of(policies: Iterable[Policy]) -> str | None:
    """The environment that all *policies* were judged in; None where they differ, or there is none."""
    names = {policy.environment for policy in policies}
    return names.pop() if len(names) == 1 else None
