"""PostgreSQL's own: what is refused at the start, what fails while a batch is written, and
several replicas on one database. What it shares with SQLite is in the other files."""

import subprocess
import sys
import threading

import orjson
import psycopg
import pytest

from handrail.clock import SystemClock
from handrail.errors import BadInput, Refused, Unavailable, Unsure
from handrail.store.contract import Change, Put, Rows
from handrail.store.postgres import Link

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


class Faulty(Link):
    """A connection that fails once at the step in `plan`: (step, before or after, what to do)."""

    plan = None

    def _step(self, name, run):
        plan, when, cut = Faulty.plan or (None, None, None)
        if plan != name:
            return run()
        Faulty.plan = None
        if when == "before":
            cut(self)
        result = run()
        if when == "after":
            cut(self)
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return result

    def executemany(self, text, rows):
        return self._step("executemany", lambda: super(Faulty, self).executemany(text, rows))

    def move_head(self, text, values):
        return self._step("move_head", lambda: super(Faulty, self).move_head(text, values))

    def commit(self):
        return self._step("commit", super().commit)


@pytest.fixture(autouse=True)
def no_plan():
    yield
    Faulty.plan = None


@pytest.fixture
def store(opened, url, make):
    found = opened(url, connect=Faulty)
    found.commit(make.admits("act_0", clients=["c0"]))
    return found


def cut(link):
    """The server ends the process behind the connection, as when it is restarted."""
    with psycopg.connect(link._url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (link.process,))


def lost(link):
    """The answer is lost on the way."""
    link._raw.close()


def sound(store, make, has):
    with store.read() as reader:
        there = [a for a in ("act_0", "act_1") if reader.row("action", a)]
        size = reader.head()["size"]
    assert there == has
    answer, (at,) = store.commit(
        lambda view: Rows(events=(make.event(),), answer=view.count("agent:agt_1", 0))
    )
    assert (answer, at.seq) == (len(has), size)
    assert store.check() == []


@pytest.mark.parametrize("step", ["executemany", "move_head", "commit"])
def test_a_connection_that_dies_before_the_commit_means_nothing_written(store, make, step):
    Faulty.plan = (step, "before", cut)

    with pytest.raises(Unavailable, match="nothing was recorded"):
        store.commit(make.admits("act_1", clients=["c1"]))

    sound(store, make, ["act_0"])


def test_a_commit_whose_answer_was_lost_is_a_yes(store, make):
    """The head says what became of it, also after others moved on from it."""
    Faulty.plan = ("commit", "after", lost)
    _, (at,) = store.commit(make.admits("act_1", clients=["c1"]))

    assert at.seq == 2
    sound(store, make, ["act_0", "act_1"])


def test_a_commit_whose_answer_was_lost_is_found_below_what_others_added(store, opened, url, make):
    other = opened(url)

    def meanwhile(link):
        lost(link)
        other.commit(make.wants(events=(make.event("handrail:read:made"),)))

    Faulty.plan = ("commit", "after", meanwhile)
    store.commit(make.admits("act_1", clients=["c1"]))

    sound(store, make, ["act_0", "act_1"])


def test_a_server_that_is_gone_leaves_nobody_with_a_wrong_answer(store, make, database):
    """Killed at the commit with its answer lost: *unsure*; started again, it was stored."""
    Faulty.plan = ("commit", "after", lambda link: database.kill())
    try:
        with pytest.raises(Unsure):
            store.commit(make.admits("act_1", clients=["c1"]))
        with pytest.raises(Unavailable):
            store.commit(make.admits("act_2", clients=["c2"]))
    finally:
        database.start()

    sound(store, make, ["act_0", "act_1"])


def test_a_connection_that_broke_while_idle_is_made_anew(store, make):
    cut(store._batches.connection)

    sound(store, make, ["act_0"])


def test_a_failed_read_within_a_unit_fails_that_unit_alone(store, make):
    def wrong(view):
        view.row("policy_version", "not a number")
        return Rows()

    results = make.batch(store, wrong, make.admits("act_1", clients=["c1"]))

    assert results[0].error is not None
    assert results[1].error is None
    sound(store, make, ["act_0", "act_1"])


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["ROLE postgres", "DATABASE {name}"])
def test_a_database_that_does_not_flush_is_refused(opened, url, database, setting):
    target = setting.format(name=url.rpartition("/")[2])
    database.execute(f"ALTER {target} SET synchronous_commit = off")
    try:
        with pytest.raises(Unavailable, match="does not keep what it is told"):
            opened(url)
    finally:
        database.execute(f"ALTER {target} RESET synchronous_commit")


