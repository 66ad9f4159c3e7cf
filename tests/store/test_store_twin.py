"""The store against a slow, obvious twin: dictionaries copied for each unit.

Random batches of random units, failing ones among them, with commits that fail or lose their
answer and restarts in between. After every step results, rows, entries and what units see agree,
and the memory that was carried along equals the one that a restart would load.
"""

import copy
import sqlite3
from datetime import timedelta
from typing import NamedTuple

import orjson
import psycopg
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from handrail.clock import FakeClock, to_us
from handrail.errors import Conflict, Refused, Unavailable
from handrail.store.contract import Change, Drop, Event, Find, Put, Rows
from handrail.store.database import open_store
from handrail.store.driver import Connection
from handrail.store.memory import Memory
from handrail.store.postgres import Link
from handrail.store.view import Impossible

HOUR = 3_600_000_000
STATES = ["classified", "waiting", "refused", "begun"]
LATER = ["begun", "done", "approved", "denied", "waiting", "failed"]


class Wire(Connection):
    """A connection whose next commit can fail, before or after it happened."""

    plan = None
    error = sqlite3.OperationalError

    def commit(self):
        plan, Wire.plan = Wire.plan, None
        if plan == "not stored":
            raise self.error("it failed")
        super(type(self), self).commit()
        if plan == "stored":
            raise self.error("it failed")


class FarWire(Link):
    """The same to PostgreSQL."""

    error = psycopg.OperationalError
    commit = Wire.commit


# --- random units --------------------------------------------------------------------------------

clients = st.sampled_from(["c0", "c1", "c2"])
agents = st.sampled_from(["a0", "a1", "a2"])
action_ids = st.sampled_from([f"act_{n}" for n in range(6)])
refused_ids = st.sampled_from(["act_6", "act_7"])
names = st.sampled_from(["n0", "n1", "n2", "n3"])
some = {"subsets": st.lists(st.sampled_from(["x", "y", "z"]), max_size=3, unique=True)}


@st.composite
def action_put(draw):
    state = draw(st.sampled_from(STATES))
    began = state == "begun"
    return Put(
        "action",
        {
            # What is refused stays so: no later change names it.
            "id": draw(refused_ids if state == "refused" else action_ids),
            "type": draw(st.sampled_from(["t1", "t2"])),
            "connection": "p",
            "tool": "t",
            "kind": "tool",
            "effect": "change",
            "agent": draw(agents),
            "agent_version": "1",
            "client": "c0",
            "clients": orjson.dumps(draw(some["subsets"])).decode(),
            "targets": orjson.dumps(draw(some["subsets"])).decode(),
            "trigger_kind": "ticket",
            "trigger_ref": draw(st.sampled_from(["", "T1", "T2"])),
            "confidence": None,
            "mode": "execute",
            "tier": 3,
            "state": state,
            "sentence": "",
            "digest": b"",
            "content": draw(st.sampled_from([None, b"\x01", b"\x02"])),
            "policy": "",
            "classification": "",
            "idempotency_key": draw(st.sampled_from([None, "k1", "k2", "k3"])),
            "body_digest": None,
            "at": None,  # the unit sets it
            "granted_at": 1 if began else None,
            "grant_expires_at": None,
            "begun_at": 1 if began else None,
            "ended_at": None,
            "outcome": None,
            "solved": None,
            "proposal": None,
            "version": None,
            "superseded_by": None,
        },
    )


@st.composite
def action_change(draw):
    state = draw(st.sampled_from(LATER))
    began = 1 if state in {"begun", "done", "failed"} else None
    values = {"state": state, "granted_at": began, "begun_at": began}
    return Change("action", (draw(action_ids),), values)


