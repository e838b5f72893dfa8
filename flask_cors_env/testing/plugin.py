"""
pytest's side: the fixture `cors_page`, and the whole story of every verdict that a test fails by.

For pytest 8 and later. Opt-in, by ``pytest_plugins = ["flask_cors_env.testing.plugin"]`` in the project's
first conftest.py. It is no entry point: pytest would load that in every project that has this package, before
a coverage measurement begins, and rewrite the assertions of all of its modules.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial

import pytest
from flask import Flask

from flask_cors_env.testing.page import Page
from flask_cors_env.testing.verdict import Verdict


@pytest.fixture
def cors_page(app: Flask) -> Callable[..., Page]:
    """
    Pages that call the app of the project's own fixture ``app``: ``cors_page("https://app.example.com")``.

    Takes what `Page` takes after the app.
    """
    return partial(Page, app)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell what the verdicts were that a failed assertion was about; a value itself is shown on one line."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError):
        report.sections += [("CORS", str(verdict)) for verdict in _verdicts(call.excinfo)]
    return report


def _verdicts(raised: pytest.ExceptionInfo[BaseException]) -> list[Verdict]:
    """Those at hand where it was raised, once each; the parts of an assertion are variables there."""
    at_hand = raised.traceback[-1].locals.values()
    return list({id(value): value for value in at_hand if isinstance(value, Verdict)}.values())
