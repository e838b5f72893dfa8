"""That the benchmark of the engines measures the same report on each of them. No time is judged."""

import subprocess
import sys
from pathlib import Path


def test_every_engine_says_the_same_and_what_it_took(tmp_path):
    command = [sys.executable, Path(__file__).with_name("logs.py"), "--events", "500", "--folder", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [line.split("  ")[0] for line in done.stdout.splitlines()]
    assert said[0].startswith("500 decisions, ")
    assert said[1:4] == ["plain", "DuckDB", "DuckDB again"]
    assert list(tmp_path.iterdir()) == []
