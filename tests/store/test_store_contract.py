"""The contract of the store, through `open_store`, `commit` and `read`."""

import stat
import threading
from datetime import timedelta

import pytest

from handrail.clock import to_us
from handrail.core.model import Degree, Tier
from handrail.errors import BadInput, Conflict, Refused, TooLarge, Unavailable
from handrail.store.contract import Change, Drop, Find, OpenProposal, Put, Rows
from handrail.store.database import open_store
from handrail.store.driver import Connection
from handrail.store.view import Impossible
from handrail.store.windows import LONGEST
from support.cluster import on_sqlite

# --- a commit ------------------------------------------------------------------------------------


def test_rows_and_entries_are_there_when_commit_returns(store, make):
    answer, at = store.commit(
        make.wants(
            Put("client", make.client("c1")),
            events=(make.event(clients=["c1"], n=1), make.event(n=2)),
            answer="yes",
        )
    )

    assert answer == "yes"
    assert [a.seq for a in at] == [1, 2]  # 0 is the start of the log
    with store.read() as reader:
        assert reader.row("client", "c1")["name"] == "C1"
        assert [e["seq"] for e in reader.entries(Find(client="c1")).rows] == [1]
        assert reader.head()["size"] == 3


def test_a_new_log_begins_with_its_start(store):
    with store.read() as reader:
        assert [e["type"] for e in reader.entries(Find()).rows] == ["handrail:log:started"]


def test_a_refused_unit_leaves_nothing(store, make):
    def unit(view):
        raise Refused("no")

    before = head(store)
    with pytest.raises(Refused, match="no"):
        store.commit(unit)

    assert head(store) == before


def test_a_unit_that_wants_nothing_moves_nothing(store, make):
    before = head(store)

    assert store.commit(lambda view: Rows(answer=view.epoch)) == (0, ())
    assert head(store) == before


def test_an_error_of_a_unit_reaches_its_caller_as_it_is(store):
    def unit(view):
        return {}["missing"]

    with pytest.raises(KeyError):
        store.commit(unit)


def test_the_control_epoch_moves_with_control_and_its_own_entry_carries_it(store, make):
    store.commit(make.wants(events=(make.event(),), control=True))
    _, (at,) = store.commit(make.wants(events=(make.event(),)))

    assert head(store)["epoch"] == 1
    with store.read() as reader:
        assert reader.row("entry", at.seq - 1)["body"].count(b'"epoch":1') == 1


# --- writes --------------------------------------------------------------------------------------


def test_a_change_sets_only_what_it_names(store, make):
    store.commit(make.put("client", make.client("c1", risk="high")))
    store.commit(make.change("client", ("c1",), name="Renamed"))

    with store.read() as reader:
        row = reader.row("client", "c1")
    assert (row["name"], row["risk"]) == ("Renamed", "high")


def test_writes_of_one_unit_fold_into_their_net_effect(store, make):
    store.commit(make.put("client", make.client("kept")))
    store.commit(
        make.wants(
            Put("client", make.client("c1")),
            Change("client", ("c1",), {"name": "A"}),
            Change("client", ("c1",), {"risk": "low"}),
            Put("client", make.client("gone")),
            Drop("client", ("gone",)),
            Drop("client", ("kept",)),
            Put("client", make.client("kept", name="New")),
        )
    )

    with store.read() as reader:
        assert {(r["id"], r["name"], r["risk"]) for r in reader.clients()} == {
            ("c1", "A", "low"),
            ("kept", "New", "normal"),
        }


def test_a_drop_of_what_is_gone_is_no_conflict(store, make):
    store.commit(make.wants(Drop("session", (b"hash",))))


def test_a_change_of_what_is_gone_is_a_conflict(store, make):
    with pytest.raises(Conflict, match="no row"):
        store.commit(make.change("client", ("nobody",), name="x"))


def test_parents_are_written_before_their_children_in_any_order(store, make):
    store.commit(
        make.wants(
            Put("proposal", make.proposal("prp_1", 1, "act_1")),
            Put("action", make.act("act_1", state="waiting", tier=3)),
        )
    )

    with store.read() as reader:
        assert reader.proposal_of("act_1")["id"] == "prp_1"


def test_a_freed_unique_value_can_be_taken_in_the_same_unit(store, make):
    store.commit(make.put("agent", make.agent("agt_1", name="worker")))
    store.commit(
        make.wants(
            Put("agent", make.agent("agt_2", name="worker")),
            Change("agent", ("agt_1",), {"name": "former worker"}),
        )
    )

    with store.read() as reader:
        assert [a["id"] for a in reader.agents()] == ["agt_1", "agt_2"]


