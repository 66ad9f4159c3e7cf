"""How often someone may guess: a count in a sliding window, per name and per address.

In memory: a restart forgets it, and a restart is slower than a window."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from handrail.errors import TooMany

_KEPT = 10_000


class Limit:
    """At most *count* tries per key within *window*."""

    def __init__(self, count: int, window: timedelta) -> None:
        self._count = count
        self._window = window
        self._lock = threading.Lock()
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()

    def check(self, key: str, now: datetime) -> None:
        """Raise `TooMany` when *key* has failed too often."""
        with self._lock:
            tries = self._tries.get(key)
            while tries and now - tries[0] >= self._window:
                tries.popleft()
            if tries and len(tries) >= self._count:
                wait = int((tries[0] + self._window - now).total_seconds()) + 1
                raise TooMany("too many failed sign-ins", retry_after=wait)

    def failed(self, key: str, now: datetime) -> None:
        """Count one failure of *key*."""
        with self._lock:
            self._tries.setdefault(key, deque()).append(now)
            self._tries.move_to_end(key)
            while len(self._tries) > _KEPT:
                self._tries.popitem(last=False)

    def forget(self, key: str) -> None:
        with self._lock:
            self._tries.pop(key, None)
