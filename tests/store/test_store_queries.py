"""What the reader answers, and that it stops early where tables grow."""

import re
import sqlite3
from datetime import timedelta

import orjson
import pytest

from handrail.clock import to_us
from handrail.store import queries, sql, tables
from handrail.store.contract import Change, Find, Put, Rows
from support.cluster import on_sqlite

DONE = {"state": "done", "granted_at": 1, "begun_at": 2, "ended_at": 3}


@pytest.fixture
def put(store, make, clock):
    """Stores a row at its own instant, with an entry; returns that instant."""

    def one(table, row, **event):
        def unit(view):
            row_at = row | {"at": view.now} if table in {"action", "proposal"} else row
            return Rows((Put(table, row_at),), (make.event(**event),) if event else ())

        clock.advance(timedelta(minutes=1))
        store.commit(unit)
        return to_us(clock.now())

    return one


@pytest.fixture
def reader(store):
    """Reads anew for each question."""

    class Ask:
        def __getattr__(self, name):
            def ask(*args, **kwargs):
                with store.read() as reader:
                    return getattr(reader, name)(*args, **kwargs)

            return ask

    return Ask()


def ids(rows):
    return [r["id"] for r in rows]


# --- actions -------------------------------------------------------------------------------------


@pytest.fixture
def actions(put, make):
    """Six actions, the oldest first; ids run against time, as they may between hosts."""
    times = {}
    for n, given in enumerate(
        [
            {"type": "t1", "client": "c1"},
            {"type": "t1", "client": "c2", "clients": ["c2", "c1"], "agent": "agt_2"},
            {"type": "t2", "client": "c2", "clients": ["c2"], "tier": 2},
            {"type": "t1", "client": "c3", "clients": ["c3"], "tier": 3, "state": "waiting"},
            {"type": "t2", "client": "c1", "trigger_ref": "T-9", **DONE},
            {"type": "t1", "client": "c1", **DONE},
        ]
    ):
        id = f"act_{9 - n}"
        times[id] = put("action", make.act(id, **given))
    return times


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["act_4", "act_5", "act_6", "act_7", "act_8", "act_9"]),
        ({"limit": 2}, ["act_4", "act_5"]),
        ({"before": "act_6"}, ["act_7", "act_8", "act_9"]),
        ({"before": "act_none"}, []),
        ({"type": "t2"}, ["act_5", "act_7"]),
        ({"client": "c1"}, ["act_4", "act_5", "act_8", "act_9"]),
        ({"agent": "agt_2"}, ["act_8"]),
        ({"states": ["waiting"]}, ["act_6"]),
        ({"states": ["waiting", "done"]}, ["act_4", "act_5", "act_6"]),
        ({"tiers": [2, 3]}, ["act_6", "act_7"]),
        ({"trigger": "ticket:T-9"}, ["act_5"]),
        ({"type": "t1", "client": "c1", "states": ["done"], "tiers": [1]}, ["act_4"]),
    ],
)
def test_actions_newest_first_by_every_filter(reader, actions, filters, expected):
    assert ids(reader.actions(**filters)) == expected


def test_actions_since(reader, actions):
    assert ids(reader.actions(since=actions["act_5"])) == ["act_4", "act_5"]


def test_similar_puts_the_same_client_first_and_reversed_ones_before_others(reader, put, make):
    for id, client, state in [
        ("act_1", "c2", "reversed"),
        ("act_2", "c1", "done"),
        ("act_3", "c1", "reversed"),
        ("act_4", "c2", "done"),
        ("act_5", "c1", "failed"),
    ]:
        put("action", make.act(id, client=client, **DONE | {"state": state}))
    put("action", make.act("act_6"))  # has not ended
    put("action", make.act("act_7", type="other", **DONE))
    for client in ("c1", "c2"):
        put("client", make.client(client))

    found = ids(reader.similar("practice.reset_password", "c1"))
    assert found == ["act_3", "act_5", "act_2", "act_1", "act_4"]
    assert ids(reader.similar("practice.reset_password", "c1", 2)) == ["act_3", "act_5"]


