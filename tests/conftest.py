"""What every test shares: laws are not timed, and no test sees the machine's own variables."""

import os

import pytest
from hypothesis import settings

settings.register_profile("laws", deadline=None)
settings.load_profile("laws")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith("CORS_") or name in {"APP_ENV", "ENVIRONMENT", "FLASK_ENV", "FLASK_DEBUG"}:
            monkeypatch.delenv(name)
