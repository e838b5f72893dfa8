"""``flask cors key``: the first key, once in a file and once on paper."""

import json
import stat

from click.testing import CliRunner

from flask_cors_env.audit.seal import Key, read_key
from flask_cors_env.cli import cors


def test_the_key_is_in_the_file_and_is_printed_once(tmp_path):
    path = tmp_path / "cors.key"
    done = CliRunner().invoke(cors, ["key", str(path)])
    assert (done.exit_code, Key.parse(done.stdout)) == (0, read_key(str(path)))
    assert "Keep the line above elsewhere" in done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_left_alone(tmp_path):
    path = tmp_path / "cors.key"
    path.write_text("mine")
    done = CliRunner().invoke(cors, ["key", str(path)])
    assert (done.exit_code, done.stdout, path.read_text()) == (2, "", "mine")
    assert f"{path} cannot be made: File exists" in done.stderr


def test_programs_get_json(tmp_path):
    path = tmp_path / "cors.key"
    done = CliRunner().invoke(cors, ["key", str(path), "--json"])
    assert json.loads(done.stdout) == {"file": str(path), "step": 0, "key": read_key(str(path)).text}
    assert done.stderr == ""