def test_track_record_counts_one_agent_on_one_type(reader, put, make):
    for n, state in enumerate(["done", "done", "failed", "denied"]):
        given = DONE | {"state": state} if state != "denied" else {"state": state, "tier": 3}
        put("action", make.act(f"act_{n}", **given))
    put("action", make.act("act_8", agent="agt_2", **DONE))
    put("action", make.act("act_9", type="other", **DONE))

    assert reader.track_record("agt_1", "practice.reset_password") == {
        "done": 2, "failed": 1, "unknown": 0, "reversed": 0, "denied": 1,
    }  # fmt: skip


def test_counts(reader, actions):
    counts = reader.counts(actions["act_7"])

    assert counts == {
        "tier1": 2, "tier2": 1, "tier3": 1, "classified": 1, "waiting": 1, "done": 2,
    }  # fmt: skip
    assert reader.counts(actions["act_4"])["waiting"] == 1  # however old


# --- proposals, answers, notices -----------------------------------------------------------------


@pytest.fixture
def proposals(put, make, store):
    waiting = {"state": "waiting", "tier": 3}
    put("action", make.act("act_1", **waiting))
    put("proposal", make.proposal("prp_1", 1, "act_1", due_at=300))
    put("action", make.act("act_2", client="c2", **waiting))
    put("proposal", make.proposal("prp_2", 1, "act_2", due_at=200))
    put("action", make.act("act_3", **waiting))
    put("proposal", make.proposal("prp_1", 2, "act_3", due_at=100))
    store.commit(
        make.wants(
            Change("action", ("act_1",), {"state": "superseded"}),
            Change("proposal", ("prp_1", 1), {"due_at": None}),
        )
    )
    put("action", make.act("act_4", state="denied", tier=3))
    put("proposal", make.proposal("prp_3", 1, "act_4", due_at=None))


def test_open_proposals_by_due_time_in_their_newest_version(reader, proposals):
    found = reader.proposals()

    assert [(r["id"], r["version"]) for r in found] == [("prp_1", 2), ("prp_2", 1)]
    assert found[0]["sentence"] == "Reset the password of u1"
    assert {"type", "client", "clients", "state", "tier", "agent", "confidence"} <= set(found[0])
    assert ids(reader.proposals(client="c2")) == ["prp_2"]


def test_all_proposals_newest_first(reader, proposals):
    assert ids(reader.proposals(open_only=False)) == ["prp_3", "prp_2", "prp_1"]
    assert ids(reader.proposals(open_only=False, before="prp_2")) == ["prp_1"]


def test_one_proposal(reader, proposals):
    assert reader.proposal("prp_1")["version"] == 2
    assert reader.proposal("prp_1", 1)["action"] == "act_1"
    assert reader.proposal("prp_9") is None
    assert reader.proposal_of("act_2")["id"] == "prp_2"


def test_what_is_due(reader, proposals, put, make):
    put("notice", make.notice("ntc_1", "act_1", due_at=150))

    assert ids(reader.due_proposals(199)) == ["prp_1"]
    assert ids(reader.due_proposals(200)) == ["prp_1", "prp_2"]
    assert [(r["id"], r["type"]) for r in reader.due_notices(150)] == [
        ("ntc_1", "practice.reset_password")
    ]
    assert reader.due_notices(149) == []
    assert reader.next_due() == 100


def test_nothing_is_due_in_an_empty_store(reader):
    assert reader.next_due() is None


def test_answers_oldest_first(reader, put):
    for n in (2, 1):
        put(
            "answer",
            {
                "id": f"prp_1.{n}", "proposal": "prp_1", "version": n, "person": "p",
                "answer": "approve", "package_digest": b"", "reason": "", "note": "", "to": "",
                "at": n, "effective": 1,
            },
        )  # fmt: skip

    assert ids(reader.answers("prp_1")) == ["prp_1.1", "prp_1.2"]


