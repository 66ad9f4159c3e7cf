"""The small state that judging needs, read as one snapshot and kept until it moves.

Connections, tools, clients, people and agents change rarely and are read by every call. A stale
snapshot is safe: it carries the control epoch it was read at, and a begin refuses when the epoch
inside its unit is another (I1).
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.clock import from_us
from handrail.core.model import Agent, Breaker, Client, Delegation, Person, Role, Standing
from handrail.core.shadow import Scope
from handrail.service import codec
from handrail.store import nouns
from handrail.store.contract import Reader, Row, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One consistent snapshot. ``tools`` is keyed by (connection, kind, name)."""

    epoch: int
    connections: Mapping[str, Row]
    tools: Mapping[tuple[str, str, str], Row]
    clients: Mapping[str, Client]
    people: Mapping[str, Person]
    agents: Mapping[str, Agent]
    standings: Mapping[str, tuple[Standing, ...]]  #: by action type
    breakers: tuple[Breaker, ...]  #: open or on probation
    shadows: tuple[Scope, ...]  #: agreed and not ended; the dates say which are live


class Keeper:
    """Holds the newest snapshot; reads it again after any change that is not an action's own."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: Known | None = None
        store.on_commit(self._moved)

    def current(self) -> Known:
        """The snapshot, read again if anything in it may have changed."""
        known = self._known
        if known is None:
            with self._lock:
                if self._known is None:
                    with self._store.read() as reader:
                        self._known = _read(reader)
                known = self._known
        return known

    def forget(self) -> None:
        """Read again at the next look."""
        self._known = None

    def _moved(self, types: Sequence[str]) -> None:
        if any(":action:" not in t and ":read:" not in t for t in types):
            self._known = None


def _read(reader: Reader) -> Known:
    head = reader.head()
    lends: dict[str, tuple[Delegation, ...]] = {}
    for row in reader.delegations(int(head["at"])):
        if (one := nouns.delegation(row)) is not None:
            lends[row["giver"]] = (*lends.get(row["giver"], ()), one)
    standings: dict[str, tuple[Standing, ...]] = {}
    for row in reader.standings():
        standings[row["type"]] = (*standings.get(row["type"], ()), nouns.standing(row))
    return Known(
        epoch=int(head["epoch"]),
        connections={r["name"]: r for r in reader.connections()},
        tools={(r["connection"], r["kind"], r["name"]): r for r in reader.tools()},
        clients={r["id"]: nouns.client(r) for r in reader.clients()},
        people={r["id"]: _person(r, lends.get(r["id"], ())) for r in reader.people()},
        agents={r["id"]: nouns.agent(r) for r in reader.agents()},
        standings=standings,
        breakers=tuple(b for r in reader.breakers(limit=10_000) if (b := nouns.breaker(r))),
        shadows=tuple(
            nouns.shadow(r)
            for r in reader.shadows()
            if r["begins"] is not None and r["ended_at"] is None
        ),
    )


def _person(row: Row, lends: tuple[Delegation, ...]) -> Person:
    roles = frozenset(
        Role(
            r["role"],
            r["client"] or None,
            from_us(r["since"]),
            until=None if r["until"] is None else from_us(r["until"]),
        )
        for r in codec.load(row["roles"])
    )
    return nouns.person(row, roles, lends)
