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
        (STRICT, "x 60 x", "x 61 x"),
        (STANDARD, "xxx", "xx 1 x"),
        (STANDARD, "xx 25 xx", "xx 26 xx"),  # four within 29
        (STANDARD, "xx 25 x 25 xx", "xx 25 x 26 xx"),  # five within 55
        (LENIENT, "xxxxx", "xxxx 1 x"),
        (LENIENT, "xxxx 12 xx", "xxxx 13 xx"),  # six within 18
        (LENIENT, "xxxx 12 x 12 xx", "xxxx 12 x 13 xx"),  # seven within 31
        (LENIENT, "xxxx 12 x 12 x 12 xx", "xxxx 12 x 12 x 13 xx"),  # eight within 44
        (CELL, "xx 15 x", "xx 16 x"),  # three within 18
    ],
)
def test_the_words_say_when_it_trips(profile, trips, holds):
    """A number stands for so many clean actions."""

    def pattern(text):
        return "".join("." * int(p) if p.isdigit() else p for p in text.split())

    assert tripped(profile, pattern(trips))
    assert not tripped(profile, pattern(holds))


@given(st.lists(st.booleans(), max_size=300))
def test_points_are_never_negative_and_move_by_what_is_said(actions):
    for profile in (STRICT, STANDARD, LENIENT, CELL):
        points = 0
        for error in actions:
            after = breaker.step(points, profile, error=error)
            assert after >= 0
            assert after == points + profile.error if error else points - after in {0, 1}
            points = after


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
