"""Who is there, who is on call, and what a delegation lends (SPEC 5, I2, I5, I27)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from handrail.core import approval
from handrail.core.availability import (
    WEEKDAYS,
    Presence,
    Roster,
    Times,
    hours_read,
    hours_written,
    off,
    parse_hours,
    presence,
    roster,
    standing_in,
    widens,
)
from handrail.core.calendars import calendar
from handrail.core.model import Delegation
from handrail.core.policy import RoleKind, Source, load
from handrail.core.routing import Seeking, replan
from handrail.errors import BadInput, NotAllowed, PolicyInvalid
from support import policies as make
from support.approvals import LONG_AGO, START, at, given, people, person, proposal, step
from support.house import policy_files

OFFICE = dict.fromkeys(WEEKDAYS[:5], "08:00-17:00")
PRAGUE = parse_hours("Europe/Prague", OFFICE)


def instant(text):
    return datetime.fromisoformat(text)


def kind(name, *backups, **more):
    return RoleKind(name=name, says="x", per_client=False, backups=backups, **more)


POLICY = make.policy(
    roles={
        "engineer": kind("engineer", "senior"),
        "senior": kind("senior"),
        "call": kind("call", "senior", on_call=Source(url="https://x.example/c.ics")),
    },
    chains={"usual": ("engineer", "senior")},
)


# --- hours -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "there"),
    [
        ("2026-03-27T07:00:00Z", True),  # winter: 08:00
        ("2026-03-27T06:59:59Z", False),
        ("2026-03-30T06:00:00Z", True),  # summer: 08:00, an hour earlier in UTC
        ("2026-03-30T15:00:00Z", False),  # 17:00 is after the end
        ("2026-10-26T07:00:00Z", True),  # winter again
        ("2026-03-28T10:00:00Z", False),  # Saturday
    ],
)
def test_hours_are_local_and_move_with_summer_time(when, there):
    assert (off(PRAGUE, instant(when)) == "") is there


def test_a_night_over_the_change_of_the_clock_is_there_all_through():
    """The night of 28 to 29 March has no 02:30, the one of 25 October has two."""
    night = parse_hours("Europe/Prague", dict.fromkeys(WEEKDAYS, "22:00-06:00"))
    for day, hours in ((date(2026, 3, 28), 7), (date(2026, 10, 24), 9)):
        begins = datetime.combine(day, datetime.min.time(), ZoneInfo("Europe/Prague"))
        evening = begins.replace(hour=22).astimezone(UTC)
        quarters = [evening + timedelta(minutes=15 * n) for n in range(4 * hours)]
        assert not any(off(night, t) for t in quarters)
        assert off(night, quarters[-1] + timedelta(minutes=15))


def test_a_holiday_is_a_date_where_the_person_is():
    auckland = parse_hours("Pacific/Auckland", dict.fromkeys(WEEKDAYS, "00:00-24:00"))
    days = frozenset({date(2026, 12, 25)})

    assert off(auckland, instant("2026-12-24T11:00:00Z"), days) == "has a public holiday"
    assert off(auckland, instant("2026-12-24T10:59:00Z"), days) == ""
    assert off(auckland, instant("2026-12-25T11:00:00Z"), days) == ""


@pytest.mark.parametrize(
    "text", ["9", "8-25", "08:00", "08:60-10:00", "08:00-08:00", "24:00-08:00", "a-b", "1-2," * 9]
)
def test_what_is_no_span_is_refused(text):
    with pytest.raises(BadInput):
        parse_hours("UTC", {"mon": text})


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime"])
def test_what_is_no_zone_is_refused(zone):
    with pytest.raises(BadInput, match="no time zone"):
        parse_hours(zone, OFFICE)


clocks = st.integers(0, 95).map(lambda q: f"{q // 4:02d}:{q % 4 * 15:02d}")
spans = st.tuples(clocks, clocks).filter(lambda s: s[0] != s[1]).map("-".join)


@settings(max_examples=150, deadline=None)
@for_all(
    st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(spans, min_size=1, max_size=3), min_size=1),
    st.integers(0, 7 * 96 - 1),
)
def test_hours_mean_what_they_say_minute_by_minute(days, quarter):
    """Against a slow twin: every span of every day, walked through from its beginning."""
    hours = parse_hours("UTC", {d: ", ".join(s) for d, s in days.items()})
    monday = instant("2026-11-02T00:00:00Z")
    there = set()
    for n, day in enumerate(WEEKDAYS):
        for span in days.get(day, ()):
            begins, ends = (int(t[:2]) * 4 + int(t[3:]) // 15 for t in span.split("-"))
            length = (ends - begins) % 96
            there |= {(n * 96 + begins + q) % (7 * 96) for q in range(length)}

    assert (off(hours, monday + timedelta(minutes=15 * quarter)) == "") is (quarter in there)
    assert hours_read(hours_written(hours)) == hours


# --- on call -----------------------------------------------------------------------------------


def ics(*events):
    body = "".join(
        f"BEGIN:VEVENT\n{e}\nDTSTAMP:20260101T000000Z\n{'' if 'UID:' in e else f'UID:{n}'}\nEND:VEVENT\n"
        for n, e in enumerate(events)
    )
    return calendar(
        f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{body}END:VCALENDAR\n".replace("\n", "\r\n")
    )


ANNA, BEN = person("anna", "call", "engineer"), person("ben", "senior", name="Ben Ång")


def turns(*events):
    return roster(
        ics(*events).turns(START - timedelta(days=1), START + timedelta(days=9)), [ANNA, BEN]
    )


def test_an_event_is_the_turn_of_who_attends_it_or_stands_in_its_summary():
    found = turns(
        "DTSTART:20261123T080000Z\nDTEND:20261123T100000Z\nSUMMARY:On call: Ben Ång"
        "\nATTENDEE;CN=A:mailto:ANNA@x.example",
        "DTSTART:20261123T100000Z\nDTEND:20261123T110000Z\nSUMMARY:BEN ÅNG (primary)",
        "DTSTART:20261123T110000Z\nDTEND:20261123T120000Z\nSUMMARY:Benjamin\nATTENDEE:mailto:x@y.z",
        "DTSTART:20261123T120000Z\nDTEND:20261123T130000Z\nSUMMARY:Ben Ång"
        "\nATTENDEE;PARTSTAT=DECLINED:mailto:anna@x.example",
        "DTSTART:20261123T130000Z\nDTEND:20261123T140000Z\nSUMMARY:Anna\nSTATUS:CANCELLED",
    )

    hours = [sorted(found.on(START + timedelta(hours=n))) for n in range(6)]
    assert hours == [["anna"], ["ben"], [], ["ben"], [], []]


def test_turns_recur_and_an_override_moves_one():
    found = turns(
        "DTSTART;TZID=Europe/Prague:20261102T180000\nDTEND;TZID=Europe/Prague:20261103T060000\n"
        "RRULE:FREQ=DAILY\nSUMMARY:Anna\nUID:rota",
        "RECURRENCE-ID;TZID=Europe/Prague:20261124T180000\nUID:rota\nSUMMARY:Ben Ång\n"
        "DTSTART;TZID=Europe/Prague:20261124T180000\nDTEND;TZID=Europe/Prague:20261125T060000",
    )

    assert found.on(instant("2026-11-23T20:00:00Z")) == {"anna"}
    assert found.on(instant("2026-11-24T20:00:00Z")) == {"ben"}
    assert found.on(instant("2026-11-24T10:00:00Z")) == frozenset()


def test_an_on_call_calendar_gives_nobody_a_role_and_covers_by_turn_alone():
    """Hours do not count for it; who is on call without the role is not asked."""
    both = Roster(((START, at(3600), frozenset({"anna", "ben"})),))
    seeking = Seeking(
        clients=(), policy=POLICY, people=(replace(ANNA, hours=PRAGUE), BEN),
        times=Times(rosters={"call": both}),
    )  # fmt: skip

    assert seeking.step("call", START, timedelta()).approvers == {"anna"}
    assert seeking.step("call", at(3600), timedelta()).approvers == {"ben"}  # as its backup


@pytest.mark.parametrize("rosters", [{}, {"call": Roster(trouble="its calendar is old")}])
def test_without_a_calendar_that_can_be_relied_on_nobody_is_on_call(rosters):
    found = presence(ANNA, "call", START, POLICY, Times(rosters=rosters))

    assert not found.there
    assert "may be on call or not" in found.why


# --- reach, and how much one decided -----------------------------------------------------------


def test_only_whom_a_channel_reached_within_a_month_covers_a_role():
    for ago, there in ((timedelta(days=31), True), (timedelta(days=31, seconds=1), False)):
        found = presence(replace(ANNA, reached_at=START - ago), "engineer", START, POLICY, Times())
        assert found.there is there
    assert not presence(replace(ANNA, reached_at=None), "engineer", START, POLICY, Times()).there


def test_who_decided_much_is_passed_over_while_there_is_somebody_else():
    def asked(*busy):
        seeking = Seeking(
            clients=(), policy=POLICY, people=(ANNA, BEN), times=Times(busy=frozenset(busy))
        )
        return [
            sorted(s.approvers)
            for s in replan((step("engineer"), step("senior")), 0, seeking, START)
        ]

    assert asked() == [["anna"], ["ben"]]
    assert asked("anna") == [["ben"], ["ben"]]
    assert asked("anna", "ben") == [["anna"], ["ben"]]  # a limit locks nobody out


# --- delegation --------------------------------------------------------------------------------


def lends(giver, to, *roles, begins=START, ends=None):
    one = Delegation("dlg_1", to, frozenset(roles), begins, ends or at(3600))
    return replace(giver, lends=(*giver.lends, one))


def test_a_delegation_lends_for_its_time_for_the_givers_clients_and_no_longer():
    giver = lends(person("anna", "engineer@acme"), "eve", "engineer", "senior")
    eve = person("eve")

    def held(when, *them):
        return {
            (r.name, r.client, r.by)
            for p in standing_in(them, when)
            if p.id == "eve"
            for r in p.roles
        }

    assert held(START, giver, eve) == {("engineer", "acme", "anna")}  # senior is not hers to lend
    assert held(at(-1), giver, eve) == held(at(3600), giver, eve) == set()
    assert held(START, replace(giver, active=False), eve) == set()
    assert held(START, replace(giver, roles=frozenset()), eve) == set()


def test_what_is_lent_is_not_lent_on():
    anna = lends(person("anna", "engineer"), "eve", "engineer")
    eve = lends(person("eve"), "fay", "engineer")

    found = {p.id: p for p in standing_in((anna, eve, person("fay")), START)}

    assert found["eve"].holds("engineer", "acme")
    assert not found["fay"].holds("engineer", "acme")


names = st.sampled_from(["anna", "ben", "cleo", "dan"])
roles = st.sampled_from(["engineer", "senior", "engineer@acme", "senior@harbor"])


@settings(max_examples=300, deadline=None)
@for_all(
    held=st.dictionaries(names, st.sets(roles), min_size=2),
    lent=st.lists(st.tuples(names, names, st.sets(st.sampled_from(["engineer", "senior"])))),
    when=st.integers(-10, 4000),
)
def test_I27_nobody_ever_gets_more_than_a_giver_holds(held, lent, when):
    them = {n: person(n, *r) for n, r in held.items()}
    for giver, to, names_ in lent:
        if giver in them and to in them and giver != to:
            them[giver] = lends(them[giver], to, *names_)

    for after in standing_in(them.values(), at(when)):
        before = them[after.id]
        assert after.roles >= before.roles
        for extra in after.roles - before.roles:
            assert 0 <= when < 3600
            assert any(
                r.name == extra.name and r.client == extra.client for r in them[extra.by].roles
            )
            assert extra.by != after.id


def test_I27_lending_widens_unless_the_other_could_answer_anyway():
    anna = person("anna", "engineer")

    assert widens(anna, person("x", "engineer"), ["engineer"], POLICY) == ()
    assert widens(anna, person("x", "senior"), ["engineer"], POLICY) == ()  # backs it up
    assert widens(anna, person("x", "engineer@acme"), ["engineer"], POLICY) == ("engineer",)
    assert widens(anna, person("x"), ["engineer"], POLICY) == ("engineer",)


def entitled(*them, when=START):
    seeking = Seeking(clients=("acme",), policy=POLICY, people=them)
    return seeking.entitled(["engineer", "senior"], when)


def two(*them, **more):
    authority, stands_for = entitled(*them)
    base = proposal(
        step("engineer", " ".join(sorted(authority["engineer"]))), authority=authority,
        stands_for=stands_for, **more,
    )  # fmt: skip
    return base, people(*them)


def test_I5_a_delegation_adds_nobody_to_a_row_that_needs_two():
    anna = lends(person("anna", "engineer"), "eve", "engineer", begins=LONG_AGO)
    base, them = two(anna, person("eve"), person("ben", "engineer"), needs=2)
    said = approval.answer(base, given("approve", "anna", 1), people=them, now=at(1))

    with pytest.raises(NotAllowed, match="stands in for the other"):
        approval.answer(said, given("approve", "eve", 2), people=them, now=at(2))
    done = approval.answer(said, given("approve", "ben", 2), people=them, now=at(2))
    assert approval.where(done, at(2)).approved_at == at(2)

    first = approval.answer(base, given("approve", "eve", 1), people=them, now=at(1))
    with pytest.raises(NotAllowed, match="stands in for the other"):
        approval.answer(first, given("approve", "anna", 2), people=them, now=at(2))


def test_I5_nobody_gets_round_being_excluded_by_somebody_who_stands_in():
    anna = lends(person("anna", "engineer"), "eve", "engineer")
    base, them = two(anna, person("eve"), excluded={"anna": "Your own ticket triggered it"})

    with pytest.raises(NotAllowed, match="Your own ticket"):
        approval.answer(base, given("approve", "eve", 1), people=them, now=at(1))
    denied = approval.answer(base, given("deny", "eve", 1), people=them, now=at(1))
    assert approval.where(denied, at(1)).state == "denied"


def test_I2_an_approval_on_a_delegation_that_ended_begins_nothing():
    anna = lends(person("anna", "engineer"), "eve", "engineer", ends=at(60))
    base, them = two(anna, person("eve"))
    said = approval.answer(base, given("approve", "eve", 1), people=them, now=at(1))
    approval.still_authorised(said, them, at(2))

    authority, stands_for = entitled(*them.values(), when=at(60))
    later = replace(said, authority=authority, stands_for=stands_for)
    with pytest.raises(NotAllowed, match="does not hold the role"):
        approval.still_authorised(later, them, at(60))


def test_I5_who_stands_in_is_new_to_a_two_person_row():
    anna = lends(person("anna", "engineer"), "eve", "engineer")
    base, them = two(anna, person("eve"), person("ben", "engineer"), needs=2)

    with pytest.raises(NotAllowed, match="too recently"):
        approval.answer(base, given("approve", "eve", 1), people=them, now=at(1))


# --- the alarm ---------------------------------------------------------------------------------


def test_I7_a_team_that_nothing_reached_is_alarmed_as_a_whole_at_once_and_may_answer():
    anna, ben = (replace(p, reached_at=None) for p in (ANNA, BEN))
    seeking = Seeking(clients=(), policy=POLICY, people=(anna, ben))
    chain = seeking.plan(["engineer", "senior"], START, timedelta(minutes=60))
    base = proposal(*chain, authority=seeking.entitled(["engineer", "senior"], START).authority)

    now = approval.where(base, START)
    assert (now.alarmed, now.asked) == (True, {"anna", "ben"})
    said = approval.answer(base, given("approve", "ben", 1), people=people(anna, ben), now=at(1))
    assert approval.where(said, at(1)).approved_by == ("ben",)
    assert presence(anna, "engineer", START, POLICY, Times()) != Presence(there=True)


def test_I7_steps_are_planned_for_when_they_would_open():
    evening = replace(BEN, hours=parse_hours("UTC", dict.fromkeys(WEEKDAYS, "10:00-18:00")))
    seeking = Seeking(clients=(), policy=POLICY, people=(ANNA, evening))

    found = seeking.plan(["engineer", "senior"], START, timedelta(minutes=60))  # 09:00, 10:00

    assert [sorted(s.approvers) for s in found] == [["anna"], ["ben"]]
    shorter = seeking.plan(["engineer", "senior"], START, timedelta(minutes=15))
    assert [sorted(s.approvers) for s in shorter] == [["anna"], []]
    assert sorted(shorter[1].others) == ["ben"]


# --- in the policy -----------------------------------------------------------------------------

CZ = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    "DTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20201224\r\nRRULE:FREQ=YEARLY\r\n"
    "DTEND;VALUE=DATE:20201227\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def files(**more):
    found = policy_files(**more)
    found["handrail.yaml"] = found["handrail.yaml"].replace(
        "on-call-senior: {says: always,",
        "on-call-senior: {says: always, on_call: {calendar: calendars/rota.ics},",
    )
    found["handrail.yaml"] += "holidays: {cz: {calendar: cz.ics, dates: [2026-07-05]}}\n"
    return {"calendars/rota.ics": CZ, "cz.ics": CZ, **found}


def test_a_policy_names_on_call_calendars_and_holidays_and_their_texts_are_part_of_it():
    policy = load(files())

    source = policy.holidays["cz"].source
    assert policy.holidays["cz"].dates == {date(2026, 7, 5)}
    assert source.calendar.days(date(2026, 1, 1), date(2027, 1, 1)) == {
        date(2026, 12, d) for d in (24, 25, 26)
    }
    assert policy.roles["on-call-senior"].on_call.calendar.on(instant("2026-12-24T12:00:00Z"))
    assert policy.digest != load({**files(), "cz.ics": CZ.replace("1224", "1223")}).digest


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("cz.ics", None, "there is no calendar"),
        ("cz.ics", "BEGIN:VCALENDAR\r\nnonsense", "cz.ics:"),
        ("calendars/rota.ics", CZ.replace("FREQ=YEARLY", "FREQ=SECONDLY"), "recurs within a day"),
        ("calendars/rota.ics", "", "calendars/rota.ics:"),
    ],
)
def test_a_malformed_calendar_is_a_problem_with_its_place(name, text, said):
    found = files()
    found.pop(name)
    if text is not None:
        found[name] = text

    with pytest.raises(PolicyInvalid) as raised:
        load(found)

    assert any(said in p.message and p.file == "handrail.yaml" for p in raised.value.problems)
