"""Many callers at once, in one process and in two."""

import threading

import orjson
import pytest

from handrail.errors import Conflict, Refused
from handrail.store.contract import Change, Find, Put, Rows

THREADS = 64


def at_once(n, work):
    """Run *work(number)* in *n* threads that start together; raise what any of them raised."""
    barrier, failed = threading.Barrier(n), []

    def one(number):
        barrier.wait()
        try:
            work(number)
        except BaseException as e:  # noqa: BLE001 - raised again below
            failed.append(e)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def test_every_caller_gets_its_own_position(store, make):
    told = {}

    def work(number):
        for n in range(20):
            id = f"act_{number:02}_{n:02}"
            _, (at,) = store.commit(make.admits(id, clients=[f"c{number % 5}"]))
            told[id] = at.seq

    at_once(THREADS, work)

    with store.read() as reader:
        entries = {orjson.loads(b)["action"]: seq for seq, b in reader.stream(1)}
        chains = [
            [
                orjson.loads(e["body"])
                for e in reader.entries(Find(client=f"c{n}", limit=2_000)).rows
            ][::-1]
            for n in range(5)
        ]
    assert entries == told
    assert sorted(told.values()) == list(range(1, THREADS * 20 + 1))
    for client, chain in enumerate(chains):
        places = [next(c["n"] for c in e["clients"] if c["client"] == f"c{client}") for e in chain]
        assert places == list(range(len(chain)))
    assert store.check() == []


@pytest.mark.parametrize("restart", [False, True])
def test_I25_a_limit_of_five_is_never_six(opened, url, make, restart):
    """Check and add are one unit: 64 threads, one trigger, at most five distinct clients."""
    limit = 5
    store = opened(url)

    def limited(id, client):
        def unit(view):
            touched, _ = view.touched("trigger:ticket:T-1", view.now - 3_600_000_000)
            if len(touched | {client}) > limit:
                raise Refused("over the limit")
            return make.admits(id, clients=[client], client=client)(view)

        return unit

    for round in range(5):
        if restart and round == 2:
            store.close()
            store = opened(url)

        def work(number, store=store, round=round):
            try:
                store.commit(limited(f"act_{round}_{number:02}", f"c{(number * 7 + round) % 40}"))
            except Refused:
                return

        at_once(THREADS, work)

    with store.read() as reader:
        clients = {a["client"] for a in reader.actions(limit=1_000)}
    assert len(clients) == limit


def test_I3_of_many_who_begin_one_approved_action_one_does(store, make):
    store.commit(make.put("action", make.act("act_1", state="approved", tier=3)))
    began = []

    def work(number):
        def unit(view):
            if view.row("action", "act_1")["state"] != "approved":
                raise Refused("no longer approved")
            values = {"state": "begun", "granted_at": view.now, "begun_at": view.now}
            return Rows((Change("action", ("act_1",), values),), (make.event(action="act_1"),))

        try:
            store.commit(unit)
            began.append(number)
        except Refused:
            return

    at_once(THREADS, work)

    assert len(began) == 1
    with store.read() as reader:
        assert len(reader.entries(Find(action="act_1")).rows) == 1


def test_I3_of_many_with_one_key_one_makes_an_action(store, make):
    made, conflicts = [], []

    def work(number):
        try:
            store.commit(
                make.put("action", make.act(f"act_{number:02}", idempotency_key="the key"))
            )
            made.append(number)
        except Conflict:
            conflicts.append(number)

    at_once(THREADS, work)

    assert (len(made), len(conflicts)) == (1, THREADS - 1)


def test_I11_no_begin_has_a_position_after_a_pause(store, make):
    """Begins and pauses are ordinary units of one order."""
    pause = {
        "id": "pse_1",
        "scope": "all",
        "ref": "",
        "degree": "stop",
        "by": "person:per_1",
        "reason": "r",
        "at": 0,
    }

    def begin(id):
        def unit(view):
            if view.pauses():
                raise Refused("paused")
            return make.admits(id)(view)

        return unit

    def work(number):
        for n in range(10):
            if (number, n) == (7, 4):
                store.commit(
                    make.wants(
                        Put("pause", pause),
                        events=(make.event("person:pause:set"),),
                        control=True,
                    ),
                    first=True,
                )
            try:
                store.commit(begin(f"act_{number:02}_{n}"))
            except Refused:
                return

    at_once(THREADS, work)

    with store.read() as reader:
        types = [orjson.loads(b)["type"] for _, b in reader.stream()]
    assert types[-1] == "person:pause:set"
    assert types.count("person:pause:set") == 1


def test_two_writers_on_one_file_take_turns(opened, url, make):
    """Each finds the other's entries under the head, and everything they mean."""
    one, two = opened(url), opened(url)
    one.commit(make.put("client", make.client("c1")))
    assert two.commit(lambda v: Rows(answer=v.client("c1").name))[0] == "C1"

    def work(number):
        store = (one, two)[number % 2]
        for n in range(10):
            store.commit(make.admits(f"act_{number}_{n}", clients=[f"c{n % 3}"]))

    at_once(8, work)

    def counted(view):
        return Rows(answer=view.count("agent:agt_1", 0))

    assert one.commit(counted)[0] == two.commit(counted)[0] == 80
    assert one.check() == []
    with one.read() as reader:
        assert [seq for seq, _ in reader.stream()] == list(range(81))


def test_I3_two_writers_and_one_key_make_one_action(opened, url, make):
    one, two = opened(url), opened(url)
    one.commit(make.put("action", make.act("act_1", idempotency_key="k")))

    assert two.commit(lambda v: Rows(answer=v.seen("agt_1", "k")["id"]))[0] == "act_1"
    with pytest.raises(Conflict):
        two.commit(make.put("action", make.act("act_2", idempotency_key="k")))


def test_readers_and_writers_do_not_wait_for_each_other(store, make):
    def work(number):
        for n in range(20):
            if number % 2:
                store.commit(make.admits(f"act_{number}_{n}"))
            else:
                with store.read() as reader:
                    size = reader.head()["size"]
                    assert len(list(reader.stream())) == size

    at_once(16, work)


def test_many_units_at_once_each_end_as_they_would_alone(store, make):
    """One that is refused, and one whose row does not fit, stop none of the others."""

    def refused(view):
        raise Refused("not this one")

    def misfit(view):
        return Rows((Change("action", ("act_never",), {"state": "done"}),))

    units = [make.admits(f"act_{n:04}") for n in range(600)]
    units[7], units[300] = refused, misfit

    done = store.commit_each(units)

    assert isinstance(done[7], Refused)
    assert isinstance(done[300], Conflict)
    fine = [d for n, d in enumerate(done) if n not in {7, 300}]
    positions = [at.seq for d in fine for at in d.at]
    assert positions == sorted(positions)
    assert len(positions) == 598
    with store.read() as reader:
        assert len(reader.actions(limit=1000)) == 598
    assert store.check() == []


def test_many_units_at_once_let_single_callers_between_them(store, make):
    told = {}

    def work(number):
        if number % 2:
            for n in range(10):
                _, (at,) = store.commit(make.admits(f"act_{number:02}_{n:03}"))
                told[number, n] = at.seq
        else:
            units = [make.admits(f"act_{number:02}_{n:03}") for n in range(100)]
            for n, done in enumerate(store.commit_each(units)):
                told[number, n] = done.at[0].seq

    at_once(12, work)

    assert sorted(told.values()) == list(range(1, 6 * 10 + 6 * 100 + 1))
    assert store.check() == []
