"""What fails while a batch is written, each step in two versions where there are two: *not
stored*, and *stored but reported lost*. Nobody is told yes for what is not there or no for what
is, memory goes back with the disk, and the next commit works.
"""

import contextlib
import resource
import signal
import sqlite3
import threading
from datetime import timedelta
from typing import ClassVar

import pytest

from handrail.clock import to_us
from handrail.errors import Refused, Unavailable, Unsure
from handrail.store.contract import Rows
from handrail.store.driver import Connection
from handrail.store.memory import Memory
from support.cluster import on_sqlite

pytestmark = on_sqlite

STEPS = ["begin", "one", "executemany", "move_head", "commit", "rollback"]


class Faulty(Connection):
    """A connection that fails at the steps in `plan`: step → (when, error), each one time."""

    plan: ClassVar[dict] = {}

    def _step(self, name, run):
        when, error = Faulty.plan.pop(name, ("never", None))
        if when == "before":
            raise error
        result = run()
        if when == "after":
            raise error
        return result

    def begin(self):
        return self._step("begin", super().begin)

    def one(self, text, values=()):
        return self._step("one", lambda: super(Faulty, self).one(text, values))

    def executemany(self, text, rows):
        return self._step("executemany", lambda: super(Faulty, self).executemany(text, rows))

    def move_head(self, text, values):
        return self._step("move_head", lambda: super(Faulty, self).move_head(text, values))

    def commit(self):
        return self._step("commit", super().commit)

    def rollback(self):
        return self._step("rollback", super().rollback)


@pytest.fixture(autouse=True)
def no_plan():
    yield
    Faulty.plan = {}


@pytest.fixture
def store(opened, make):
    found = opened(connect=Faulty)
    found.commit(make.admits("act_0", clients=["c0"]))
    return found


def io_error(name="SQLITE_IOERR_FSYNC"):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    return error


def sound(store, make, *, has=(), lacks=()):
    """The store holds what it should, memory is what the disk holds, and the next commit works."""
    with store.read() as reader:
        assert [a for a in has if reader.row("action", a) is None] == []
        assert [a for a in lacks if reader.row("action", a) is not None] == []
        size = reader.head()["size"]
    answer, (at,) = store.commit(
        lambda view: Rows(
            events=(make.event(),),
            answer=(view.count("agent:agt_1", 0), view.touched("agent:agt_1", 0)[0]),
        )
    )
    assert at.seq == size
    assert answer == (1 + len(has), {"c0", *(f"c{a[4:]}" for a in has)})
    assert store.check() == []
    batches = store._batches
    loaded = Memory.load(batches._connection, to_us(store._clock.now()))
    assert batches._memory.in_flight == loaded.in_flight
    assert batches._memory.windows.count("agent:agt_1", 0) == answer[0]


# --- each step -----------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", ["begin", "one", "executemany", "move_head"])
def test_an_error_before_the_commit_means_nothing_written(store, make, step, when):
    Faulty.plan = {step: (when, io_error())}

    with pytest.raises(Unavailable, match="nothing was recorded"):
        store.commit(make.admits("act_1", clients=["c1"]))

    assert Faulty.plan == {}
    sound(store, make, lacks=["act_1"])


def test_a_commit_that_failed_is_unavailable(store, make):
    Faulty.plan = {"commit": ("before", io_error())}

    with pytest.raises(Unavailable, match="nothing was recorded"):
        store.commit(make.admits("act_1", clients=["c1"]))

    sound(store, make, lacks=["act_1"])