def test_a_database_that_sorts_by_language_is_refused(opened, database):
    database.execute(
        "CREATE DATABASE other TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"
    )
    try:
        with pytest.raises(Unavailable, match="needs UTF8 and C"):
            opened(database.url("other"))
    finally:
        database.execute("DROP DATABASE other")


def test_an_address_tells_no_password(opened):
    with pytest.raises(Unavailable) as refused:
        opened("postgresql://someone:secret@127.0.0.1:1/x")
    assert "secret" not in refused.value.message
    with pytest.raises(BadInput) as refused:
        opened("postgresql://someone:secret@127.0.0.1:1/x?nonsense=1")
    assert "secret" not in refused.value.message


# --- replicas ------------------------------------------------------------------------------------


def test_I3_I11_three_replicas_begin_each_action_once_and_none_after_a_pause(opened, url, make):
    """24 callers on three replicas: each of 40 approved actions begins once, the record is
    whole, and nothing begins at a position after the pause."""
    stores = [opened(url, clock=SystemClock()) for _ in range(3)]
    for n in range(40):
        stores[0].commit(make.put("action", make.act(f"act_{n:02}", state="approved", tier=3)))
    pause = {
        "id": "pse_1", "scope": "all", "ref": "", "degree": "stop", "by": "person:per_1",
        "reason": "r", "at": 0,
    }  # fmt: skip
    began, failed = [], []

    def begin(id):
        def unit(view):
            if view.pauses() or view.row("action", id)["state"] != "approved":
                raise Refused("not now")
            values = {"state": "begun", "granted_at": view.now, "begun_at": view.now}
            return Rows((Change("action", (id,), values),), (make.event(action=id),))

        return unit

    def work(number):
        try:
            for n in range(40):
                if (number, n) == (5, 30):
                    stores[1].commit(
                        make.wants(
                            Put("pause", pause),
                            events=(make.event("person:pause:set"),),
                            control=True,
                        ),
                        first=True,
                    )
                try:
                    stores[number % 3].commit(begin(f"act_{n:02}"))
                    began.append(n)
                except Refused:
                    pass
        except BaseException as e:  # noqa: BLE001 - raised below
            failed.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(began) == len(set(began))
    with stores[2].read() as reader:
        entries = [orjson.loads(b) for _, b in reader.stream()]
        assert len(reader.begun()) == len(began)
    types = [e["type"] for e in entries]
    assert types[-1] == "person:pause:set"
    assert types.count("handrail:action:begun") == len(began)
    assert stores[0].check() == []


def test_a_commit_of_one_replica_is_heard_by_the_others_and_not_by_itself(opened, url, make):
    one, two = opened(url), opened(url)
    heard, own, there = [], [], threading.Event()

    def hears(types):
        heard.extend(types)
        if "handrail:read:made" in types:
            there.set()

    one.on_commit(own.extend)
    two.on_commit(hears)
    one.commit(make.wants(events=(make.event("handrail:read:made"),)))

    assert there.wait(20)
    assert own == ["handrail:read:made"]
    assert heard.count("handrail:read:made") == 1


OPENS = """
import sys
from handrail.clock import SystemClock
from handrail.store.database import open_store
open_store(sys.argv[1], SystemClock(), "test.example/log").close()
"""


def test_processes_that_open_an_empty_database_at_once_make_one_log(opened, url):
    started = [subprocess.Popen([sys.executable, "-c", OPENS, url]) for _ in range(3)]

    assert [p.wait(60) for p in started] == [0, 0, 0]
    with opened(url).read() as reader:
        assert reader.head()["size"] == 1


def test_one_process_serves_a_database_and_keeps_it_over_a_lost_connection(opened, url, make):
    one, two = opened(url), opened(url)
    one.alone()
    with pytest.raises(Unavailable, match="another Handrail serves"):
        two.alone()

    cut(one._batches.connection)
    one.commit(make.wants(events=(make.event(),)))
    with pytest.raises(Unavailable, match="another Handrail serves"):
        two.alone()

    one.close()
    two.alone()
