"""Rows that Handrail demoted: a demotion holds until a person has looked (SPEC 4, 7).

A row whose notices reached nobody is released by a person with authority, and only while delivery
works: somebody of its chain is reached by a message at that moment.
"""

from typing import Any

from handrail.channels.contract import Message
from handrail.core.events import EventType
from handrail.core.model import SignedIn, Tier
from handrail.errors import BadInput, Conflict, NotFound
from handrail.service import rights
from handrail.service.delivery import chain
from handrail.service.demotion import NOBODY_TOLD
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.service.telling import Telling
from handrail.store.contract import Change, Event, Rows, Store, View

#: Who may release what Handrail demoted.
OWNERS = ("service-desk-manager", "operations-leadership")


class Demotions:
    """What people do about rows that Handrail demoted."""

    def __init__(self, store: Store, telling: Telling, policies: Policies, keeper: Keeper) -> None:
        self._store = store
        self._telling = telling
        self._policies = policies
        self._keeper = keeper

    def release(self, who: SignedIn, type: str, reason: str) -> dict[str, Any]:
        """Let *type* act and notify again, after its notices reached nobody.

        Raises `NotFound` when it was not demoted for that, `NotAllowed` without authority,
        `BadInput` without a reason, and `Conflict` while still nobody of its chain is reached.
        """
        if not reason.strip():
            raise BadInput("a reason is needed", hint="Say what was wrong with delivery.")

        def allowed(view: View) -> Rows:
            rights.holder(view, who, OWNERS, "releasing a demoted row")
            _demoted(view, type)
            return Rows()

        self._store.commit(allowed)  # nobody is told for somebody without authority
        reached = self._reached(type)

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "releasing a demoted row")
            _demoted(view, type)
            values = {
                "tier": int(Tier.NOTIFY),
                "by": person.id,
                "reason": reason.strip()[:2000],
                "at": view.now,
            }
            change = Change("standing", (type, ""), values)
            facts = {"type": type, "tier": int(Tier.NOTIFY), "person": reached}
            event = Event(EventType.RELEASED, f"person:{person.id}", None, (), facts)
            return Rows((change,), (event,), control=True)

        _, at = self._store.commit(unit)
        return {"type": type, "tier": int(Tier.NOTIFY), "reached": reached, "entry": at[0].seq}

    def _reached(self, type: str) -> str:
        """The first person of the row's chain whom a message reaches now."""
        people = [p for p in self._keeper.current().people.values() if p.active]
        kind = self._policies.current().row(type)
        role = kind.notify if kind else ""
        message = Message(
            ref=f"release:{type}",
            kind="notice",
            title=f"Delivery works again: {type}"[:160],
            lines=("Its notices reached nobody before; it is being released.",),
            path=f"/matrix/{type}",
        )
        holders = [p for p in people if any(r.name == role for r in p.roles)]
        asked = [*holders, *chain(self._policies, people, type, role, "")]
        for person in dict.fromkeys(p.id for p in asked):
            if self._telling.reach(self._keeper.current().people[person], message):
                return person
        raise Conflict(
            "its notices still reach nobody",
            hint="Put a channel right for somebody of its chain (the ring-me test shows which).",
        )


def _demoted(view: View, type: str) -> None:
    row = view.row("standing", type, "")
    if row is None or row["by"] != "handrail" or row["reason"] != NOBODY_TOLD:
        raise NotFound(f"{type} was not demoted for notices that reach nobody")