client_put = st.builds(
    lambda id, name: Put(
        "client",
        {
            "id": id, "name": name, "risk": "low", "timezone": "UTC", "account_engineer": None,
            "regimes": "[]", "retention_days": 1, "at": 0, "proposed": None,
        },
    ),
    clients, names,
)  # fmt: skip
agent_put = st.builds(
    lambda id, name: Put(
        "agent",
        {
            "id": id, "name": name, "sponsor": "s", "purpose": "p", "version": "1",
            "connections": "[]", "clients": "[]", "expires_at": None, "suspended": 0, "at": 0,
        },
    ),
    agents, names,
)  # fmt: skip
pause_put = st.builds(
    lambda id: Put(
        "pause",
        {
            "id": id, "scope": "all", "ref": "", "degree": "stop", "by": "x", "reason": "r",
            "at": 0, "resume_by": None, "ended_at": None, "ended_by": None,
        },
    ),
    st.sampled_from(["p0", "p1"]),
)  # fmt: skip
standing_put = st.builds(
    lambda t, c, tier: Put(
        "standing", {"type": t, "client": c, "tier": tier, "by": "x", "reason": "r", "at": 0,
                     "evidence": None, "buckets": None, "probation_until": None}
    ),
    st.sampled_from(["t1", "t2"]), st.sampled_from(["", "c0"]), st.integers(1, 3),
)  # fmt: skip
writes = st.one_of(
    client_put,
    agent_put,
    pause_put,
    standing_put,
    action_put(),
    action_put(),
    action_change(),
    st.builds(lambda id, n: Change("client", (id,), {"name": n}), clients, names),
    st.builds(lambda id, n: Change("agent", (id,), {"name": n}), agents, names),
    st.builds(lambda id: Change("pause", (id,), {"ended_at": 9}), st.sampled_from(["p0", "p1"])),
    st.builds(lambda id: Drop("client", (id,)), clients),
    st.builds(lambda id: Drop("agent", (id,)), agents),
    st.builds(
        lambda t, c: Drop("standing", (t, c)),
        st.sampled_from(["t1", "t2"]),
        st.sampled_from(["", "c0"]),
    ),
)
events = st.builds(
    lambda c, n: Event("handrail:action:noted", "agent:a0", None, tuple(c), {"n": n}),
    st.lists(clients, max_size=2, unique=True),
    st.integers(0, 9),
)


#: Rows that no table can hold: one is noticed when it is understood, one when it is written.
MISFITS = [
    Put("standing", {"type": "t9", "client": "", "tier": 9, "by": "", "reason": "", "at": 0}),
    Put(
        "incident",
        {
            "id": "i", "client": "c0", "severity": "none", "title": "", "text": "", "by": "",
            "state": "open", "at": 0,
        },
    ),
]  # fmt: skip


@st.composite
def wishes(draw):
    """What one unit wants: plain data that store and twin read alike."""
    found = draw(st.lists(writes, max_size=4))
    # Two new names in one unit could be a swap, which no order of statements can do.
    renamed = [w for w in found if w.table == "agent" and not isinstance(w, Drop)]
    return {
        "writes": [w for w in found if w not in renamed[1:]],
        "events": draw(st.lists(events, max_size=2)),
        "control": draw(st.booleans()),
        "refuse": draw(st.integers(0, 5)) == 0,
        "misfit": draw(st.sampled_from([None] * 6 + MISFITS)),
        "look": draw(st.tuples(clients, agents, action_ids, st.sampled_from(["k1", "k2"]))),
    }


def unit_of(wish):
    def unit(view):
        seen = look(view, wish["look"])
        if wish["refuse"]:
            raise Refused(repr(seen))
        puts = tuple(
            Put(w.table, {**w.row, "at": view.now}) if w.table == "action" and type(w) is Put else w
            for w in wish["writes"]
        )
        if wish["misfit"]:
            puts += (wish["misfit"],)
        return Rows(puts, tuple(wish["events"]), wish["control"], seen)

    return unit


def look(view, at):
    """Everything a view can say about a few things."""
    client, agent, action, key = at
    since = view.now - HOUR
    return (
        view.now,
        view.epoch,
        view.row("client", client) and view.row("client", client)["name"],
        view.row("action", action) and view.row("action", action)["state"],
        view.client(client) and view.client(client).name,
        view.agent(agent) and view.agent(agent).name,
        (view.seen(agent, key) or {"id": None})["id"],
        sorted(p.id for p in view.pauses()),
        sorted((s.client or "", int(s.tier)) for s in view.standings("t1")),
        view.in_flight(action),
        [
            (*(sorted(t) for t in view.touched(scope, since)), view.count(scope, since))
            for scope in ("type:t1", f"agent:{agent}", "trigger:ticket:T1", "content:01")
        ],
    )


# --- the twin ------------------------------------------------------------------------------------

KEYS = {"client": ("id",), "agent": ("id",), "action": ("id",), "pause": ("id",),
        "standing": ("type", "client")}  # fmt: skip


class Fails(NamedTuple):
    """How a unit may fail; where two things are wrong, either may be found first."""

    kinds: tuple[type[Exception], ...]


