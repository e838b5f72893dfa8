"""
``flask cors``: questions to the policy, from a shell.

Each command reads, calls and renders; its exit status is fit for a pipeline. What a command needs is imported
when it runs, so that other ``flask`` commands pay for nothing but this module.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

#: The commands that stand in modules of their own, as ``command``.
_MODULES = {
    "blame": "turns",
    "key": "sealing",
    "replay": "outcomes",
    "report": "report",
    "suggest": "proposal",
    "tail": "tailing",
    "verify": "records",
    "why": "consoles",
}


class _Commands(click.Group):
    """Commands, of which those with modules of their own are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the alphabet."""
        return sorted([*super().list_commands(ctx), *_MODULES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in _MODULES:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(f"{__name__}.{_MODULES[cmd_name]}").command
        return command

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """The context, or an error that a terminal can take."""
        from flask_cors_env.cli.ending import ending  # noqa: PLC0415 - see above

        with ending():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is asked for."""
        from flask_cors_env.cli.ending import ending  # noqa: PLC0415 - see above

        with ending():
            return super().invoke(ctx)


@click.group(cls=_Commands)
def cors() -> None:
    """Cross-origin policy: check it before the app starts, ask the log what it does."""


def of_a_policy(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that judges the policy first."""
    options = (
        click.option("--as", "as_environment", metavar="ENV", help="Judge by the rules of this environment."),
        click.option("--no-app", is_flag=True, help="Read the environment only; load no app."),
        click.option("--json", "as_plain_json", is_flag=True, help="Print JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cors.command()
@of_a_policy
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.pass_context
def check(
    ctx: click.Context, *, as_environment: str | None, no_app: bool, strict: bool, as_plain_json: bool
) -> None:
    """
    Judge the policy and say who is allowed.

    Exit 1 and name every problem if the policy cannot be used, 2 if there is no app or it cannot be read.
    """
    from flask_cors_env.cli import checks, loading  # noqa: PLC0415 - see above

    app, state = loading.judged(ctx, as_environment, no_app=no_app, as_plain_json=as_plain_json)
    found = checks.checked(state.built, () if app is None else state.advice())
    checks.echo(found, as_plain_json=as_plain_json)
    ctx.exit(1 if strict and found.warnings else 0)


@cors.command()
@of_a_policy
@click.option("--all", "everything", is_flag=True, help="Show defaults too.")
@click.pass_context
def show(
    ctx: click.Context, *, as_environment: str | None, no_app: bool, everything: bool, as_plain_json: bool
) -> None:
    """Show every value, where it comes from, and what it hides."""
    from flask_cors_env.cli import leaves, loading  # noqa: PLC0415 - see above

    _, state = loading.judged(ctx, as_environment, no_app=no_app, as_plain_json=as_plain_json)
    leaves.echo(state.built, everything=everything, as_plain_json=as_plain_json)


@cors.command()
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON.")
def env(*, as_plain_json: bool) -> None:
    """Print the reference as an .env file to start from."""
    from flask_cors_env.cli.render import as_json  # noqa: PLC0415 - see above
    from flask_cors_env.config import reference  # noqa: PLC0415 - see above

    click.echo(
        as_json(reference.settings_values()) if as_plain_json else reference.env_example().rstrip("\n")
    )


@cors.command()
@click.option("--events", is_flag=True, help="The audit log's events instead of the policy file.")
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON, which a schema always is.")
def schema(*, events: bool) -> None:
    """Print the policy file's JSON Schema, or that of the audit log's events."""
    from flask_cors_env.audit.event import json_schema as schema_of_events  # noqa: PLC0415 - see above
    from flask_cors_env.cli.render import as_json  # noqa: PLC0415 - see above
    from flask_cors_env.config.reference import json_schema  # noqa: PLC0415 - see above

    click.echo(as_json(schema_of_events() if events else json_schema()))


def _typed(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return what the option holds, an origin, a method or names of headers, as a browser sends it."""
    from flask_cors_env.cli import names  # noqa: PLC0415 - see above

    return getattr(names, str(parameter.name))(ctx, parameter, value)


def _readable(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    """Return the path or URL that is asked about: a browser has to be able to ask for it."""
    from flask_cors_env.web.wsgi import placed  # noqa: PLC0415 - see above

    if "://" not in value and not value.startswith("/"):
        raise click.BadParameter(f"{value!a} is no path. Did you mean: {f'/{value}'!a}?")
    try:
        placed(value, {})
    except ValueError:
        raise click.BadParameter(f"{value!a} is no path, and no URL that a page could ask for") from None
    return value


@cors.command()
@click.argument("path", callback=_readable)
@click.option("--origin", required=True, callback=_typed, help="The page's origin.")
@click.option(
    "--method", default="GET", show_default=True, callback=_typed, help="As the page's script names it."
)
@click.option("--credentials", is_flag=True, help="The page asks with cookies: credentials: 'include'.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_typed,
    help="A request header that the script sets and a preflight has to ask for; repeatable.",
)
@of_a_policy
@click.pass_context
def explain(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    path: str,
    origin: str,
    method: str,
    credentials: bool,
    headers: tuple[str, ...],
    as_environment: str | None,
    no_app: bool,
    as_plain_json: bool,
) -> None:
    """
    Say what is decided about a page's request for PATH, and what to change for another outcome.

    PATH is a whole URL where the app routes by host, or where the page may be of the app's own origin.
    """
    from flask_cors_env.cli import loading, steps  # noqa: PLC0415 - see above

    _, state = loading.judged(ctx, as_environment, no_app=no_app, as_plain_json=as_plain_json)
    decisions = state.decisions(origin, method, path, headers, credentialed=credentials)
    found = steps.of(method, path, decisions, state.policy)
    steps.echo(found, as_plain_json=as_plain_json)


@cors.command()
@click.argument("url")
@click.option("--path", "paths", multiple=True, help="Ask about this path only, below URL; repeatable.")
@click.option("--get", is_flag=True, help="Send GET requests too: views run.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1), help="Send no more requests."
)
@click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 600), help="Seconds for each."
)
@click.option("--insecure", is_flag=True, help="Take any certificate.")
@of_a_policy
@click.pass_context
def probe(  # noqa: PLR0913 - one parameter an option
    ctx: click.Context,
    *,
    url: str,
    paths: tuple[str, ...],
    get: bool,
    limit: int,
    timeout: float,
    insecure: bool,
    as_environment: str | None,
    no_app: bool,
    as_plain_json: bool,
) -> None:
    """
    Send preflights to the server at URL; exit 1 if it answers otherwise than the policy, 2 if it does not.

    URL ends in the app's prefix, where it is mounted below one.
    """
    from flask_cors_env.answers.probe.wire import Wire  # noqa: PLC0415 - see above
    from flask_cors_env.cli import loading, probing  # noqa: PLC0415 - see above

    base = probing.base(url)
    app, state = loading.judged(ctx, as_environment, no_app=no_app, as_plain_json=as_plain_json)
    asking = probing.Asking(Wire(timeout, insecure=insecure), probing.absolute(paths), get=get, limit=limit)
    made = probing.probe(state, app, base, asking)
    probing.echo(made, as_plain_json=as_plain_json)
    ctx.exit(made.status)


