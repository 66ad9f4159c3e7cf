"""Who holds a role at an instant, is there, is reachable, and why not (SPEC 5).

* A person is there for a role when they are active, not *away*, a channel has provably reached
  them within `reached_within`, and it is their time: for a role with an on-call calendar their
  turn in it, day or night; for any other role their working hours, which are day and night for
  somebody who set none, without the public holidays that their hours name.
* An on-call calendar chooses among those who hold the role; it gives nobody a role. With no copy,
  or one older than the policy allows, nobody is known to be on call: the role is not covered.
* A delegation lends roles that the giver holds themselves, for the clients they hold them for and
  while both are active: never more, and never what was lent to the giver.
* Who has decided too much lately is not there while somebody else is; nobody is locked out by it.

Times are instants with a zone; hours are local wall time, so that a day of 23 or 25 hours keeps
them. It decides nothing: whom to ask is `core.routing`'s, who may answer is `core.approval`'s.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handrail.core.calendars import Turn
from handrail.core.model import Delegation, Hours, Person, Role
from handrail.core.policy import Policy
from handrail.errors import BadInput

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_SPANS = 6  # of working hours in one day
_DAY = 24 * 60
_SPAN = re.compile(r"([01]?\d|2[0-4])(?::([0-5]\d))?\s*[-\u2013]\s*([01]?\d|2[0-4])(?::([0-5]\d))?")


@dataclass(frozen=True, slots=True)
class Roster:
    """Whose turn it is: spans with the people whom their events name. *trouble* says why it can't
    be told; then nobody is on call."""

    turns: tuple[tuple[datetime, datetime, frozenset[str]], ...] = ()
    trouble: str = ""

    def on(self, at: datetime) -> frozenset[str]:
        """The people whose turn it is at *at*."""
        return frozenset().union(*(who for b, e, who in self.turns if b <= at < e))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What availability rests on beside the people themselves, as it was read."""

    rosters: Mapping[str, Roster] = field(default_factory=dict)  #: by role
    holidays: Mapping[str, frozenset[date]] = field(default_factory=dict)  #: by name
    busy: frozenset[str] = frozenset()  #: who has decided too much lately


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a person is there for a role; *why* they are not, as words after their name."""

    there: bool
    why: str = ""
    busy: bool = False  #: there, but for having decided too much lately


_HERE = Presence(there=True)


def presence(person: Person, role: str, at: datetime, policy: Policy, times: Times) -> Presence:
    """Whether *person* is there for *role* at *at*, whether they hold it or not."""
    if not person.active:
        return Presence(there=False, why="has left")
    if away(person, at) and person.away_until is not None:
        return Presence(there=False, why=f"is away until {_when(person.away_until)}")
    if not reached(person, at, policy.settings.reached_within):
        days = policy.settings.reached_within / timedelta(days=1)
        return Presence(there=False, why=f"was reached by no channel within {days:g} days")
    kind = policy.roles.get(role)
    if kind is not None and kind.on_call is not None:
        roster = times.rosters.get(role, Roster(trouble="its calendar was never read"))
        if roster.trouble:
            return Presence(there=False, why=f"may be on call or not: {roster.trouble}")
        if person.id not in roster.on(at):
            return Presence(there=False, why="is not on call")
    elif person.hours is not None:
        days_off = times.holidays.get(person.hours.holidays, frozenset())
        why = off(person.hours, at, days_off)
        if why:
            return Presence(there=False, why=why)
    if person.id in times.busy:
        return Presence(there=False, why="has decided as much as one person should", busy=True)
    return _HERE


def away(person: Person, at: datetime) -> bool:
    """Whether *person* said that they are away at *at*."""
    begun = person.away_from is None or person.away_from <= at
    return begun and person.away_until is not None and at < person.away_until


def reached(person: Person, at: datetime, within: timedelta) -> bool:
    """Whether a channel has provably reached *person* within that span before *at*."""
    return person.reached_at is not None and at - person.reached_at <= within


def off(hours: Hours, at: datetime, days_off: frozenset[date] = frozenset()) -> str:
    """Why *at* is outside of *hours*, as words; empty when it is within."""
    local = at.astimezone(_zone(hours.zone))
    if local.date() in days_off:
        return "has a public holiday"
    minute = local.hour * 60 + local.minute
    if any(b <= minute < e for b, e in hours.days[local.weekday()]):
        return ""
    return f"is outside of working hours ({local:%a %H:%M} in {hours.zone})"


# --- delegation ---------------------------------------------------------------------------------


def standing_in(people: Iterable[Person], at: datetime) -> tuple[Person, ...]:
    """*people* with what is lent to them at *at*. What they hold themselves stays as it is."""
    listed = tuple(people)
    if not any(p.lends for p in listed):
        return listed
    lent: dict[str, list[Role]] = {}
    stands: dict[str, set[tuple[str, str]]] = {}
    for giver in listed:
        for one in giver.lends if giver.active else ():
            if not one.begins <= at < one.ends or one.to == giver.id:
                continue
            stands.setdefault(one.to, set()).update((giver.id, role) for role in one.roles)
            lent.setdefault(one.to, []).extend(
                Role(
                    r.name, r.client, max(one.begins, r.since) if r.since else one.begins, giver.id
                )
                for r in giver.roles
                if r.name in one.roles
            )
    return tuple(
        replace(
            p,
            roles=p.roles
            | frozenset(r for r in lent.get(p.id, ()) if not p.holds(r.name, r.client)),
            stands_for=frozenset(stands[p.id]),
        )
        if p.id in stands
        else p
        for p in listed
    )


def widens(giver: Person, to: Person, roles: Iterable[str], policy: Policy) -> tuple[str, ...]:
    """Those of *roles* that *to* could not answer for without the delegation: lending them takes a
    second person (I27). Unknown counts as widening: a role that the giver holds by no record."""
    found = []
    for name in sorted(set(roles)):
        held = [r for r in giver.roles if r.name == name]
        covering = (name, *policy.backups(name))
        kind = policy.roles.get(name)
        # A per-client role is also held by a client's record, which is not looked at here.
        everywhere = kind is not None and kind.per_client
        places = {None} if everywhere else {r.client for r in held}
        if not held or not all(any(to.holds(n, c) for n in covering) for c in places):
            found.append(name)
    return tuple(found)


# --- calendars ----------------------------------------------------------------------------------


def roster(turns: Iterable[Turn], people: Iterable[Person]) -> Roster:
    """Who is meant by *turns*: attendees by their e-mail address, then whoever's whole name or
    address stands in the summary. An event that names nobody known is nobody's turn."""
    active = [p for p in people if p.active]
    by_email = {p.email.casefold(): p.id for p in active}
    named = [
        (re.compile(rf"(?<!\w)(?:{re.escape(p.name.casefold())}|{re.escape(p.email)})(?!\w)"), p.id)
        for p in active
    ]
    seen: dict[tuple[frozenset[str], str], frozenset[str]] = {}

    def whom(turn: Turn) -> frozenset[str]:
        key = (turn.addresses, turn.words)
        if key not in seen:
            attending = frozenset(by_email[a] for a in turn.addresses if a in by_email)
            seen[key] = attending or frozenset(i for name, i in named if name.search(turn.words))
        return seen[key]

    return Roster(tuple((t.begins, t.ends, whom(t)) for t in turns))