class Twin:
    """Dictionaries, copied before each unit and put back when it fails."""

    def __init__(self):
        self.tables = {name: {} for name in KEYS}
        self.admitted = []  # (at, row)
        self.entries = [("handrail:log:started", {})]
        self.chains = {}
        self.epoch = 0
        self.last = 0

    def run(self, wish, clock):
        """Return (answer or `Fails`, positions)."""
        self.now = max(clock, self.last + 1)
        seen = look(self, wish["look"])
        if wish["refuse"]:
            return Fails((Refused,)), ()
        before = copy.deepcopy(self.__dict__)
        try:
            for write in wish["writes"]:
                self.write(write)
            self.unique()
        except Conflict:
            self.__dict__.update(before)
            return Fails((Conflict, Impossible) if wish["misfit"] else (Conflict,)), ()
        if wish["misfit"]:
            self.__dict__.update(before)
            return Fails((Impossible,)), ()
        self.epoch += wish["control"]
        positions = []
        for e in wish["events"]:
            positions.append(len(self.entries))
            for client in e.clients:
                self.chains.setdefault(client, []).append(len(self.entries))
            self.entries.append((e.type, dict(e.facts)))
        if wish["writes"] or wish["events"] or wish["control"]:
            self.last = self.now
        return seen, tuple(positions)

    def write(self, write):
        rows = self.tables[write.table]
        match write:
            case Put(table, row):
                key = tuple(row[k] for k in KEYS[table])
                if key in rows:
                    raise Conflict("there")
                rows[key] = dict(row)
                if table == "action":
                    rows[key]["at"] = self.now
                    if row["state"] != "refused":
                        self.admitted.append((self.now, dict(row)))
            case Change(table, key, values):
                if key not in rows:
                    raise Conflict("gone")
                rows[key].update(values)
            case Drop(table, key):
                rows.pop(key, None)

    def unique(self):
        for table, columns in (("agent", ("name",)), ("action", ("agent", "idempotency_key"))):
            values = [tuple(r[c] for c in columns) for r in self.tables[table].values()]
            values = [v for v in values if None not in v]
            if len(values) != len(set(values)):
                raise Conflict("unique")

    # the same face as a view

    def row(self, table, *key):
        return self.tables[table].get(key)

    def client(self, id):
        return named(self.row("client", id))

    def agent(self, id):
        return named(self.row("agent", id))

    def seen(self, agent, key):
        for row in self.tables["action"].values():
            if (row["agent"], row["idempotency_key"]) == (agent, key):
                return row
        return None

    def pauses(self):
        rows = self.tables["pause"].values()
        return [Thing(id=r["id"]) for r in rows if r["ended_at"] is None]

    def standings(self, type):
        rows = self.tables["standing"].values()
        return [Thing(client=r["client"], tier=r["tier"]) for r in rows if r["type"] == type]

    def in_flight(self, id):
        return (self.row("action", id) or {}).get("state") == "begun"

    def _in(self, scope, since):
        kind, _, ref = scope.partition(":")
        of = {
            "type": lambda r: r["type"] == ref,
            "agent": lambda r: r["agent"] == ref,
            "trigger": lambda r: f"{r['trigger_kind']}:{r['trigger_ref']}" == ref,
            "content": lambda r: r["content"] is not None and r["content"].hex() == ref,
        }[kind]
        return [r for at, r in self.admitted if at >= since and of(r)]

    def touched(self, scope, since):
        rows = self._in(scope, since)
        return tuple({x for r in rows for x in orjson.loads(r[c])} for c in ("clients", "targets"))

    def count(self, scope, since):
        return len(self._in(scope, since))


class Thing:
    def __init__(self, **values):
        self.__dict__.update(values)


def named(row):
    return row and Thing(name=row["name"])


# --- both ----------------------------------------------------------------------------------------


