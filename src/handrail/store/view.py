"""What one unit sees, and what its batch is going to write.

* A `BatchView` answers from memory, from the rows its own batch has written so far, and for
  the rest from the database by primary key, on the writing connection.
* Writes are gathered as their **net effect** per row: one insert, one update of the columns
  that changed, or one delete. They go out table by table, parents first, when all units ran.
* A unit that fails is undone here by the journal; nothing of it was written yet.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, select

from handrail.clock import from_us
from handrail.core.model import Agent, Breaker, Client, Pause, Person, Standing
from handrail.errors import Conflict
from handrail.store import sql, tables
from handrail.store.contract import Change, Drop, OpenProposal, Put, Row, Write
from handrail.store.memory import INTERPRETED, Key, Memory
from handrail.store.windows import admission
from handrail.store.wire import Connection

#: Written by the append alone.
_THE_LEDGERS = frozenset({"head", "entry", "client_chain"})


class Impossible(RuntimeError):
    """A unit asked for rows that the schema does not allow: an error of Handrail itself.

    Nothing was written. It is no `HandrailError`, since no caller can do anything about it.
    """


# The net effect on one row; a tuple of columns stands for an update of them.
_PUT: Final = "put"
_DROP: Final = "drop"
_REPLACE: Final = "replace"
_Effect = str | tuple[str, ...]


class BatchView:
    """The `View` of every unit of one batch, one after the other."""

    def __init__(self, memory: Memory, connection: Connection) -> None:
        self.now = self.skew = self.epoch = 0  # set before each unit
        self._memory = memory
        self._connection = connection
        self._journal = memory.journal
        self._rows: dict[str, dict[Key, Row | None]] = {}
        self._effects: dict[str, dict[Key, _Effect]] = {}
        self._keys: dict[tuple[str, str], str] = {}

    # --- what a unit asks ---

    @property
    def policy(self) -> str:
        return self._memory.policy

    def row(self, table: str, *key: Any) -> Row | None:
        rows = self._rows.get(table)
        if rows is None:
            rows = self._rows[table] = {}
        if key in rows:
            return rows[key]
        access = sql.access(table)
        values = self._connection.one(access.select, key)
        # A row as committed: it holds for the whole batch, whichever unit asked.
        found = rows[key] = None if values is None else access.decode(values)
        return found

    def seen(self, agent: str, key: str) -> Row | None:
        if (id := self._keys.get((agent, key))) is not None:
            return self.row("action", id)
        found = self._connection.one(_BY_KEY, (agent, key))
        return None if found is None else self.row("action", found[0])

    def person(self, id: str) -> Person | None:
        found = self._memory.people.get(id)
        return found.at(from_us(self.now)) if found and id in self._memory.aging else found

    def people(self) -> Iterable[Person]:
        found = self._memory.people.values()
        if not self._memory.aging:
            return tuple(found)
        now = from_us(self.now)
        return tuple(p.at(now) for p in found)

    def agent(self, id: str) -> Agent | None:
        return self._memory.agents.get(id)

    def client(self, id: str) -> Client | None:
        return self._memory.clients.get(id)

    def tool(self, connection: str, kind: str, name: str) -> str | None:
        return self._memory.tools.get((connection, kind, name))

    def connection(self, name: str) -> str | None:
        return self._memory.connections.get(name)

    def pauses(self) -> Sequence[Pause]:
        return tuple(self._memory.pauses.values())

    def standings(self, type: str) -> Sequence[Standing]:
        return self._memory.standings.get(type, ())

    def breakers(self) -> Sequence[Breaker]:
        return tuple(self._memory.breakers.values())

    def open_proposals(self) -> Iterable[OpenProposal]:
        return tuple(self._memory.open.values())

    def in_flight(self, action: str) -> bool:
        return action in self._memory.in_flight

    def unverified(self, type: str) -> int:
        return self._memory.unverified.get(type, 0)

    def touched(self, scope: str, since: int) -> tuple[frozenset[str], frozenset[str]]:
        return self._memory.windows.touched(scope, since)

    def count(self, scope: str, since: int) -> int:
        return self._memory.windows.count(scope, since)

    # --- what a unit wants written ---

    def mark(self) -> tuple[int, int]:
        """Where memory and batch stand, for `back`."""
        return self._journal.mark(), self._memory.windows.mark()

    def back(self, mark: tuple[int, int]) -> None:
        """Undo everything since *mark*."""
        self._journal.back(mark[0])
        self._memory.windows.back(mark[1])

    def apply(self, writes: Sequence[Write]) -> None:
        """Take the unit's writes into the batch. Raises `Conflict` when a row is in the way or
        is missing, `Impossible` for what no table can hold; the caller then goes `back`."""
        for write in writes:
            if write.table in _THE_LEDGERS or write.table not in tables.metadata.tables:
                raise Impossible(f"no unit writes the table {write.table!r}")
        try:
            touched = {(w.table, self._take(w)): None for w in writes}
            for table, key in touched:
                self._learn(table, key)
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            raise Impossible(f"a row is none that its table can hold: {e!r}") from e

    def _take(self, write: Write) -> Key:
        match write:
            case Put():
                return self._put(write)
            case Change():
                return self._change(write)
            case Drop():
                return self._drop(write)

    def _put(self, write: Put) -> Key:
        access = sql.access(write.table)
        row = {**access.blank, **write.row}
        if len(row) != len(access.columns):
            raise Impossible(f"{write.table} has no column {_unknown(write.row, access.columns)}")
        key = access.key(row)
        rows = self._rows.setdefault(write.table, {})
        # A row that only the database knows of is found by its own key, when it is written.
        if rows.get(key) is not None:
            raise Conflict(f"there is already a row {key} in {write.table}")
        effects = self._effects.setdefault(write.table, {})
        self._journal.set(effects, key, _REPLACE if effects.get(key) == _DROP else _PUT)
        self._set_row(rows, key, row)
        if write.table == "action":
            if (idempotency := row["idempotency_key"]) is not None:
                if (row["agent"], idempotency) in self._keys:
                    raise Conflict("this idempotency key is in use")
                self._journal.set(self._keys, (row["agent"], idempotency), row["id"])
            if (admitted := admission(row, self.now)) is not None:
                self._memory.windows.admit(admitted)
        return key

    def _change(self, write: Change) -> Key:
        access = sql.access(write.table)
        key = tuple(write.key)
        old = self.row(write.table, *key)
        if old is None:
            raise Conflict(f"there is no row {key} in {write.table} any more")
        row = {**old, **write.values}
        if len(row) != len(access.columns) or access.key(row) != key:
            raise Impossible(f"{tuple(write.values)} cannot be set on {write.table}")
        effects = self._effects.setdefault(write.table, {})
        effect = effects.get(key, ())
        if isinstance(effect, tuple):
            names = {*effect, *write.values}
            self._journal.set(effects, key, tuple(c for c in access.columns if c in names))
        self._set_row(self._rows[write.table], key, row)
        return key

    def _drop(self, write: Drop) -> Key:
        key = tuple(write.key)
        # What is gone already needs no second deletion: two sign-outs are no conflict.
        if self.row(write.table, *key) is not None:
            effects = self._effects.setdefault(write.table, {})
            self._journal.set(effects, key, None if effects.get(key) == _PUT else _DROP)
            self._set_row(self._rows[write.table], key, None)
        return key

    def _set_row(self, rows: dict[Key, Row | None], key: Key, row: Row | None) -> None:
        # Not by `Journal.set`, for which None is removal: here it is *known to be gone*.
        self._journal.replace(rows, key, row)

    def _learn(self, table: str, key: Key) -> None:
        if table in INTERPRETED:
            self._memory.learn(table, key, self._rows[table][key])
        elif table == "action":
            if (row := self._rows[table][key]) is not None:
                self._learn_action(row)
        elif table == "proposal":
            version = self._rows[table][key]
            row = version and self.row("action", version["action"])
            if row is not None:
                self._learn_action(row)

    def _learn_action(self, row: Row) -> None:
        def version() -> Row | None:
            if row["proposal"] is None:
                return None
            return self.row("proposal", row["proposal"], row["version"])

        self._memory.learn_action(row, version)

    # --- what the writer takes out ---

    def flush(self, write: Connection) -> None:
        """Write the net effects: deletions children first, then the rest parents first."""
        tables_ = [name for name in sql.IN_ORDER if self._effects.get(name)]
        for name in reversed(tables_):
            gone = [k for k, e in self._effects[name].items() if e in {_DROP, _REPLACE}]
            if gone:
                write.executemany(sql.access(name).delete, gone)
        for name in tables_:
            access, rows = sql.access(name), self._rows[name]
            new: list[tuple[Any, ...]] = []
            changed: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
            for key, effect in self._effects[name].items():
                row = rows[key]
                if row is None:
                    continue
                if isinstance(effect, tuple):
                    values = tuple([row[c] for c in effect])
                    changed.setdefault(effect, []).append(values + key)
                else:
                    new.append(tuple(row.values()))
            # Updates first: they may free a unique value that a new row takes.
            for columns, updates in changed.items():
                write.executemany(access.update(columns), updates)
            if new:
                write.executemany(access.insert, new)
        self._effects.clear()


def _unknown(row: Row, columns: Sequence[str]) -> str:
    return ", ".join(sorted(set(row) - set(columns)))


_BY_KEY = sql.positional(
    select(tables.action.c.id).where(
        tables.action.c.agent == bindparam("agent"),
        tables.action.c.idempotency_key == bindparam("key"),
    )
)
