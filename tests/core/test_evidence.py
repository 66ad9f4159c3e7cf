"""How much a count shows: the figures of EVIDENCE 1 and 2, and that looking daily stays honest."""

import random
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core import evidence


@pytest.mark.parametrize(
    ("not_clean", "needed"),
    [(0, 43), (1, 66), (2, 85), (3, 103), (4, 120), (5, 137), (10, 212), (20, 351)],
)
def test_the_table_that_people_are_shown(not_clean, needed):
    assert evidence.decisions_needed(not_clean) == needed
    assert not evidence.sufficient(needed - 1 - not_clean, needed - 1)


def test_the_runs_without_a_reversal_grow_with_each_restart():
    assert [evidence.run_needed(k) for k in range(4)] == [183, 217, 252, 286]


def test_the_sentences_of_the_specification():
    assert int(evidence.lower_bound(88, 90) * 1000) / 10 == 90.5
    assert int(evidence.lower_bound(9, 10) * 100) == 49
    assert evidence.more_clean_needed(9, 10) == 56
    assert evidence.more_clean_needed(43, 43) == 0


@given(st.integers(0, 14), st.sampled_from([0.5, 0.9, 0.98]))
def test_the_bet_is_fair_when_the_rate_is_what_it_denies(n, p0):
    """Exactly: the expected e-value under a true rate of p0 is 1 after any number of cases."""
    mean = sum(
        comb(n, s) * p0**s * (1 - p0) ** (n - s) * evidence.e_value(s, n, p0) for s in range(n + 1)
    )
    assert mean == pytest.approx(1.0)


@given(st.integers(1, 3000), st.data())
def test_more_clean_cases_never_say_less(n, data):
    s = data.draw(st.integers(0, n - 1))
    assert evidence.log_e_value(s + 1, n, 0.9) >= evidence.log_e_value(s, n, 0.9)
    low, high = evidence.lower_bound(s, n), evidence.upper_bound(s, n)
    assert 0 <= low <= s / n <= high <= 1
    if low:
        assert evidence.sufficient(s, n, low)
        assert not evidence.sufficient(s, n, min(low + 1e-6, 1 - 1e-9))


def test_huge_counts_are_no_trouble():
    assert evidence.sufficient(95_000, 100_000)
    assert not evidence.sufficient(89_000, 100_000)
    assert evidence.lower_bound(99_000, 100_000) == pytest.approx(0.988, abs=0.002)


@pytest.mark.parametrize("rate", [0.85, 0.90])
def test_looking_after_every_case_promotes_by_luck_in_at_most_one_of_twenty(rate):
    """Ville's inequality: at a true rate of at most 90 %, however often one looks."""
    draw = random.Random(7)  # noqa: S311 - the same draws at every run
    fooled = 0
    for _ in range(300):
        clean = 0
        for n in range(1, 721):
            clean += draw.random() < rate
            if n % 4 == 0 and evidence.sufficient(clean, n):
                fooled += 1
                break
    assert fooled / 300 <= evidence.ALPHA + 0.02


def test_an_agent_that_is_too_sure_is_found_and_an_honest_one_is_not():
    draw = random.Random(3)  # noqa: S311 - the same draws at every run
    honest = [(c, draw.random() < c) for c in [0.9] * 600]
    too_sure = [(0.98, draw.random() < 0.8) for _ in range(200)]
    assert not evidence.overconfident(honest)
    assert evidence.overconfident(too_sure)
    assert not evidence.overconfident([])
    assert evidence.skill([(0.9, True)] * 5) is None
    informed = [(0.95, True)] * 90 + [(0.1, False)] * 10
    assert evidence.skill(informed) == pytest.approx(0.96, abs=0.03)
    guessing = [(0.9, True)] * 60 + [(0.9, False)] * 40
    found = evidence.skill(guessing)
    assert found is not None
    assert found < 0


@pytest.mark.parametrize("count", [(-1, 3), (4, 3)])
def test_what_is_no_count_is_refused(count):
    with pytest.raises(ValueError, match="no count"):
        evidence.log_e_value(*count, 0.9)
