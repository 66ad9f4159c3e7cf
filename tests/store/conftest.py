"""What the store's tests share: a clock that stands still, a store, and rows that fit."""

import itertools
from types import SimpleNamespace

import orjson
import pytest

from handrail.clock import FakeClock
from handrail.store.contract import Change, Event, Put, Rows
from handrail.store.database import open_store
from support.cluster import Cluster

ORIGIN = "test.example/log"


def act(id, **given):
    """An `action` row."""
    row = {
        "id": id,
        "type": "practice.reset_password",
        "connection": "practice",
        "tool": "reset_password",
        "kind": "tool",
        "effect": "change",
        "agent": "agt_1",
        "agent_version": "1",
        "client": "c1",
        "clients": ["c1"],
        "targets": ["u1"],
        "trigger_kind": "ticket",
        "trigger_ref": "T-1",
        "confidence": 900,
        "mode": "execute",
        "tier": 1,
        "state": "classified",
        "sentence": "Reset the password of u1",
        "digest": b"d" * 32,
        "policy": "p" * 64,
        "classification": "{}",
        "at": 0,
        **given,
    }
    for name in ("clients", "targets"):
        row[name] = orjson.dumps(row[name]).decode()
    if row["state"] in {"begun", "done", "failed", "unknown", "reversed"}:
        row = {"granted_at": 1, "begun_at": 2, **row}
    return row


def proposal(id, version, action, **given):
    """A `proposal` row."""
    return {
        "id": id,
        "version": version,
        "action": action,
        "urgency": "normal",
        "chain": "{}",
        "excluded": "{}",
        "needs": 1,
        "undo_seconds": 10,
        "valid_seconds": 900,
        "same": "s" * 64,
        "package": b"{}",
        "package_digest": b"p" * 32,
        "at": 0,
        "lapses_at": 10**15,
        "step": 0,
        "due_at": 10**15,
        **given,
    }


def notice(id, action, **given):
    """A `notice` row."""
    return {
        "id": id,
        "action": action,
        "person": "per_1",
        "role": "account-engineer",
        "state": "pending",
        "send_by": 10,
        "review_by": 20,
        "attempts": 0,
        "due_at": 10,
        **given,
    }


def client(id, **given):
    """A `client` row."""
    return {
        "id": id,
        "name": id.title(),
        "risk": "normal",
        "timezone": "UTC",
        "regimes": "[]",
        "retention_days": 400,
        "at": 0,
        **given,
    }


def person(id, **given):
    """A `person` row."""
    return {
        "id": id,
        "name": id,
        "email": f"{id}@msp.example",
        "active": 1,
        "added_at": 0,
        **given,
    }


def agent(id, **given):
    """An `agent` row."""
    return {
        "id": id,
        "name": id,
        "sponsor": "per_1",
        "purpose": "tickets",
        "version": "1",
        "connections": '["practice"]',
        "clients": "[]",
        "suspended": 0,
        "at": 0,
        **given,
    }


def event(type="handrail:action:begun", action=None, clients=(), **facts):
    """A ledger event."""
    return Event(type, "agent:agt_1", action, tuple(clients), facts)


def wants(*writes, events=(), control=False, answer=None):
    """A unit that wants just that."""
    return lambda view: Rows(tuple(writes), tuple(events), control, answer)


def admits(id, **given):
    """A unit that begins an action, as the gate does: row and entry at the view's time."""

    def unit(view):
        row = act(id, state="begun", **given) | {"at": view.now}
        return Rows(
            (Put("action", row),), (event(action=id, clients=orjson.loads(row["clients"])),)
        )

    return unit


@pytest.fixture(scope="session")
def make():
    """Builders of rows, events and units."""
    return SimpleNamespace(
        act=act,
        proposal=proposal,
        notice=notice,
        client=client,
        person=person,
        agent=agent,
        event=event,
        wants=wants,
        admits=admits,
        put=lambda table, row: wants(Put(table, row)),
        change=lambda table, key, **values: wants(Change(table, key, values)),
        batch=batch,
        ids=lambda: (f"act_{n:08d}" for n in itertools.count()),
    )


def batch(store, *units):
    """Run *units* as one batch, as if their callers had come at the same time."""
    store._batches.open()
    return store._batches.run(units)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(scope="session")
def cluster():
    """PostgreSQL, started when the first test needs it."""
    started = Cluster()
    yield started
    started.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """Which database a test runs on: both, but where it says `on_sqlite`."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("cluster")


@pytest.fixture
def url(tmp_path, database):
    """A database that outlives a store."""
    if database is None:
        yield f"sqlite:///{tmp_path / 'handrail.db'}"
        return
    url = database.new()
    yield url
    database.drop(url)


@pytest.fixture
def opened(clock, database):
    """Opens stores and closes them; each of them has a database of its own where none is named."""
    stores, made = [], []

    def open_(url=None, **more):
        if url is None:
            url = "sqlite://" if database is None else database.new()
            made.append(url)
        store = open_store(url, more.pop("clock", clock), more.pop("origin", ORIGIN), **more)
        stores.append(store)
        return store

    yield open_
    for store in stores:
        store.close()
    for url in made:
        if database is not None:
            database.drop(url)


@pytest.fixture
def store(opened):
    return opened()
