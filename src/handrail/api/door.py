"""What every handler works with: the services behind the door, found through the application."""

from dataclasses import dataclass, field
from typing import Annotated

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from handrail.clock import Clock
from handrail.config import Settings
from handrail.identity.identity import Identity
from handrail.service import Services

#: Calls of agents that may run at once. They have threads of their own, so that however slow
#: upstreams are, people's answers and pauses never stand behind them.
AGENT_CALLS = 128
#: Agents that may hold a request open at once to hear how an action ends.
AGENT_WAITS = 64
#: Requests of people that may run at once.
PEOPLE_CALLS = 128


@dataclass(slots=True)
class Lanes:
    """The limits on threads. Made inside the event loop, where limiters belong."""

    acts: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AGENT_CALLS))
    waits: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AGENT_WAITS))


@dataclass(kw_only=True)
class Door:
    """Everything this door may ask for."""

    services: Services
    identity: Identity
    clock: Clock
    settings: Settings
    _lanes: Lanes | None = None

    @property
    def lanes(self) -> Lanes:
        if self._lanes is None:
            self._lanes = Lanes()
        return self._lanes


def of(request: Request) -> Door:
    """The door that *request* came through."""
    door: Door = request.app.state.door
    return door


async def _of(request: Request) -> Door:
    return of(request)


#: For handlers: `door: TheDoor`. Asynchronous only so that it costs no thread.
TheDoor = Annotated[Door, Depends(_of)]
