"""The ledger's share of a batch: entries, places in clients' chains, and the head.

Positions are given out here, under the head, in the order of the units: what is committed is in
the tree, and no sequencer comes after (COMMIT section 1). What an entry is and how the tree
grows is the ledger's own (`handrail.ledger`); this file moves rows.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy import bindparam, select, update

from handrail.clock import from_us, rfc3339
from handrail.errors import BadInput, TooLarge
from handrail.store import sql, tables
from handrail.store.contract import At, Event
from handrail.store.driver import Connection

_MAX_ENTRY = 65_535
_NOTHING = b""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of the log."""

    origin: str
    size: int
    frontier: tuple[bytes, ...]
    epoch: int
    at: int

    @property
    def root(self) -> bytes:
        if not self.frontier:
            return hashlib.sha256(b"").digest()
        root = self.frontier[-1]
        for left in reversed(self.frontier[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


class Record:
    """The entries of the running batch, on top of the committed head."""

    def __init__(self, head: Head) -> None:
        self.committed = head
        self.head = head
        self._chains: dict[str, tuple[int, bytes]] = {}
        self._batch_chains: list[tuple[str, tuple[int, bytes] | None]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._places: list[tuple[Any, ...]] = []

    def append(self, event: Event, now: int, epoch: int, connection: Connection) -> At:
        """Give *event* the next position."""
        seq = self.head.size
        clients = [self._place(c, seq, connection) for c in sorted(set(event.clients))]
        entry = {
            "origin": self.head.origin,
            "seq": seq,
            "at": rfc3339(from_us(now)),
            "type": event.type,
            "principal": event.principal,
            "action": event.action,
            "epoch": epoch,
            "clients": clients,
            "facts": dict(event.facts),
        }
        try:
            body = orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError as e:
            raise BadInput(f"what was sent cannot be recorded: {e}") from e
        if len(body) > _MAX_ENTRY:
            raise TooLarge("the entry is larger than the ledger allows")
        leaf = hashlib.sha256(b"\x00" + body).digest()
        for c in clients:
            self._chains[c["client"]] = (c["n"], leaf)
        self._entries.append((seq, now, event.type, event.principal, event.action, body, leaf))
        frontier = list(self.head.frontier)
        node, n = leaf, seq
        while n & 1:
            node = hashlib.sha256(b"\x01" + frontier.pop() + node).digest()
            n >>= 1
        frontier.append(node)
        self.head = replace(self.head, size=seq + 1, frontier=tuple(frontier), epoch=epoch, at=now)
        return At(seq, now)

    def _place(self, client: str, seq: int, connection: Connection) -> dict[str, Any]:
        last = self._chains.get(client) or self._last(client, connection)
        self._batch_chains.append((client, last))
        n, leaf = (0, _NOTHING) if last is None else (last[0] + 1, last[1])
        self._places.append((client, n, seq))
        return {"client": client, "n": n, "former": leaf.hex()}

    def _last(self, client: str, connection: Connection) -> tuple[int, bytes] | None:
        row = connection.one(_LAST, (client,))
        return None if row is None else (row[0], bytes(row[1]))

    def move(self, now: int, epoch: int) -> None:
        """The head's time and control epoch after a unit, with or without events."""
        self.head = replace(self.head, at=now, epoch=epoch)

    # --- going back ---

    def mark(self) -> tuple[Head, int, int, int]:
        """Where the record stands, for `back`."""
        return self.head, len(self._entries), len(self._places), len(self._batch_chains)

    def back(self, mark: tuple[Head, int, int, int]) -> None:
        """Undo everything since *mark*."""
        self.head = mark[0]
        del self._entries[mark[1] :]
        del self._places[mark[2] :]
        while len(self._batch_chains) > mark[3]:
            client, last = self._batch_chains.pop()
            if last is None:
                self._chains.pop(client, None)
            else:
                self._chains[client] = last

    def drop(self) -> None:
        """The batch is lost."""
        self.back((self.committed, 0, 0, 0))

    def keep(self) -> None:
        """The batch is durable."""
        self.committed = self.head
        self._entries.clear()
        self._places.clear()
        self._batch_chains.clear()

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


def read_head(connection: Connection) -> Head | None:
    """The head that the database holds."""
    values = connection.one(_HEAD)
    if values is None:
        return None
    origin, size, frontier, epoch, at = values
    nodes = tuple(frontier[i : i + 32] for i in range(0, len(frontier), 32))
    return Head(origin, size, nodes, epoch, at)


def write_head(connection: Connection, head: Head) -> None:
    """Write *head* over the one that the database holds."""
    connection.move_head(
        _MOVE, (head.size, head.root, b"".join(head.frontier), head.epoch, head.at)
    )


def write_first_head(connection: Connection, origin: str) -> Head:
    """Write and return the head of a log that holds nothing yet."""
    head = Head(origin, 0, (), 0, 0)
    connection.executemany(sql.access("head").insert, [(1, origin, 0, head.root, b"", 0, 0)])
    return head


_H, _C, _E = tables.head.c, tables.client_chain.c, tables.entry.c
_HEAD = sql.positional(select(_H.origin, _H.size, _H.frontier, _H.epoch, _H.at))
_MOVE = sql.positional(
    update(tables.head).ordered_values(
        *((_H[name], bindparam(name)) for name in ("size", "root", "frontier", "epoch", "at"))
    )
)
_LAST = sql.positional(
    select(_C.n, _E.leaf)
    .join_from(tables.client_chain, tables.entry, _E.seq == _C.seq)
    .where(_C.client == bindparam("client"))
    .order_by(_C.n.desc())
)
