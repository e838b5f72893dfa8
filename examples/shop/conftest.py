"""What the shop's tests share: the app, under the policy of its `.env`, and pages that call it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from shop import create_app

# `pytest_plugins` is for the first conftest.py of a project, which this one is not: it names what it takes.
from flask_cors_env.testing.plugin import cors_page, pytest_runtest_makereport

__all__ = ["app", "cors_page", "pytest_runtest_makereport"]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setenv("CORS_ENV_FILE", str(Path(__file__).with_name(".env")))
    return create_app()
