"""How often someone may guess: a count in a sliding window, per key.

A try counts when it begins, so that many at once are no more than many in turn. In memory: a
restart forgets it, and a restart is slower than a guess. The durable trace is the ledger's.
"""

import threading
from collections import OrderedDict, deque
from datetime import timedelta

from handrail.errors import TooMany

_KEPT = 10_000  # keys; the one untouched for longest goes first
_LONGEST = 400  # characters of a key that tell it from others


class Limit:
    """At most *count* tries per key within *window*, by a clock that never goes back."""

    def __init__(
        self, count: int, window: timedelta, what: str = "too many failed sign-ins"
    ) -> None:
        self._count = count
        self._window = window.total_seconds()
        self._what = what
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str, now: float) -> None:
        """Count one try of *key*. Raises `TooMany` when it has had them all."""
        key = key[:_LONGEST]
        with self._lock:
            tries = self._tries.setdefault(key, deque())
            while tries and now - tries[0] >= self._window:
                tries.popleft()
            if len(tries) >= self._count:
                wait = int(tries[0] + self._window - now) + 1
                raise TooMany(self._what, retry_after=wait)
            tries.append(now)
            self._tries.move_to_end(key)
            while len(self._tries) > _KEPT:
                self._tries.popitem(last=False)

    def give_back(self, key: str) -> None:
        """The last try of *key* was none: it succeeded."""
        with self._lock:
            tries = self._tries.get(key[:_LONGEST])
            if tries:
                tries.pop()