# --- hours as people write them -----------------------------------------------------------------


def parse_hours(zone: str, days: Mapping[str, str], holidays: str = "") -> Hours:
    """Working hours from texts such as ``08:00-12:00, 13:00-17:00`` for `mon` … `sun`; a span over
    midnight goes on in the next day. Raises `BadInput` with what is wrong."""
    try:
        _zone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{zone[:60]!r} is no time zone", hint="Such as Europe/Prague.") from None
    unknown = set(days) - set(WEEKDAYS)
    if unknown:
        raise BadInput(f"{min(unknown)!r} is no weekday", hint=f"One of: {', '.join(WEEKDAYS)}.")
    found: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for n, day in enumerate(WEEKDAYS):
        for begins, ends in _spans(days.get(day, "")):
            if begins < ends:
                found[n].append((begins, ends))
            else:
                found[n].append((begins, _DAY))
                found[(n + 1) % 7].append((0, ends))
    if not any(found):
        raise BadInput("no day has any hours", hint="Say *away* to be asked nothing for a while.")
    merged = tuple(_merged(spans) for spans in found)
    return Hours(zone, merged, holidays)


def _spans(text: str) -> list[tuple[int, int]]:
    pieces = [t.strip() for t in text.split(",") if t.strip()]
    if len(pieces) > MAX_SPANS:
        raise BadInput(f"more than {MAX_SPANS} spans in one day")
    found = []
    for piece in pieces:
        match = _SPAN.fullmatch(piece)
        if match is None:
            raise BadInput(f"{piece[:40]!r} are no hours", hint="Such as 08:00-17:00.")
        begins, ends = (int(match[h]) * 60 + int(match[h + 1] or 0) for h in (1, 3))
        if begins >= _DAY or ends > _DAY or begins == ends:
            raise BadInput(f"{piece[:40]!r} are no hours", hint="Such as 08:00-17:00.")
        found.append((begins, ends))
    return found


def _merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for begins, ends in sorted(s for s in spans if s[0] < s[1]):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return tuple(found)


def hours_written(hours: Hours) -> dict[str, Any]:
    """*hours* as `parse_hours` takes them: zone, holidays, and a text for each weekday."""

    def text(spans: Sequence[tuple[int, int]]) -> str:
        return ", ".join(f"{_clock(b)}-{_clock(e)}" for b, e in spans)

    days = {day: text(spans) for day, spans in zip(WEEKDAYS, hours.days, strict=True)}
    return {"zone": hours.zone, "holidays": hours.holidays, "days": days}


def hours_read(written: Mapping[str, Any]) -> Hours:
    """The reverse of `hours_written`."""
    return parse_hours(written["zone"], written["days"], written["holidays"])


def in_force(lends: Iterable[Delegation], at: datetime) -> tuple[Delegation, ...]:
    """Those that have not ended at *at*."""
    return tuple(sorted((d for d in lends if at < d.ends), key=lambda d: (d.begins, d.id)))


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


_zone: Callable[[str], ZoneInfo] = cache(ZoneInfo)
