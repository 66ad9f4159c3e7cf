"""The small state that units decide by, kept in memory beside the database.

* It is what the last commit left, plus what the running batch wrote: callers write rows, and
  the rows of the tables named in `INTERPRETED` are read here as they pass. Nobody sets it.
* Every change goes through the journal, so that a unit or a batch that fails is undone exactly
  (COMMIT trap 3). Values in the dicts are frozen; a change replaces them.
* After an unclear commit, or when another process has written, it is loaded again from disk.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import bindparam, select

from handrail.clock import from_us
from handrail.core.model import Agent, Breaker, Client, Delegation, Pause, Person, Role, Standing
from handrail.store import sql, tables
from handrail.store.contract import OpenProposal, Row
from handrail.store.nouns import agent, breaker, client, delegation, pause, person, standing
from handrail.store.windows import LONGEST, Windows, admission
from handrail.store.wire import Connection

_ABSENT = object()
_OUTCOME, _CHECK = 1, 2
Key = tuple[Any, ...]

#: Tables held in memory as a whole, in the order they are loaded.
_WHOLE = (
    "client",
    "person",
    "person_role",
    "delegation",
    "agent",
    "connection",
    "tool",
    "standing",
)


class Journal:
    """Changes of dicts, to be undone from the last to the first."""

    def __init__(self) -> None:
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []

    def set(self, target: dict[Any, Any], key: Any, value: Any) -> None:
        """Set *key* of *target*; None removes it."""
        self._log.append((target, key, target.get(key, _ABSENT)))
        if value is None:
            target.pop(key, None)
        else:
            target[key] = value

    def replace(self, target: dict[Any, Any], key: Any, value: Any) -> None:
        """Set *key* of *target*; None is a value like any other."""
        self._log.append((target, key, target.get(key, _ABSENT)))
        target[key] = value

    def mark(self) -> int:
        """Where the journal stands, for `back`."""
        return len(self._log)

    def back(self, mark: int = 0) -> None:
        """Undo everything since *mark*."""
        while len(self._log) > mark:
            target, key, old = self._log.pop()
            if old is _ABSENT:
                target.pop(key, None)
            else:
                target[key] = old

    def keep(self) -> None:
        """What was changed stands."""
        self._log.clear()


class Memory:
    """The interpreted state. Read by `view.BatchView`, changed by `learn`."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.windows = Windows()
        self.policies: dict[int, str] = {}
        self.people: dict[str, Person] = {}
        self.aging: dict[str, bool] = {}  # whose roles end by themselves
        self._person_rows: dict[str, Row] = {}
        self._roles: dict[str, Mapping[tuple[str, str], Role]] = {}
        self._lends: dict[str, Mapping[str, Delegation]] = {}
        self.agents: dict[str, Agent] = {}
        self.clients: dict[str, Client] = {}
        self.connections: dict[str, str] = {}
        self.tools: dict[Key, str] = {}
        self.pauses: dict[str, Pause] = {}
        self.standings: dict[str, tuple[Standing, ...]] = {}
        self.breakers: dict[str, Breaker] = {}
        self.in_flight: dict[str, bool] = {}
        self.open: dict[str, OpenProposal] = {}  #: by action
        self.unverified: dict[str, int] = {}  #: how many, by action type
        self._owed: dict[str, int] = {}  #: what an action owes: `_OUTCOME`, `_CHECK`

    @property
    def policy(self) -> str:
        """Digest of the newest policy version."""
        return self.policies[max(self.policies)] if self.policies else ""

    # --- one row that passes ---

    def learn(self, table: str, key: Key, row: Row | None) -> None:
        """Take in what the row *key* of *table* is now; None when it is no more."""
        if interpret := INTERPRETED.get(table):
            interpret(self, key, row)

    def learn_action(self, row: Row, proposal: Callable[[], Row | None]) -> None:
        """Take in an action's state; *proposal* looks up the version it belongs to."""
        id, state = row["id"], row["state"]
        began = state == "begun"
        if began != (id in self.in_flight):
            self.journal.set(self.in_flight, id, began or None)
            if row["effect"] == "change":
                self._owes(id, row["type"], _OUTCOME, began)
        waits = state in {"waiting", "approved"}
        if waits and id not in self.open:
            if (version := proposal()) is not None:
                self.journal.set(self.open, id, _open(version, row))
        elif not waits and id in self.open:
            self.journal.set(self.open, id, None)

    def _outcome_check(self, key: Key, row: Row | None) -> None:
        if row is not None:
            self._owes(key[0], row["type"], _CHECK, row["state"] == "due")

    def _owes(self, id: str, type: str, what: int, owes: bool) -> None:
        """Count an action as unverified while it owes its outcome, or the check of it."""
        old = self._owed.get(id, 0)
        new = old | what if owes else old & ~what
        if new != old:
            self.journal.set(self._owed, id, new or None)
        if bool(new) != bool(old):
            count = self.unverified.get(type, 0) + (1 if new else -1)
            self.journal.set(self.unverified, type, count or None)

    def _policy_version(self, key: Key, row: Row | None) -> None:
        self.journal.set(self.policies, key[0], row and row["digest"])

    def _client(self, key: Key, row: Row | None) -> None:
        self.journal.set(self.clients, key[0], row and client(row))

    def _agent(self, key: Key, row: Row | None) -> None:
        self.journal.set(self.agents, key[0], row and agent(row))

    def _person(self, key: Key, row: Row | None) -> None:
        self.journal.set(self._person_rows, key[0], row)
        self._compose(key[0])

    def _person_role(self, key: Key, row: Row | None) -> None:
        id, role, at = key
        roles = dict(self._roles.get(id, {}))
        roles.pop((role, at), None)
        if row is not None and row["lapsed_at"] is None:
            until = None if row["until"] is None else from_us(row["until"])
            roles[role, at] = Role(role, at or None, from_us(row["since"]), until=until)
        self.journal.set(self._roles, id, roles)
        self._compose(id)

    def _delegation(self, key: Key, row: Row | None) -> None:
        if row is None:  # never dropped: an end is written on it
            raise ValueError("a delegation is ended, not dropped")
        id, one = row["giver"], delegation(row)
        lends = dict(self._lends.get(id, {}))
        lends.pop(key[0], None)
        if one is not None:
            lends[key[0]] = one
        self.journal.set(self._lends, id, lends)
        self._compose(id)

    def _compose(self, id: str) -> None:
        row = self._person_rows.get(id)
        roles = frozenset(self._roles.get(id, {}).values())
        lends = tuple(self._lends.get(id, {}).values())
        self.journal.set(self.people, id, row and person(row, roles, lends))
        self.journal.set(self.aging, id, any(r.until is not None for r in roles) or None)

    def _connection(self, key: Key, row: Row | None) -> None:
        self.journal.set(self.connections, key[0], row and row["digest"])

    def _tool(self, key: Key, row: Row | None) -> None:
        # New, changed and gone definitions are withheld until a person has looked (SPEC 2).
        usable = row is not None and row["state"] == "pinned"
        self.journal.set(self.tools, key, row["digest"] if row and usable else None)

    def _standing(self, key: Key, row: Row | None) -> None:
        type, at = key
        others = tuple(s for s in self.standings.get(type, ()) if (s.client or "") != at)
        if row is not None:
            others += (standing(row),)
        self.journal.set(self.standings, type, others or None)

    def _breaker(self, key: Key, row: Row | None) -> None:
        self.journal.set(self.breakers, key[0], row and breaker(row))

    def _pause(self, key: Key, row: Row | None) -> None:
        in_force = row is not None and row["ended_at"] is None
        self.journal.set(self.pauses, key[0], pause(row) if row and in_force else None)

    # --- all of it, from disk ---

    @classmethod
    def load(cls, connection: Connection, now: int) -> "Memory":
        """The state that the database holds, read within the caller's transaction."""
        memory = cls()
        memory.policies.update(connection.rows(_POLICIES))  # without their documents
        for name in _WHOLE:
            at = sql.access(name)
            for values in connection.rows(_ALL[name]):
                row = at.decode(values)
                memory.learn(name, at.key(row), row)
        for values in connection.rows(_PAUSES):
            row = sql.access("pause").decode(values)
            memory.learn("pause", (row["id"],), row)
        for values in connection.rows(_BREAKERS):
            row = sql.access("breaker").decode(values)
            memory.learn("breaker", (row["id"],), row)
        for values in connection.rows(_OPEN):
            row = dict(zip(_OPEN_COLUMNS, values, strict=True))
            version = row if row["same"] is not None else None
            memory.learn_action(row, lambda version=version: version)  # type: ignore[misc]
        for values in connection.rows(_DUE_CHECKS):
            row = sql.access("outcome_check").decode(values)
            memory.learn("outcome_check", (row["action"],), row)
        memory.windows.rebuild(
            one
            for values in connection.rows(_ADMITTED, (now - LONGEST,))
            if (row := dict(zip(_ADMITTED_COLUMNS, values, strict=True)))
            if (one := admission(row, row["at"]))
        )
        memory.journal.keep()
        return memory


