"""Freezes by calendar: events of iCalendar texts, and what is refused (SPEC 2, item 8; I16)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.calendars import MAX_BYTES, CalendarError, calendar
from handrail.core.classify import classify
from handrail.core.model import Effect, Fact, Facts, Snapshot, Tier
from support import policies as make


def ics(*events, zone=""):
    head = f"X-WR-TIMEZONE:{zone}\n" if zone else ""
    body = "".join(
        f"BEGIN:VEVENT\nUID:{n}\nDTSTAMP:20260101T000000Z\n{e}\nEND:VEVENT\n"
        for n, e in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{head}{body}END:VCALENDAR\n".replace(
        "\n", "\r\n"
    )


def at(text):
    return datetime.fromisoformat(text)


def test_an_event_is_on_from_its_beginning_to_before_its_end():
    one = calendar(ics("DTSTART:20261224T120000Z\nDTEND:20261227T080000Z"))

    assert not one.on(at("2026-12-24T11:59:59Z"))
    assert one.on(at("2026-12-24T12:00:00Z"))
    assert one.on(at("2026-12-25T23:00:00-08:00"))
    assert not one.on(at("2026-12-27T08:00:00Z"))


def test_whole_days_and_times_without_a_zone_are_in_the_calendars_zone():
    berlin = calendar(ics("DTSTART;VALUE=DATE:20261224", zone="Europe/Berlin"))

    assert berlin.on(at("2026-12-23T23:30:00Z"))
    assert not berlin.on(at("2026-12-24T23:30:00Z"))
    plain = calendar(ics("DTSTART;VALUE=DATE:20261224"))
    assert not plain.on(at("2026-12-23T23:30:00Z"))
    assert plain.on(at("2026-12-24T23:30:00Z"))
    far = calendar(ics("DTSTART:20261224T000000\nDTEND:20261224T010000", zone="Pacific/Kiritimati"))
    assert far.on(at("2026-12-23T10:30:00Z"))


def test_recurring_events_recur_and_exceptions_do_not():
    patch = calendar(
        ics(
            "DTSTART;TZID=Europe/Berlin:20260106T200000\nDTEND;TZID=Europe/Berlin:20260106T230000\n"
            "RRULE:FREQ=MONTHLY;BYDAY=1TU\nEXDATE;TZID=Europe/Berlin:20260203T200000",
            "DTSTART:20260301T000000Z\nDTEND:20260302T000000Z\nSTATUS:CANCELLED",
        )
    )

    assert patch.on(at("2026-01-06T19:30:00Z"))
    assert patch.on(at("2026-07-07T18:30:00Z"))  # summer time
    assert not patch.on(at("2026-02-03T19:30:00Z"))
    assert not patch.on(at("2026-07-14T18:30:00Z"))
    assert not patch.on(at("2026-03-01T12:00:00Z"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no calendar"),
        ("<html>", "no calendar"),
        (ics("SUMMARY:x"), "no DTSTART"),
        (ics("DTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY"), "recurs within a day"),
        (ics("DTSTART:20260101T000000Z\nRRULE:FREQ=DAILY;BYMINUTE=1,2"), "recurs within a day"),
        (ics("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY"), "begins in 1"),
        (ics("DTSTART:20260101T000000Z", zone="Nowhere/City"), "zone"),
        (ics(*["DTSTART:20260101T000000Z"] * 2001), "2001 events"),
        ("BEGIN:VCALENDAR\r\n" + "X" * MAX_BYTES, "over"),
        (ics("DTSTART:soon"), "can't be read"),
    ],
)
def test_what_is_no_calendar_or_costs_too_much_is_refused(text, message):
    with pytest.raises(CalendarError, match=message) as error:
        calendar(text)
    assert error.value.hint


def test_a_component_of_another_kind_is_no_calendar():
    event = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\n"

    with pytest.raises(CalendarError, match="VEVENT"):
        calendar(event)


def test_calendars_of_one_text_are_equal_and_many_days_are_not_all_kept():
    text = ics("DTSTART:20260101T000000Z\nDTEND:20260101T010000Z\nRRULE:FREQ=DAILY;COUNT=200")
    one = calendar(text)

    assert one == calendar(text)
    assert hash(one) == hash(calendar(text))
    assert one != calendar(ics())
    assert one != text
    days = [at("2026-01-01T00:30:00Z") + timedelta(days=n) for n in range(150)]
    assert all(one.on(day) for day in [*days, *days])


LINES = st.sampled_from(
    [
        "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE",
        "END:VTIMEZONE", "UID:1", "DTSTART:20260101T000000Z", "DTSTART;VALUE=DATE:20260101",
        "DTEND:20250101T000000Z", "DURATION:-P1D", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=3",
        "RRULE:FREQ=WEEKLY;UNTIL=20260301", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=", "EXDATE:20260101T000000Z", "RDATE:20260105T000000Z", "X:\x00", "DTSTART:",
        "RECURRENCE-ID:20260102T000000Z", "STATUS:CANCELLED", "TZID:X", "SEQUENCE:x",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=14).map("\r\n".join) | st.text(max_size=80))
def test_I16_no_text_makes_a_calendar_crash(text):
    for given_text in (text, f"BEGIN:VCALENDAR\r\n{text}\r\nEND:VCALENDAR\r\n"):
        try:
            one = calendar(given_text)
        except CalendarError:
            continue
        assert one.on(datetime(2026, 1, 1, 12, tzinfo=UTC)) in {True, False}


# --- in a classification --------------------------------------------------------------------------

ON = ics("DTSTART:20261101T000000Z\nDTEND:20261105T000000Z")
OFF = ics("DTSTART:20270101T000000Z\nDTEND:20270105T000000Z")


def tier(freeze, facts=None, effect=Effect.CHANGE):
    policy = make.policy(make.row(effect=effect), freezes=(freeze,))
    known = {"clients.count": 1, **(facts or {})}
    found = Facts({n: Fact(n, v, "test", make.NOW) for n, v in known.items()})
    return classify(make.action(), {}, found, policy, Snapshot())


def frozen(**changes):
    return make.freeze(begins=None, ends=None, **changes)


def test_a_freeze_by_file_and_a_maintenance_calendar():
    assert tier(frozen(calendar=calendar(ON))).tier is Tier.APPROVE
    assert tier(frozen(calendar=calendar(OFF))).tier is Tier.AUTONOMOUS
    assert tier(frozen(calendar=calendar(ON), outside=True)).tier is Tier.AUTONOMOUS
    assert tier(frozen(calendar=calendar(OFF), outside=True)).tier is Tier.APPROVE
    assert tier(frozen(calendar=calendar(ON)), effect=Effect.READ).tier is Tier.AUTONOMOUS


def test_I16_a_freeze_without_any_time_counts_as_holding():
    assert tier(frozen()).tier is Tier.APPROVE


def test_I16_a_freeze_by_url_holds_where_its_calendar_is_not_known():
    url = {"url": "https://calendar.example/x.ics"}

    assert tier(frozen(**url), {"freeze.holidays": False}).tier is Tier.AUTONOMOUS
    assert tier(frozen(**url), {"freeze.holidays": True}).tier is Tier.APPROVE
    unknown = tier(frozen(**url))
    assert unknown.tier is Tier.APPROVE
    assert any("calendar could not be read" in r.text for r in unknown.reasons)
    assert tier(frozen(**url, outside=True)).tier is Tier.APPROVE
    assert tier(frozen(**url, outside=True), {"freeze.holidays": True}).tier is Tier.AUTONOMOUS
    elsewhere = frozen(**url, clients=frozenset({"other"}))
    assert tier(elsewhere).tier is Tier.AUTONOMOUS


@settings(max_examples=100, deadline=None)
@given(st.booleans() | st.none() | st.text(max_size=3), st.booleans(), st.integers(-5, 5))
def test_I17_a_freeze_never_lowers(seen, outside, days):
    facts = {} if seen is None else {"freeze.holidays": seen}
    url = frozen(url="https://x.example/", outside=outside)
    span = make.freeze(
        begins=make.NOW + timedelta(days=days), ends=make.NOW + timedelta(days=days + 1)
    )

    assert tier(url, facts).tier >= Tier.AUTONOMOUS
    assert tier(span, facts).tier is (Tier.APPROVE if days == 0 else Tier.AUTONOMOUS)