def test_notices_with_their_action_and_reversal(reader, put, make):
    for n in (1, 2, 3):
        put("action", make.act(f"act_{n}", **DONE))
        put("notice", make.notice(f"ntc_{n}", f"act_{n}", answered_at=7 if n == 3 else None))
    put(
        "reversal",
        {"action": "act_1", "id": "rev_1", "by": "p", "reason": "", "state": "begun", "at": 1},
    )

    assert ids(reader.notices()) == ["ntc_3", "ntc_2", "ntc_1"]
    assert ids(reader.notices(open_only=True)) == ["ntc_2", "ntc_1"]
    assert ids(reader.notices(before="ntc_2")) == ["ntc_1"]
    assert [r["reversal_state"] for r in reader.notices()] == [None, None, "begun"]


def test_what_begun_without_an_outcome(reader, put, make):
    put("action", make.act("act_1", state="begun"))
    put("action", make.act("act_2", **DONE))
    put(
        "reversal",
        {"action": "act_2", "id": "rev_1", "by": "p", "reason": "", "state": "begun", "at": 1},
    )

    assert [(r["id"], r["reversal"]) for r in reader.begun()] == [
        ("act_1", None),
        ("act_2", "rev_1"),
    ]


def test_incidents(reader, put):
    for n, action in enumerate(["act_1", None, "act_1"]):
        put(
            "incident",
            {
                "id": f"inc_{n}", "action": action, "client": "c1", "severity": "minor",
                "title": "t", "text": "", "by": "p", "state": "open", "at": n,
            },
        )  # fmt: skip

    assert ids(reader.incidents()) == ["inc_2", "inc_1", "inc_0"]
    assert ids(reader.incidents(action="act_1")) == ["inc_2", "inc_0"]


# --- people, agents, tools -----------------------------------------------------------------------


def test_people_with_their_roles(reader, put, make):
    put("person", make.person("per_1"))
    put("person", make.person("per_2"))
    put(
        "person_role",
        {"person": "per_1", "role": "security-lead", "client": "", "since": 5, "by": "x"},
    )

    assert [orjson.loads(p["roles"]) for p in reader.people()] == [
        [{"role": "security-lead", "client": "", "since": 5, "until": None}],
        [],
    ]


def test_agents_with_their_keys_and_never_a_hash(reader, put, make):
    put("agent", make.agent("agt_1"))
    put("agent_key", {"hash": b"h" * 32, "agent": "agt_1", "prefix": "hr_ab", "at": 1})

    assert [orjson.loads(a["keys"]) for a in reader.agents()] == [
        [{"prefix": "hr_ab", "at": 1, "expires_at": None, "revoked_at": None}]
    ]
    assert ids(reader.keys("agt_1") and reader.agents()) == ["agt_1"]


def test_policies_newest_first(reader, put):
    for n in (1, 2):
        put(
            "policy_version",
            {"n": n, "digest": f"d{n}", "document": "{}", "files": "{}", "by": "x", "at": n},
        )

    assert reader.policy()["digest"] == "d2"
    assert [p["n"] for p in reader.policies()] == [2, 1]


def test_an_empty_store_answers_everything(reader):
    assert reader.policy() is None
    for name in ("policies", "clients", "people", "agents", "connections", "tools", "pauses",
                 "standings", "incidents", "notices", "proposals", "begun"):  # fmt: skip
        assert list(getattr(reader, name)()) == []
    assert list(reader.tools("practice")) == []
    assert reader.by_key("agt_1", "k") is None


# --- the record ----------------------------------------------------------------------------------


