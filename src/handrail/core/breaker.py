"""Penalty points: when errors are too many, in a form that anybody can follow (EVIDENCE 3).

Each error adds, each clean action takes one away, and at the limit it trips: an integer CUSUM
(Page 1954). The global one is risk-adjusted: each action carries its own expected error, so that
risky work at night is no spike (Steiner, Cook, Farewell, Treasure 2000). Integers throughout, so
that two readers of one record can't differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SUBTRACT = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """How many points an error adds, where it trips, and which share of errors it tolerates."""

    name: str
    error: int
    limit: int
    tolerates: int  #: errors in 100,000 actions
    words: str


STRICT = Profile("strict", 80, 100, 100, "a second error within 60 actions")
STANDARD = Profile("standard", 25, 75, 1_000, "three in a row, four within 29 or five within 55")
LENIENT = Profile(
    "lenient", 12, 60, 3_000, "five in a row, six within 18, seven within 31 or eight within 44"
)
CELL = Profile("cell", 25, 60, 1_000, "three within 18 at one client")
#: Those that a row of the policy may name.
PROFILES: Mapping[str, Profile] = {p.name: p for p in (STRICT, STANDARD, LENIENT)}

#: The limit of the global one, in millionths of a nat.
SPIKE = 7_000_000
_LN_4 = 1_386_294  # millionths: errors four times as frequent as they should be


def step(points: int, profile: Profile, *, error: bool) -> int:
    """The points after one more action."""
    return points + profile.error if error else max(0, points - _SUBTRACT)


def spike(points: int, profile: Profile, error: bool) -> int:
    """The global points after one more action of *profile*: ln 4 for an error, less three times
    the share of errors that it is expected to have."""
    expected = 3 * profile.tolerates * 10  # of 100,000 → millionths
    return max(0, points + (_LN_4 if error else 0) - expected)


def between_false_trips(profile: Profile, rate: float) -> float:
    """How many actions pass on average until it trips when errors come at *rate*, exactly: the
    mean time to absorption of the chain of its points, from zero."""
    size = profile.limit
    # m[i] = 1 + (1-rate)·m[max(0, i-1)] + rate·m[i+error], m[limit and above] = 0: eliminated
    # upwards, since a clean action goes down by one point only.
    matrix = [[0.0] * size for _ in range(size)]
    for i in range(size):
        matrix[i][i] += 1.0
        matrix[i][max(0, i - _SUBTRACT)] -= 1.0 - rate
        if i + profile.error < size:
            matrix[i][i + profile.error] -= rate
    right = [1.0] * size
    for i in range(size):
        for j in range(i + 1, size):
            factor = matrix[j][i] / matrix[i][i]
            if factor:
                row, pivot = matrix[j], matrix[i]
                for k in range(i, size):
                    row[k] -= factor * pivot[k]
                right[j] -= factor * right[i]
    means = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(matrix[i][k] * means[k] for k in range(i + 1, size))
        means[i] = (right[i] - rest) / matrix[i][i]
    return means[0]
