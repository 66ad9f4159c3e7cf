"""The store on PostgreSQL: one database, and any number of processes that commit to it.

Each process batches its own callers. The head's row decides whose turn it is, and who finds the
head moved by somebody else loads what it decides by afresh before its units run (`batch`). What
others commit is heard of by NOTIFY: a hint to look again, as within one process.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from handrail.clock import Clock
from handrail.errors import Unavailable
from handrail.store.base import Base, counted, first_head, start
from handrail.store.contract import Rows, View
from handrail.store.migrate import TURN, migrate_shared
from handrail.store.postgres import CHANNEL, Link, PostgresFaults, open_raw, place_of

#: Seconds until a listener that lost its connection tries again, and how long it waits at a time.
_AGAIN, _LOOK = 1.0, 0.5
_SERVED = "another Handrail serves this database"
_SERVED_HINT = "Stop that one first: one process serves a database at a time."
_log = logging.getLogger(__name__)


class Shared(Base):
    """The `Store` on PostgreSQL. ``connect`` says which class holds the writing connection."""

    def __init__(
        self, url: str, clock: Clock, origin: str, *, connect: Callable[[str], Link] = Link
    ) -> None:
        self.url = url
        place_of(url)
        migrate_shared(url)
        first = Link(url)
        try:
            # An empty database has no head yet to take turns by.
            first.rows("SELECT pg_advisory_lock(%s)", (TURN,))
            head = first_head(first, origin)
        finally:
            first.close()
        self._alone = False

        def writing() -> Link:
            link = connect(url)
            if self._alone and not link.alone():
                link.close()
                raise Unavailable(_SERVED, hint=_SERVED_HINT)
            return link

        super().__init__(writing, lambda: Link(url), PostgresFaults(), clock, head)
        self._listening: _Listener | None = None
        start(self)

    def on_commit(self, listener: Callable[[Sequence[str]], None]) -> None:
        super().on_commit(listener)
        if self._listening is None:
            self._listening = _Listener(self.url, self._writer.tell, self._mine)

    def alone(self) -> None:
        def unit(view: View) -> Rows:
            # Here the writing connection is in hand: from now on nothing is committed by this
            # process but over a connection that holds the lock.
            connection = self._batches.connection
            if not isinstance(connection, Link) or not connection.alone():
                raise Unavailable(_SERVED, hint=_SERVED_HINT)
            self._alone = True
            return Rows()

        self.commit(unit)

    def _mine(self, process: int) -> bool:
        connection: Any = self._batches.connection
        return connection is not None and connection.process == process

    def check(self) -> Sequence[str]:
        connection = Link(self.url)  # says by itself whether commits are flushed
        try:
            connection.snapshot()
            problems = counted(connection)
            for table, index in connection.rows(_BROKEN):
                problems.append(f"the index {index} of {table} is not whole")
            connection.rollback()
        finally:
            connection.close()
        return problems

    def close(self) -> None:
        if self._listening is not None:
            self._listening.stop()
        super().close()


_BROKEN = """
SELECT indrelid::regclass::text, indexrelid::regclass::text FROM pg_index
 WHERE NOT indisvalid OR NOT indisready
"""


class _Listener:
    """Hears what other processes committed, on a connection and a thread of its own."""

    def __init__(
        self, url: str, tell: Callable[[Sequence[str]], None], mine: Callable[[int], bool]
    ) -> None:
        self._url = url
        self._tell = tell
        self._mine = mine
        self._stopped = threading.Event()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)
        self._thread.start()
        self._listens.wait(5)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                raw = open_raw(self._url)
            except Unavailable as e:
                _log.warning("not listening: %s", e.message)
                self._stopped.wait(_AGAIN)
                continue
            try:
                raw.execute(f"LISTEN {CHANNEL}")
                self._listens.set()
                while not self._stopped.is_set():
                    for heard in raw.notifies(timeout=_LOOK):
                        if not self._mine(heard.pid):
                            self._tell([t for t in heard.payload.split(",") if t])
                        if self._stopped.is_set():
                            break
            except psycopg.Error as e:
                _log.warning("listening again: %s", e)
                self._stopped.wait(_AGAIN)
            finally:
                raw.close()

    def stop(self) -> None:
        """End, within the time of one look."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