@pytest.mark.parametrize(
    "write",
    [
        Put("no_table", {"id": 1}),
        Put("entry", {"seq": 7}),
        Change("head", (1,), {"size": 0}),
        Drop("client_chain", ("c1", 0)),
        Put("client", {"id": "c1", "no_column": 1}),
    ],
)
def test_what_no_unit_may_write_is_impossible(store, make, write):
    before = head(store)

    with pytest.raises(Impossible):
        store.commit(make.wants(write))
    assert head(store) == before


def test_the_schema_refuses_an_action_that_begun_without_a_grant(store, make):
    """Every begin has a grant, in all tiers: no code can say otherwise."""
    with pytest.raises(Impossible):
        store.commit(make.put("action", make.act("act_1", state="begun", granted_at=None)))


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"text": "x" * 70_000}, TooLarge),
        ({"text": "\ud800"}, BadInput),
    ],
)
def test_what_no_entry_can_hold_is_its_callers_error(store, make, facts, error):
    before = head(store)
    with pytest.raises(error):
        store.commit(make.wants(events=(make.event(**facts),)))

    assert head(store) == before


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"name": "\ud800"}, BadInput),
        ({"retention_days": 2**70}, BadInput),
        ({"name": object()}, Impossible),
        ({"name": None}, Impossible),
    ],
)
def test_one_units_bad_row_fails_that_unit_alone(store, make, row, error):
    good, bad, last = make.batch(
        store,
        make.put("client", make.client("c1")),
        make.put("client", make.client("bad", **row)),
        make.wants(Put("client", make.client("c2")), events=(make.event(),)),
    )

    assert good.error is None
    assert isinstance(bad.error, error)
    assert [a.seq for a in last.at] == [1]
    with store.read() as reader:
        assert [c["id"] for c in reader.clients()] == ["c1", "c2"]


def test_I3_one_key_makes_one_action_in_a_batch_and_after_it(store, make):
    first = make.put("action", make.act("act_1", idempotency_key="k"))
    second = make.put("action", make.act("act_2", idempotency_key="k"))
    one, two = make.batch(store, first, second)

    assert one.error is None
    assert isinstance(two.error, Conflict)
    with pytest.raises(Conflict):
        store.commit(second)
    with store.read() as reader:
        assert reader.by_key("agt_1", "k")["id"] == "act_1"
        assert reader.row("action", "act_2") is None


def test_another_agents_same_key_is_another_key(store, make):
    store.commit(make.put("action", make.act("act_1", idempotency_key="k")))
    store.commit(make.put("action", make.act("act_2", idempotency_key="k", agent="agt_2")))

    assert store.commit(lambda v: Rows(answer=v.seen("agt_2", "k")["id"]))[0] == "act_2"


# --- what a unit sees ----------------------------------------------------------------------------


def test_a_unit_sees_the_earlier_units_of_its_batch(store, make):
    def second(view):
        return Rows(
            answer=(
                view.row("client", "c1")["name"],
                view.client("c1").name,
                view.seen("agt_1", "k")["id"],
                view.row("client", "nobody"),
            )
        )

    _, two = make.batch(
        store,
        make.wants(
            Put("client", make.client("c1")),
            Put("action", make.act("act_1", idempotency_key="k")),
        ),
        second,
    )

    assert two.answer == ("C1", "C1", "act_1", None)


def test_a_unit_sees_nothing_of_one_that_failed_before_it(store, make):
    def fails(view):
        return Rows(
            (
                Put("client", make.client("c1")),
                Put("pause", pause("pse_1")),
                Put("action", make.act("act_1", state="begun", idempotency_key="k")),
                Put("client", make.client("c1")),
            ),
            (make.event(clients=["c1"]),),
            control=True,
        )

    def looks(view):
        return Rows(
            answer=(
                view.client("c1"),
                view.row("client", "c1"),
                view.pauses(),
                view.in_flight("act_1"),
                view.seen("agt_1", "k"),
                view.count("agent:agt_1", 0),
                view.epoch,
            )
        )

    failed, after = make.batch(store, fails, looks)

    assert isinstance(failed.error, Conflict)
    assert after.answer == (None, None, (), False, None, 0, 0)


