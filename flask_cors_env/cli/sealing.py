"""``flask cors key``: the first key of a sealed log, once into a file and once to be kept elsewhere."""

from __future__ import annotations

import click

from flask_cors_env.audit.seal import make_key
from flask_cors_env.cli.render import as_json


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_plain_json", is_flag=True, help="Print JSON.")
def command(*, file: str, as_plain_json: bool) -> None:
    """
    Make the key FILE for CORS_AUDIT_KEY_FILE, and print its first key.

    Keep what is printed elsewhere: it proves the log (verify --key-file), and FILE forgets it. A file that is
    there already is left alone.
    """
    try:
        key = make_key(file)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be made: {error.strerror}") from None
    if as_plain_json:
        click.echo(as_json({"file": file, "step": key.step, "key": key.text}))
        return
    click.echo(key.text)
    click.echo(
        f"{file} is made, for CORS_AUDIT_KEY_FILE. Keep the line above elsewhere: it alone proves the "
        "whole log, by flask cors verify --key-file.",
        err=True,
    )
