"""A month of practice work under the starter policy, signed as it ships: what every desk does all
day runs with no person involved (I32), what can hurt waits (I15)."""

import pytest

from handrail.bench.month import work
from handrail.core.action import State
from handrail.core.model import Tier
from handrail.practice.month import ALONE, WAITS


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """Thirty days: one ticket of every kind, then two each working day."""
    return work(tmp_path_factory.mktemp("month"), tickets=2)


@pytest.mark.parametrize("example", sorted(ALONE))
def test_I32_every_tier_1_example_of_a_month_runs_with_no_person(worked, example):
    """At a client of low or normal risk; at a high risk client the starter's own rules raise what
    changes accounts and machines."""
    found = {key: n for key, n in worked.examples[example].items() if key[2] != "high"}

    assert found
    assert {(tier, state) for tier, state, _ in found} <= {
        (Tier.AUTONOMOUS, State.DONE),
        (Tier.AUTONOMOUS, State.FAILED),  # the device was off: nobody was asked either
    }
    assert any(state is State.DONE for _, state, _ in found)


@pytest.mark.parametrize("example", sorted(WAITS))
def test_I15_every_tier_3_example_of_a_month_waits(worked, example):
    found = worked.examples[example]

    assert found
    assert {(tier, state) for tier, state, _ in found} == {(Tier.APPROVE, State.WAITING)}


def test_a_password_reset_at_a_high_risk_client_is_told_and_does_not_wait(worked):
    """The row names whom a notice reaches when a rule raises it (no row falls to tier 3 because
    its notices reach nobody)."""
    found = worked.examples["password reset of a standard user"]

    assert {tier for tier, _, risk in found if risk == "high"} <= {Tier.NOTIFY}


def test_most_of_a_month_needs_nobody(worked):
    assert worked.tickets > 60
    assert worked.tiers[Tier.AUTONOMOUS] / worked.calls > 0.6
    assert worked.tiers[Tier.PROHIBITED] == 0