def test_the_view_knows_people_and_their_roles(store, make):
    store.commit(
        make.wants(
            Put("person_role", role("per_1", "account-engineer", "c1")),
            Put("person", make.person("per_1")),
            Put("person_role", role("per_1", "security-lead", "")),
        )
    )

    def roles(view):
        return Rows(answer={(r.name, r.client) for r in view.person("per_1").roles})

    assert store.commit(roles)[0] == {("account-engineer", "c1"), ("security-lead", None)}
    store.commit(make.wants(Drop("person_role", ("per_1", "security-lead", ""))))
    assert store.commit(roles)[0] == {("account-engineer", "c1")}
    store.commit(make.change("person", ("per_1",), active=0))
    assert store.commit(lambda v: Rows(answer=[p.active for p in v.people()]))[0] == [False]


def test_a_definition_that_nobody_looked_at_is_withheld(store, make):
    store.commit(make.put("connection", connection("practice")))
    store.commit(make.put("tool", tool("practice", "reset", "pinned")))

    def served(view):
        return Rows(answer=view.tool("practice", "tool", "reset"))

    assert store.commit(served)[0] == "digest"
    for state in ("changed", "gone", "new"):
        store.commit(make.change("tool", ("practice", "tool", "reset"), state=state))
        assert store.commit(served)[0] is None
    assert store.commit(lambda v: Rows(answer=v.connection("practice")))[0] == "c-digest"


def test_pauses_in_force_standings_and_the_newest_policy(store, make):
    store.commit(
        make.wants(
            Put("pause", pause("pse_1")),
            Put("pause", pause("pse_2", ended_at=5)),
            Put("standing", standing("t", "", 2)),
            Put("standing", standing("t", "c1", 3)),
            Put("policy_version", version(1, "one")),
            Put("policy_version", version(2, "two")),
            control=True,
        )
    )

    def state(view):
        return Rows(
            answer=(
                [(p.id, p.degree) for p in view.pauses()],
                {(s.client, s.tier) for s in view.standings("t")},
                view.policy,
            )
        )

    assert store.commit(state)[0] == (
        [("pse_1", Degree.STOP)],
        {(None, Tier.NOTIFY), ("c1", Tier.APPROVE)},
        "two",
    )
    store.commit(make.change("pause", ("pse_1",), ended_at=9))
    store.commit(make.wants(Drop("standing", ("t", "c1"))))
    assert store.commit(state)[0] == ([], {(None, Tier.NOTIFY)}, "two")


def test_open_proposals_are_those_whose_action_waits(store, make):
    store.commit(
        make.wants(
            Put("proposal", make.proposal("prp_1", 1, "act_1", same="same")),
            Put("action", make.act("act_1", state="waiting", tier=3, proposal="prp_1", version=1)),
        )
    )

    def open_(view):
        return Rows(answer=list(view.open_proposals()))

    expected = OpenProposal(
        "prp_1", 1, "act_1", "agt_1", "c1", "ticket:T-1", "practice.reset_password", "same"
    )
    assert store.commit(open_)[0] == [expected]
    store.commit(make.change("action", ("act_1",), state="approved"))
    assert store.commit(open_)[0] == [expected]
    store.commit(
        make.wants(
            Change("action", ("act_1",), {"state": "superseded"}),
            Put("action", make.act("act_2", state="waiting", tier=3, proposal="prp_1", version=2)),
            Put("proposal", make.proposal("prp_1", 2, "act_2")),
        )
    )
    assert [(p.id, p.version) for p in store.commit(open_)[0]] == [("prp_1", 2)]
    store.commit(make.change("action", ("act_2",), state="denied"))
    assert store.commit(open_)[0] == []


def test_in_flight_is_what_begun_without_an_outcome(store, make):
    def flies(view):
        return Rows(answer=view.in_flight("act_1"))

    assert store.commit(flies)[0] is False
    store.commit(make.admits("act_1"))
    assert store.commit(flies)[0] is True
    store.commit(make.change("action", ("act_1",), state="done", ended_at=9))
    assert store.commit(flies)[0] is False


# --- windows -------------------------------------------------------------------------------------


def test_I25_windows_count_what_was_admitted_by_every_scope(store, make):
    store.commit(make.admits("act_1", content=b"\x01" * 32, targets=["u1", "u2"]))
    store.commit(make.admits("act_2", clients=["c2"], client="c2", trigger_ref="T-2"))
    store.commit(make.put("action", make.act("act_3", state="refused", clients=["c9"])))

    def scopes(view):
        return Rows(
            answer=[
                view.touched(f"content:{'01' * 32}", 0),
                view.touched("trigger:ticket:T-1", 0),
                view.touched("type:practice.reset_password", 0),
                view.touched("agent:agt_1", 0)[0],
                view.count("agent:agt_1", 0),
                view.count("agent:agt_2", 0),
            ]
        )

    assert store.commit(scopes)[0] == [
        ({"c1"}, {"u1", "u2"}),
        ({"c1"}, {"u1", "u2"}),
        ({"c1", "c2"}, {"u1", "u2"}),
        {"c1", "c2"},
        2,
        0,
    ]


