"""What every test shares: laws are not timed, and the same in CI; no test sees the machine's variables."""

import os

import pytest
from hypothesis import settings

settings.register_profile("laws", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("laws")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.upper().startswith("CORS_") or name in {"APP_ENV", "ENVIRONMENT", "FLASK_ENV", "FLASK_DEBUG"}:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path_factory):
    """What commands keep of the logs that they read is not kept beside what the user's keep."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
