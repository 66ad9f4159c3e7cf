"""How much a count shows: the figures of EVIDENCE 1 and 2, and that looking daily stays honest."""

import random
from fractions import Fraction
from math import comb, factorial, log

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


def exactly(s, n, p0):
    """E by whole numbers alone: the slow, obvious twin."""
    f = n - s
    beta = Fraction(factorial(s) * factorial(f), factorial(n + 1))
    at_most = sum(comb(n + 1, k) * p0**k * (1 - p0) ** (n + 1 - k) for k in range(s + 1))
    return beta * at_most / ((1 - p0) * p0**s * (1 - p0) ** f)


@given(st.integers(0, 200), st.integers(1, 999), st.data())
def test_the_bet_is_what_its_formula_says(n, mille, data):
    s = data.draw(st.integers(0, n))
    exact = exactly(s, n, Fraction(mille, 1000))

    found = evidence.log_e_value(s, n, mille / 1000)

    assert found == pytest.approx(log(exact.numerator) - log(exact.denominator), abs=1e-9)


@given(st.integers(0, 14), st.sampled_from([0.5, 0.9, 0.98]))
def test_the_bet_is_fair_when_the_rate_is_what_it_denies(n, p0):
    """Exactly: the expected e-value under a true rate of p0 is 1 after any number of cases."""
    mean = sum(
        comb(n, s) * p0**s * (1 - p0) ** (n - s) * evidence.e_value(s, n, p0) for s in range(n + 1)
    )
    assert mean == pytest.approx(1.0)


@given(st.integers(0, 40), st.integers(1, 99), st.data())
def test_no_next_case_is_expected_to_win_the_bet(n, percent, data):
    """A supermartingale, by whole numbers: whatever came before, and whatever the next chance is
    as long as it is not above p0. So quality that drifts and days that differ do no harm."""
    p0, s = Fraction(percent, 100), data.draw(st.integers(0, n))
    chance = p0 * Fraction(data.draw(st.integers(0, 10)), 10)

    clean, not_clean = exactly(s + 1, n + 1, p0), exactly(s, n + 1, p0)

    expected = chance * clean + (1 - chance) * not_clean
    assert expected <= exactly(s, n, p0)
    assert (expected == exactly(s, n, p0)) == (chance == p0)


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
    assert 0 < evidence.lower_bound(1, 100_000) < evidence.upper_bound(1, 100_000) < 0.001
    assert 0.9999 < evidence.lower_bound(100_000, 100_000) < 1
    assert evidence.lower_bound(0, 100_000) == evidence.lower_bound(0, 0) == 0.0
    assert evidence.e_value(0, 0) == 1
    assert evidence.e_value(100_000, 100_000, 0.5) == float("inf")
    assert evidence.run_needed(5_000) > evidence.run_needed(4_999)


def ever_sufficient(draw, chances):
    """Whether somebody who looks after every four cases is ever told that it is enough."""
    clean = 0
    for n, chance in enumerate(chances, 1):
        clean += draw.random() < chance
        # Sufficient is the same as: as many decisions as the table asks for.
        if n % 4 == 0 and n >= evidence.decisions_needed(n - clean):
            return True
    return False


@pytest.mark.parametrize(
    "chance",
    [lambda n: 0.85, lambda n: 0.90, lambda n: 0.90 if n % 3 else 0.6, lambda n: 0.9 - n / 7200],
    ids=["0.85", "0.90", "bad nights", "getting worse"],
)
def test_looking_daily_promotes_by_luck_in_at_most_one_of_twenty(chance):
    """Ville's inequality: at chances of at most 90 %, alike or not, however often one looks."""
    draw = random.Random(7)  # noqa: S311 - the same draws at every run
    fooled = sum(ever_sufficient(draw, map(chance, range(720))) for _ in range(300))

    assert fooled / 300 <= evidence.ALPHA


@given(st.integers(0, 400), st.data())
def test_the_table_says_the_same_as_the_bet(n, data):
    s = data.draw(st.integers(0, n))

    assert evidence.sufficient(s, n) == (n >= evidence.decisions_needed(n - s))
    assert evidence.sufficient(s, n) == (evidence.more_clean_needed(s, n) == 0)


@pytest.mark.parametrize("reversals", range(4))
def test_a_run_is_as_long_as_its_share_of_the_risk_asks_for(reversals):
    """(1 - rate)^n ≤ α/2, α/4, α/8, ...: by whole numbers; together never more than α."""
    share, n = Fraction(1, 20) / 2 ** (1 + reversals), evidence.run_needed(reversals)

    assert Fraction(98, 100) ** n <= share < Fraction(98, 100) ** (n - 1)


def test_how_high_confidence_is_counts_from_below():
    assert evidence.fifth_percentile([]) == 0
    assert evidence.fifth_percentile([900] * 95 + [100] * 5) == 900
    assert evidence.fifth_percentile([100] * 6 + [900] * 94) == 100


def test_an_agent_that_is_too_sure_is_found_and_an_honest_one_is_not():
    draw = random.Random(3)  # noqa: S311 - the same draws at every run
    honest = [(c, draw.random() < c) for c in [0.9] * 600]
    too_sure = [(0.98, draw.random() < 0.8) for _ in range(200)]
    assert not evidence.overconfident(honest)
    assert evidence.overconfident(too_sure)
    assert not evidence.overconfident([])
    assert evidence.skill([]) is None
    assert evidence.skill([(0.9, True)] * 5) is None
    informed = [(0.95, True)] * 90 + [(0.1, False)] * 10
    assert evidence.skill(informed) == pytest.approx(0.96, abs=0.03)
    guessing = [(0.9, True)] * 60 + [(0.9, False)] * 40
    found = evidence.skill(guessing)
    assert found is not None
    assert found < 0


def test_an_agent_that_is_as_sure_as_it_may_be_is_vetoed_by_luck_in_at_most_one_of_twenty():
    """Three points too sure at every case, looked at after every twenty."""
    draw = random.Random(11)  # noqa: S311 - the same draws at every run
    vetoed = 0
    for _ in range(200):
        sure = [draw.choice([0.7, 0.9, 0.99]) for _ in range(160)]
        cases = [(c, draw.random() < c - evidence.SLACK) for c in sure]
        vetoed += any(evidence.overconfident(cases[:n]) for n in range(20, 161, 20))

    assert vetoed / 200 <= evidence.ALPHA


@pytest.mark.parametrize("count", [(-1, 3), (4, 3)])
def test_what_is_no_count_is_refused(count):
    with pytest.raises(ValueError, match="no count"):
        evidence.log_e_value(*count, 0.9)
