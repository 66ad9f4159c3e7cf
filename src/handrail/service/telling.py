"""Telling people: the same message over every channel, until one of them reaches the person."""

from collections.abc import Sequence

import structlog

from handrail.channels.contract import Channel, Message
from handrail.core.model import Person
from handrail.errors import ReachError

log = structlog.get_logger(__name__)


class Telling:
    """Delivers messages. A channel that fails is one channel less, never the end of it."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = tuple(channels)

    @property
    def names(self) -> frozenset[str]:
        """The channels' names."""
        return frozenset(c.name for c in self._channels)

    def reach(self, person: Person, message: Message) -> str | None:
        """Try every channel; return the name of the first that reached *person*, or None."""
        reached: str | None = None
        for channel in self._channels:
            try:
                if channel.deliver(person, message):
                    reached = reached or channel.name
            except ReachError as error:
                log.warning("channel failed", channel=channel.name, why=error.message)
        return reached
