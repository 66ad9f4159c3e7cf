"""Who is asked by the steps that are left, taken when one of them opens: once for a whole sweep."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from handrail.core.approval import Step
from handrail.core.availability import Times
from handrail.core.policy import Policy
from handrail.core.routing import Seeking, replan
from handrail.service.known import Known


class Plans:
    """The plans of one look at what is due. Calendars and counts are read once; chains alike are
    planned once."""

    def __init__(self, policy: Policy, known: Known, times: Times) -> None:
        self._policy = policy
        self._known = known
        self._times = times
        self._made: dict[Any, tuple[Step, ...]] = {}

    def anew(
        self, chain: Sequence[Step], opened: int, clients: Sequence[str], now: datetime
    ) -> tuple[Step, ...]:
        """*chain* with what comes after its first *opened* steps as of *now*."""
        key = (tuple((s.role, s.window) for s in chain[opened:]), tuple(clients))
        rest = self._made.get(key)
        if rest is None:
            seeking = Seeking(
                clients=clients,
                policy=self._policy,
                people=tuple(self._known.people.values()),
                known=self._known.clients,
                times=self._times,
            )
            rest = self._made[key] = replan(chain, opened, seeking, now)[opened:]
        return (*chain[:opened], *rest)