def test_windows_slide(store, make, clock):
    for n in range(6):
        store.commit(make.admits(f"act_{n}", clients=[f"c{n}"]))
        clock.advance(timedelta(minutes=10))

    def last_half_hour(view):
        return Rows(answer=view.touched("agent:agt_1", view.now - 30 * 60_000_000)[0])

    assert store.commit(last_half_hour)[0] == {"c3", "c4", "c5"}


def test_windows_are_the_same_after_a_restart(opened, url, make, clock):
    store = opened(url)
    for n in range(4):
        store.commit(make.admits(f"act_{n}", clients=[f"c{n}"], content=bytes([n % 2]) * 32))
        clock.advance(timedelta(hours=1))

    def ask(view):
        return Rows(
            answer=[
                (view.touched(s, since), view.count(s, since))
                for s in ("agent:agt_1", f"content:{'00' * 32}", "trigger:ticket:T-1")
                for since in range(view.now - LONGEST, view.now, 1_800_000_000)
            ]
        )

    before = store.commit(ask)[0]
    store.close()
    assert opened(url).commit(ask)[0] == before


# --- time ----------------------------------------------------------------------------------------


def test_a_units_time_never_goes_back(store, make, clock):
    clock.advance(timedelta(seconds=1))
    _, (first,) = store.commit(make.wants(events=(make.event(),)))
    clock.advance(timedelta(hours=-2))
    _, (second,) = store.commit(make.wants(events=(make.event(),)))

    assert first.at == to_us(clock.now() + timedelta(hours=2))
    assert second.at == first.at + 1


def test_I16_a_clock_set_back_widens_no_window_and_can_be_seen(store, make, clock):
    clock.advance(timedelta(seconds=1))
    store.commit(make.admits("act_1"))
    clock.advance(timedelta(hours=-2))

    def ask(view):
        return Rows(answer=(view.count("agent:agt_1", view.now - 3_600_000_000), view.skew))

    count, skew = store.commit(ask)[0]
    assert count == 1
    assert skew == store.skew == 2 * 3_600_000_000


def test_the_time_is_kept_over_a_restart(opened, url, make, clock):
    store = opened(url)
    _, (first,) = store.commit(make.wants(events=(make.event(),)))
    store.close()
    clock.advance(timedelta(days=-1))
    _, (second,) = opened(url).commit(make.wants(events=(make.event(),)))

    assert second.at == first.at + 1


# --- reading -------------------------------------------------------------------------------------


def test_a_reader_sees_one_snapshot(store, make):
    with store.read() as reader:
        assert reader.clients() == []
        store.commit(make.put("client", make.client("c1")))
        assert reader.clients() == []
    with store.read() as reader:
        assert len(reader.clients()) == 1


def test_readers_can_be_many_and_nested(store, make):
    with store.read() as one, store.read() as two:
        assert one.head() == two.head()


# --- listeners and lanes -------------------------------------------------------------------------


def test_listeners_hear_the_types_after_the_commit(store, make):
    heard = []
    store.on_commit(lambda types: heard.append((list(types), head(store)["size"])))
    store.commit(make.wants(events=(make.event("a:b:c"), make.event("d:e:f"))))

    assert heard == [(["a:b:c", "d:e:f"], 3)]


def test_a_listener_that_fails_harms_nobody(store, make, caplog):
    def fails(types):
        raise ValueError("listener")

    store.on_commit(fails)
    store.commit(make.put("client", make.client("c1")))
    store.commit(make.wants(events=(make.event(),)))

    assert "a commit listener failed" in caplog.text


def test_a_listener_may_commit(store, make):
    def again(types):
        if "first" in types:
            store.commit(make.wants(events=(make.event("second"),)))

    store.on_commit(again)
    store.commit(make.wants(events=(make.event("first"),)))

    with store.read() as reader:
        assert [e["type"] for e in reader.entries(Find(limit=2)).rows] == ["second", "first"]


def test_I11_the_first_lane_overtakes_what_waits(store, make):
    order = []

    def named(name):
        def unit(view):
            order.append(name)
            return Rows(events=(make.event(),))

        return unit

    behind_a_gate(
        store, [(named(f"begin {n}"), False) for n in range(5)] + [(named("pause"), True)]
    )

    assert order == ["pause", *(f"begin {n}" for n in range(5))]


