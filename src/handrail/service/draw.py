"""Fresh ids for services: the clock and the randomness in one small thing."""

from handrail.clock import Clock
from handrail.core import ids
from handrail.privacy.randomness import draw


class Draw:
    """Draws time-ordered ids."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def id(self, prefix: str) -> str:
        """A new id with *prefix* (`act`, `prp`, …)."""
        return ids.new(prefix, self._clock.now(), draw(10))
