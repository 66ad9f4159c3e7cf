"""`handrail copy`: everything of a SQLite database into an empty PostgreSQL one, or nothing.

The record is added up from its entries' bytes before and after: both must come to the head that
the database holds. The rows go over in one transaction, read in one snapshot; only when they are
counted and the record holds is it committed, so a copy that broke off left nothing but tables.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from handrail.errors import BadInput, Conflict, Unavailable
from handrail.ledger import merkle
from handrail.store import driver, postgres, queries, sql
from handrail.store.migrate import TURN, migrate, migrate_shared
from handrail.store.record import read_head
from handrail.store.wire import Connection

_PREFIX = "sqlite:///"
_CHUNK = 2_000


def copy(source: str, target: str, say: Callable[[str], None]) -> Mapping[str, Any]:
    """Copy the SQLite database *source* to the PostgreSQL database *target*.

    Returns `rows`, `entries` and `root`. Raises `BadInput` for addresses that are none,
    `Conflict` for a target that holds something, `Unavailable` where the record does not add up
    or a database fails; the target then holds no row.
    """
    path = Path(source.removeprefix(_PREFIX))
    if not source.startswith(_PREFIX) or not target.startswith(postgres.PREFIX):
        raise BadInput("a copy goes from sqlite:///PATH to postgresql://HOST/NAME")
    if not path.is_file():
        raise BadInput(f"there is no database {path}")
    migrate(path)
    migrate_shared(target)
    reading, writing = driver.Connection(path), postgres.Link(target)
    try:
        reading.snapshot()
        root = _added_up(reading, "the database to copy")
        say("The record of the database to copy holds.")
        # Whoever opens the target meanwhile waits, and finds it filled or as it was.
        writing.begin()
        writing.rows("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        for name in sql.IN_ORDER:
            if writing.one(f'SELECT 1 FROM "{name}" LIMIT 1') is not None:  # noqa: S608
                raise Conflict(
                    f"the database to copy to is not empty: it has rows in {name}",
                    hint="Make a new one with createdb.",
                )
        rows = sum(_table(name, reading, writing) for name in sql.IN_ORDER)
        if _added_up(writing, "the copy") != root:
            raise Unavailable("the copy's record is another one; nothing was copied")
        head = read_head(writing)
        # The commit point: until here the target holds no row, and a copy is begun again.
        writing.commit()
    except psycopg.Error as e:
        raise Unavailable(f"nothing was copied: {str(e).strip()}") from e
    finally:
        reading.close()
        writing.close()
    return {"rows": rows, "entries": head.size if head else 0, "root": root.hex()}


def _table(name: str, reading: Connection, writing: Connection) -> int:
    access = sql.access(name)
    columns = ", ".join(f'"{c}"' for c in access.columns)
    keys = ", ".join(f'"{c}"' for c in access.keys)
    taken = 0
    for chunk in _chunks(reading, f'SELECT {columns} FROM "{name}" ORDER BY {keys}'):  # noqa: S608
        writing.executemany(access.insert, chunk)
        taken += len(chunk)
    there = writing.one(f'SELECT count(*) FROM "{name}"')  # noqa: S608
    if there is None or there[0] != taken:
        raise Unavailable(f"of {taken} rows of {name} not all arrived; nothing was copied")
    return taken


def _chunks(reading: Connection, text: str) -> Iterator[list[tuple[Any, ...]]]:
    start = 0
    while chunk := reading.rows(f"{text} LIMIT {_CHUNK} OFFSET {start}"):
        yield chunk
        start += len(chunk)


def _added_up(connection: Connection, what: str) -> merkle.Hash:
    """The root of the record, from its entries' bytes."""
    head = read_head(connection)
    if head is None:
        raise Unavailable(f"{what} holds no record")
    frontier: merkle.Frontier = ()
    size = 0
    while size < head.size:
        page = queries.STREAM.tuples(connection, start=size, end=head.size, limit=_CHUNK)
        for seq, body in page:
            if seq != size:
                break
            frontier = merkle.extend(frontier, size, merkle.hash_leaf(bytes(body)))
            size += 1
        if not page or page[-1][0] != size - 1:
            raise Unavailable(f"{what} lacks entry {size}", hint="Restore a verified backup.")
    if frontier != head.frontier:
        raise Unavailable(
            f"the record of {what} does not add up to its head", hint="Restore a verified backup."
        )
    return merkle.root(frontier)
