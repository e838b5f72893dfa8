"""The shop's policy, as its pages meet it in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_cors_env.testing import Page

CorsPage = Callable[..., Page]


@pytest.fixture
def ours(cors_page: CorsPage) -> Page:
    return cors_page("http://localhost:5173")


@pytest.fixture
def other(cors_page: CorsPage) -> Page:
    return cors_page("http://localhost:5174")


def test_our_page_reads_the_items_and_their_number(ours: Page) -> None:
    assert ours.can_read("/items")
    assert ours.sees_header("/items", "X-Total-Count")


def test_our_page_renames_an_item_with_its_key_and_nothing_else(ours: Page) -> None:
    assert ours.can_read("/items/1", method="PUT", headers={"X-Api-Key": "secret"})
    assert not ours.can_send("PUT", "/items/1", headers=["X-Debug"])


def test_our_page_reads_errors_too(ours: Page) -> None:
    assert ours.can_read("/crash")
    assert ours.can_read("/items/1", method="PUT", headers={"X-Api-Key": "wrong"})


def test_no_other_page_reads_or_renames(other: Page) -> None:
    assert not other.can_read("/items")
    assert not other.can_send("PUT", "/items/1", headers=["X-Api-Key"])


def test_no_page_acts_as_a_user(ours: Page) -> None:
    assert not ours.can_read("/items", credentials=True)
