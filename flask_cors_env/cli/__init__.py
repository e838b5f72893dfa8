"""
``flask cors``: questions to the policy, from a shell.

Each command reads, calls and renders; its exit status is fit for a pipeline. What a command needs is imported
when it runs, so that other ``flask`` commands pay for nothing but this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from flask.cli import NoAppException, ScriptInfo

if TYPE_CHECKING:
    from flask_cors_env.config.build import Built


@click.group()
def cors() -> None:
    """Cross-origin policy: check it before the app starts."""


@cors.command()
@click.option("--as", "as_environment", metavar="ENV", help="Judge by the rules of this environment.")
@click.option("--no-app", is_flag=True, help="Read the environment only; load no app.")
@click.pass_context
def check(ctx: click.Context, as_environment: str | None, *, no_app: bool) -> None:
    """Judge the policy; exit 1 and name every problem if it cannot be used."""
    from flask_cors_env.config.errors import CORSConfigError  # noqa: PLC0415 - see above

    try:
        built = _built(None if no_app else ctx.ensure_object(ScriptInfo), as_environment)
    except CORSConfigError as error:
        click.echo(error, err=True)
        ctx.exit(1)
    for warning in built.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{built.policy.id} is valid ({built.environment})")


def _built(info: ScriptInfo | None, as_environment: str | None) -> Built:
    """The policy of the app, as its factory makes it, or of the environment alone."""
    from flask_cors_env.web.extension import built_for, built_without_app  # noqa: PLC0415 - see above

    if info is None:
        return built_without_app(as_environment)
    try:
        app = info.load_app()
    except NoAppException:
        return built_without_app(as_environment)
    return built_for(app, as_environment)
