"""What a store is on either database: readers beside one writer."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.errors import BadInput
from handrail.ledger.checkpoint import base_of
from handrail.store import queries
from handrail.store.batch import Batches
from handrail.store.contract import At, Done, Event, Reader, Rows, Unit
from handrail.store.reader import Readers
from handrail.store.record import Head, read_head, write_first_head
from handrail.store.wire import Connection, Faults
from handrail.store.writer import Writer


class Base:
    """The `Store`, but for what is a database's own."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        reading: Callable[[], Connection],
        faults: Faults,
        clock: Clock,
        head: Head,
    ) -> None:
        self._clock = clock
        self._readers = Readers(reading, faults)
        self._batches = Batches(connect, faults, clock, head)
        self._writer = Writer(self._batches)

    def commit(self, unit: Unit, *, first: bool = False) -> tuple[Any, Sequence[At]]:
        return self._writer.commit(unit, first=first)

    def commit_each(self, units: Sequence[Unit]) -> Sequence[Done | Exception]:
        return self._writer.commit_each(units)

    def read(self) -> AbstractContextManager[Reader]:
        return self._readers.read()

    def on_commit(self, listener: Callable[[Sequence[str]], None]) -> None:
        self._writer.on_commit(listener)

    @property
    def skew(self) -> int:
        return max(0, self._batches.head.at - to_us(self._clock.now()))

    def close(self) -> None:
        self._writer.close()
        self._readers.close()


def first_head(connection: Connection, origin: str) -> Head:
    """The head of the log *origin*, written where there is none yet.

    Raises `BadInput` for a database that holds another log.
    """
    connection.begin()
    try:
        head = read_head(connection)
        if head is None:
            head = write_first_head(connection, origin)
            connection.commit()
    finally:
        connection.rollback()
    if base_of(head.origin) != origin:
        raise BadInput(
            f"this database holds the log {head.origin!r}, not {origin!r}",
            hint="A log's name is part of every entry. Set HANDRAIL_ORIGIN to the one it has.",
        )
    return head


def start(store: Base) -> None:
    """Write the first entry where there is none: what comes after it cannot be passed off as
    another log's start."""

    def unit(view: Any) -> Rows:
        if store._batches.head.size:  # noqa: SLF001 - another process was first
            return Rows()
        return Rows(
            events=(Event(EventType.LOG_STARTED.value, "handrail", facts={"epoch": view.epoch}),)
        )

    if store._batches.head.size == 0:  # noqa: SLF001
        store.commit(unit)


def counted(connection: Connection) -> list[str]:
    """Whether as many entries are there as the head says."""
    head = read_head(connection)
    found = queries.ENTRIES_COUNT.one(connection) or {}
    n, last = found.get("n", 0), found.get("last")
    if head is None:
        return ["the log has no head"]
    if n != head.size or (n and last != n - 1):
        return [f"the head says {head.size} entries, the table holds {n}"]
    return []
