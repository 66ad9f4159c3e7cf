"""What the store asks of one connection, and of the errors that its driver raises.

One file per database fulfils both: `driver` for SQLite, `postgres` for PostgreSQL. Nothing else
in the store knows which of them it speaks to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from handrail.ledger.append import Head


class Connection(Protocol):
    """A connection without implicit transactions: what is not begun here is not begun."""

    def read_only(self) -> None:
        """Refuse every write from here on."""

    def rows(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Every row of one statement."""

    def one(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[Any, ...] | None:
        """The first row of one statement."""

    def snapshot(self) -> None:
        """Begin reading; the first read fixes what is seen."""

    def begin(self) -> None:
        """Begin writing with the head taken, or wait for whoever has it."""

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write many rows with one statement."""

    def move_head(self, text: str, values: Sequence[Any]) -> None:
        """Write the new head: the last write before the commit."""

    def tell(self, types: Sequence[str]) -> None:
        """With the commit, tell other processes which types of events became durable."""

    def savepoint(self) -> None:
        """Mark a place to go back to within the transaction."""

    def release(self) -> None:
        """Keep what was written since the mark."""

    def back(self) -> None:
        """Go back to the mark and forget it."""

    def commit(self) -> None:
        """Make the transaction durable. After an error here its fate must be looked up."""

    def rollback(self) -> None:
        """Drop the transaction, if one is open still."""

    def close(self) -> None:
        """Let go of the database."""


class Faults(Protocol):
    """What a driver's errors mean."""

    @property
    def error(self) -> type[Exception]:
        """What every error of the driver is."""

    def of_database(self, error: Exception) -> bool:
        """Whether *error* speaks about the database and not about one unit's row."""

    def why(self, error: Exception) -> str:
        """What stands in the way, as callers read it."""

    def answer(self, error: Exception) -> Exception | None:
        """What a unit's caller hears when its row ran into *error*; None when it is no driver's."""

    def stored(
        self, connection: Connection, head: Head, leaf: bytes | None, error: Exception
    ) -> bool | None:
        """Whether the batch that was to end with *head*, its last entry *leaf*, became durable
        although its commit answered with *error*; None when nobody knows. Holds nothing after."""
