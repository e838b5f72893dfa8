"""
A model of the browser, written from the Fetch standard: pure functions, two caches, and a `Browser` that
joins them to any transport.

It is a second opinion on what this package sends, so it imports nothing of it: a mistake in `core` is not
to be made here once more. A test keeps it so.

Every function follows the section of the standard that its docstring names, in that section's order; where
the model is narrower than the letter it says so. Values are ``str`` holding one character per byte.
Left out: bodies of requests, service workers, authentication prompts, CSP, CORP, mixed content, the rules of
cookies, revalidation of stored responses, sites wider than one host, and URLs only a browser can repair.
"""

from __future__ import annotations

from flask_cors_env.testing.browser.caches import ENGINE_MAX_AGE, HttpCache, PreflightCache
from flask_cors_env.testing.browser.causes import Cause
from flask_cors_env.testing.browser.checks import (
    SAFELISTED_RESPONSE_HEADERS,
    Grant,
    cors_check,
    judge_preflight,
    read_grant,
    readable_headers,
)
from flask_cors_env.testing.browser.fetching import Browser, Outcome
from flask_cors_env.testing.browser.headers import (
    SAFELISTED_METHODS,
    Failure,
    extract_header_list_values,
    get_header,
    header_lines,
    is_safelisted_request_header,
    normalize_method,
    split_value,
    unsafe_request_header_names,
)
from flask_cors_env.testing.browser.requests import (
    PageRequest,
    Response,
    WireRequest,
    actual_request,
    needs_preflight,
    origin_of,
    preflight_request,
)

__all__ = [
    "ENGINE_MAX_AGE",
    "SAFELISTED_METHODS",
    "SAFELISTED_RESPONSE_HEADERS",
    "Browser",
    "Cause",
    "Failure",
    "Grant",
    "HttpCache",
    "Outcome",
    "PageRequest",
    "PreflightCache",
    "Response",
    "WireRequest",
    "actual_request",
    "cors_check",
    "extract_header_list_values",
    "get_header",
    "header_lines",
    "is_safelisted_request_header",
    "judge_preflight",
    "needs_preflight",
    "normalize_method",
    "origin_of",
    "preflight_request",
    "read_grant",
    "readable_headers",
    "split_value",
    "unsafe_request_header_names",
]
