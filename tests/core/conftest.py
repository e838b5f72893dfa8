"""Counted work instead of measured time."""

import sys

import pytest


@pytest.fixture(scope="session")
def calls():
    """A function that tells how many functions are called while another runs, those written in C included."""

    def count_calls(function, *args):
        count = 0

        def note(_frame, event, _arg):
            nonlocal count
            count += event in {"call", "c_call"}

        sys.setprofile(note)
        try:
            function(*args)
        finally:
            sys.setprofile(None)
        return count

    return count_calls
