"""`Reader`: one consistent snapshot for pages and reports (contract).

A reader holds a connection of its own inside a read transaction: what is committed meanwhile is
not seen, and what is seen was committed. It never decides a begin. Keep it short: while it is
open the write-ahead log cannot shrink.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from handrail.errors import Unavailable
from handrail.store import queries, queries_earned, queries_incidents, search, sql
from handrail.store.contract import Find, Found, Row
from handrail.store.queries import Filter, Query, many
from handrail.store.wire import Connection, Faults

#: Entries fetched at a time by `stream`.
_CHUNK = 2_000
#: How many of a type's newest actions a track record looks at.
_LATELY = 5_000
#: States that the partial index of unfinished actions serves.
_UNFINISHED = frozenset({"waiting", "approved", "begun"})
#: How long an action may have waited for people before it began, microseconds.
_LONGEST_WAIT = 14 * 24 * 3600 * 1_000_000
#: Connections kept open between readers.
_KEPT = 64


class SnapshotReader:
    """The `Reader` of either database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _all(self, query: Query, **values: Any) -> list[sql.Decoded]:
        return query.rows(self._connection, **values)

    # --- the small state ---

    def head(self) -> Row:
        return queries.HEAD.one(self._connection) or {}

    def policy(self) -> Row | None:
        return queries.POLICY.one(self._connection)

    def policies(self) -> Sequence[Row]:
        return self._all(queries.POLICIES)

    def policy_drafts(self) -> Sequence[Row]:
        return self._all(queries.POLICY_DRAFTS)

    def shadows(self) -> Sequence[Row]:
        return self._all(queries.SHADOWS)

    def clients(self) -> Sequence[Row]:
        return self._all(queries.CLIENTS)

    def people(self) -> Sequence[Row]:
        return self._all(queries.PEOPLE)

    def aged_roles(self, now: int) -> Sequence[Row]:
        return self._all(queries.AGED_ROLES, now=now)

    def roles(self, person: str) -> Sequence[Row]:
        return self._all(queries.ROLES_OF, person=person)

    def subject(self, issuer: str, person: str) -> Row | None:
        return queries.SUBJECT_OF.one(self._connection, issuer=issuer, person=person)

    def passkeys(self, person: str) -> Sequence[Row]:
        return self._all(queries.PASSKEYS, person=person)

    def stale_tries(self, now: int) -> Sequence[Row]:
        return self._all(queries.STALE_TRIES, now=now)

    def delegations(self, now: int) -> Sequence[Row]:
        return self._all(queries.DELEGATIONS, now=now)

    def agents(self) -> Sequence[Row]:
        return self._all(queries.AGENTS)

    def connections(self) -> Sequence[Row]:
        return self._all(queries.CONNECTIONS)

    def tools(self, connection: str | None = None) -> Sequence[Row]:
        if connection is None:
            return self._all(queries.TOOLS)
        return self._all(queries.TOOLS_OF, connection=connection)

    def pauses(self) -> Sequence[Row]:
        return self._all(queries.PAUSES)

    def standings(self) -> Sequence[Row]:
        return self._all(queries_earned.STANDINGS)

    def breakers(self, *, closed: bool = False, limit: int = 100) -> Sequence[Row]:
        asked = queries_earned.BREAKERS_EVER if closed else queries_earned.BREAKERS
        return self._all(asked, limit=limit)

    def nominations(
        self, *, type: str | None = None, open_only: bool = True, limit: int = 100
    ) -> Sequence[Row]:
        if open_only:
            found = self._all(queries_earned.NOMINATIONS, limit=limit)
            return [r for r in found if type in {None, r["type"]}]
        return self._all(queries_earned.NOMINATIONS_OF, type=type or "", limit=limit)

    def reviews(self, limit: int = 200) -> Sequence[Row]:
        return self._all(queries_earned.REVIEWS, limit=limit)

    def review_findings(self, review: str) -> Sequence[Row]:
        return self._all(queries_earned.REVIEW_FINDINGS, review=review)

    def folded(self) -> Sequence[Row]:
        return self._all(queries_earned.FOLDED)

    # --- by key ---

    def row(self, table: str, *key: Any) -> Row | None:
        access = sql.access(table)
        values = self._connection.one(access.select, key)
        return None if values is None else access.decode(values)

    def by_key(self, agent: str, key: str) -> Row | None:
        return queries.ACTION_BY_KEY.one(self._connection, agent=agent, key=key)

    def keys(self, agent: str) -> Sequence[Row]:
        return self._all(queries.KEYS, agent=agent)

    def sessions(self, person: str) -> Sequence[Row]:
        return self._all(queries.SESSIONS, person=person)

    def device(self, user_code: str) -> Row | None:
        return queries.DEVICE_BY_CODE.one(self._connection, code=user_code)

    # --- actions and what hangs on them ---

    def actions(
        self,
        *,
        states: Sequence[str] = (),
        tiers: Sequence[int] = (),
        agent: str | None = None,
        client: str | None = None,
        type: str | None = None,
        trigger: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        given = _given(
            agent=agent,
            client=client,
            type=type,
            trigger=trigger,
            since=since,
            until=until,
            before=before,
        )
        names = frozenset(given)
        if before is not None:
            row = self.row("action", before)
            given["before_at"] = row["at"] if row else None  # unknown: nothing is before it
        if states and _UNFINISHED.issuperset(states):
            names |= {"unfinished"}
        query = queries.actions(Filter(names, len(states), len(tiers)))
        return self._all(
            query, **given, **many("state", states), **many("tier", tiers), limit=limit
        )

    def similar(self, type: str, client: str, limit: int = 5) -> Sequence[Row]:
        found: list[sql.Decoded] = []
        others = [c["id"] for c in self.clients() if c["id"] != client]
        # Client by client, since that is how the index runs: the newest of each are enough.
        for one in (client, *others):
            page = self._all(queries.ENDED_OF_CLIENT, type=type, client=one, limit=max(limit, 50))
            page.sort(key=lambda row: row["state"] != "reversed")
            found += page
            if one == client and len(found) >= limit:
                return found[:limit]
        mine = [r for r in found if r["client"] == client]
        rest = [r for r in found if r["client"] != client]
        rest.sort(key=lambda row: row["id"], reverse=True)
        rest.sort(key=lambda row: row["state"] != "reversed")
        return (mine + rest)[:limit]

    def track_record(self, agent: str, type: str) -> Row:
        rows = self._all(queries.TRACK_RECORD, agent=agent, type=type, most=_LATELY)
        counted = {r["state"]: r["n"] for r in rows}
        return {s: counted.get(s, 0) for s in ("done", "failed", "unknown", "reversed", "denied")}

    def proposals(
        self,
        *,
        open_only: bool = True,
        client: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        given = _given(client=client, before=before)
        names = frozenset(given) | ({"open"} if open_only else set())
        return self._all(queries.proposals(Filter(names)), **given, limit=limit)

    def proposal(self, id: str, version: int | None = None) -> Row | None:
        if version is None:
            return queries.PROPOSAL_NEWEST.one(self._connection, id=id)
        return queries.PROPOSAL_VERSION.one(self._connection, id=id, version=version)

    def proposal_of(self, action: str) -> Row | None:
        return queries.PROPOSAL_OF.one(self._connection, action=action)

    def answers(self, proposal: str) -> Sequence[Row]:
        return self._all(queries.ANSWERS, proposal=proposal)

    def open_answers(self) -> Mapping[tuple[str, int], Sequence[Row]]:
        found: dict[tuple[str, int], list[Row]] = {}
        for row in self._all(queries.OPEN_ANSWERS):
            found.setdefault((row["proposal"], row["version"]), []).append(row)
        return found

    def decisions(self, hour: int, shift: int) -> Sequence[Row]:
        return self._all(queries.DECISIONS, hour=hour, shift=shift)

    def notices(
        self,
        *,
        open_only: bool = False,
        cards_only: bool = False,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        given = _given(before=before)
        names = frozenset(given) | ({"open"} if open_only else set())
        names |= {"cards"} if cards_only else set()
        return self._all(queries.notices(Filter(names)), **given, limit=limit)

    def rehearsals(self, type: str, limit: int = 20) -> Sequence[Row]:
        return self._all(queries.REHEARSALS, type=type, limit=limit)

    def due_rehearsals(self, now: int, limit: int = 100) -> Sequence[Row]:
        return self._all(queries.DUE_REHEARSALS, now=now, limit=limit)

    def steps(self, action: str) -> Sequence[Row]:
        return self._all(queries.STEPS, action=action)

    def on_card(self, card: str) -> Sequence[Row]:
        return self._all(queries.ON_CARD, card=card)

    def open_cards(self, since: int) -> Sequence[Row]:
        return self._all(queries.OPEN_CARDS, since=since)

    def told_since(self, since: int) -> Mapping[str, int]:
        return {r["person"]: r["n"] for r in self._all(queries.TOLD_SINCE, since=since)}

    def incidents(
        self,
        *,
        action: str | None = None,
        client: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        given = _given(action=action, client=client, severity=severity, state=state, before=before)
        asked = queries_incidents.incidents(Filter(frozenset(given)))
        return self._all(asked, **given, limit=limit)

    def linked(self, incident: str) -> Sequence[Row]:
        return self._all(queries_incidents.LINKED, incident=incident)

    def follow_ups(
        self, *, incident: str | None = None, owner: str | None = None, open_only: bool = False
    ) -> Sequence[Row]:
        given = _given(incident=incident, owner=owner)
        names = frozenset(given) | ({"open"} if open_only else set())
        return self._all(queries_incidents.follow_ups(Filter(names)), **given)

    def counts(self, since: int) -> Mapping[str, int]:
        total: dict[str, int] = {"tier1": 0, "tier2": 0, "tier3": 0}
        for row in self._all(queries.COUNTS, since=since):
            total[row["state"]] = total.get(row["state"], 0) + row["n"]
            if f"tier{row['tier']}" in total:
                total[f"tier{row['tier']}"] += row["n"]
        waiting = queries.WAITING.one(self._connection)
        total["waiting"] = waiting["n"] if waiting else 0
        return total

    # --- due work ---

    def due_proposals(self, now: int, limit: int = 1000) -> Sequence[Row]:
        return self._all(queries.DUE_PROPOSALS, now=now, limit=limit)

    def due_notices(self, now: int, limit: int = 1000) -> Sequence[Row]:
        return self._all(queries.DUE_NOTICES, now=now, limit=limit)

    def due_messages(self, channel: str, now: int, limit: int = 20) -> Sequence[Row]:
        return self._all(queries.DUE_MESSAGES, channel=channel, now=now, limit=limit)

    def stale_messages(self, channel: str, now: int, limit: int = 20) -> Sequence[Row]:
        return self._all(queries.STALE_MESSAGES, channel=channel, now=now, limit=limit)

    def messages(self, ref: str) -> Sequence[Row]:
        return self._all(queries.MESSAGES_OF, ref=ref)

    def due_checks(self, now: int, limit: int = 1000) -> Sequence[Row]:
        return self._all(queries.DUE_CHECKS, now=now, limit=limit)

    def overdue(self, since: int) -> Sequence[Row]:
        return self._all(queries.OVERDUE_ACTIONS, since=since)

    def next_due(self) -> int | None:
        row = queries.NEXT_DUE.one(self._connection) or {}
        return min((due for due in row.values() if due is not None), default=None)

    def begun(self) -> Sequence[Row]:
        actions = [{**r, "reversal": None} for r in self._all(queries.BEGUN_ACTIONS)]
        return actions + self._all(queries.BEGUN_REVERSALS)

    def passing(self) -> Sequence[Row]:
        return self._all(queries.PASSING)

    # --- the record ---

    def entries(self, find: Find) -> Found:
        return search.entries(self._connection, find, int(self.head()["size"]))

    def between(
        self, since: int | None, until: int | None, client: str | None = None
    ) -> Iterator[tuple[int, bytes]]:
        size = int(self.head()["size"])
        low, high = search.bounds(self._connection, since, until, size)
        if client is None:
            return self.stream(low, high)
        return search.chain(self._connection, client, low, high)

    def entries_of(self, ids: Sequence[str]) -> Sequence[tuple[str, bytes]]:
        return queries.ENTRIES_OF.tuples(self._connection, ids=_json(ids))

    def actions_by_id(self, ids: Sequence[str]) -> Sequence[Row]:
        return self._all(queries.ACTIONS_BY_ID, ids=_json(ids))

    def actions_without_entry(self, limit: int) -> Sequence[str]:
        return [row["id"] for row in self._all(queries.ACTIONS_WITHOUT_ENTRY, limit=limit)]

    def began(self, connection: str, since: int, until: int) -> Sequence[Row]:
        earliest = since - _LONGEST_WAIT
        return self._all(
            queries.BEGAN, connection=connection, since=since, until=until, earliest=earliest
        )

    def stream(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        stop = int(self.head()["size"]) if end is None else end
        while start < stop:
            page = queries.STREAM.tuples(self._connection, start=start, end=stop, limit=_CHUNK)
            if not page:
                return
            yield from page
            start = page[-1][0] + 1


def _json(ids: Sequence[str]) -> str:
    return orjson.dumps(list(ids)).decode()


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class Readers:
    """Reading connections, kept for the next reader."""

    def __init__(self, connect: Callable[[], Connection], faults: Faults) -> None:
        self._connect = connect
        self._faults = faults
        self._lock = threading.Lock()
        self._free: list[Connection] = []
        self._closed = False

    @contextmanager
    def read(self) -> Iterator[SnapshotReader]:
        """`Store.read`."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        if connection is None:
            connection = self._connect()
            connection.read_only()
        try:
            connection.snapshot()
            yield SnapshotReader(connection)
        except self._faults.error as e:
            if self._faults.of_database(e):
                raise Unavailable(f"nothing could be read: {self._faults.why(e)}") from e
            raise
        finally:
            self._put_back(connection)

    def _put_back(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except self._faults.error:
            connection.close()  # it broke; whoever read from it has heard of that
            return
        with self._lock:
            if not self._closed and len(self._free) < _KEPT:
                self._free.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is free; a reader still open closes its own when it ends."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
        for connection in free:
            connection.close()
