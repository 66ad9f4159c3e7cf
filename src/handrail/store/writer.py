"""One commit for many callers (COMMIT section 2): whose turn it is.

The first caller who finds nobody committing *leads*: it takes the transaction, then everything
that waits, has it run as one batch, and wakes everybody. If units are waiting by then, it hands
the lead to the first of their callers. Nobody waits for a thread that may have died:

* the queue is bounded, and a full one is an answer (it fails towards people, I16);
* waiting is bounded;
* a leader that meets an unexpected error, or is interrupted, fails its batch and hands over.

The lane ``first`` is drained before the other: a pause or a demotion overtakes what waits, and
nothing else. What happens to a batch is `batch`.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from handrail.errors import HandrailError, Unavailable, Unsure
from handrail.store.batch import Batches, Result
from handrail.store.contract import At, Done, Unit

#: Units in one transaction.
MAX_BATCH = 256
#: Units that may wait.
MAX_QUEUE = 4096
#: How long a caller waits for its turn before it gives up, seconds.
MAX_WAIT = 30.0

_log = logging.getLogger(__name__)


class _Ticket:
    """One unit and the caller who waits for it."""

    __slots__ = ("first", "lead", "result", "taken", "unit", "wake")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.result: Result | None = None
        self.taken = False  #: a leader has it
        self.lead = False  #: leads, or was woken to lead
        self.first = False  #: leads from the start: nobody wakes it
        self.wake = threading.Lock()
        self.wake.acquire()

    def settle(self, result: Result) -> None:
        self.result = result
        self.wake.release()


class Writer:
    """The queue in front of the only connection of this process that writes."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches  # the leader's alone
        self._max_queue = MAX_QUEUE
        self._max_wait = MAX_WAIT
        self._lock = threading.Lock()  # guards everything below
        self._idle = threading.Condition(self._lock)
        self._first: deque[_Ticket] = deque()
        self._queue: deque[_Ticket] = deque()
        self._leading = False
        self._closed = False
        self._listeners: list[Callable[[Sequence[str]], None]] = []

    def commit(self, unit: Unit, *, first: bool = False) -> tuple[Any, Sequence[At]]:
        """`Store.commit`."""
        (ticket,) = self._enter([unit], first=first)
        result = self._result(ticket)
        if result.error is not None:
            raise result.error
        return result.answer, result.at

    def commit_each(self, units: Sequence[Unit]) -> list[Done | Exception]:
        """`Store.commit_each`. As many units as go into one transaction wait at a time, so that
        single callers get their turn between them."""
        found: list[Done | Exception] = []
        for start in range(0, len(units), MAX_BATCH):
            tickets = self._enter(units[start : start + MAX_BATCH])
            try:
                found.extend(self._outcome(ticket) for ticket in tickets)
            except BaseException:
                self._leave(tickets)
                raise
        return found

    def _outcome(self, ticket: _Ticket) -> Done | Exception:
        try:
            result = self._result(ticket)
        except HandrailError as error:  # it waited in vain
            return error
        if result.error is None:
            return Done(result.answer, result.at)
        if not isinstance(result.error, Exception):
            raise result.error
        return result.error

    def _enter(self, units: Sequence[Unit], *, first: bool = False) -> list[_Ticket]:
        """Queue *units*; the first of them leads when nobody does."""
        tickets = [_Ticket(unit) for unit in units]
        with self._lock:
            if self._closed:
                raise Unavailable("the store is closed", hint="Handrail is shutting down.")
            if len(self._queue) + len(self._first) + len(units) > self._max_queue:
                raise Unavailable("too many actions are waiting to be recorded")
            (self._first if first else self._queue).extend(tickets)
            tickets[0].first = tickets[0].lead = not self._leading
            self._leading = True
        return tickets

    def _result(self, ticket: _Ticket) -> Result:
        if not ticket.first:
            self._wait(ticket)
        if ticket.result is None:
            self._lead(ticket)
        if ticket.result is None:
            raise Unsure("the commit ended without an answer")
        return ticket.result

    def _leave(self, tickets: Sequence[_Ticket]) -> None:
        """The caller of *tickets* goes: nobody must hand the lead to one of them."""
        with self._lock:
            for ticket in tickets:
                self._forget(ticket)
            leads = any(t.lead and not t.taken and t.result is None for t in tickets)
        if leads:
            self._hand_over()

    def on_commit(self, listener: Callable[[Sequence[str]], None]) -> None:
        """`Store.on_commit`; runs on a committing caller's thread."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Let what was taken end, refuse everything else, let go of the file."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._leading, timeout=self._max_wait)
            self._batches.close()

    # --- those who wait ---

    def _wait(self, ticket: _Ticket) -> None:
        """Return when *ticket* has a result or the lead."""
        try:
            if ticket.wake.acquire(timeout=self._max_wait):
                return
        except BaseException:
            # Interrupted: nobody must hand the lead to a caller who has gone.
            with self._lock:
                self._forget(ticket)
                leads = ticket.lead and ticket.result is None
                ticket.lead = False
            if leads:
                self._hand_over()
            raise
        with self._lock:
            if ticket.lead or ticket.result is not None:
                ticket.wake.acquire(blocking=False)  # woken just after it gave up
                return
            if ticket.taken:
                raise Unsure("the commit did not answer in time")
            self._forget(ticket)
        raise Unavailable("the action could not be recorded in time")

    def _forget(self, ticket: _Ticket) -> None:
        for lane in (self._first, self._queue):
            if ticket in lane:
                lane.remove(ticket)

    # --- the one who leads ---

    def _lead(self, own: _Ticket) -> None:
        types: list[str] = []
        batch: list[_Ticket] = []
        try:
            while own.result is None:
                self._run(batch, types)
        except BaseException as e:
            # Not one of the failures that a batch answers: an interrupt, or an error of ours.
            # Nobody knows how far it came, so nothing in memory is believed any more.
            self._batches.abandon()
            with self._lock:
                self._forget(own)
            for ticket in {*batch, own}:
                if ticket.result is None:
                    lost = Unsure("the commit was interrupted")
                    lost.__cause__ = e
                    ticket.settle(Result(error=lost))
            if not isinstance(e, Exception):
                raise
        finally:
            self._hand_over()
        if types:
            self.tell(types)

    def _run(self, batch: list[_Ticket], types: list[str]) -> None:
        batch.clear()
        try:
            self._batches.open()
        except Unavailable as e:
            self._take(batch)
            for ticket in batch:
                ticket.settle(Result(error=Unavailable(e.message, hint=e.hint)))
            return
        # Only now: while the transaction was waited for, more callers have come.
        self._take(batch)
        results = self._batches.run([t.unit for t in batch])
        for ticket, result in zip(batch, results, strict=True):
            types.extend(result.types)
            ticket.settle(result)

    def _take(self, batch: list[_Ticket]) -> None:
        with self._lock:
            for lane in (self._first, self._queue):
                while lane and len(batch) < MAX_BATCH:
                    ticket = lane.popleft()
                    ticket.taken = True
                    batch.append(ticket)

    def _hand_over(self) -> None:
        with self._idle:
            lane = self._first or self._queue
            if lane:
                # It stays in its lane: leading, it takes itself with the rest.
                lane[0].lead = True
                lane[0].wake.release()
            else:
                self._leading = False
                self._idle.notify_all()

    def tell(self, types: Sequence[str]) -> None:
        """Tell the listeners which types of events became durable."""
        for listener in self._listeners:
            try:
                listener(types)
            except Exception:  # noqa: BLE001 - theirs, whatever it is
                # A listener's next look makes up for it; the committed units must not suffer.
                _log.exception("a commit listener failed")
