"""My availability: working hours, away, what I lend to whom, and whether messages reach me."""

from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.core.availability import WEEKDAYS
from handrail.errors import BadInput

HERE = "/settings/availability"
#: Offered to somebody who has set no hours yet.
USUAL = "08:00-17:00"
LABELS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def page(visit: Visit) -> Response:
    """What Handrail believes about being there, and every form to change it."""
    who = visit.person
    people = visit.services.read.people()
    me = next(p for p in people if p["id"] == who.person)
    now = next(p for p in visit.services.team.people() if p["id"] == who.person)
    hours = me["hours"]
    written = hours["days"] if hours else dict.fromkeys(WEEKDAYS[:5], USUAL)
    lent = visit.services.team.delegations()
    keeps = any(
        r["role"] in {"service-desk-manager", "operations-leadership"} and not r["client"]
        for r in me["roles"]
    )
    return visit.page(
        "availability.html",
        me=me,
        there=now,
        zone=zone_of(me),
        days=[(d, label, written.get(d, "")) for d, label in zip(WEEKDAYS, LABELS, strict=True)],
        holidays=visit.services.team.holidays(),
        others=[p for p in people if p["active"] and p["id"] != who.person],
        may_lend=visit.services.team.may_lend(who.person),
        mine=[d for d in lent if who.person in {d["giver"], d["to"]}],
        waiting=[
            d
            for d in lent
            if keeps and d["state"] != "lent" and who.person not in {d["giver"], d["to"]}
        ],
        cover=visit.services.read.cover(who),
        rung=visit.query("rung") == "1",
    )


def zone_of(me: dict[str, Any]) -> str:
    """The zone in which a person writes times."""
    return str(me["hours"]["zone"]) if me["hours"] else "UTC"


def away(visit: Visit) -> Response:
    """I am away from then until then, or back."""
    visit.back = HERE
    zone = _zone(visit)
    until, begins = _time(visit.said("until"), zone), _time(visit.said("from"), zone)
    delegate = visit.said("delegate") or None
    visit.services.availability.set_away(visit.person, until, begins=begins, delegate=delegate)
    return visit.go(HERE)


def hours(visit: Visit) -> Response:
    """My working hours; none at all is day and night."""
    visit.back = HERE
    if visit.said("none") == "1":
        visit.services.availability.clear_hours(visit.person)
    else:
        days = {day: visit.said(day)[:200] for day in WEEKDAYS}
        visit.services.availability.set_hours(
            visit.person, visit.said("zone"), days, visit.said("holidays")
        )
    return visit.go(HERE)


def lend(visit: Visit) -> Response:
    """I lend a role, or all of mine, from then until then."""
    visit.back = HERE
    zone = _zone(visit)
    ends = _time(visit.said("until"), zone)
    if ends is None:
        raise BadInput("until when?", hint="A delegation has an end.")
    begins = _time(visit.said("from"), zone) or visit.clock.now()
    roles = [visit.said("role")] if visit.said("role") else []
    visit.services.availability.lend(visit.person, visit.said("person"), roles, begins, ends)
    return visit.go(HERE)


def agree(visit: Visit) -> Response:
    """The second person agrees."""
    visit.back = HERE
    visit.services.availability.agree(visit.person, visit.arg("id"))
    return visit.go(HERE)


def end(visit: Visit) -> Response:
    """What was lent ends now."""
    visit.back = HERE
    visit.services.availability.end(visit.person, visit.arg("id"))
    return visit.go(HERE)


def ring(visit: Visit) -> Response:
    """Ring me: a code goes to my channels, and never to this page."""
    visit.back = HERE
    visit.services.ring.ring(visit.person)
    return visit.go(f"{HERE}?rung=1")


def rung(visit: Visit) -> Response:
    """The code that reached me."""
    visit.back = f"{HERE}?rung=1"
    visit.services.ring.confirm(visit.person, visit.said("code"))
    return visit.go(HERE)


def _zone(visit: Visit) -> tzinfo:
    people = visit.services.read.people()
    return ZoneInfo(zone_of(next(p for p in people if p["id"] == visit.person.person)))


def _time(text: str, zone: tzinfo) -> datetime | None:
    """What a field of date and time says, in *zone* where it names none."""
    try:
        found = datetime.fromisoformat(text) if text else None
        return (
            (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
            if found
            else None
        )
    except (ValueError, OverflowError):
        raise BadInput(f"{text[:40]!r} is no time", hint="Such as 2026-11-02T09:00.") from None


PAGES: Pages = (
    (HERE, ("GET",), page),
    ("/settings/away", ("POST",), away),
    ("/settings/hours", ("POST",), hours),
    ("/settings/lend", ("POST",), lend),
    ("/settings/delegations/{id}/agreement", ("POST",), agree),
    ("/settings/delegations/{id}/end", ("POST",), end),
    ("/settings/ring", ("POST",), ring),
    ("/settings/rung", ("POST",), rung),
)
