"""One connection to PostgreSQL, as the writer and the readers hold it, and what its errors mean.

* The head is taken with ``SELECT ... FOR UPDATE`` under READ COMMITTED: the statements after the
  wait see what the one before has committed. Every writer takes the head before anything else,
  so that no two of them can wait for each other (COMMIT sections 1 and 4).
* A connection refuses to open on a server that cannot keep a promise: too old, a commit that is
  not flushed, an order of words that is not that of their bytes.
* A connection that broke while nothing was begun is made anew, once. One that broke at its
  commit has an open question, which `PostgresFaults.stored` answers under the head.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import bindparam, select

from handrail.errors import BadInput, Conflict, TooLarge, Unavailable
from handrail.ledger.append import Head
from handrail.store import sql, tables, wire
from handrail.store.record import read_head
from handrail.store.view import Impossible

PREFIX = "postgresql://"
#: The oldest version that is tested.
OLDEST = 15
#: What other processes listen to.
CHANNEL = "handrail"
#: Longest payload of a notification, bytes; PostgreSQL allows 8,000.
_PAYLOAD = 7_000

# A head that its holder will not give back stops everybody: nobody holds it for long, nobody
# waits for it for ever, and a peer that is gone is found out (COMMIT trap 4).
_SESSION = """
SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';
SET default_transaction_isolation = 'read committed'; SET client_encoding = 'UTF8';
SET standard_conforming_strings = on; SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET timezone = 'UTC'; SET bytea_output = 'hex'
"""
_REACH: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_ASKED = """
SELECT current_setting('server_version_num')::integer, current_setting('synchronous_commit'),
       current_setting('fsync'), current_setting('full_page_writes'),
       current_setting('server_encoding'), d.datcollate, d.datlocprovider::text
  FROM pg_database AS d WHERE d.datname = current_database()
