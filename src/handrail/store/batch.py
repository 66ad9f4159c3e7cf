"""One batch: run the units in order, write what they want, move the head, commit.

Each unit ends in a `Result`; nothing that can go wrong with the database or with a unit leaves
this file as an exception. What holds whatever fails:

* A result is final only after the commit. A refusal, too, may rest on an earlier unit of the
  batch, so nobody learns anything from a batch that was lost.
* Memory goes back with the disk, by the journal, on every failure up to the commit.
* One unit's bad row fails that unit alone: the batch is rolled back and run again, each unit
  behind a savepoint of its own.
* After an error of the commit itself the head on disk says what became of it. Where it cannot be
  read, callers hear `Unsure`, and memory is loaded afresh before the next batch.

Only the leader calls in here, one at a time (`writer`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.clock import Clock, to_us
from handrail.errors import HandrailError, Unavailable, Unsure
from handrail.store.contract import At, Unit
from handrail.store.memory import Memory
from handrail.store.record import Head, Record, read_head
from handrail.store.view import BatchView, Impossible
from handrail.store.wire import Connection, Faults


@dataclass(frozen=True, slots=True)
class Result:
    """How one unit ended."""

    answer: Any = None
    at: tuple[At, ...] = ()
    types: tuple[str, ...] = ()  #: of the events that became durable
    error: BaseException | None = None


class _Misfit(Exception):
    """Some unit's row does not go in; which one is found by going one by one."""


class _Lost(Exception):
    """The batch did not become durable, or nobody knows: all its units end with ``error``."""

    def __init__(self, error: HandrailError) -> None:
        super().__init__(error.message)
        self.error = error


class Batches:
    """The writing connection with the memory that belongs to it."""

    def __init__(
        self, connect: Callable[[], Connection], faults: Faults, clock: Clock, head: Head
    ) -> None:
        self._connect = connect
        self._faults = faults
        self._clock = clock
        self._connection: Connection | None = None
        self._memory = Memory()
        self._record = Record(head)
        self._stale = True  # memory is not what the disk holds: load it before the next use

    @property
    def head(self) -> Head:
        """The last head known to be durable."""
        return self._record.committed

    @property
    def connection(self) -> Connection | None:
        """The writing connection, while there is one."""
        return self._connection

    def open(self) -> None:
        """Take the transaction, and with it the head. Raises `Unavailable`; nothing is held."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.begin()
        except self._faults.error as e:
            self._let_go()
            raise self._unavailable(e) from e
        try:
            self._catch_up(self._connection)
        except BaseException as e:
            self.abandon()
            if isinstance(e, self._faults.error):
                raise self._unavailable(e) from e
            raise

    def _catch_up(self, connection: Connection) -> None:
        head = read_head(connection)
        if head is None:
            raise Unavailable("the log has no head", hint="Restore the database from a backup.")
        # Another process may write, too: then the head is not the one this memory belongs to.
        if self._stale or head != self._record.committed:
            now = max(to_us(self._clock.now()), head.at)
            self._memory = Memory.load(connection, now)
            self._record = Record(head)
            self._stale = False

    def run(self, units: Sequence[Unit]) -> list[Result]:
        """Bring *units* to an end, in order, in the transaction that `open` took."""
        connection = self._connection
        if connection is None:
            raise Impossible("no transaction was taken")
        try:
            try:
                return self._attempt(connection, units, alone=False)
            except _Misfit:
                connection.rollback()
                self._undo()
                connection.begin()
                return self._attempt(connection, units, alone=True)
        except (_Lost, self._faults.error) as e:
            error = e.error if isinstance(e, _Lost) else self._unavailable(e)
            self.abandon()
            # One instance each: they are raised in as many threads.
            return [Result(error=type(error)(error.message, hint=error.hint)) for _ in units]

    def abandon(self) -> None:
        """Drop the transaction and believe nothing that is in memory."""
        self._stale = True
        self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            try:
                self._connection.rollback()
            except self._faults.error:
                self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _undo(self) -> None:
        self._memory.journal.back()
        self._memory.windows.back(0)
        self._record.drop()

    def _attempt(
        self, connection: Connection, units: Sequence[Unit], *, alone: bool
    ) -> list[Result]:
        view = BatchView(self._memory, connection)
        results = [self._unit(view, unit, connection, alone=alone) for unit in units]
        if self._record.head == self._record.committed:
            connection.rollback()  # nobody wanted anything written
            self._undo()
            return results
        if not alone:
            try:
                self._flush(view, connection)
            except Exception as e:
                if self._is_the_databases(e):
                    raise
                raise _Misfit from e
        self._record.move_head(connection)
        connection.tell([t for r in results for t in r.types])
        try:
            # The commit point. Until here a crash leaves nothing of this batch: its callers send
            # their requests again, under the same keys. From here on only telling is left: the
            # answers (a crash loses them; callers look up their key), the hints to listeners
            # (whose next look makes up for them) and the signature (the signer signs the head
            # that it finds).
            connection.commit()
        except self._faults.error as e:
            self._look_up(connection, e)
        self._memory.journal.keep()
        self._memory.windows.keep(self._record.head.at)
        self._record.keep()
        return results

    def _unit(self, view: BatchView, unit: Unit, connection: Connection, *, alone: bool) -> Result:
        record = self._record
        mark, place = view.mark(), record.mark()
        if alone:
            connection.savepoint()
        clock = to_us(self._clock.now())
        view.now = max(clock, record.head.at + 1)
        view.skew = max(0, record.head.at - clock)
        view.epoch = record.head.epoch
        try:
            rows = unit(view)
            at: tuple[At, ...] = ()
            if rows.writes or rows.events or rows.control:
                view.apply(rows.writes)
                # A control unit's own entries carry the new epoch: it holds from there on (I11).
                epoch = view.epoch + 1 if rows.control else view.epoch
                record.move(view.now, epoch, rows.origin)
                at = tuple([record.append(e, connection) for e in rows.events])
                if alone:
                    self._flush(view, connection)
        except Exception as e:
            if self._is_the_databases(e):
                raise
            if not alone and isinstance(e, self._faults.error):
                raise _Misfit from e  # a read of its own failed, which may end a transaction
            if alone:
                connection.back()
            view.back(mark)
            record.back(place)
            return Result(error=self._answer(e))
        if alone:
            connection.release()
        return Result(rows.answer, at, tuple([e.type for e in rows.events]))

    def _flush(self, view: BatchView, connection: Connection) -> None:
        view.flush(connection)
        self._record.flush(connection)

    def _look_up(self, connection: Connection, error: Exception) -> None:
        """What became of a commit that answered with *error*: return when it is stored."""
        record = self._record
        stored = self._faults.stored(connection, record.head, record.leaf, error)
        if stored is None:
            raise _Lost(
                Unsure("the database failed while it stored this; whether it did is not known")
            ) from error
        if not stored:
            raise _Lost(self._unavailable(error)) from error

    def _is_the_databases(self, error: Exception) -> bool:
        return isinstance(error, _Lost | _Misfit) or self._faults.of_database(error)

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"nothing was recorded: {self._faults.why(error)}")

    def _answer(self, error: Exception) -> Exception:
        """A unit's error as its caller hears it: the unit's own, or what its row ran into."""
        known = self._faults.answer(error)
        if known is None:
            return error
        known.__cause__ = error
        return known
