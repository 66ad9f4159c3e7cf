"""Messages about proposals: owed in the unit that asks, told by a worker for each channel (SPEC 5).

* A message is a row from the moment somebody is asked: a restart loses none, and tells one twice
  at most. The row says whether, when and how it was told.
* Each channel has a thread of its own and takes one page of what it owes at a time: one that
  stalls or is dead delays nobody else's, and not the sweep.
* A failed try is made again after a while that grows, until the message is of no use any more. What
  is decided meanwhile is not told.
* Where a channel can edit, its messages are changed to what became of the proposal.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from handrail.channels.contract import Channel, Editing, Message
from handrail.clock import Clock, from_us, to_us
from handrail.core.action import State
from handrail.errors import HandrailError, ReachError
from handrail.service.asked import until
from handrail.service.known import Keeper
from handrail.service.ring import Ring
from handrail.store.contract import Change, Put, Row, Rows, Store, Unit, View

log = structlog.get_logger(__name__)

PAGE = 20  #: messages that a channel takes at a time
WAITS = (15, 60, 300, 900)  #: seconds after the first try that failed, the second, and so on
_DEAD = 3  # failures in a row after which the channel is left alone
_IDLE = 1.0  # seconds between looks when nothing wakes
_EDITS = 5  # tries to edit one message
_WAKES = ":proposal:"


class Post:
    """What is owed to people, and a worker for each channel that carries words."""

    def __init__(
        self, store: Store, channels: Sequence[Channel], keeper: Keeper, clock: Clock, ring: Ring
    ) -> None:
        self._lanes = tuple(_Lane(store, c, keeper, clock, ring) for c in channels)
        self._names = tuple(c.name for c in channels)
        store.on_commit(self._committed)

    def owe(
        self, view: View, kind: str, ref: str, version: int, people: Iterable[str], until: int
    ) -> list[Put]:
        """Rows that owe *people* a message of *kind* about a proposal, one for each channel."""
        made = []
        for id in sorted(people):
            person = view.person(id)
            if person is None or not person.active:
                continue
            made += [
                _row(f"{ref}:{view.now}:{id}:{name}", ref, version, kind, id, name, view.now, until)
                for name in self._names
            ]
        return made

    def start(self) -> None:
        """Tell in a thread for each channel until `stop`."""
        for lane in self._lanes:
            lane.start()

    def stop(self) -> None:
        """Stop; what is owed stays owed. A channel that stalls is not waited for."""
        for lane in self._lanes:
            lane.stop()

    def once(self) -> int:
        """Tell what is due now, in this thread; return how many messages were tried."""
        return sum(lane.once() for lane in self._lanes)

    def _committed(self, types: Sequence[str]) -> None:
        if any(_WAKES in t for t in types):
            for lane in self._lanes:
                lane.wake.set()


class _Lane:
    """One channel's worker."""

    def __init__(
        self, store: Store, channel: Channel, keeper: Keeper, clock: Clock, ring: Ring
    ) -> None:
        self.wake = threading.Event()
        self._store = store
        self._channel = channel
        self._keeper = keeper
        self._clock = clock
        self._ring = ring
        self._stop = threading.Event()
        self._rests_until: datetime | None = None

    def start(self) -> None:
        name = f"post {self._channel.name}"
        threading.Thread(target=self._loop, name=name, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self.wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self.wake.clear()
            try:
                told = self.once()
            except HandrailError as error:
                log.error("messages not told", channel=self._channel.name, why=error.message)
                told = 0
            if told < PAGE:
                self.wake.wait(_IDLE)

    def once(self) -> int:
        """Tell one page after another until nothing is due."""
        tried, full = 0, True
        while full and not self._stop.is_set() and not self._resting():
            with self._store.read() as reader:
                now = max(to_us(self._clock.now()), int(reader.head()["at"]))
                rows = list(reader.due_messages(self._channel.name, now, PAGE))
                if isinstance(self._channel, Editing):
                    rows += reader.stale_messages(self._channel.name, now, PAGE)
                about = {r["ref"]: reader.proposal(r["ref"]) for r in rows}
            full = len(rows) >= PAGE
            tried += self._page(rows, about, now)
        return tried

    def _page(self, rows: Sequence[Row], about: Mapping[str, Row | None], now: int) -> int:
        units: list[Unit] = []
        failed = 0
        for row in rows:
            if self._stop.is_set() or failed >= _DEAD:
                break
            values = self._settled(row, about[row["ref"]], now)
            failed = failed + 1 if values.get("why") else 0
            units.append(_settle(row, values))
        for done in self._store.commit_each(units):
            if isinstance(done, Exception):
                raise done
        if failed >= _DEAD:
            self._rests_until = self._clock.now() + timedelta(seconds=WAITS[0])
        return len(units)

    def _resting(self) -> bool:
        return self._rests_until is not None and self._clock.now() < self._rests_until

    def _settled(self, row: Row, about: Row | None, now: int) -> dict[str, Any]:
        """Try one message; return what its row becomes."""
        try:
            return self._tell(row, about, now)
        except ReachError as error:
            why = error.message
            log.warning("channel failed", channel=self._channel.name, why=why)
        except Exception as error:
            # A channel's own mistake must not end its worker.
            why = f"{type(error).__name__}: {error}"
            log.exception("channel failed", channel=self._channel.name)
        tries = row["attempts"]
        due = until(now, timedelta(seconds=WAITS[min(tries, len(WAITS) - 1)]))
        values = {"attempts": tries + 1, "why": why[:300]}
        if row["handle"]:
            more = tries < _EDITS
            return {**values, "due_at": due} if more else {**values, "state": "edited"}
        if due <= row["until"]:
            return {**values, "due_at": due}
        return {**values, "state": "failed", "due_at": None}

    def _tell(self, row: Row, about: Row | None, now: int) -> dict[str, Any]:
        person = self._keeper.current().people.get(row["person"])
        if about is None or person is None:
            return {"state": "moot", "due_at": None}
        names = {c.id: c.name for c in self._keeper.current().clients.values()}
        message = told_of(row, about, names)
        if row["handle"]:
            if isinstance(self._channel, Editing):
                self._channel.edit(row["handle"], person, result_of(message, about, row["version"]))
            return {"state": "edited", "due_at": None, "why": ""}
        if not _waits(about) or about["version"] != row["version"]:
            return {"state": "moot", "due_at": None}
        if row["until"] < now:
            return {"state": "failed", "due_at": None}
        reached = self._channel.deliver(person, message)
        if not reached:
            return {"state": "no address", "due_at": None}
        self._ring.told(person.id, row["ref"], self._channel.name)
        handle = reached if isinstance(reached, str) else ""
        sent = {"state": "sent", "sent_at": now, "attempts": row["attempts"] + 1}
        return {**sent, "due_at": None, "why": "", "handle": handle}


def _waits(about: Row) -> bool:
    return State(about["state"]) is State.WAITING


def told_of(row: Row, about: Row, names: Mapping[str, str]) -> Message:
    """What a message says of the proposal *about*. Nothing in it was written by an agent but what
    Handrail's own sentence names (I31)."""
    deadline = from_us(row["until"])
    still = "Still waiting, approval" if row["kind"] == "reminder" else "Approval"
    return Message(
        ref=row["ref"],
        kind=row["kind"],
        title=f"{still} by {deadline:%H:%M} UTC: {about['sentence']}"[:160],
        lines=(
            f"Client: {names.get(about['client'], about['client'] or 'unknown')}",
            f"Tier 3, version {row['version']}",
            f"Time left: until {deadline:%H:%M} UTC, then it goes to the next person",
        ),
        path=f"/proposals/{row['ref']}",
        until=deadline,
        version=row["version"],
        digest=bytes(about["package_digest"]).hex(),
    )


def result_of(message: Message, about: Row, version: int) -> Message:
    """The same message once its proposal is decided or has another version."""
    newer = about["version"] != version and _waits(about)
    said = "another version waits" if newer else State(about["state"]).value
    return replace(
        message,
        kind="result",
        title=f"{said.capitalize()}: {about['sentence']}"[:160],
        lines=(message.lines[0], f"Tier 3, version {version}"),
        until=None,
    )


def _row(
    id: str, ref: str, version: int, kind: str, person: str, channel: str, now: int, until: int
) -> Put:
    return Put(
        "message",
        {
            "id": id,
            "ref": ref,
            "version": version,
            "kind": kind,
            "person": person,
            "channel": channel,
            "at": now,
            "until": until,
            "state": "owed",
            "attempts": 0,
            "due_at": now,
            "sent_at": None,
            "why": "",
            "handle": "",
        },
    )


def _settle(row: Row, values: dict[str, Any]) -> Unit:
    return lambda view: Rows((Change("message", (row["id"],), values),))
