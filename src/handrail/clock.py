"""The only place that reads the time.

Everything else gets *now* as an argument or asks a `Clock`. Instants are timezone-aware UTC
datetimes in code and whole microseconds since 1970 in the store, so that comparing is exact.
"""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """A source of the present instant."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC. May go back when a host is corrected."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go back: for measuring spans."""


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that stands still until told to move: for tests and for simulation."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - _EPOCH).total_seconds()

    def advance(self, by: timedelta) -> None:
        """Move by *by*, which may be negative: hosts are corrected."""
        with self._lock:
            self._now += by

    def set(self, to: datetime) -> None:
        """Stand at *to*."""
        with self._lock:
            self._now = to


def to_us(instant: datetime) -> int:
    """Return *instant* as whole microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """Return the instant *us* microseconds after 1970."""
    return _EPOCH + us * _MICROSECOND


def rfc3339(instant: datetime) -> str:
    """Return *instant* as RFC 3339 UTC with microseconds, the only form shown and stored."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
