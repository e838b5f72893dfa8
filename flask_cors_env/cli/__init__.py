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
    from flask import Flask

    from flask_cors_env.web.extension import _State


@click.group()
def cors() -> None:
    """Cross-origin policy: check it before the app starts."""


@cors.command()
@click.option("--as", "as_environment", metavar="ENV", help="Judge by the rules of this environment.")
@click.option("--no-app", is_flag=True, help="Read the environment only; load no app.")
@click.pass_context
def check(ctx: click.Context, as_environment: str | None, *, no_app: bool) -> None:
    """Judge the policy; exit 1 and name every problem if it cannot be used."""
    built = _state(ctx, as_environment, no_app=no_app).built
    for warning in built.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{built.policy.id} is valid ({built.environment})")


@cors.command()
@click.argument("path")
@click.option("--origin", required=True, help="The page's origin.")
@click.option("--method", default="GET", show_default=True, help="As the page's script names it.")
@click.option("--header", "headers", multiple=True, help="A request header that the script sets; repeatable.")
@click.option("--as", "as_environment", metavar="ENV", help="Judge by the rules of this environment.")
@click.option("--no-app", is_flag=True, help="Read the environment only; load no app.")
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON.")
@click.pass_context
def explain(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    path: str,
    origin: str,
    method: str,
    headers: tuple[str, ...],
    as_environment: str | None,
    no_app: bool,
    as_plain_json: bool,
) -> None:
    """Say what is decided about a page's request for PATH, and what to change for another outcome."""
    from flask_cors_env.cli import steps  # noqa: PLC0415 - see above

    state = _state(ctx, as_environment, no_app=no_app)
    found = steps.of(origin, method, path, headers, state.decisions(origin, method, path, headers))
    steps.echo(found, as_plain_json=as_plain_json)


def _state(ctx: click.Context, as_environment: str | None, *, no_app: bool) -> _State:
    """The policy of the app as its factory makes it, or of the environment alone; without one, exit 1."""
    from flask_cors_env.config.errors import CORSConfigError  # noqa: PLC0415 - see above
    from flask_cors_env.web.extension import state_for_command  # noqa: PLC0415 - see above

    try:
        app = None if no_app else _app(ctx.ensure_object(ScriptInfo))
        return state_for_command(app, as_environment)
    except CORSConfigError as error:
        click.echo(error, err=True)
        ctx.exit(1)


def _app(info: ScriptInfo) -> Flask | None:
    try:
        return info.load_app()
    except NoAppException:
        return None
