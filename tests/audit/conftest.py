"""structlog and logging as a new process has them: the runner's handlers, which see all, are no app's."""

import logging

import pytest
import structlog


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    _reset()
    try:
        return (yield)
    finally:
        _reset()
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("flask_cors_env").disabled = False


def _reset():
    logging.root.manager.loggerDict.pop("flask_cors_env.audit", None)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
