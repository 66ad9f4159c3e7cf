"""The store on SQLite: one file, one writer, readers beside it.

    store = open_store("sqlite:///path/handrail.db", SystemClock(), "handrail.example/log")

Opening creates the file (readable by its owner alone), brings it to this version's schema, and
refuses to go on where the database does not keep what it is told. What differs on another
database is how the head is taken (`Batches.open`), how rows are written in bulk (`Connection`)
and whether there is anything to catch up on (`Batches._catch_up`).
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.errors import BadInput, Unavailable
from handrail.ledger.checkpoint import base_of
from handrail.store import queries
from handrail.store.batch import Batches
from handrail.store.contract import At, Done, Event, Reader, Rows, Unit
from handrail.store.driver import Connection
from handrail.store.migrate import migrate
from handrail.store.reader import Readers
from handrail.store.record import Head, read_head, write_first_head
from handrail.store.writer import Writer

_PREFIX = "sqlite://"


class Database:
    """The `Store` on SQLite. ``connect`` says which class holds the writing connection."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        origin: str,
        *,
        connect: Callable[[Path], Connection] = Connection,
        temporary: Path | None = None,
    ) -> None:
        self.path = path
        self._clock = clock
        self._temporary = temporary
        self._readers = Readers(lambda: Connection(path))
        head = _prepare(path, origin)
        self._batches = Batches(lambda: connect(path), clock, head)
        self._writer = Writer(self._batches)
        if head.size == 0:
            # The first entry: what comes after it cannot be passed off as another log's start.
            self.commit(lambda view: Rows(events=_started(view.epoch)))

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

    def check(self) -> Sequence[str]:
        problems: list[str] = []
        connection = Connection(self.path)
        try:
            connection.snapshot()
            for (line,) in connection.rows("PRAGMA integrity_check"):
                if line != "ok":
                    problems.append(f"the file is damaged: {line}")
            for table, rowid, parent, _ in connection.rows("PRAGMA foreign_key_check"):
                problems.append(f"{table} row {rowid} belongs to no {parent}")
            head = read_head(connection)
            counted = queries.ENTRIES_COUNT.one(connection) or {}
            n, last = counted.get("n", 0), counted.get("last")
            if head is None:
                problems.append("the log has no head")
            elif n != head.size or (n and last != n - 1):
                problems.append(f"the head says {head.size} entries, the table holds {n}")
            connection.rollback()
        finally:
            connection.close()
        return problems

    def close(self) -> None:
        self._writer.close()
        self._readers.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def open_store(
    url: str,
    clock: Clock,
    origin: str,
    *,
    connect: Callable[[Path], Connection] = Connection,
) -> Database:
    """Open the store at *url*, creating it and bringing it to this version where needed.

    ``sqlite:///PATH`` is a file. ``sqlite://`` is a private database that is gone at `close`: a
    file in memory where the system has such a place, so that tests run the very same code.
    Raises `BadInput` for a url or a log name that cannot be used, `Unavailable` for a database
    that does not keep what it is told.
    """
    if url == _PREFIX:
        folder = Path(tempfile.mkdtemp(prefix="handrail-", dir=_in_memory()))
        try:
            return Database(
                folder / "handrail.db", clock, origin, connect=connect, temporary=folder
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    if not url.startswith(_PREFIX + "/") or url == _PREFIX + "/":
        raise BadInput(
            f"{url.partition(':')[0] or 'the empty url'} is no database that can be used",
            hint="Use sqlite:///PATH.",
        )
    return Database(Path(url.removeprefix(_PREFIX + "/")), clock, origin, connect=connect)


def _in_memory() -> str | None:
    shm = Path("/dev/shm")  # noqa: S108 - a private folder is made inside it
    return str(shm) if shm.is_dir() and os.access(shm, os.W_OK) else None


def _prepare(path: Path, origin: str) -> Head:
    """Create and migrate *path*; return its head, which must be that of the log *origin*."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives the log and the index beside it the rights of the database itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as e:
        raise Unavailable(
            f"the database {path} cannot be opened: {e.strerror}",
            hint="Check the folder, its rights and the space on the disk.",
        ) from e
    # First of all: a file that cannot be durable gets no schema.
    connection = Connection(path)
    try:
        migrate(path)
        connection.begin()
        head = read_head(connection)
        if head is None:
            head = write_first_head(connection, origin)
            connection.commit()
        connection.rollback()
    finally:
        connection.close()
    if base_of(head.origin) != origin:
        raise BadInput(
            f"this database holds the log {head.origin!r}, not {origin!r}",
            hint="A log's name is part of every entry. Set HANDRAIL_ORIGIN to the one it has.",
        )
    return head


def _started(epoch: int) -> tuple[Event, ...]:
    return (Event(EventType.LOG_STARTED.value, "handrail", facts={"epoch": epoch}),)
