"""Wakes the callers that wait for one action: a hint to look again, never the news itself."""

import threading
from collections import defaultdict


class Bell:
    """Rings per action id. Safe from many threads; a ring that nobody hears is lost on purpose,
    since every waiter looks at the store before and after it waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[threading.Event]] = defaultdict(set)

    def listen(self, action: str) -> threading.Event:
        """Return an event that the next ring for *action* sets. Give it back to `leave`."""
        heard = threading.Event()
        with self._lock:
            self._waiting[action].add(heard)
        return heard

    def leave(self, action: str, heard: threading.Event) -> None:
        with self._lock:
            listeners = self._waiting.get(action)
            if listeners is not None:
                listeners.discard(heard)
                if not listeners:
                    del self._waiting[action]

    def ring(self, *actions: str) -> None:
        """Wake whoever waits for any of *actions*."""
        with self._lock:
            heard = [e for a in actions for e in self._waiting.get(a, ())]
        for event in heard:
            event.set()
