"""The record, followed: each decision point goes to the webhook, in order, at least once.

* The ledger is what is sent from; there is no second list that could miss something. How far it got
  is a position, kept over restarts, and so is the date of the next try. Nothing is lost by a
  process that ends: after a crash the last event may come twice, with the same id.
* A try that fails is made again after a while that grows, until a day and a half has gone by; then
  that event is passed over, which is logged and counted. Receivers see that an id is missing, since
  ids are positions, and read it from the API.
* Followed from where the record stood when the webhook was first named, not from its beginning.
* What an event says is what its entry says: ids and facts, no personal data, no agent's words.
"""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog

from handrail.clock import Clock, from_us, to_us
from handrail.core.events import sentence
from handrail.errors import HandrailError, ReachError, Unreadable
from handrail.store.contract import Store

log = structlog.get_logger(__name__)

#: Seconds after the first try that failed, the second, and so on.
WAITS = (5, 30, 120, 600, 1800, 3600, *[7200] * 18)
#: What is about these is sent; sign-ins, keys, reads and the log's own life are not.
SUBJECTS = frozenset(
    "action check rehearsal proposal answer notice reversal incident finding trigger agent pause standing policy "
    "tool".split()
)
_IDLE = 60.0  # seconds between looks when nothing is committed


class Receiver(Protocol):
    """Where events go."""

    url: str

    def post(self, id: str, body: bytes, at: datetime) -> None:
        """Hand over one event. Raises `ReachError` when it was not taken."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far the record was followed, and what comes next."""

    url: str  #: SHA-256 of the receiver's URL, in hex
    next: int  #: the first position that was not sent
    failed: int = 0  #: tries of it that failed
    due: int | None = None  #: when it is tried again, microseconds
    trouble: str = ""
    missed: int = 0  #: events passed over, ever


def place_at(path: Path) -> Place | None:
    """The place kept at *path*; None where none is. Raises `Unreadable`."""
    try:
        return Place(**orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Unreadable(
            f"{path} can't be read: {error}", hint="Remove it to follow the record from now on."
        ) from error


class Follower:
    """Sends what the record gains."""

    def __init__(
        self, store: Store, receiver: Receiver, clock: Clock, path: Path, origin: str
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._clock = clock
        self._path = path
        self._origin = origin
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._place = self._load()
        store.on_commit(self._committed)

    @property
    def place(self) -> Place:
        return self._place

    def start(self) -> None:
        """Follow in a thread until `stop`."""
        self._place = self._load()  # the process before this one may have gone on meanwhile
        self._thread = threading.Thread(target=self._loop, name="webhook", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def once(self) -> int:
        """Send what is due now; return how many events were taken. Stops at the first that
        fails: what comes after it waits for it."""
        place, sent = self._place, 0
        now = self._clock.now()
        if place.due is not None and to_us(now) < place.due:
            return 0
        with self._store.read() as reader:
            entries = [(seq, bytes(body)) for seq, body in reader.stream(place.next)]
        for seq, body in entries:
            if self._stopped:
                break
            entry = orjson.loads(body)
            if entry["type"].split(":")[1] in SUBJECTS:
                try:
                    self._receiver.post(f"evt_{seq}", self._event(seq, entry), self._clock.now())
                except ReachError as error:
                    if not self._failed(seq, error.message):
                        break
                else:
                    sent += 1
                    self._save(replace(self._place, next=seq + 1, failed=0, due=None, trouble=""))
                    continue
            self._save(replace(self._place, next=seq + 1, failed=0, due=None))
        return sent

    def _failed(self, seq: int, why: str) -> bool:
        """Note that *seq* was not taken; return whether it is passed over."""
        failed = self._place.failed
        if failed >= len(WAITS):
            log.error("webhook event passed over", seq=seq, why=why)
            self._save(replace(self._place, trouble=why, missed=self._place.missed + 1))
            return True
        due = to_us(self._clock.now() + timedelta(seconds=WAITS[failed]))
        log.warning("webhook event not taken", seq=seq, why=why, again=from_us(due).isoformat())
        self._save(replace(self._place, next=seq, failed=failed + 1, due=due, trouble=why))
        return False

    def _event(self, seq: int, entry: Mapping[str, Any]) -> bytes:
        """The CloudEvent of one entry."""
        facts = entry.get("facts") or {}
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"evt_{seq}",
            "source": f"//{self._origin}",
            "type": entry["type"],
            "time": entry["at"],
            "datacontenttype": "application/json",
            "data": {
                "seq": seq,
                "text": sentence(entry["type"], entry["by"], facts),
                "by": entry["by"],
                "clients": [c["client"] for c in entry["clients"]],
                "facts": facts,
            },
        }
        if entry.get("action"):
            event["subject"] = entry["action"]
        return orjson.dumps(event)

    def _committed(self, types: Sequence[str]) -> None:
        self._wake.set()

    def _loop(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                self.once()
            except (HandrailError, OSError) as error:
                # The store or the disk is away: the position stands where it was.
                log.error("webhook not followed", why=str(error))
            self._wake.wait(self._nap())

    def _nap(self) -> float:
        if self._place.due is None:
            return _IDLE
        left = (self._place.due - to_us(self._clock.now())) / 1_000_000
        return min(max(left, 0.05), _IDLE)

    def _load(self) -> Place:
        """The place of an earlier process; the record's end for a URL named for the first time."""
        url = hashlib.sha256(self._receiver.url.encode()).hexdigest()
        place = place_at(self._path)
        if place is not None and place.url == url:
            return place
        with self._store.read() as reader:
            fresh = Place(url, int(reader.head()["size"]))
        self._save(fresh)
        return fresh

    def _save(self, place: Place) -> None:
        new = self._path.with_suffix(".new")
        new.write_bytes(orjson.dumps(asdict(place)))
        os.replace(new, self._path)  # noqa: PTH105 - whole or not at all
        self._place = place
