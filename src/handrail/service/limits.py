"""How much an agent may ask for (SPEC 12): checked inside the unit that would admit it.

A full limit is an answer to the agent, with when to try again, and one finding to people: an
entry and a message to its sponsor, once an hour for the same limit and never once a call.
"""

import threading

from handrail.channels.contract import Message
from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.core.model import Agent
from handrail.errors import TooMany
from handrail.service.asked import Asked
from handrail.service.known import Keeper
from handrail.service.telling import Telling
from handrail.store.contract import Event, Rows, Store, View

HOUR_US = 3_600_000_000


def admit_action(asked: Asked, view: View) -> None:
    """Raise `TooMany` when the agent has asked for too many actions in the last hour."""
    most = asked.policy.settings.actions_per_hour
    if view.count(f"agent:{asked.agent.id}", view.now - HOUR_US) >= most:
        raise TooMany(
            f"this agent has asked for {most} actions in the last hour",
            retry_after=60,
            hint="The limit is actions_per_hour of the policy.",
        )


def admit_proposal(asked: Asked, view: View) -> None:
    """Raise `TooMany` when people have been asked too much by this agent, or for this trigger."""
    settings = asked.policy.settings
    if view.count(f"asks:{asked.agent.id}", view.now - HOUR_US) >= settings.asks_per_hour:
        raise TooMany(
            f"this agent has asked people {settings.asks_per_hour} times in the last hour",
            retry_after=300,
            hint="The limit is asks_per_hour of the policy. Ask for less, or hand work over.",
        )
    mine = [p for p in view.open_proposals() if p.agent == asked.agent.id]
    if len(mine) >= settings.open_per_agent:
        raise TooMany(
            f"this agent has {len(mine)} open proposals",
            retry_after=300,
            hint="Wait until people have answered some of them, or withdraw one.",
        )
    trigger = asked.action.request.trigger
    key = f"{trigger.kind}:{trigger.ref}"
    if trigger.ref and sum(p.trigger == key for p in mine) >= settings.open_per_trigger:
        raise TooMany(
            f"{key} has {settings.open_per_trigger} open proposals already",
            retry_after=300,
            hint="Wait until people have answered some of them, or withdraw one.",
        )


class Limits:
    """Tells people, once, that an agent ran into a limit."""

    def __init__(self, store: Store, keeper: Keeper, telling: Telling, clock: Clock) -> None:
        self._store = store
        self._keeper = keeper
        self._telling = telling
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], int] = {}

    def reached(self, agent: Agent, refused: TooMany) -> None:
        """Record and tell that *agent* was refused by a limit, unless that was done within the
        hour. A restart may tell once more."""
        key, now = (agent.id, refused.hint), to_us(self._clock.now())
        with self._lock:
            if now - self._told.get(key, now - HOUR_US) < HOUR_US:
                return
            self._told[key] = now
        facts = {"agent": agent.id, "why": refused.message}
        event = Event(EventType.AGENT_LIMITED, "handrail", None, (), facts)
        self._store.commit(lambda view: Rows(events=(event,)))
        sponsor = self._keeper.current().people.get(agent.sponsor)
        if sponsor is not None and sponsor.active:
            self._telling.reach(
                sponsor,
                Message(
                    ref=agent.id,
                    kind="finding",
                    title=f"{agent.name} is asking for too much",
                    lines=(f"It was refused: {refused.message}.", refused.hint),
                    path="/settings/agents",
                ),
            )
