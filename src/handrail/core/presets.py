"""How much oversight to begin with, as a choice of three (SPEC 2), each shown with its effect.

A preset never lowers what the policy says: *balanced* is the policy as it stands, *cautious* has a
person before every change, *observe* is shadow: nothing is held, and everything is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from handrail.core.model import Effect, Tier


@dataclass(frozen=True, slots=True)
class Preset:
    """One choice, and what it means in a sentence."""

    name: str
    says: str

    def tier(self, tier: Tier, effect: Effect) -> Tier | None:
        """The tier of a call that the policy puts at *tier*; None when nothing is held."""
        if self.name == "observe":
            return None
        if self.name == "cautious" and effect is Effect.CHANGE:
            return max(tier, Tier.APPROVE)
        return tier


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        name: Preset(name, says)
        for name, says in (
            ("observe", "Nothing is held: calls pass and are recorded with what they would have met."),
            ("cautious", "Reads as the policy says; every change waits for a person."),
            ("balanced", "The policy as it stands."),
        )
    }
)  # fmt: skip
