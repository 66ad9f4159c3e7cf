"""`handrail copy`: everything goes over and the record holds in both, or nothing goes over."""

import sqlite3

import psycopg
import pytest

from handrail.clock import FakeClock
from handrail.errors import BadInput, Conflict, Unavailable
from handrail.store import sql
from handrail.store.contract import Put, Rows
from handrail.store.copying import copy
from handrail.store.database import open_store

ORIGIN = "test.example/log"


@pytest.fixture
def source(tmp_path, make):
    store = open_store(f"sqlite:///{tmp_path / 'h.db'}", FakeClock(), ORIGIN)
    store.commit(make.put("client", make.client("c1")))
    store.commit(make.put("person", make.person("per_1", name="Dvořák \U0001f600")))
    for n in range(30):
        store.commit(make.admits(f"act_{n:03}", clients=["c1"], content=b"\x00\xff"))
    store.commit(
        lambda view: Rows((Put("proposal", make.proposal("prp_1", 1, "act_000")),), (make.event(),))
    )
    store.close()
    return tmp_path / "h.db"


@pytest.fixture
def target(cluster):
    url = cluster.new()
    yield url
    cluster.drop(url)


def rows(url_or_path):
    """Every row of every table."""
    if isinstance(url_or_path, str):
        connection = psycopg.connect(url_or_path)
    else:
        connection = sqlite3.connect(url_or_path)
    try:
        found = {}
        for name in sql.IN_ORDER:
            columns = ", ".join(f'"{c}"' for c in sql.access(name).columns)
            asked = f'SELECT {columns} FROM "{name}"'  # noqa: S608
            found[name] = sorted(map(repr, connection.execute(asked).fetchall()))
        return found
    finally:
        connection.close()


def test_every_row_goes_over_and_the_store_goes_on(source, target, make):
    found = copy(f"sqlite:///{source}", target, lambda line: None)

    assert rows(target) == rows(source)
    assert found["entries"] == 32
    store = open_store(target, FakeClock(), ORIGIN)
    try:
        assert store.check() == []
        answer, (at,) = store.commit(
            lambda v: Rows(events=(make.event(clients=("c1",)),), answer=v.client("c1").name)
        )
        assert (answer, at.seq) == ("C1", 32)
    finally:
        store.close()


def test_a_target_that_holds_something_is_refused_and_left_alone(source, target):
    open_store(target, FakeClock(), ORIGIN).close()
    before = rows(target)

    with pytest.raises(Conflict, match="not empty"):
        copy(f"sqlite:///{source}", target, lambda line: None)
    assert rows(target) == before


@pytest.mark.parametrize(
    "damage", ["UPDATE entry SET body = x'00' WHERE seq = 7", "DELETE FROM entry WHERE seq = 31"]
)
def test_a_record_that_does_not_hold_is_not_copied(source, target, damage):
    with sqlite3.connect(source) as connection:
        connection.execute(damage)
    connection.close()

    with pytest.raises(Unavailable, match=r"does not add up|lacks entry"):
        copy(f"sqlite:///{source}", target, lambda line: None)
    assert not any(rows(target).values())


def test_a_row_that_postgresql_cannot_hold_stops_all_of_it(source, target):
    with sqlite3.connect(source) as connection:
        connection.execute("UPDATE client SET name = 'a' || char(0) || 'b'")
    connection.close()

    with pytest.raises(Unavailable, match="nothing was copied"):
        copy(f"sqlite:///{source}", target, lambda line: None)
    assert not any(rows(target).values())


def test_addresses_are_looked_at_first(source, target, tmp_path):
    with pytest.raises(BadInput):
        copy(target, f"sqlite:///{source}", lambda line: None)
    with pytest.raises(BadInput, match="no database"):
        copy(f"sqlite:///{tmp_path / 'none.db'}", target, lambda line: None)
