"""The store on SQLite, one file, one writer, readers beside it; and which store a url means.

    store = open_store("sqlite:///path/handrail.db", SystemClock(), "handrail.example/log")

Opening creates the file (readable by its owner alone), brings it to this version's schema, and
refuses to go on where the database does not keep what it is told. What differs on PostgreSQL is
in `shared` and `postgres`.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from handrail.clock import Clock
from handrail.errors import BadInput, Unavailable
from handrail.store import postgres
from handrail.store.base import Base, counted, first_head, start
from handrail.store.driver import Connection, SqliteFaults
from handrail.store.migrate import migrate
from handrail.store.record import Head
from handrail.store.shared import Shared

_PREFIX = "sqlite://"


class Database(Base):
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
        self._temporary = temporary
        head = _prepare(path, origin)
        super().__init__(
            lambda: connect(path), lambda: Connection(path), SqliteFaults(), clock, head
        )
        start(self)

    def alone(self) -> None:
        """A file is in one data folder, whose lock holds others off (`onlyone`)."""

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
            problems += counted(connection)
            connection.rollback()
        finally:
            connection.close()
        return problems

    def close(self) -> None:
        super().close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def open_store(
    url: str,
    clock: Clock,
    origin: str,
    *,
    connect: Callable[[Any], Any] | None = None,
) -> Database | Shared:
    """Open the store at *url*, creating it and bringing it to this version where needed.

    ``sqlite:///PATH`` is a file, ``postgresql://HOST/NAME`` a database that is there.
    ``sqlite://`` is a private database that is gone at `close`: a file in memory where the system
    has such a place, so that tests run the very same code. *connect* holds the writing connection
    instead of the driver's own class.
    Raises `BadInput` for a url or a log name that cannot be used, `Unavailable` for a database
    that does not keep what it is told.
    """
    if url.startswith(postgres.PREFIX):
        return Shared(url, clock, origin, connect=connect or postgres.Link)
    connect = connect or Connection
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
            hint="Use sqlite:///PATH or postgresql://HOST/NAME.",
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
        return first_head(connection, origin)
    finally:
        connection.close()
