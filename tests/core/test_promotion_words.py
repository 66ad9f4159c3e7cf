"""What the evidence for 2 → 1 says of confidence (EVIDENCE 2)."""

import pytest

from handrail.core import evidence
from handrail.core.defaults import Settings
from handrail.core.history import Case, Past
from handrail.core.model import Tier
from handrail.core.policy import load
from handrail.core.promotion import assess
from support.earning import TYPE, files

_HOUR = 3_600_000_000  # microseconds


def criterion(name, confidences):
    """One criterion over cases of (confidence, whether it went right)."""
    past = Past(TYPE)
    for n, (confidence, right) in enumerate(confidences):
        past.cases[str(n)] = Case(
            id=str(n), type=TYPE, tier=2, at=n * _HOUR, agent="agt", version="1", begun=n * _HOUR,
            outcome="done", check="passed" if right else "failed", confidence=confidence,
        )  # fmt: skip
    row, at = load(files()).row(TYPE), len(confidences) * _HOUR
    found = assess(past, row, Tier.NOTIFY, at, Settings(), {"agt": "1"})
    (one,) = [c for c in found.criteria if c.name == name]
    return one


@pytest.mark.parametrize(
    ("confidences", "met", "silent"),
    [
        ([(900, True)] * 19 + [(900, False)], True, False),  # the same whatever comes of it
        ([(950, True)] * 19 + [(200, False)], True, True),  # it tells good from bad
        ([(900, True)] * 20, True, True),  # nothing went wrong: there is nothing to tell apart
        ([(990, True)] * 5 + [(990, False)] * 15, False, False),
    ],
)
def test_confidence_that_tells_nothing_is_said_to_tell_nothing(confidences, met, silent):
    found = criterion("calibration", confidences * 5)

    assert found.met is met
    assert (evidence.NO_SKILL not in found.text) is silent


def test_confidence_is_high_when_95_of_the_last_100_are():
    low, high = (700, True), (800, True)

    assert criterion("confidence", [low] * 50 + [high] * 95 + [low] * 5).met
    assert not criterion("confidence", [high] * 94 + [low] * 6).met
    assert not criterion("confidence", [high] * 99).met  # too few
    assert not criterion("confidence", [high] * 99 + [(None, True)]).met