@cors.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["env", "toml"]),
    default="env",
    show_default=True,
    help="Variables, or a policy file.",
)
@click.option(
    "--compare",
    "compares",
    is_flag=True,
    help="Ask flask-cors and the settings about the app's routes; exit 1 for a difference without comment.",
)
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON.")
@click.pass_context
def migrate(ctx: click.Context, *, form: str, compares: bool, as_plain_json: bool) -> None:
    """Write flask-cors's options as settings, and what behaves differently; exit 1 if a hand is needed."""
    from flask_cors_env.answers.migrate.compare import compare  # noqa: PLC0415 - see above
    from flask_cors_env.answers.migrate.translate import translate  # noqa: PLC0415 - see above
    from flask_cors_env.cli import loading, migration  # noqa: PLC0415 - see above
    from flask_cors_env.web.peer import find  # noqa: PLC0415 - see above

    with loading.ending(ctx, bad=2, as_plain_json=as_plain_json):
        app = loading.loaded(ctx)
    found = None if app is None else find(app)
    if app is None or not found:
        click.echo(
            _NOT_FOUND if found is not None else "There is no app to read; name it with --app", err=True
        )
        ctx.exit(2)
    translation = translate(found)
    if compares:
        comparison = compare(app, found, translation)
        migration.echo_comparison(comparison, as_plain_json=as_plain_json)
        ctx.exit(0 if comparison.is_foreseen else 1)
    migration.echo(translation, as_toml=form == "toml", as_plain_json=as_plain_json)
    ctx.exit(0 if translation.is_complete else 1)


_NOT_FOUND = "The app does not use flask-cors: it has no CORS(...), and no view with @cross_origin"