class Together(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        # The store's first entry takes the first instant.
        self.open()
        self.twin = Twin()
        self.twin.last = to_us(self.clock.now())

    def open(self):
        self.store = open_store("sqlite://", self.clock, "twin.example/log", connect=Wire)
        self.kept = self.store._temporary

    def run(self, wishes):
        self.store._batches.open()
        return self.store._batches.run([unit_of(w) for w in wishes])

    @rule(batch=st.lists(wishes(), min_size=1, max_size=6))
    def commits(self, batch):
        expected = [self.twin.run(w, to_us(self.clock.now())) for w in batch]
        compare(self.run(batch), expected)

    @rule(batch=st.lists(wishes(), min_size=1, max_size=4))
    def commit_answers_get_lost(self, batch):
        expected = [self.twin.run(w, to_us(self.clock.now())) for w in batch]
        Wire.plan = "stored"
        compare(self.run(batch), expected)
        Wire.plan = None

    @rule(batch=st.lists(wishes(), min_size=1, max_size=4))
    def commits_fail(self, batch):
        """All hear *unavailable*, also who would have been refused; or nothing was to write."""
        Wire.plan = "not stored"
        results = self.run(batch)
        if Wire.plan is None:
            assert {type(r.error) for r in results} == {Unavailable}
        else:
            Wire.plan = None
            compare(results, [self.twin.run(w, to_us(self.clock.now())) for w in batch])

    @rule(minutes=st.integers(-90, 120))
    def time_moves(self, minutes):
        self.clock.advance(timedelta(minutes=minutes))

    @rule()
    def restarts(self):
        self.store._temporary = None
        self.store.close()
        self.store = open_store(
            f"sqlite:///{self.store.path}", self.clock, "twin.example/log", connect=Wire
        )
        self.store._temporary = self.kept

    @precondition(lambda self: self.store is not None)
    @invariant()
    def agree(self):
        with self.store.read() as reader:
            for table, keys in KEYS.items():
                found = {
                    tuple(r[k] for k in keys): r
                    for key in list(self.twin.tables[table])
                    if (r := reader.row(table, *key))
                }
                assert found == self.twin.tables[table]
            assert len(reader.actions(limit=100)) == len(self.twin.tables["action"])
            entries = list(reader.stream())
            assert [orjson.loads(b)["type"] for _, b in entries] == [
                e[0] for e in self.twin.entries
            ]
            assert reader.head()["epoch"] == self.twin.epoch
            for client, places in self.twin.chains.items():
                chain = [e["seq"] for e in reader.entries(Find(client=client, limit=1000)).rows]
                assert chain[::-1] == places
        self.store._batches.open()  # loads afresh where the last batch was abandoned
        carried = self.store._batches._memory
        loaded = Memory.load(self.store._batches._connection, to_us(self.clock.now()) + HOUR)
        self.store._batches._connection.rollback()
        assert state(carried) == state(loaded)

    def teardown(self):
        self.store.close()


class Replicas(Together):
    """Three stores on one PostgreSQL database, one after the other at random: what one of them
    committed the others decide by, and each carries in memory what the database holds."""

    cluster = None

    def open(self):
        self.url = Replicas.cluster.new()
        self.stores = [self.one() for _ in range(3)]
        self.store = self.stores[0]

    def one(self):
        return open_store(self.url, self.clock, "twin.example/log", connect=FarWire)

    @rule(which=st.integers(0, 2))
    def another_replica(self, which):
        self.store = self.stores[which]

    def restarts(self):
        place = self.stores.index(self.store)
        self.store.close()
        self.store = self.stores[place] = self.one()

    restarts = rule()(restarts)

    def teardown(self):
        for store in self.stores:
            store.close()
        Replicas.cluster.drop(self.url)


def compare(results, expected):
    for result, (answer, positions) in zip(results, expected, strict=True):
        if isinstance(answer, Fails):
            assert isinstance(result.error, answer.kinds), result
        else:
            assert result.error is None, result
            assert list(result.answer) == list(answer)
            assert tuple(a.seq for a in result.at) == positions


def state(memory):
    """All that a memory holds, without what only this process counted and a restart forgets."""
    return {
        name: getattr(memory, name)
        for name in (
            "policies", "people", "agents", "clients", "connections", "tools", "pauses",
            "in_flight", "open",
        )
    } | {"standings": {t: set(s) for t, s in memory.standings.items()}}  # fmt: skip


Together.TestCase.settings = settings(max_examples=40, stateful_step_count=10, deadline=None)
TestStoreTwin = Together.TestCase


def test_replicas_of_one_database_agree_with_the_twin(cluster):
    """I3, I11, I25: whichever replica commits."""
    Replicas.cluster = cluster
    # Each try makes a database: what fails is said at once, not made smaller over minutes.
    phases = [p for p in Phase if p is not Phase.shrink]
    run_state_machine_as_test(
        Replicas,
        settings=settings(max_examples=15, stateful_step_count=10, deadline=None, phases=phases),
    )
