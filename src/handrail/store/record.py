"""The ledger's share of a batch: entries, places in clients' chains, and the head.

Positions are given out here, under the head, in the order of the units: what is committed is in
the tree, and no sequencer comes after (COMMIT section 1). What an entry is and how the tree
grows is the ledger's own (`handrail.ledger.append`); this file keeps the chains and moves rows.
"""

from typing import Any, NamedTuple

from sqlalchemy import bindparam, literal_column, select, update

from handrail.errors import BadInput, TooLarge
from handrail.ledger.append import Head, Link, extend
from handrail.ledger.errors import EntryInvalid, EntryTooLarge
from handrail.store import sql, tables
from handrail.store.contract import At, Event
from handrail.store.wire import Connection

__all__ = ["Head", "Record", "read_head", "write_first_head", "write_head"]

_HASH = 32  # bytes of one subtree's root in the head's frontier


class _Mark(NamedTuple):
    head: Head
    leaf: bytes | None
    entries: int
    places: int
    links: int


class Record:
    """The entries of the running batch, on top of the committed head."""

    def __init__(self, head: Head) -> None:
        self.committed = head
        self.head = head
        self.leaf: bytes | None = None  #: of the last entry of the batch
        self._links: dict[str, Link] = {}
        self._former: list[tuple[str, Link | None]] = []  # what the batch replaced in `_links`
        self._entries: list[tuple[Any, ...]] = []
        self._places: list[tuple[str, int, int]] = []

    def move(self, now: int, epoch: int, origin: str | None = None) -> None:
        """The head's time and control epoch from here on, with or without events; and the log's
        name, where people reopened it."""
        self.head = self.head._replace(at=now, epoch=epoch, origin=origin or self.head.origin)

    def append(self, event: Event, connection: Connection) -> At:
        """Give *event* the next position, at the head's time.

        Raises `TooLarge` or `BadInput` for facts that no entry can hold.
        """

        def chains(client: str) -> Link | None:
            return self._links.get(client) or _newest(client, connection)

        head = self.head
        try:
            added = extend(
                head,
                chains,
                type=event.type,
                by=event.principal,
                at=head.at,
                action=event.action,
                clients=event.clients,
                facts=event.facts,
            )
        except EntryTooLarge as e:
            raise TooLarge(f"this cannot be recorded: {e.message}") from e
        except EntryInvalid as e:
            raise BadInput(f"this cannot be recorded: {e.message}") from e
        for client, n in added.places:
            self._former.append((client, self._links.get(client)))
            self._links[client] = Link(n, added.leaf)
            self._places.append((client, n, added.seq))
        self._entries.append(
            (added.seq, head.at, event.type, event.principal, event.action, added.body, added.leaf)
        )
        self.head = added.head
        self.leaf = added.leaf
        return At(added.seq, head.at)

    # --- going back ---

    def mark(self) -> _Mark:
        """Where the record stands, for `back`."""
        return _Mark(self.head, self.leaf, len(self._entries), len(self._places), len(self._former))

    def back(self, mark: _Mark) -> None:
        """Undo everything since *mark*."""
        self.head, self.leaf = mark.head, mark.leaf
        del self._entries[mark.entries :]
        del self._places[mark.places :]
        while len(self._former) > mark.links:
            client, link = self._former.pop()
            if link is None:
                self._links.pop(client, None)
            else:
                self._links[client] = link

    def drop(self) -> None:
        """The batch is lost."""
        self.back(_Mark(self.committed, None, 0, 0, 0))

    def keep(self) -> None:
        """The batch is durable."""
        self.committed = self.head
        self.leaf = None
        self._former.clear()

    # --- to disk ---

    def flush(self, connection: Connection) -> None:
        """Write the entries and places gathered since the last flush."""
        if self._entries:
            connection.executemany(sql.access("entry").insert, self._entries)
        if self._places:
            connection.executemany(sql.access("client_chain").insert, self._places)
        self._entries.clear()
        self._places.clear()

    def move_head(self, connection: Connection) -> None:
        """Write the head as it is after the batch."""
        write_head(connection, self.head)


def _newest(client: str, connection: Connection) -> Link | None:
    row = connection.one(_NEWEST, (client,))
    return None if row is None else Link(row[0], bytes(row[1]))


def read_head(connection: Connection) -> Head | None:
    """The head that the database holds."""
    values = connection.one(_HEAD)
    if values is None:
        return None
    origin, size, frontier, epoch, at = values
    roots = tuple(frontier[i : i + _HASH] for i in range(0, len(frontier), _HASH))
    return Head(origin, size, roots, epoch, at)


def write_head(connection: Connection, head: Head) -> None:
    """Write *head* over the one that the database holds."""
    connection.move_head(
        _MOVE, (head.origin, head.size, head.root, b"".join(head.frontier), head.epoch, head.at)
    )


def write_first_head(connection: Connection, origin: str) -> Head:
    """Write and return the head of a log that holds nothing yet."""
    head = Head(origin)
    connection.executemany(sql.access("head").insert, [(1, origin, 0, head.root, b"", 0, 0)])
    return head


_H, _C, _E = tables.head.c, tables.client_chain.c, tables.entry.c
_HEAD = sql.positional(select(_H.origin, _H.size, _H.frontier, _H.epoch, _H.at))
_MOVE = sql.positional(
    update(tables.head).ordered_values(
        *(
            (_H[name], bindparam(name))
            for name in ("origin", "size", "root", "frontier", "epoch", "at")
        )
    )
)
_NEWEST = sql.positional(
    select(_C.n, _E.leaf)
    .join_from(tables.client_chain, tables.entry, _E.seq == _C.seq)
    .where(_C.client == bindparam("client"))
    .order_by(_C.n.desc())
    .limit(literal_column("1"))
    .offset(literal_column("0"))
)
