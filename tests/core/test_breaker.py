"""Penalty points: the figures of EVIDENCE 3, and what the words say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core import breaker
from handrail.core.breaker import CELL, LENIENT, STANDARD, STRICT


@pytest.mark.parametrize(
    ("profile", "actions"),
    [(STRICT, 17_843), (STANDARD, 28_754), (LENIENT, 73_016), (CELL, 6_789)],
)
def test_false_trips_are_as_rare_as_said(profile, actions):
    """Exact chains, not simulations."""
    mean = breaker.between_false_trips(profile, profile.tolerates / 100_000)
    assert round(mean) == actions


def tripped(profile, pattern):
    """Whether the actions of *pattern* (x is an error) trip it."""
    points = 0
    for action in pattern:
        points = breaker.step(points, profile, error=action == "x")
        if points >= profile.limit:
            return True
    return False


@pytest.mark.parametrize(
    ("profile", "trips", "holds"),
    [
        (STRICT, "x" + "." * 60 + "x", "x" + "." * 61 + "x"),
        (STANDARD, "xxx", "xx" + "." * 30 + "x"),
        (CELL, "x" + "." * 15 + "xx", "x" + "." * 16 + "xx"),
    ],
)
def test_the_words_say_when_it_trips(profile, trips, holds):
    assert tripped(profile, trips)
    assert not tripped(profile, holds)


@given(st.text("x.", max_size=200), st.integers(0, 199))
def test_an_error_more_never_keeps_it_from_tripping(pattern, at):
    """Points never fall below nothing, and one error more is never better."""
    worse = pattern[:at] + "x" + pattern[at + 1 :]
    for profile in (STRICT, STANDARD, LENIENT, CELL):
        assert tripped(profile, worse) or not tripped(profile, pattern)


def test_the_global_one_asks_for_more_errors_where_more_are_expected():
    def errors_in_a_row(profile):
        points = count = 0
        while points < breaker.SPIKE:
            points, count = breaker.spike(points, profile, True), count + 1
        return count

    assert errors_in_a_row(STRICT) <= errors_in_a_row(LENIENT) == 6
    assert breaker.spike(0, LENIENT, False) == 0
    mixed = 0
    for n in range(100_000):  # as many errors as expected: no trip
        mixed = breaker.spike(mixed, STANDARD, n % 100 == 0)
        assert mixed < breaker.SPIKE
