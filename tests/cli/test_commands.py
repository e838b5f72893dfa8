"""The commands as a whole: all are there, and `flask` itself pays for none."""

import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from flask_cors_env.cli import cors

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_every_command_is_in_the_readme_and_every_one_of_the_readme_is_there():
    shown = CliRunner().invoke(cors, ["--help"]).stdout.partition("Commands:\n")[2]
    names = {line.split()[0] for line in shown.splitlines() if re.match(r"  [a-z]", line)}
    rows = re.findall(r"^\| `flask cors .*? \|", README, re.MULTILINE)
    assert names == set(re.findall(r"`flask cors ([a-z]+)", "".join(rows)))


def test_a_command_that_is_not_there_is_an_error_with_a_suggestion():
    done = CliRunner().invoke(cors, ["blam"])
    assert (done.exit_code, "No such command 'blam'" in done.stderr) == (2, True)


def test_naming_the_commands_imports_none_of_what_they_need():
    code = "import sys; from flask_cors_env.cli import cors; cors.list_commands(None); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {
        name for name in done.stdout.split() if name.startswith(("flask_cors_env.", "duckdb", "structlog"))
    }
    rooms = {"flask_cors_env.answers", "flask_cors_env.config.build", "duckdb", "structlog"}
    assert not {name for name in loaded if name.startswith(tuple(rooms))}
