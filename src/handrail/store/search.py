"""Searching the record: filters in, one page out, newest first, in bounded time (SPEC 9).

The record is walked from its newest place to its oldest: the whole log by position, or one
client's entries by their places in that client's chain. Time never goes back along either, so
*since* and *until* are places, found by halving. An action's entries, a person's own and those of
a seldom type have indexes; every other filter looks at `LOOKED_AT` places at most and says from where to go on, so
that a filter that finds nothing in ten million entries costs no more than one that finds much.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, literal_column, or_, select
from sqlalchemy.sql.elements import ColumnElement

from handrail.store import tables
from handrail.store.contract import Find, Found
from handrail.store.functions import Members, PlaceOf, Words
from handrail.store.queries import ENTRY_AT, Query, many, within
from handrail.store.tables import OFTEN, of_people, seldom
from handrail.store.wire import Connection

#: Places that one page looks at, where no index leads to what is sought.
LOOKED_AT = 50_000
#: Entries of a chain fetched at a time.
_CHUNK = 2_000

_E, _A, _C = tables.entry.c, tables.action.c, tables.client_chain.c
_INDEXED = frozenset({"action", "person", "seldom"})
_OF_THE_ACTION = frozenset({"agent", "regime", "state", "tier"})


class Shape(NamedTuple):
    """Which filters are given: what a statement is compiled for."""

    names: frozenset[str]
    types: int = 0
    states: int = 0
    tiers: int = 0
    by_client: bool = False


def entries(connection: Connection, find: Find, size: int, look: int = LOOKED_AT) -> Found:
    """The newest entries that *find* wants, of a log of *size* entries.

    Without an index it looks at *look* places at most.
    """
    low, high = bounds(connection, find.since, find.until, size)
    if find.before is not None:
        high = min(high, find.before)
    places = None
    if find.client is not None:
        places = _places(connection, find.client)
        low, high = places.first(low), places.first(high)
    values = {
        name: value
        for name in ("action", "person", "agent", "regime", "text")
        if (value := getattr(find, name)) is not None
    }
    names = frozenset(values)
    if len(find.types) == 1 and find.types[0] not in OFTEN:
        names |= {"seldom"}
    loose = (names - _INDEXED) or find.types or find.states or find.tiers
    floor = max(low, high - look) if loose and not names & _INDEXED else low
    if find.text is not None:
        values["text"] = find.text.lower()
    if find.client is not None:
        values["client"] = find.client
    shape = Shape(
        names, len(find.types), len(find.states), len(find.tiers), by_client=places is not None
    )
    rows = statement(shape).rows(
        connection,
        **values,
        **many("type", find.types),
        **many("state", find.states),
        **many("tier", find.tiers),
        low=floor,
        high=high,
        limit=find.limit + 1,
    )
    if len(rows) > find.limit:
        return Found(rows[: find.limit], rows[find.limit - 1]["seq"])
    if floor > low:
        return Found(rows, floor if places is None else places.position(floor))
    return Found(rows, None)


def bounds(
    connection: Connection, since: int | None, until: int | None, size: int
) -> tuple[int, int]:
    """The positions that two instants mean, of a log of *size* entries."""
    low, high = (
        bound if at is None else _first(size, at, lambda seq: _at(connection, seq))
        for at, bound in ((since, 0), (until, size))
    )
    return low, high


def chain(connection: Connection, client: str, low: int, high: int) -> Iterator[tuple[int, bytes]]:
    """Position and bytes of *client*'s entries at positions from *low* to before *high*."""
    places = _places(connection, client)
    start, stop = places.first(low), places.first(high)
    while start < stop:
        page = _CHAIN.tuples(connection, client=client, low=start, high=min(start + _CHUNK, stop))
        yield from ((seq, bytes(body)) for seq, body in page)
        start += _CHUNK


def _places(connection: Connection, client: str) -> "Places":
    last = _LAST_PLACE.one(connection, client=client)
    return Places(connection, client, 0 if last is None else last["n"] + 1)


class Places:
    """The places of one client's chain, and the positions that they have in the log."""

    def __init__(self, connection: Connection, client: str, length: int) -> None:
        self._connection = connection
        self._client = client
        self._length = length

    def first(self, seq: int) -> int:
        """The first place at position *seq* or later."""
        return _first(self._length, seq, self.position)

    def position(self, n: int) -> int:
        """The position of place *n*."""
        row = _PLACE.one(self._connection, client=self._client, n=n)
        return 0 if row is None else int(row["seq"])


def _first(length: int, wanted: int, of: Callable[[int], int]) -> int:
    """The first of *length* places whose value, which never goes back, is *wanted* or more."""
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        if of(middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low


def _at(connection: Connection, seq: int) -> int:
    row = ENTRY_AT.one(connection, seq=seq)
    return 0 if row is None else int(row["at"])


@cache
def statement(shape: Shape) -> Query:
    """A page of the record, between two places."""
    regimes = Members(tables.client.c.regimes).table_valued("value", name="r")
    where: dict[str, ColumnElement[bool]] = {
        "action": _E.action == bindparam("action"),
        "person": and_(of_people, _E.principal == bindparam("person")),
        "agent": _A.agent == bindparam("agent"),
        "regime": select(literal_column("1"))
        .select_from(tables.client, regimes)
        .where(tables.client.c.id == _A.client, regimes.c.value == bindparam("regime"))
        .exists(),
        "seldom": seldom,
        "text": or_(
            PlaceOf(func.lower(Words(_E.body)), bindparam("text")) > 0,
            PlaceOf(func.lower(_A.sentence), bindparam("text")) > 0,
        ),
    }
    chosen = [where[name] for name in sorted(shape.names)]
    chosen += [
        within(column, name, count)
        for column, name, count in (
            (_E.type, "type", shape.types),
            (_A.state, "state", shape.states),
            (_A.tier, "tier", shape.tiers),
        )
        if count
    ]
    place = _C.n if shape.by_client else _E.seq
    chosen += [place >= bindparam("low"), place < bindparam("high")]
    statement = select(_E.seq, _E.at, _E.type, _E.principal, _E.action, _E.body)
    joined: Any = tables.entry
    if shape.by_client:
        joined = tables.client_chain.join(tables.entry, _E.seq == _C.seq)
        chosen.append(_C.client == bindparam("client"))
    if shape.states or shape.tiers or shape.names & _OF_THE_ACTION:
        joined = joined.join(tables.action, _A.id == _E.action)
    elif "text" in shape.names:
        joined = joined.outerjoin(tables.action, _A.id == _E.action)
    return Query(
        "entries", "The record, newest first.",
        statement.select_from(joined).where(and_(*chosen))
        .order_by(place.desc()).limit(bindparam("limit")),
    )  # fmt: skip


_PLACE = Query(
    "place", "Where a place of a client's chain lies.",
    select(_C.seq).where(_C.client == bindparam("client"), _C.n == bindparam("n")),
)  # fmt: skip
_CHAIN = Query(
    "chain", "A part of a client's chain, in order.",
    select(_C.seq, _E.body).join_from(tables.client_chain, tables.entry, _E.seq == _C.seq)
    .where(_C.client == bindparam("client"), _C.n >= bindparam("low"), _C.n < bindparam("high"))
    .order_by(_C.n),
)  # fmt: skip
_LAST_PLACE = Query(
    "last_place", "How long a client's chain is.",
    select(_C.n).where(_C.client == bindparam("client")).order_by(_C.n.desc()).limit(1),
)  # fmt: skip
