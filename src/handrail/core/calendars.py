"""iCalendar texts (RFC 5545): is an event on at this instant, who is in it, which days are whole?

* Every event counts, recurring ones as often as they recur, unless it is cancelled.
* A time without a zone, and a whole day, are taken in the calendar's zone (`X-WR-TIMEZONE`),
  else in UTC.
* The libraries are imported when there is a calendar: most policies have none, and every command
  would wait for them.
* What would make a calendar costly is refused: its size, its number of events, rules that recur
  within a day.
"""

import hashlib
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from handrail.errors import BadInput

MAX_BYTES = 1_000_000
MAX_EVENTS = 2_000
_KEPT = 64  # days whose events are remembered
_EARLIEST = 1970
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_WITHIN_A_DAY = frozenset({"BYHOUR", "BYMINUTE", "BYSECOND"})
_DAY = timedelta(days=1)


class CalendarError(BadInput):
    """A text that is no calendar, or one that would cost too much to follow."""

    code = "calendar"


@dataclass(frozen=True, slots=True)
class Turn:
    """One event as an on-call calendar means it: from, until, and whom it names."""

    begins: datetime
    ends: datetime
    addresses: frozenset[str]  #: e-mail addresses of its attendees, folded
    words: str  #: its summary and the names of its attendees, folded


class Calendar:
    """The events of one calendar. The same text gives the same answer at the same instant, and two
    calendars of the same text are equal."""

    def __init__(self, digest: str, events: Any, zone: tzinfo) -> None:
        self._digest = digest
        self._events = events
        self._zone = zone
        self._lock = threading.Lock()
        self._days: dict[date, list[tuple[datetime, datetime]]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calendar) and other._digest == self._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def on(self, at: datetime) -> bool:
        """Whether an event is on at *at*, an instant with its zone."""
        at = at.astimezone(UTC)
        with self._lock:
            spans = self._days.get(at.date())
            if spans is None:
                if len(self._days) >= _KEPT:
                    self._days.clear()
                spans = self._days[at.date()] = self._of_day(at.date())
        return any(begins <= at < ends for begins, ends in spans)

    def turns(self, begins: datetime, ends: datetime) -> tuple[Turn, ...]:
        """The events that touch the span, each with whom it names, by when they begin."""
        first, last = begins.astimezone(UTC), ends.astimezone(UTC)
        with self._lock:
            events = [e for e in self._events.between(first - _DAY, last + _DAY) if _held(e)]
        found = [Turn(*self._span(event), *_named(event)) for event in events]
        touching = [t for t in found if t.begins < last and first < t.ends]
        return tuple(sorted(touching, key=lambda t: (t.begins, t.ends, t.words)))

    def days(self, begins: date, ends: date) -> frozenset[date]:
        """The dates from *begins* to before *ends* on which there is an event, as the calendar
        itself names them: a holiday is a date, wherever one is."""
        first = datetime.combine(begins, time(), UTC)
        with self._lock:
            events = [
                e
                for e in self._events.between(first - _DAY, first + (ends - begins) + _DAY)
                if _held(e)
            ]
        found: set[date] = set()
        for event in events:
            day, until = _date(event["DTSTART"].dt), _date(event["DTEND"].dt)
            if isinstance(event["DTEND"].dt, datetime) or until == day:
                until += _DAY
            while day < until and day < ends:
                if day >= begins:
                    found.add(day)
                day += _DAY
        return frozenset(found)

    def _of_day(self, day: date) -> list[tuple[datetime, datetime]]:
        begins = datetime.combine(day, time(), UTC)
        # A day more at both ends: times without a zone are compared as if they were in UTC.
        events = self._events.between(begins - _DAY, begins + 2 * _DAY)
        return [self._span(event) for event in events if _held(event)]

    def _span(self, event: Any) -> tuple[datetime, datetime]:
        return self._instant(event["DTSTART"].dt), self._instant(event["DTEND"].dt)

    def _instant(self, when: date | datetime) -> datetime:
        if not isinstance(when, datetime):
            when = datetime.combine(when, time())
        return (when if when.tzinfo else when.replace(tzinfo=self._zone)).astimezone(UTC)


def _held(event: Any) -> bool:
    return str(event.get("STATUS", "")) != "CANCELLED"


def _date(when: date | datetime) -> date:
    return when.date() if isinstance(when, datetime) else when


def _named(event: Any) -> tuple[frozenset[str], str]:
    """Whom an event names: addresses of attendees, and the words of summary and names."""
    listed = event.get("ATTENDEE", [])
    attendees = listed if isinstance(listed, list) else [listed]
    here = [a for a in attendees if str(a.params.get("PARTSTAT", "")).upper() != "DECLINED"]
    addresses = (str(a).casefold().removeprefix("mailto:").strip() for a in here)
    words = [str(event.get("SUMMARY", "")), *(str(a.params.get("CN", "")) for a in here)]
    return frozenset(a for a in addresses if a), " ".join(" ".join(words).split()).casefold()


def calendar(text: str) -> Calendar:
    """Read an iCalendar text. Raises `CalendarError` with what is wrong."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise CalendarError(f"the calendar is over {MAX_BYTES} bytes", hint="Export fewer events.")
    digest = hashlib.sha256(text.encode()).hexdigest()
    import icalendar  # noqa: PLC0415
    import recurring_ical_events  # noqa: PLC0415

    try:
        parsed = icalendar.Calendar.from_ical(text)
        if not isinstance(parsed, icalendar.Calendar):
            raise CalendarError(f"it is a {parsed.name}", hint="Export a VCALENDAR.")
        events = list(parsed.walk("VEVENT"))
        if len(events) > MAX_EVENTS:
            raise CalendarError(
                f"the calendar has {len(events)} events", hint=f"At most {MAX_EVENTS}."
            )
        for event in events:
            _check(event)
        found = Calendar(digest, recurring_ical_events.of(parsed), _zone(parsed))
        found.on(datetime(2026, 1, 1, tzinfo=UTC))  # what can't be followed is said now
    except CalendarError:
        raise
    except Exception as error:
        # The parser's own errors are of many kinds, and every one means the same here.
        why = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise CalendarError(
            f"it is no calendar: {why}", hint="Export it again as iCalendar (.ics)."
        ) from error
    return found


def _zone(parsed: Any) -> tzinfo:
    return ZoneInfo(str(parsed.get("X-WR-TIMEZONE", "UTC")))


def _check(event: Any) -> None:
    if event.errors:
        raise CalendarError(f"an event can't be read: {event.errors[0]}", hint="Correct it.")
    start = event.get("DTSTART")
    if start is None:
        raise CalendarError("an event has no DTSTART", hint="Give it one, or take it out.")
    if start.dt.year < _EARLIEST:
        raise CalendarError(f"an event begins in {start.dt.year}", hint=f"After {_EARLIEST}.")
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        frequency = str((rule.get("FREQ") or [""])[0]).upper()
        if frequency not in _FREQUENCIES or _WITHIN_A_DAY & {str(k).upper() for k in rule}:
            raise CalendarError(
                "an event recurs within a day", hint="DAILY is the most that is followed."
            )
