"""Calendars that a policy names: of freezes, of on-call roles, of public holidays."""

from collections.abc import Mapping
from datetime import date, timedelta

from handrail.core.calendars import Calendar, CalendarError, calendar
from handrail.core.policy import Holidays, Source
from handrail.core.policy_leaves import read_date, read_span
from handrail.core.policy_shape import HOLIDAYS, ON_CALL
from handrail.core.yaml_lines import Node, suggestion


def read_calendar(node: Node, place: str, calendars: Mapping[str, str]) -> Calendar | None:
    """The calendar of a file in the folder; None for a URL, whose copy is read while serving."""
    if "://" in place:
        if not place.startswith(("https://", "http://")):
            node.wrong(f"{place!r} can't be fetched", "Write an https URL.", "calendar")
        return None
    text = calendars.get(place)
    if text is None:
        hint = suggestion(place, calendars) if calendars else "Put it into the policy's folder."
        node.wrong(f"there is no calendar {place!r}", hint, "unknown-name")
        return None
    try:
        return calendar(text)
    except CalendarError as error:
        node.wrong(f"{place}: {error.message}", error.hint, "calendar")
        return None


def read_on_call(node: Node, calendars: Mapping[str, str]) -> Source | None:
    """The on-call calendar of a role."""
    return _source(node.fields(*ON_CALL.keys), calendars)


def read_holidays(node: Node, calendars: Mapping[str, str]) -> dict[str, Holidays]:
    """Public holidays by name."""
    found = {}
    for name, body in node.entries():
        f = body.fields(*HOLIDAYS.keys)
        if not {"dates", "calendar"} & set(f):
            body.wrong("there is no holiday in it", "Write dates:, or calendar:.")
        if "age" in f and "calendar" not in f:
            f["age"].wrong("only a calendar has an age", "Leave it out.")
        written = [read_date(n) for n in f["dates"].items()] if "dates" in f else []
        found[name] = Holidays(
            dates=frozenset(d for text in written if (d := _day(text)) is not None),
            source=_source(f, calendars),
        )
    return found


def _source(f: Mapping[str, Node], calendars: Mapping[str, str]) -> Source | None:
    place = f["calendar"].text() if "calendar" in f else ""
    age = read_span(f["age"]) if "age" in f else None
    if not place:
        return None
    return Source(
        calendar=read_calendar(f["calendar"], place, calendars),
        url=place if "://" in place else "",
        age=age or timedelta(hours=24),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None  # said where it stands