def test_a_commit_whose_answer_was_lost_is_a_yes(store, make):
    """The head on disk says what became of it: the caller is not left unsure."""
    Faulty.plan = {"commit": ("after", io_error())}
    _, (at,) = store.commit(make.admits("act_1", clients=["c1"]))

    assert at.seq == 2
    sound(store, make, has=["act_1"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_commit_whose_fate_cannot_be_read_is_unsure(store, make, when):
    Faulty.plan = {"commit": (when, io_error()), "rollback": ("before", io_error())}

    with pytest.raises(Unsure):
        store.commit(make.admits("act_1", clients=["c1"]))

    stored = when == "after"
    sound(store, make, has=["act_1"] * stored, lacks=["act_1"] * (not stored))


def test_a_failed_flush_is_covered_by_another_commit_before_anyone_is_told(store, make):
    """Frames written and not flushed could come back at a recovery: another commit lies over them,
    and where that fails, too, nobody claims to know."""
    seen = []

    class Twice(Faulty):
        def commit(self):
            seen.append("commit")
            super().commit()

    store._batches._connect = lambda: Twice(store.path)
    store._batches.close()
    Faulty.plan = {"commit": ("before", io_error("SQLITE_IOERR_FSYNC"))}
    with pytest.raises(Unavailable):
        store.commit(make.admits("act_1", clients=["c1"]))
    assert seen == ["commit", "commit"]

    Faulty.plan = {"commit": ("before", io_error("SQLITE_FULL"))}
    with pytest.raises(Unavailable):
        store.commit(make.admits("act_1", clients=["c1"]))
    assert seen == ["commit"] * 3  # the disk was full before the last frame: nothing to cover
    sound(store, make, lacks=["act_1"])


def test_one_failed_batch_fails_all_its_units_also_the_refused(store, make):
    """A refusal may rest on a unit before it that was lost."""

    def refuses(view):
        raise Refused("because of what came before")

    Faulty.plan = {"commit": ("before", io_error())}
    results = make.batch(store, make.admits("act_1", clients=["c1"]), refuses)

    assert [type(r.error) for r in results] == [Unavailable, Unavailable]
    assert results[0].error is not results[1].error
    sound(store, make, lacks=["act_1"])


@pytest.mark.parametrize("step", ["executemany", "move_head", "commit"])
def test_a_failure_while_going_one_by_one_means_nothing_written(store, make, step):
    clash = make.put("action", make.act("act_0"))
    Faulty.plan = {"begin": ("never", None)}

    class Second(Faulty):
        """Fails in the second attempt only."""

        def savepoint(self):
            Faulty.plan.setdefault(step, ("before", io_error()))
            super().savepoint()

    store._batches._connect = lambda: Second(store.path)
    store._batches.close()
    results = make.batch(store, make.admits("act_1", clients=["c1"]), clash)
    store._batches._connect = lambda: Faulty(store.path)

    assert [type(r.error) for r in results] == [Unavailable, Unavailable]
    Faulty.plan = {}
    store._batches.close()
    sound(store, make, lacks=["act_1"])


def test_every_second_batch_failing_loses_and_halves_nothing(store, make):
    told = []
    for n in range(1, 21):
        if n % 2:
            Faulty.plan = {"executemany": ("after", io_error())}
        with contextlib.suppress(Unavailable):
            store.commit(make.admits(f"act_{n}", clients=[f"c{n}"]))
            told.append(f"act_{n}")

    assert told == [f"act_{n}" for n in range(2, 21, 2)]
    sound(store, make, has=told, lacks=[f"act_{n}" for n in range(1, 21, 2)])


# --- a leader that dies --------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS[:-1])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("x"), RuntimeError("ours")])
def test_a_leader_that_dies_of_something_else_strands_nobody(store, make, step, error):
    """COMMIT trap 1: whatever it is, callers get an answer and the next commit works. An error
    while rows go in is taken for some row's, and going one by one may well succeed."""
    Faulty.plan = {step: ("before", error)}
    stored = ["act_1"]
    try:
        store.commit(make.admits("act_1", clients=["c1"]))
    except (KeyboardInterrupt, Unsure, MemoryError, RuntimeError):
        stored = []

    assert bool(stored) == (step == "executemany" and isinstance(error, Exception))
    sound(store, make, has=stored, lacks=[] if stored else ["act_1"])


def test_an_interrupted_leader_hands_over(store, make):
    results = {}
    waiting, go = threading.Event(), threading.Event()

    def dies(view):
        waiting.set()
        go.wait(10)
        raise KeyboardInterrupt

    def call(name, unit):
        try:
            results[name] = store.commit(unit)
        except BaseException as e:  # noqa: BLE001 - looked at below
            results[name] = e

    leader = threading.Thread(target=call, args=("leader", dies))
    leader.start()
    waiting.wait(10)
    follower = threading.Thread(
        target=call, args=("follower", make.admits("act_1", clients=["c1"]))
    )
    follower.start()
    while not store._writer._queue:
        pass
    go.set()
    leader.join()
    follower.join()

    assert isinstance(results["leader"], KeyboardInterrupt)
    assert results["follower"][1][0].seq == 2
    sound(store, make, has=["act_1"])


def test_waiting_is_bounded(store, make):
    store._writer._max_wait = 0.05
    inside, go = threading.Event(), threading.Event()

    def slow(view):
        inside.set()
        go.wait(10)
        return Rows()

    leader = threading.Thread(target=store.commit, args=(slow,))
    leader.start()
    inside.wait(10)
    with pytest.raises(Unavailable, match="in time"):
        store.commit(make.admits("act_1", clients=["c1"]))
    go.set()
    leader.join()

    sound(store, make, lacks=["act_1"])


# --- the real thing ------------------------------------------------------------------------------


def test_a_full_database_is_unavailable_and_goes_on_when_there_is_room(opened, make):
    class Small(Connection):
        pages = 0

        def begin(self):
            self.one(f"PRAGMA max_page_count = {Small.pages or 2**30}")
            super().begin()

    store = opened(connect=Small)
    store.commit(make.admits("act_0", clients=["c0"]))
    Small.pages = 1  # never below what the file has
    written = ["act_0"]
    with contextlib.suppress(Unavailable):
        for n in range(1, 200):
            store.commit(make.admits(f"act_{n}", clients=[f"c{n}"], sentence="x" * 5_000))
            written.append(f"act_{n}")
    assert len(written) < 199
    with pytest.raises(Unavailable, match="the disk is full"):
        store.commit(make.admits("act_999", clients=["c999"], sentence="x" * 100_000))
    Small.pages = 0

    sound(store, make, has=written[1:], lacks=["act_999"])


def test_a_file_that_cannot_grow_is_unavailable(opened, url, make, tmp_path):
    """The write-ahead log hits a limit in the middle of the commit itself."""
    store = opened(url)
    store.commit(make.admits("act_0", clients=["c0"]))
    log = tmp_path / "handrail.db-wal"
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 4_096, former[1]))
        with pytest.raises((Unavailable, Unsure)) as refused:
            store.commit(make.admits("act_1", clients=["c1"], sentence="x" * 50_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
        signal.signal(signal.SIGXFSZ, ignored)

    assert refused.type is Unavailable
    sound(store, make, lacks=["act_1"])


def test_a_locked_database_is_unavailable(opened, url, make):
    store = opened(url, connect=lambda path: Connection(path, busy_ms=20))
    store.commit(make.admits("act_0", clients=["c0"]))
    other = sqlite3.connect(store.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="another process holds"):
            store.commit(make.admits("act_1", clients=["c1"]))
        other.execute("ROLLBACK")
    finally:
        other.close()

    sound(store, make, lacks=["act_1"])


def test_a_clock_set_back_stops_nothing_and_is_seen(store, make, clock):
    clock.advance(timedelta(days=-2))
    store.commit(make.admits("act_1", clients=["c1"]))

    assert store.skew > 86_400_000_000
    sound(store, make, has=["act_1"])


def test_a_log_without_a_head_is_refused(store, make):
    other = sqlite3.connect(store.path)
    other.execute("DELETE FROM head")
    other.commit()
    other.close()

    with pytest.raises(Unavailable, match="no head"):
        store.commit(make.admits("act_1", clients=["c1"]))
