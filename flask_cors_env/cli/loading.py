"""
What a command judges: the app's policy or, where there is no app, that of the environment alone.

What cannot be read ends the command with 2, which no pipeline takes for a valid policy, nor for a bad one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

from flask_cors_env.cli import checks
from flask_cors_env.config.errors import CORSConfigError, Problem, as_text
from flask_cors_env.web.scopes import marked_views
from flask_cors_env.web.state import JUDGED_AS, KEY, State, govern_marked_views, state_for_command

_WITHOUT_APP = "Not read: its config, arguments, decorators and blueprints. Without it: --no-app"
_NO_APP = "There is no app to judge: no app.py or wsgi.py stands here, and nothing names another"
_NO_APP_REMEDY = "Name it: flask --app NAME cors ... To judge the environment alone: --no-app"
_NO_CORS = (
    "has no CORS: nothing calls CORS(app) or init_app(app), no view has @cross_origin, so it sends no field"
)
_NO_CORS_REMEDY = "Call it where the app is made. To judge the environment alone: --no-app"


class UnreadError(Exception):
    """
    There is nothing to judge.

    Attributes:
        problem: What could not be read.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@contextlib.contextmanager
def ending(ctx: click.Context, *, bad: int, as_plain_json: bool) -> Iterator[None]:
    """Print what cannot be judged and end the command: with *bad* for a bad policy, else with 2."""
    try:
        yield
    except CORSConfigError as error:
        checks.echo_error(error, as_plain_json=as_plain_json)
        ctx.exit(bad)
    except UnreadError as error:
        checks.echo_unread(error.problem, as_plain_json=as_plain_json)
        ctx.exit(2)


def judged(
    ctx: click.Context, as_environment: str | None, *, no_app: bool, as_plain_json: bool
) -> tuple[Flask | None, State]:
    """
    The app and its policy, or None and that of the environment alone; else the command ends.

    Args:
        ctx: Of the command.
        as_environment: Judge by the rules of this environment; None for the detected one.
        no_app: Whether no app is to be loaded.
        as_plain_json: Whether problems are printed as JSON.
    """
    with ending(ctx, bad=1, as_plain_json=as_plain_json), _judging_as(as_environment):
        app = None if no_app else _required(loaded(ctx, _WITHOUT_APP))
        if app is not None and KEY not in app.extensions:
            _adopt(app)
        return app, state_for_command(app, as_environment)


@contextlib.contextmanager
def _judging_as(environment: str | None) -> Iterator[None]:
    """Judge an app by the rules of *environment* while it loads: those of another may refuse its start."""
    before = JUDGED_AS.set(environment)
    try:
        yield
    finally:
        JUDGED_AS.reset(before)


def _required(app: Flask | None) -> Flask:
    """Return *app*; raises UnreadError where there is none: what was not seen is not judged."""
    if app is None:
        raise UnreadError(
            Problem(
                "app-absent", "FLASK_APP", "FLASK_APP", "the working directory", _NO_APP, None, _NO_APP_REMEDY
            )
        )
    return app


def _adopt(app: Flask) -> None:
    """Govern the marked views of *app* as its first request would; raises UnreadError if it has none."""
    if not marked_views(app):
        message = f'The app "{app.name}" {_NO_CORS}'
        raise UnreadError(
            Problem("app-has-no-cors", "FLASK_APP", "FLASK_APP", "the app", message, None, _NO_CORS_REMEDY)
        )
    govern_marked_views(app)


def loaded(ctx: click.Context, remedy: str | None = None) -> Flask | None:
    """
    The app, or None where there is none.

    Args:
        ctx: Of the command.
        remedy: What to say of doing without it; None where that cannot be.

    Raises:
        CORSConfigError: From its factory.
        UnreadError: Its factory fails for a reason of its own, or exits.
    """
    try:
        return ctx.ensure_object(ScriptInfo).load_app()
    except NoAppException as error:
        if error.__cause__ is None and "Could not locate" in error.message:
            return None
        failure: BaseException = error
    except CORSConfigError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the app's own, whatever it is
        failure = error
    message = f"The app cannot be loaded: {type(failure).__name__}: {as_text(failure)}"
    raise UnreadError(Problem("app-unreadable", "FLASK_APP", "FLASK_APP", "the app", message, None, remedy))
