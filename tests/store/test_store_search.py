"""Searching the record: each page together is what a reader of every entry would have found."""

import random
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from handrail.clock import FakeClock
from handrail.store import search, sql
from handrail.store.contract import Event, Find, Put, Rows
from handrail.store.database import open_store
from handrail.store.driver import Connection

TYPES = ("handrail:action:begun", "handrail:action:done", "person:notice:looks-right", "a:b:c")
BY = ("person:per_1", "person:per_2", "agent:agt_1", "handrail")
REGIMES = {"c0": ["hipaa"], "c1": ["hipaa", "gdpr"], "c2": []}


@pytest.fixture(scope="module")
def record(tmp_path_factory, make):
    """A store with 400 entries of every kind, and what each of them is about."""
    clock, draw = FakeClock(), random.Random(7)  # noqa: S311 - the same record each time
    path = tmp_path_factory.mktemp("search") / "handrail.db"
    store = open_store(f"sqlite:///{path}", clock, "test.example/log")
    for client, regimes in REGIMES.items():
        store.commit(
            make.put("client", make.client(client, regimes=orjson.dumps(regimes).decode()))
        )
    known = []
    for n in range(400):
        clock.advance(timedelta(seconds=draw.choice([0, 0, 1, 60])))
        action, clients = None, draw.sample(sorted(REGIMES), draw.randrange(3))
        writes = []
        if n % 3:
            action = {
                "id": f"act_{n:04d}", "agent": f"agt_{n % 4}", "tier": n % 3 + 1,
                "state": draw.choice(["waiting", "denied", "done"]),
                "client": clients[0] if clients else "", "sentence": f"Restart the Spooler of pc-{n % 7}",
            }  # fmt: skip
            writes = [Put("action", make.act(**action, clients=clients))]
        event = Event(
            draw.choice(TYPES), draw.choice(BY), action and action["id"], tuple(clients), {"word": f"w{n % 5}"}
        )  # fmt: skip
        _, (at,) = store.commit(lambda view, w=tuple(writes), e=event: Rows(w, (e,)))
        known.append((at, event, action))
    yield store, known
    store.close()


def plainly(known, find):
    """The positions that *find* wants, by looking at every entry."""
    for at, event, action in reversed(known):
        about = action or {}
        text = find.text.lower() if find.text else ""
        if (
            find.action in (None, event.action)
            and (find.client is None or find.client in event.clients)
            and find.person in (None, event.principal)
            and find.agent in (None, about.get("agent"))
            and (find.regime is None or find.regime in REGIMES.get(about.get("client"), ()))
            and (not find.types or event.type in find.types)
            and (not find.tiers or about.get("tier") in find.tiers)
            and (not find.states or about.get("state") in find.states)
            and (find.since is None or at.at >= find.since)
            and (find.until is None or at.at < find.until)
            and text in f"{event.facts['word']} {about.get('sentence', '')}".lower()
        ):
            yield at.seq


def paged(store, find, look):
    """The positions of all pages, and how many pages it took."""
    connection, found, pages = Connection(store.path), [], 0
    with store.read() as reader:
        size = reader.head()["size"]
    try:
        while True:
            page = search.entries(connection, find, size, look)
            found += [row["seq"] for row in page.rows]
            pages += 1
            if page.older is None:
                return found, pages
            assert find.before is None or page.older < find.before, "it goes on"
            find = replace(find, before=page.older)
    finally:
        connection.close()


@pytest.mark.parametrize("seed", range(40))
def test_pages_together_are_what_a_reader_of_everything_finds(record, seed):
    store, known = record
    draw = random.Random(seed)  # noqa: S311 - the same filters each time

    def maybe(*values):
        return draw.choice([None, None, *values])

    at = draw.choice(known)[0].at
    find = Find(
        action=maybe("act_0001") if seed % 5 == 0 else None,
        client=maybe(*REGIMES, "nobody"),
        person=maybe("person:per_1"),
        agent=maybe("agt_1", "agt_2"),
        regime=maybe("hipaa"),
        text=maybe("SPOOLER", "pc-3", "w2", "%", "'"),
        types=draw.choice([(), (TYPES[0],), (TYPES[3],), TYPES[1:3]]),
        states=draw.choice([(), ("done",), ("done", "waiting")]),
        tiers=draw.choice([(), (1,), (2, 3)]),
        since=maybe(at, at + 1),
        until=maybe(at, known[-1][0].at),
        limit=draw.choice([1, 7, 100]),
    )
    found, _ = paged(store, find, look=draw.choice([1, 10, 1000]))

    wanted = list(plainly(known, find))
    assert [seq for seq in found if seq >= known[0][0].seq] == wanted


def test_a_search_that_finds_nothing_stops_and_says_where_to_go_on(record):
    store, known = record
    found, pages = paged(store, Find(text="nowhere to be found"), look=50)

    assert found == []
    assert pages == -(-(known[-1][0].seq + 1) // 50)


@pytest.mark.parametrize(
    ("names", "index"),
    [
        ({"action"}, "ix_entry_action"),
        ({"person"}, "ix_entry_person"),
        ({"seldom"}, "ix_entry_type"),
    ],
)
def test_what_has_an_index_is_found_by_it(record, names, index):
    store, _ = record
    query = search.statement(search.Shape(frozenset(names), types=int("seldom" in names)))
    text, bound = sql.named(query.statement)
    values = dict.fromkeys((*names, "type_0", "low", "high", "limit"), 1) | bound
    connection = Connection(store.path)
    try:
        steps = [row[3] for row in connection.rows("EXPLAIN QUERY PLAN " + text, values)]
    finally:
        connection.close()

    assert index in steps[0]
    assert not any("TEMP B-TREE" in step for step in steps)


def test_since_and_until_are_instants(record):
    store, known = record
    at = known[200][0].at
    with store.read() as reader:
        page = reader.entries(Find(since=at, until=at + 1, limit=500))
        all_of_them = reader.entries(Find(since=0, until=known[-1][0].at + 1, limit=500))

    assert {row["at"] for row in page.rows} == {at}
    assert len(all_of_them.rows) >= len(known)
