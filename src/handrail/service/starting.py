"""The first steps of an installation, with how far they are (what is done is looked up,
never ticked off), and the starter policy by one click."""

from collections.abc import Mapping, Sequence
from typing import Any

from handrail.clock import Clock
from handrail.core.availability import reached
from handrail.core.defaults import Settings
from handrail.core.model import SignedIn
from handrail.errors import Conflict
from handrail.service.ground import grounded
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.store.contract import Store

#: What a new installation needs, in the order in which it helps: `key`, what it is, where it is
#: taken.
STEPS: Sequence[Mapping[str, str]] = (
    {
        "key": "policy",
        "title": "A policy is in force",
        "text": "The starter policy is conservative: nothing runs alone before people have signed "
        "its rows. It is yours to change.",
        "link": "/settings/policy",
    },
    {
        "key": "reached",
        "title": "A channel reaches you",
        "text": "A role is covered only by somebody whom a message has provably reached.",
        "link": "/settings/availability",
    },
    {
        "key": "people",
        "title": "A second person",
        "text": "What lowers oversight takes two people, each in a session of their own.",
        "link": "/settings/people",
    },
    {
        "key": "clients",
        "title": "Your clients",
        "text": "By hand, or from your PSA: handrail clients import companies.csv",
        "link": "/settings/clients",
    },
    {
        "key": "connection",
        "title": "A connection and an agent",
        "text": "handrail connect --shadow puts Handrail between the MCP clients of a computer and "
        "their servers; while you look, nothing waits, and only what is prohibited is refused.",
        "link": "/settings/connections",
    },
    {
        "key": "signed",
        "title": "Signed rows",
        "text": "A row that nobody signed waits for people each time.",
        "link": "/matrix",
    },
    {
        "key": "asked",
        "title": "A first call",
        "text": "Each call with its tier, its reasons and its story.",
        "link": "/actions",
    },
)


class Starting:
    """What is done of the first steps. *here* are the names of this computer's own ground."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        keeper: Keeper,
        clock: Clock,
        here: Mapping[str, str],
    ) -> None:
        self._store = store
        self._policies = policies
        self._keeper = keeper
        self._clock = clock
        self._here = here

    @property
    def begun(self) -> bool:
        """Whether a policy is in force: without one, no page has anything to show."""
        return self._policies.any

    def steps(self, who: SignedIn) -> list[dict[str, Any]]:
        """`STEPS`, each with whether it is `done`."""
        known = self._keeper.current()
        active = [p for p in known.people.values() if p.active]
        policy = self._policies.current() if self.begun else None
        within = (policy.settings if policy else Settings()).reached_within
        me = known.people.get(who.person)
        now = self._clock.now()
        with self._store.read() as reader:
            asked = bool(reader.actions(limit=1))
        signed = policy is not None and any(row.signed for row in policy.matrix())
        done = {
            "policy": policy is not None,
            "reached": me is not None and reached(me, now, within),
            "people": len(active) > 1,
            "clients": bool(known.clients),
            "connection": bool(known.connections and known.agents),
            "signed": signed,
            "asked": asked,
        }
        return [{**step, "done": done[step["key"]]} for step in STEPS]

    def publish(self, who: SignedIn) -> dict[str, Any]:
        """Put the starter policy in force. Raises `Conflict` where one is, `NotAllowed` for
        somebody without authority over the policy."""
        if self.begun:
            raise Conflict("a policy is in force already", hint="Change it on the policy's page.")
        return self._policies.publish(who, grounded(self._here))
