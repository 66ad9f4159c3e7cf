"""A figure beside the one that is expected, and how far apart luck may put them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

#: Runs behind the expected shares, whose own luck counts too.
_THEIRS = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """What was found, what is expected, and how far apart they may be (0: not at all)."""

    name: str
    found: float
    expected: float
    within: float = 0.0
    at_most: bool = False  #: less than expected is as good

    @property
    def holds(self) -> bool:
        """Whether it is as expected."""
        apart = self.found - self.expected
        return apart <= self.within and (self.at_most or apart >= -self.within)

    def shown(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name, "found": round(self.found, 6), "expected": self.expected,
            "within": round(self.within, 6), "at_most": self.at_most, "holds": self.holds,
        }  # fmt: skip


def luck(share: float, runs: int) -> float:
    """How far a share of so many runs may be from an expected one: three standard deviations of
    both, and what was rounded."""
    return 3 * sqrt(share * (1 - share) * (1 / runs + 1 / _THEIRS)) + 0.001


def say_all(say: Callable[[str], None], head: str, figures: Sequence[Figure]) -> None:
    """Print figures one below the other."""
    say(head)
    for one in figures:
        how = "exactly" if not one.within else f"{'at most ' if one.at_most else ''}about"
        differs = "" if one.holds else "   DIFFERS"
        say(f"  {one.name:58} {_plain(one.found):>10}   {how} {one.expected:,g}{differs}")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