"""
_COMMITTED = "COMMIT"
#: The lock of whoever serves: a number like no other.
_SERVING = 0x48616E6473657276


def place_of(url: str) -> str:
    """Host and name of the database, without user or password: for messages."""
    try:
        known = conninfo_to_dict(url)
    except psycopg.Error as e:
        raise BadInput(
            "this is no address of a PostgreSQL database",
            hint="Use postgresql://USER@HOST/NAME; the password stands in ~/.pgpass.",
        ) from e
    return f"{known.get('dbname', '')} on {known.get('host', 'this computer')}"


def open_raw(url: str) -> psycopg.Connection[Any]:
    """A connection of the driver, set up. Raises `Unavailable` where the server is not fit."""
    try:
        raw = psycopg.connect(
            url, autocommit=True, application_name="handrail", **{**_REACH, **_own(url)}
        )
    except psycopg.Error as e:
        raise Unavailable(
            f"the database {place_of(url)} cannot be reached: {e}",
            hint="Check that the server runs, its address and the rights of the user.",
        ) from e
    try:
        raw.execute(_SESSION)
        _fit(raw, place_of(url))
    except psycopg.Error as e:
        raw.close()
        raise Unavailable(f"the database {place_of(url)} cannot be used: {e}") from e
    except Unavailable:
        raw.close()
        raise
    return raw


def _own(url: str) -> Mapping[str, Any]:
    """Those of `_REACH` that the address sets itself."""
    place_of(url)
    return {k: v for k, v in conninfo_to_dict(url).items() if k in _REACH}


def _fit(raw: psycopg.Connection[Any], place: str) -> None:
    row = raw.execute(_ASKED).fetchone() or (0, "", "", "", "", "", "")
    version, commit, fsync, pages, encoding, collation, provider = row
    if version < OLDEST * 10_000:
        raise Unavailable(
            f"the server of {place} is PostgreSQL {version // 10_000}",
            hint=f"Handrail needs PostgreSQL {OLDEST} or newer.",
        )
    if commit == "off" or fsync != "on" or pages != "on":
        raise Unavailable(
            f"the database {place} does not keep what it is told (synchronous_commit {commit}, "
            f"fsync {fsync}, full_page_writes {pages}); Handrail does not run on it",
            hint="Set all three to on, for the server, the database and the user.",
        )
    if encoding != "UTF8" or provider != "c" or collation not in {"C", "POSIX"}:
        raise Unavailable(
            f"the database {place} has encoding {encoding} and order {collation}; Handrail needs "
            "UTF8 and C",
            hint="createdb --template=template0 --encoding=UTF8 --locale=C NAME",
        )


def _text(statement: str) -> LiteralString:
    """*statement* as this database reads it; all of them are made from the tables."""
    return statement.postgres if isinstance(statement, sql.Text) else statement


class Link:
    """A connection without implicit transactions: what is not begun here is not begun."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._only_reads = False
        self._alone = False
        self._raw = open_raw(url)

    def read_only(self) -> None:
        """Refuse every write from here on."""
        self._only_reads = True

    # --- reading ---

    def rows(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        """Every row of one statement."""
        return self._raw.execute(_text(text), values or None).fetchall()

    def one(
        self, text: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> tuple[Any, ...] | None:
        """The first row of one statement."""
        row: tuple[Any, ...] | None = self._raw.execute(_text(text), values or None).fetchone()
        return row

    # --- the steps of a transaction ---

    def snapshot(self) -> None:
        """Begin reading; the first read fixes what is seen."""
        only = " READ ONLY" if self._only_reads else ""
        self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ" + only)

    def begin(self) -> None:
        """Begin writing with the head taken, or wait for whoever has it."""
        self._begin("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT 1 FROM head FOR UPDATE")

    def _begin(self, text: str) -> None:
        try:
            self._raw.execute(_text(text))
        except psycopg.OperationalError:
            if not self._raw.closed:
                raise
            # It broke while nothing was begun: the server was started anew, or a firewall forgot.
            try:
                self.connect_again()
            except Unavailable as e:
                raise psycopg.OperationalError(e.message) from e
            self._raw.execute(_text(text))

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        """Write many rows with one statement."""
        with self._raw.cursor() as cursor:
            cursor.executemany(_text(text), rows)

    def move_head(self, text: str, values: Sequence[Any]) -> None:
        """Write the new head: the last write before the commit."""
        self._raw.execute(_text(text), values)

    def tell(self, types: Sequence[str]) -> None:
        """With the commit, tell other processes which types of events became durable."""
        told = ",".join(sorted(set(types)))
        if len(told.encode()) > _PAYLOAD:
            told = ""  # look again, whatever it is
        self._raw.execute("SELECT pg_notify(%s, %s)", (CHANNEL, told))

    def savepoint(self) -> None:
        """Mark a place to go back to within the transaction."""
        self._raw.execute("SAVEPOINT unit")

    def release(self) -> None:
        """Keep what was written since the mark."""
        self._raw.execute("RELEASE unit")

    def back(self) -> None:
        """Go back to the mark and forget it."""
        self._raw.execute("ROLLBACK TO unit; RELEASE unit")

    def commit(self) -> None:
        """Make the transaction durable. After an error here its fate must be looked up."""
        # A transaction that had failed is rolled back, and says so without an error.
        if self._raw.execute(_text(_COMMITTED)).statusmessage != _COMMITTED:
            raise errors.InFailedSqlTransaction("the transaction had failed")

    def rollback(self) -> None:
        """Drop the transaction, if one is open still. Raises for a broken connection."""
        if self._raw.closed:
            raise psycopg.OperationalError("the connection is gone")
        if self._raw.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            self._raw.execute("ROLLBACK")

    def connect_again(self) -> None:
        """A new connection in place of this one. Raises `Unavailable`."""
        self._raw.close()
        self._raw = open_raw(self._url)
        if self._alone:
            # The former process of the server lets go of it as soon as it sees this end closed.
            self._raw.execute("SELECT pg_advisory_lock(%s)", (_SERVING,))

    def alone(self) -> bool:
        """Whether no other connection serves: from here on this one does, until it is closed."""
        found = self.one("SELECT pg_try_advisory_lock(%s)", (_SERVING,))
        self._alone = found is not None and found[0] is True
        return self._alone

    @property
    def process(self) -> int:
        """The server's process, which signs its notifications."""
        return self._raw.info.backend_pid

    def close(self) -> None:
        """Let go of the database."""
        self._raw.close()


class PostgresFaults:
    """What the errors of PostgreSQL mean."""

    error: type[Exception] = psycopg.Error

    def of_database(self, error: Exception) -> bool:
        """`wire.Faults.of_database`: it is gone, out of something, or in the way of all."""
        return isinstance(error, psycopg.OperationalError | psycopg.InternalError)

    def why(self, error: Exception) -> str:
        """`wire.Faults.why`."""
        match error:
            case errors.DiskFull():
                return "the disk is full"
            case errors.LockNotAvailable():
                return "another process holds the database"
            case _:
                return f"the database answered: {str(error).strip()}"

    def answer(self, error: Exception) -> Exception | None:
        """`wire.Faults.answer`."""
        match error:
            case errors.UniqueViolation() | errors.ForeignKeyViolation():
                # Without the server's DETAIL line, which holds the row's own values.
                return Conflict(
                    f"something else is in its place: {error.diag.message_primary}",
                    hint="Nothing was changed. Reload.",
                )
            case errors.NumericValueOutOfRange() | OverflowError():
                return BadInput("what was sent holds a number too large to be stored")
            case errors.ProgramLimitExceeded():
                return TooLarge("what was sent is too large to be stored")
            case psycopg.DataError() | UnicodeError():
                return BadInput("what was sent holds characters that are none")
            case psycopg.Error():
                return Impossible(f"no table can hold this: {error}")
            case _:
                return None

    def stored(
        self, connection: wire.Connection, head: Head, leaf: bytes | None, error: Exception
    ) -> bool | None:
        """`wire.Faults.stored`.

        Asked on a new connection and under the head: a server's process that is still about to
        commit holds it, and is waited for.
        """
        try:
            if isinstance(connection, Link):
                connection.connect_again()
            connection.begin()
            found = read_head(connection)
            entry = connection.one(_LEAF, (head.size - 1,)) if leaf else None
            connection.rollback()
        except (psycopg.Error, Unavailable):
            return None
        if found == head:
            return True
        if leaf is not None:
            return entry is not None and bytes(entry[0]) == leaf
        # Without an entry of its own only the time tells, until somebody moves on from it.
        return False if found is not None and found.at < head.at else None


_LEAF = sql.positional(select(tables.entry.c.leaf).where(tables.entry.c.seq == bindparam("seq")))