def test_entries_by_every_filter(reader, put, make, store):
    times = [
        put("action", make.act("act_1"), type="a:b:c", action="act_1", clients=["c1"]),
        put("action", make.act("act_2"), type="a:b:d", action="act_2", clients=["c1", "c2"]),
        put("action", make.act("act_3"), type="a:b:c", action="act_3", clients=["c2"]),
    ]

    def seqs(**filters):
        return [e["seq"] for e in reader.entries(Find(**filters)).rows]

    assert seqs() == [3, 2, 1, 0]
    assert seqs(limit=2) == [3, 2]
    assert seqs(action="act_2") == [2]
    assert seqs(client="c1") == [2, 1]
    assert seqs(client="c2", before=3) == [2]
    assert seqs(types=["a:b:c"]) == [3, 1]
    assert seqs(types=["a:b:c", "a:b:d"], client="c2") == [3, 2]
    assert seqs(since=times[1]) == [3, 2]
    assert seqs(since=times[1] + 1) == [3]
    assert seqs(since=10**18) == []
    assert seqs(before=1) == [0]


def test_the_stream_is_every_entry_in_order(store, make):
    make.batch(store, *[make.wants(events=(make.event(n=n),)) for n in range(50)])
    with store.read() as reader:
        assert [seq for seq, _ in reader.stream()] == list(range(51))
        assert [seq for seq, _ in reader.stream(7, 9)] == [7, 8]
        body = dict(reader.stream(1, 2))[1]
    assert orjson.loads(body)["facts"] == {"n": 0}


def test_a_long_stream_comes_in_parts(store, make):
    for _ in range(9):
        make.batch(store, *[make.wants(events=(make.event(),))] * 250)
    with store.read() as reader:
        assert [seq for seq, _ in reader.stream()] == list(range(9 * 250 + 1))


# --- plans ---------------------------------------------------------------------------------------

#: Tables that grow with every action; the others are small.
SMALL = ("ix_action_unfinished", "ix_action_passing")  #: indexes of what is under way
GROWING = {"action", "entry", "proposal", "notice", "sealed", "answer", "client_chain", "later"}


def plan(store, query):
    text, known = sql.named(query.statement)
    bound = dict.fromkeys(re.findall(r":(\w+)", text), 1) | known
    connection = sqlite3.connect(store.path)
    try:
        return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, bound)]
    finally:
        connection.close()


#: Those that look at everything, for checks that people ask for.
WHOLE = {"entries_count", "actions_without_entry"}


@on_sqlite
@pytest.mark.parametrize("name", sorted(set(queries.named_queries()) - WHOLE))
def test_no_named_query_walks_a_growing_table(store, name):
    """But for what the partial index of unfinished actions holds, which is small by nature."""
    for step in plan(store, queries.named_queries()[name]):
        words = step.split()
        if words[0] == "SCAN":
            assert words[1] not in GROWING or any(name in step for name in SMALL), step


@on_sqlite
@pytest.mark.parametrize("build", [queries.actions, queries.notices])
def test_a_page_stops_at_its_limit(store, build):
    """The newest page walks an index from its end: nothing is sorted but ties."""
    steps = plan(store, build(queries.Filter(frozenset())))

    assert not any("TEMP B-TREE FOR ORDER BY" in s for s in steps)


@on_sqlite
def test_what_waits_is_found_by_its_own_index(store):
    shape = queries.Filter(frozenset({"unfinished"}), words=1)

    assert "ix_action_unfinished" in plan(store, queries.actions(shape))[0]


def test_every_query_says_why():
    assert all(q.why.endswith(".") for q in queries.named_queries().values())


@on_sqlite
def test_every_table_is_reached_by_its_key(store):
    connection = sqlite3.connect(store.path)
    try:
        for name in tables.metadata.tables:
            access = sql.access(name)
            key = ["x"] * len(access.keys)
            (step,) = connection.execute("EXPLAIN QUERY PLAN " + access.select, key)
            assert step[3].startswith("SEARCH"), name
    finally:
        connection.close()
