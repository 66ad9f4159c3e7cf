"""Four factors, each on a named scale with written meaning; together, the least tier they allow.

A blank or doubtful factor counts at its worst value (SPEC 2): nothing is safe because nobody
wrote it down.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from handrail.core.model import Tier


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a scale: its score from 1 (mildest), its meaning, the least tier it allows."""

    score: int
    meaning: str
    least: Tier


SCALES: Mapping[str, Mapping[str, Level]] = MappingProxyType(
    {
        "reversibility": {
            "immediate": Level(1, "Undone at once, by one call, completely", Tier.AUTONOMOUS),
            "recoverable": Level(2, "Undone completely, with some time or work", Tier.AUTONOMOUS),
            "costly": Level(3, "Undone in part, or at a price", Tier.NOTIFY),
            "permanent": Level(4, "Can't be undone", Tier.APPROVE),
        },
        "blast_radius": {
            "single": Level(1, "One user, device or ticket", Tier.AUTONOMOUS),
            "several": Level(2, "A few of one client", Tier.NOTIFY),
            "client": Level(3, "A whole client, or what many of its people use", Tier.APPROVE),
            "many-clients": Level(4, "More than one client", Tier.APPROVE),
        },
        "compliance": {
            "none": Level(1, "Nothing about a person, nothing regulated", Tier.AUTONOMOUS),
            "identifier": Level(2, "Whom or what the ticket is about", Tier.AUTONOMOUS),
            "personal": Level(3, "Content about people", Tier.NOTIFY),
            "regulated": Level(4, "Health data, secrets, or what a regime names", Tier.APPROVE),
        },
        "frequency": {
            "daily": Level(1, "Many times a day: well known", Tier.AUTONOMOUS),
            "weekly": Level(2, "A few a week", Tier.AUTONOMOUS),
            "monthly": Level(3, "A few a month: not yet routine", Tier.AUTONOMOUS),
            "rare": Level(4, "Seldom: each one is new", Tier.NOTIFY),
        },
    }
)


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor as people scored it: a level of its scale, and why."""

    level: str
    why: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Factor name → `Factor`. A factor that is not there counts at its worst."""

    factors: Mapping[str, Factor]

    def level(self, factor: str) -> Level:
        """The level that counts for *factor*."""
        scale = SCALES[factor]
        given = self.factors.get(factor)
        worst = max(scale.values(), key=lambda level: level.score)
        return worst if given is None else scale.get(given.level, worst)

    @property
    def least(self) -> Tier:
        """The least tier that all four factors allow."""
        return max(self.level(factor).least for factor in SCALES)

    def sentence(self) -> str:
        """Which factors ask for the least tier, with the written meaning of their levels."""
        least = self.least
        asking = [self._said(factor) for factor in SCALES if self.level(factor).least is least]
        return f"{'; '.join(asking)}: at least tier {int(least)}"

    def _said(self, factor: str) -> str:
        level, name = self.level(factor), factor.replace("_", " ")
        if factor in self.factors:
            return f"{name} is {self.factors[factor].level} ({level.meaning})"
        worst = next(word for word, known in SCALES[factor].items() if known is level)
        return f"{name} is blank, which counts as {worst} ({level.meaning})"

    def shown(self) -> list[dict[str, Any]]:
        """The factors for a page: name, level, score, meaning, why."""
        blank = Factor("blank", "Nobody has scored it: it counts at its worst.")
        return [
            {
                "factor": factor.replace("_", " "),
                "level": self.factors.get(factor, blank).level,
                "score": self.level(factor).score,
                "meaning": self.level(factor).meaning,
                "why": self.factors.get(factor, blank).why,
            }
            for factor in SCALES
        ]
