"""Whose turn it is, which days are holidays, who has decided much: what availability rests on.

* Calendars are read from the copies that `connectors.calendars` keeps; nothing here waits for a
  network. A source that is down leaves its last copy, with its age.
* An on-call copy older than the policy allows, or none, is *trouble*: nobody is known to be on
  call. Holidays go by the last copy whatever its age, since they are known for a year; `troubles`
  names both.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from handrail.clock import rfc3339, to_us
from handrail.core.availability import Roster, Times, roster
from handrail.core.calendars import Calendar
from handrail.core.policy import Policy, Source
from handrail.service.freezes import Copies
from handrail.service.known import Known
from handrail.store.contract import Reader

HOUR = timedelta(hours=1)
SHIFT = timedelta(hours=12)  #: over which `decisions_per_shift` counts
AHEAD = timedelta(days=9)  #: how far turns are read: beyond every lifetime, and a week of cover
_BEFORE = timedelta(days=1)
_YEAR = timedelta(days=366)
_KEPT = 64


class Duty:
    """Reads calendars and counts as availability needs them."""

    def __init__(self, copies: Copies | None, known: Callable[[], Known]) -> None:
        self._copies = copies
        self._known = known
        self._lock = threading.Lock()
        self._rosters: dict[object, Roster] = {}
        self._days: dict[object, frozenset[date]] = {}

    def times(self, policy: Policy, now: datetime, reader: Reader | None = None) -> Times:
        """Everything as it stands at *now*; with *reader*, also who has decided too much."""
        return Times(
            rosters={
                name: self._roster(kind.on_call, now)
                for name, kind in policy.roles.items()
                if kind.on_call is not None
            },
            holidays={
                name: one.dates | self._holidays(one.source, now)
                for name, one in policy.holidays.items()
            },
            busy=frozenset() if reader is None else _busy(policy, now, reader),
        )

    def troubles(self, policy: Policy, now: datetime) -> Iterator[tuple[str, str, str]]:
        """(what, its URL, why) for each calendar that can't be relied on at *now*."""
        for name, source in sources(policy).items():
            copy = self._copies.copy(source.url) if self._copies and source.url else None
            if source.url and (copy is None or now - copy.at > source.age):
                yield name, source.url, _stale(copy.at if copy else None)

    def _read(self, source: Source, now: datetime) -> tuple[Calendar | None, str]:
        """The calendar of *source*, and why it can't be relied on."""
        if not source.url:
            return source.calendar, ""
        copy = self._copies.copy(source.url) if self._copies is not None else None
        if copy is None:
            return None, _stale(None)
        return copy.calendar, _stale(copy.at) if now - copy.at > source.age else ""

    def _roster(self, source: Source, now: datetime) -> Roster:
        calendar, trouble = self._read(source, now)
        if calendar is None or trouble:
            return Roster(trouble=trouble or "its calendar can't be read")
        known = self._known()
        begins = now.replace(minute=0, second=0, microsecond=0) - _BEFORE
        key = (calendar, begins, known.epoch, len(known.people))
        found: Roster = _once(
            self._lock,
            self._rosters,
            key,
            lambda: roster(calendar.turns(begins, now + AHEAD), known.people.values()),
        )
        return found

    def _holidays(self, source: Source | None, now: datetime) -> frozenset[date]:
        calendar = self._read(source, now)[0] if source is not None else None
        if calendar is None:
            return frozenset()
        today = now.date()
        found: frozenset[date] = _once(
            self._lock,
            self._days,
            (calendar, today),
            lambda: calendar.days(today - _BEFORE, today + _YEAR),
        )
        return found


def sources(policy: Policy) -> Mapping[str, Source]:
    """Every calendar that says who is there, by what it is of."""
    found = {f"on call {name}": kind.on_call for name, kind in policy.roles.items() if kind.on_call}
    days = {f"holidays {n}": one.source for n, one in policy.holidays.items() if one.source}
    return found | days


def _stale(at: datetime | None) -> str:
    return f"its calendar was last read at {rfc3339(at)}" if at else "its calendar was never read"


def _busy(policy: Policy, now: datetime, reader: Reader) -> frozenset[str]:
    settings = policy.settings
    return frozenset(
        row["person"]
        for row in reader.decisions(to_us(now - HOUR), to_us(now - SHIFT))
        if row["hour"] >= settings.decisions_per_hour
        or row["shift"] >= settings.decisions_per_shift
    )


def _once(lock: threading.Lock, kept: dict[Any, Any], key: Any, find: Callable[[], Any]) -> Any:
    with lock:
        found = kept.get(key)
    if found is None:
        found = find()
        with lock:
            if len(kept) >= _KEPT:
                kept.clear()
            kept[key] = found
    return found