#: What each table's rows mean to the state; `action` and `proposal` go by `learn_action`.
INTERPRETED: Mapping[str, Callable[[Memory, Key, Row | None], None]] = {
    "policy_version": Memory._policy_version,  # noqa: SLF001
    "client": Memory._client,  # noqa: SLF001
    "agent": Memory._agent,  # noqa: SLF001
    "person": Memory._person,  # noqa: SLF001
    "person_role": Memory._person_role,  # noqa: SLF001
    "delegation": Memory._delegation,  # noqa: SLF001
    "connection": Memory._connection,  # noqa: SLF001
    "tool": Memory._tool,  # noqa: SLF001
    "standing": Memory._standing,  # noqa: SLF001
    "breaker": Memory._breaker,  # noqa: SLF001
    "pause": Memory._pause,  # noqa: SLF001
    "outcome_check": Memory._outcome_check,  # noqa: SLF001
}


def _open(version: Row, action: Row) -> OpenProposal:
    return OpenProposal(
        id=version["proposal"] if "proposal" in version else version["id"],
        version=version["version"],
        action=action["id"],
        agent=action["agent"],
        client=action["client"],
        trigger=f"{action['trigger_kind']}:{action['trigger_ref']}",
        type=action["type"],
        same=version["same"],
    )


_ALL = {n: sql.positional(select(sql.table(n))) for n in _WHOLE}
_VERSIONS = tables.policy_version
_POLICIES = sql.positional(select(_VERSIONS.c.n, _VERSIONS.c.digest))
_PAUSES = sql.positional(select(tables.pause).where(tables.pause.c.ended_at.is_(None)))
_BREAKERS = sql.positional(select(tables.breaker).where(tables.unclosed))
_DUE_CHECKS = sql.positional(
    select(tables.outcome_check).where(tables.outcome_check.c.due_at.is_not(None))
)
_A, _P = tables.action, tables.proposal
_OPEN_COLUMNS = (
    "id", "state", "agent", "client", "trigger_kind", "trigger_ref", "type",
    "effect", "proposal", "version", "same",
)  # fmt: skip
# What is in flight or waits, with the version that it is of: found by the partial index.
_OPEN = sql.positional(
    select(
        _A.c.id, _A.c.state, _A.c.agent, _A.c.client, _A.c.trigger_kind, _A.c.trigger_ref, _A.c.type,
        _A.c.effect, _P.c.id, _P.c.version, _P.c.same,
    ).join_from(_A, _P, _P.c.action == _A.c.id, isouter=True).where(tables.unfinished)
)  # fmt: skip
_ADMITTED_COLUMNS = (
    "at", "state", "type", "agent", "trigger_kind", "trigger_ref", "content", "clients", "targets",
    "proposal", "version",
)  # fmt: skip
# What the windows hold: one range of the action table by its time.
_ADMITTED = sql.positional(
    select(*(_A.c[name] for name in _ADMITTED_COLUMNS))
    .where(_A.c.at >= bindparam("since"))
    .order_by(_A.c.at)
)
