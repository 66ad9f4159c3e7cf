"""Telling people at once: the same message over every channel, and which of them reached the person.

For notices and what people wait for; questions about proposals are owed and told by `post`.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late

import structlog

from handrail.channels.contract import Channel, Message
from handrail.core.model import Person
from handrail.errors import ReachError

log = structlog.get_logger(__name__)

PATIENCE = 10.0  #: seconds that a message waits for one channel


class Telling:
    """Delivers messages. A channel that fails is one channel less, never the end of it; one that
    stalls is waited for once, and then left out until it is done."""

    def __init__(self, channels: Sequence[Channel], patience: float = PATIENCE) -> None:
        self._lanes = tuple(_Lane(c) for c in channels)
        self._patience = patience

    @property
    def names(self) -> frozenset[str]:
        """The channels' names."""
        return frozenset(lane.channel.name for lane in self._lanes)

    def reach(self, person: Person, message: Message) -> str | None:
        """Try every channel; return the name of the first that reached *person*, or None."""
        reached: str | None = None
        tries = [(lane, lane.send(person, message)) for lane in self._lanes]
        for lane, attempt in tries:
            try:
                if attempt is not None and attempt.result(self._patience):
                    reached = reached or lane.channel.name
            except ReachError as error:
                log.warning("channel failed", channel=lane.channel.name, why=error.message)
            except Late:
                lane.behind = True
                log.warning("channel stalls", channel=lane.channel.name)
        return reached


class _Lane:
    """One channel with a thread of its own."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.behind = False
        self._hand = ThreadPoolExecutor(1, f"telling {channel.name}")
        self._lock = threading.Lock()
        self._last: Future[bool | str] | None = None

    def send(self, person: Person, message: Message) -> "Future[bool | str] | None":
        """Begin to deliver; None while an earlier message stalls."""
        with self._lock:
            if self.behind and self._last is not None and not self._last.done():
                return None
            self.behind = False
            self._last = self._hand.submit(self.channel.deliver, person, message)
            return self._last
