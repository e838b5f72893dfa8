"""How every command ends: with an error that a terminal can take, and with nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

#: The exit status where the answer cannot be written: 1 and 2 are answers.
UNWRITTEN = 3


@contextmanager
def ending() -> Iterator[None]:
    """
    Run a command.

    Raises:
        click.ClickException: The command's own, escaped; or one that the answer cannot be written.
    """
    try:
        with _ended_by_sigterm():
            yield
    except click.ClickException as error:
        raise escaped(error) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise
        _forget_output()
        raise _failure(f"the answer cannot be written: {error.strerror}", UNWRITTEN) from None


def escaped(error: click.ClickException) -> click.ClickException:
    """Return *error* with a message in which each character is escaped that a terminal could obey."""
    from flask_cors_env.cli.render import printable_lines  # noqa: PLC0415 - only where there is an error

    message = printable_lines(error.format_message())
    if message == error.format_message():
        return error
    if isinstance(error, click.UsageError):
        return click.UsageError(message, error.ctx)
    return _failure(message, error.exit_code)


def _failure(message: str, status: int) -> click.ClickException:
    failure = click.ClickException(message)
    setattr(failure, "exit_code", status)  # noqa: B010 - click types it as its class's
    return failure


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End as by an exit where SIGTERM comes, so that temporary files go."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _forget_output() -> None:
    """Leave what is in the buffer of standard output to nobody, so that it is not tried again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
