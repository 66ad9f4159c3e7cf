"""The console itself as a channel: whoever has a live page open is reached by it.

A durable row is not a reached person: only a person with an event stream open in the last minute
counts as reached here. Everyone else needs another channel.
"""

import threading
from datetime import datetime, timedelta

from handrail.channels.contract import Message
from handrail.clock import Clock
from handrail.core.model import Person

_LIVE = timedelta(minutes=1)


class ConsoleChannel:
    """Reaches the people whose console is open."""

    name = "console"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, datetime] = {}

    def present(self, person: str) -> None:
        """Say that *person* has a live page open now (the event stream calls this)."""
        with self._lock:
            self._seen[person] = self._clock.now()

    def deliver(self, person: Person, message: Message) -> bool:
        """Whether *person* has a live page that shows *message* without being asked."""
        with self._lock:
            seen = self._seen.get(person.id)
        return seen is not None and self._clock.now() - seen <= _LIVE
