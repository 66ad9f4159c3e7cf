"""A process that commits from several threads until it dies at a named step.

    python crash_worker.py PATH STEP WHEN NTH RUN

STEP is a step of the writing connection (`begin`, `executemany`, `move_head`, `commit`), or
`unit` (within a unit) or `woken` (an answer has just been told). WHEN is `before` or `after` it;
NTH says the how-manieth time. Every answer is written to standard output before the next begins.
"""

import itertools
import os
import signal
import sys
import threading
from pathlib import Path

import orjson

from handrail.clock import SystemClock
from handrail.errors import Refused
from handrail.store.contract import Change, Event, Put, Rows
from handrail.store.database import open_store
from handrail.store.driver import Connection

PATH, STEP, WHEN, NTH, RUN = sys.argv[1:]
THREADS = 8
armed = threading.Event()
reached = itertools.count(1)


def step(name, when):
    """Die here if it is the place and the time."""
    if armed.is_set() and (name, when) == (STEP, WHEN) and next(reached) >= int(NTH):
        os.kill(os.getpid(), signal.SIGKILL)


class Mortal(Connection):
    def begin(self):
        step("begin", "before")
        super().begin()
        step("begin", "after")

    def executemany(self, text, rows):
        step("executemany", "before")
        super().executemany(text, rows)
        step("executemany", "after")

    def move_head(self, text, values):
        step("move_head", "before")
        super().move_head(text, values)
        step("move_head", "after")

    def commit(self):
        step("commit", "before")
        super().commit()
        step("commit", "after")


def action(id, client, now):
    return {
        "id": id, "type": "t", "connection": "p", "tool": "t", "kind": "tool", "effect": "change",
        "agent": "agt_1", "agent_version": "1", "client": client,
        "clients": orjson.dumps([client]).decode(), "targets": "[]", "trigger_kind": "ticket",
        "trigger_ref": "T", "mode": "execute", "tier": 1, "state": "begun", "sentence": "",
        "digest": b"", "policy": "", "classification": "", "idempotency_key": f"key-{id}",
        "at": now, "granted_at": now, "begun_at": now,
    }  # fmt: skip


def worker(store, number):
    """Begin and end actions; every seventh unit is refused."""
    for n in range(10_000):
        id, client = f"act_{RUN}_{number}_{n}", f"c{n % 3}"

        def begin(view, id=id, client=client, n=n):
            step("unit", "before")
            if n % 7 == 3:
                raise Refused("every seventh")
            event = Event("handrail:action:begun", "agent:agt_1", id, (client,), {})
            return Rows((Put("action", action(id, client, view.now)),), (event,))

        def end(view, id=id, client=client):
            event = Event("handrail:action:done", "agent:agt_1", id, (client,), {})
            return Rows(
                (Change("action", (id,), {"state": "done", "ended_at": view.now}),), (event,)
            )

        try:
            _, (at,) = store.commit(begin)
            tell("begun", id, at.seq)
            _, (at,) = store.commit(end)
            tell("done", id, at.seq)
        except Refused:
            tell("refused", id, -1)


def tell(what, id, seq):
    os.write(1, f"{what} {id} {seq}\n".encode())
    step("woken", "after")


store = open_store(f"sqlite:///{Path(PATH)}", SystemClock(), "crash.example/log", connect=Mortal)
armed.set()
threads = [threading.Thread(target=worker, args=(store, n), daemon=True) for n in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