def test_I16_a_full_queue_is_an_answer(store, make):
    store._writer._max_queue = 3
    errors = behind_a_gate(store, [(make.wants(events=(make.event(),)), False)] * 4, queued=3)

    assert [type(e) for e in errors] == [Unavailable]
    assert head(store)["size"] == 1 + 3


# --- opening -------------------------------------------------------------------------------------


def test_the_file_is_its_owners_alone(opened, url, tmp_path, make):
    opened(url).commit(make.wants(events=(make.event(),)))

    for file in tmp_path.glob("handrail.db*"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_another_logs_database_is_refused(opened, url):
    opened(url).close()

    with pytest.raises(BadInput, match="holds the log"):
        opened(url, origin="other.example/log")


@on_sqlite
@pytest.mark.parametrize("url", ["", "mysql://x", "sqlite:///", "sqlite:/x"])
def test_a_url_that_is_none_is_refused(opened, url):
    with pytest.raises(BadInput, match="no database"):
        opened(url)


def test_a_file_that_is_no_database_is_refused(opened, tmp_path):
    (tmp_path / "x.db").write_bytes(b"not a database at all" * 500)

    with pytest.raises(Unavailable, match="cannot be opened"):
        opened(f"sqlite:///{tmp_path / 'x.db'}")


def test_a_folder_that_cannot_be_made_is_refused(opened, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable, match="cannot be opened"):
        opened(f"sqlite:///{tmp_path / 'file' / 'x.db'}")


def test_a_database_that_does_not_keep_what_it_is_told_is_refused(clock, tmp_path):
    """In memory there is no write-ahead log: the same answer that a network folder gives."""
    with pytest.raises(Unavailable, match="does not keep what it is told"):
        Connection(":memory:")


def test_a_closed_store_says_so(clock):
    store = open_store("sqlite://", clock, "test.example/log")
    store.close()

    with pytest.raises(Unavailable, match="closed"):
        store.commit(lambda view: Rows())
    assert not store.path.exists()


def test_a_sound_database_has_no_problems(store, make):
    store.commit(make.wants(events=(make.event(),)))

    assert store.check() == []


@on_sqlite
def test_a_lost_entry_is_found(store, make):
    store.commit(make.wants(events=(make.event(),)))
    connection = Connection(store.path)
    connection.begin()
    connection.executemany("DELETE FROM entry WHERE seq = ?", [(0,)])
    connection.commit()
    connection.close()

    assert store.check() == ["the head says 2 entries, the table holds 1"]


# --- helpers -------------------------------------------------------------------------------------


def head(store):
    with store.read() as reader:
        return reader.head()


def behind_a_gate(store, units, queued=None):
    """Commit *units* at the same time while a leader is busy; return what was raised."""
    busy, go, errors = threading.Event(), threading.Event(), []
    enough = threading.Semaphore(0)
    writer = store._writer

    def gate(view):
        busy.set()
        go.wait(10)
        return Rows()

    def caller(unit, first):
        try:
            store.commit(unit, first=first)
        except Unavailable as e:
            errors.append(e)
            enough.release()

    leader = threading.Thread(target=store.commit, args=(gate,))
    leader.start()
    busy.wait(10)
    threads = [threading.Thread(target=caller, args=u) for u in units]
    wanted = len(units) if queued is None else queued
    for n, thread in enumerate(threads, 1):
        thread.start()
        while len(writer._queue) + len(writer._first) < min(n, wanted):
            pass
    if queued is not None:
        enough.acquire(timeout=10)
    go.set()
    for thread in [leader, *threads]:
        thread.join()
    return errors


def pause(id, **given):
    return {
        "id": id,
        "scope": "all",
        "ref": "",
        "degree": "stop",
        "by": "person:per_1",
        "reason": "r",
        "at": 0,
        **given,
    }


def role(person, name, client):
    return {"person": person, "role": name, "client": client, "since": 5, "by": "person:per_1"}


def tool(connection, name, state):
    return {
        "connection": connection,
        "kind": "tool",
        "name": name,
        "definition": "{}",
        "digest": "digest",
        "state": state,
        "by": "handrail",
        "at": 0,
    }


def connection(name):
    return {
        "name": name,
        "kind": "mcp-stdio",
        "spec": "{}",
        "client_map": "{}",
        "digest": "c-digest",
        "by": "per_1",
        "at": 0,
    }


def standing(type, client, tier):
    return {"type": type, "client": client, "tier": tier, "by": "x", "reason": "r", "at": 0}


def version(n, digest):
    return {"n": n, "digest": digest, "document": "{}", "files": "{}", "by": "x", "at": 0}
