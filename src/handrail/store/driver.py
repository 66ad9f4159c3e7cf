"""One connection to SQLite, as the writer and the readers hold it.

`Connection` is the only thing between Handrail and the database file while a batch is written.
Its few steps are the places where a process can die or an answer can be lost; a `Database` is
told which class to use, so that a subclass can stand in for a machine that fails there.

A connection refuses to open on a file that cannot keep a promise: the write-ahead log and
``synchronous=FULL`` must really hold (LEDGER: durability is checked at start).
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from handrail.errors import BadInput, Conflict, TooLarge, Unavailable
from handrail.ledger.append import Head
from handrail.store import wire
from handrail.store.record import read_head, write_head
from handrail.store.view import Impossible

#: How long a statement waits for another process's transaction, milliseconds.
BUSY_MS = 5_000
_FULL = 2


class Connection:
    """A connection without implicit transactions: what is not begun here is not begun."""

    def __init__(self, path: Path, *, busy_ms: int = BUSY_MS) -> None:
        # Autocommit at the driver; a connection is handed from thread to thread, never shared.
        self._raw = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000
        )
        try:
            self._prepare()
        except sqlite3.Error as e:
            self._raw.close()
            raise Unavailable(
                f"the database {path} cannot be opened: {e}",
                hint="Check that the file is a database, that the disk has space, and its rights.",
            ) from e
        except Unavailable:
            self._raw.close()
            raise

    def _prepare(self) -> None:
        mode = self._raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        self._raw.execute("PRAGMA synchronous = FULL")
        self._raw.execute("PRAGMA foreign_keys = ON")
        level = self._raw.execute("PRAGMA synchronous").fetchone()[0]
        keys = self._raw.execute("PRAGMA foreign_keys").fetchone()[0]
        if mode != "wal" or level != _FULL or keys != 1:
            raise Unavailable(
                f"the database does not keep what it is told (journal {mode}, synchronous "
                f"{level}, foreign keys {keys}); Handrail does not run on it",
                hint="Put the database on a local disk; network folders cannot hold it.",
            )

    def read_only(self) -> None:
        """Refuse every write from here on."""
        self._raw.execute("PRAGMA query_only = ON")

    # --- reading ---

    def rows(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Every row of one statement."""
        return self._raw.execute(text, values).fetchall()

    def one(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[Any, ...] | None:
        """The first row of one statement."""
        row: tuple[Any, ...] | None = self._raw.execute(text, values).fetchone()
        return row

    # --- the steps of a transaction ---

    def snapshot(self) -> None:
        """Begin reading; the first read fixes what is seen."""
        self._raw.execute("BEGIN")

    def begin(self) -> None:
        """Begin writing, or wait for whoever writes."""
        self._raw.execute("BEGIN IMMEDIATE")

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write many rows with one statement."""
        self._raw.executemany(text, rows)

    def move_head(self, text: str, values: Sequence[Any]) -> None:
        """Write the new head: the last write before the commit."""
        self._raw.execute(text, values)

    def tell(self, types: Sequence[str]) -> None:
        """Nobody else listens: one process serves a file."""

    def savepoint(self) -> None:
        """Mark a place to go back to within the transaction."""
        self._raw.execute("SAVEPOINT unit")

    def release(self) -> None:
        """Keep what was written since the mark."""
        self._raw.execute("RELEASE unit")

    def back(self) -> None:
        """Go back to the mark and forget it."""
        self._raw.execute("ROLLBACK TO unit")
        self._raw.execute("RELEASE unit")

    def commit(self) -> None:
        """Make the transaction durable. After an error here its fate must be looked up."""
        self._raw.execute("COMMIT")

    def rollback(self) -> None:
        """Drop the transaction, if one is open still: SQLite ends some by itself."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()


#: Errors of a commit that come before its last frame is written: it cannot come back.
_BEFORE_THE_FLUSH = {"SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR_WRITE"}
_IN_THE_WAY = {
    "SQLITE_CONSTRAINT_UNIQUE",
    "SQLITE_CONSTRAINT_PRIMARYKEY",
    "SQLITE_CONSTRAINT_FOREIGNKEY",
}


class SqliteFaults:
    """What the errors of SQLite mean."""

    error: type[Exception] = sqlite3.Error

    def of_database(self, error: Exception) -> bool:
        """`wire.Faults.of_database`."""
        return (
            isinstance(error, sqlite3.OperationalError | sqlite3.InternalError)
            or type(error) is sqlite3.DatabaseError
        )

    def why(self, error: Exception) -> str:
        """`wire.Faults.why`."""
        name = getattr(error, "sqlite_errorname", "")
        return {
            "SQLITE_FULL": "the disk is full",
            "SQLITE_BUSY": "another process holds the database",
            "SQLITE_LOCKED": "another process holds the database",
        }.get(name, f"the database answered: {error}")

    def answer(self, error: Exception) -> Exception | None:
        """`wire.Faults.answer`."""
        match error:
            case sqlite3.IntegrityError() if error.sqlite_errorname in _IN_THE_WAY:
                return Conflict(
                    f"something else is in its place: {error}", hint="Nothing was changed. Reload."
                )
            case sqlite3.DataError():
                return TooLarge("what was sent is too large to be stored")
            case UnicodeError():
                return BadInput("what was sent holds characters that are none")
            case OverflowError():
                return BadInput("what was sent holds a number too large to be stored")
            case sqlite3.Error():
                return Impossible(f"no table can hold this: {error}")
            case _:
                return None

    def stored(
        self, connection: wire.Connection, head: Head, leaf: bytes | None, error: Exception
    ) -> bool | None:
        """`wire.Faults.stored`."""
        try:
            connection.rollback()
            found = read_head(connection)
            if found is None or found == head:
                return None if found is None else True
            if getattr(error, "sqlite_errorname", "") not in _BEFORE_THE_FLUSH:
                # The whole batch may stand in the write-ahead log without having been flushed,
                # to come back at the recovery after a power cut. Another commit lies over it.
                connection.begin()
                write_head(connection, found)
                connection.commit()
        except sqlite3.Error:
            return None
        return False
