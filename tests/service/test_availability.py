"""Being there over a whole middle: who is asked, who is passed, and what never begins (SPEC 5)."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from handrail.clock import FakeClock, from_us, to_us
from handrail.connectors.calendars import Copy
from handrail.core.calendars import calendar
from handrail.core.defaults import Settings
from handrail.doctor_cover import findings
from handrail.errors import BadInput, Closed, HandrailError, NotAllowed
from handrail.service import codec
from handrail.service.duty import Duty
from handrail.store.database import open_store
from support.house import House, policy_files, sealer_at

URL = "https://calendar.example/on-call.ics"
TOOL = "add_firewall_rule"
HOLDERS = ("per_anna", "per_ben", "per_cleo", "per_dan")


def ics(*turns):
    body = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20200101T000000Z\r\nDTSTART:{begins}\r\n"
        f"DTEND:{ends}\r\nSUMMARY:{who}\r\nEND:VEVENT\r\n"
        for n, (begins, ends, who) in enumerate(turns)
    )
    return calendar(f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{body}END:VCALENDAR\r\n")


class Shelf:
    """The last copy of the on-call calendar, as a test puts it there."""

    def __init__(self):
        self.last = None

    def copy(self, url):
        return self.last


def chain(house, proposal):
    with house.store.read() as reader:
        row = reader.proposal(proposal)
    steps, _ = codec.chain(row["chain"])
    return [sorted(p[4:] for p in s.approvers) for s in steps]


def told(house, proposal):
    return sorted({p[4:] for p, m in house.mail.got if m.ref == proposal})


def events(house, *names):
    return [e for e in house.entries() if e["type"].rpartition(":")[2] in names]


def hours(house, person, **days):
    house.s.availability.set_hours(house.who(person), "UTC", days)


# --- who is asked ------------------------------------------------------------------------------


def test_who_is_away_from_then_on_is_asked_until_then(house):
    now = house.clock.now()
    anna = house.who("per_anna")
    house.s.availability.set_away(anna, now + timedelta(days=2), begins=now + timedelta(hours=1))

    assert chain(house, house.act(TOOL).proposal)[0] == ["anna"]
    house.clock.advance(timedelta(hours=2))
    assert chain(house, house.act(TOOL).proposal)[0] == ["ben"]
    house.clock.advance(timedelta(days=2))
    assert chain(house, house.act(TOOL).proposal)[0] == ["anna"]


def test_a_step_takes_who_is_there_when_it_opens(house):
    """Dan says he is away after the proposal was asked: its last step passes him by."""
    proposal = house.act(TOOL).proposal
    house.sweep()
    assert chain(house, proposal) == [["anna"], ["ben"], ["anna", "dan"]]
    house.s.availability.set_away(house.who("per_dan"), house.clock.now() + timedelta(days=1))
    house.s.availability.set_away(house.who("per_ben"), house.clock.now() + timedelta(days=1))

    house.sweep(minutes=61)

    assert chain(house, proposal)[1:] == [["anna"], ["anna"]]  # the backup's holder, who is there


def test_I7_a_first_team_that_nothing_reached_is_asked_as_a_whole_and_not_locked_out(house):
    for person in HOLDERS:
        house.change("person", (person,), reached_at=None)

    acted = house.act(TOOL)
    house.sweep()

    assert chain(house, acted.proposal) == [[], [], []]
    assert told(house, acted.proposal) == ["anna", "ben", "dan"]
    proposed = events(house, "proposed")[-1]
    assert proposed["facts"]["uncovered"] == [
        "account-engineer", "on-call-senior", "service-desk-manager",
    ]  # fmt: skip
    assert events(house, "alarmed")
    house.answer("per_ben", acted.proposal)
    house.sweep(seconds=11)
    assert house.state(acted.id) == "done"


def test_an_answer_to_a_message_proves_reach_and_opening_proves_nothing(house):
    house.change("person", ("per_ben",), reached_at=None)
    house.change("person", ("per_anna",), reached_at=None)
    proposal = house.act(TOOL).proposal
    house.sweep()
    house.s.answers.opened(house.who("per_ben"), proposal, 1)
    assert not {p["id"]: p for p in house.s.read.people()}["per_ben"]["reached"]

    house.answer("per_anna", proposal, "abstain")

    people = {p["id"]: p for p in house.s.read.people()}
    assert people["per_anna"]["reached"]
    assert not people["per_ben"]["reached"]


def test_decisions_past_the_limit_are_routed_on_and_lock_nobody_out(house):
    most = Settings().decisions_per_hour
    for _ in range(most):
        house.answer("per_anna", house.act(TOOL).proposal, "deny", reason="preference")

    # Of both engineers and managers Anna has decided enough; Ben and Dan have not.
    assert chain(house, house.act(TOOL, client="harbor").proposal) == [["ben"], ["ben"], ["dan"]]
    for person in ("per_ben", "per_dan"):
        house.s.availability.set_away(house.who(person), house.clock.now() + timedelta(days=1))
    assert chain(house, house.act(TOOL, client="harbor").proposal)[0] == ["anna"]
    house.clock.advance(timedelta(hours=1, minutes=1))
    assert chain(house, house.act(TOOL, client="harbor").proposal)[0] == ["anna"]


def test_those_asked_are_reminded_once_at_half_the_window(house):
    proposal = house.act(TOOL).proposal
    house.sweep()
    first = len(house.mail.got)

    house.sweep(minutes=29)
    assert len(house.mail.got) == first
    house.sweep(minutes=2)
    assert [m.title[:13] for _, m in house.mail.got[first:]] == ["Still waiting"]
    house.start()  # a restart reminds nobody twice
    house.sweep(minutes=5)
    assert len(events(house, "reminded")) == 1
    assert len(house.mail.got) == first + 1
    house.sweep(minutes=30)
    assert told(house, proposal) == ["anna", "ben"]


def test_an_open_incident_on_what_triggered_it_halves_the_windows(house):
    first = house.act("restart_service")
    house.s.incidents.open(
        house.who("per_anna"), action=first.id, client="", severity="minor", title="It went down",
        text="",
    )  # fmt: skip

    house.act(TOOL)

    assert {w for _, w in events(house, "proposed")[-1]["facts"]["chain"]} == {1800}


# --- on-call -----------------------------------------------------------------------------------


@pytest.fixture
def rota(tmp_path):
    """A house whose on-call senior goes by a calendar behind a URL."""
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "on-call-senior: {says: always,",
        f"on-call-senior: {{says: always, on_call: {{calendar: '{URL}', age: 24h}},",
    )
    shelf, clock = Shelf(), FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    sealer = sealer_at(tmp_path)
    yield House(store, sealer, clock, files=files, calendars=shelf), shelf
    store.close()
    sealer.close()


def put(house, shelf, who, **ago):
    shelf.last = Copy(
        ics(("20250101T000000Z", "20300101T000000Z", who)), house.clock.now() - timedelta(**ago)
    )


def test_on_call_goes_by_the_last_good_copy_until_it_is_too_old(rota):
    house, shelf = rota
    assert chain(house, house.act(TOOL).proposal)[1] == ["anna", "dan"]  # never read: the backup
    put(house, shelf, "On call: Ben")
    assert chain(house, house.act(TOOL).proposal)[1] == ["ben"]
    put(house, shelf, "On call: Ben", hours=23)  # the source is down since
    assert chain(house, house.act(TOOL).proposal)[1] == ["ben"]
    put(house, shelf, "On call: Ben", hours=25)
    assert chain(house, house.act(TOOL).proposal)[1] == ["anna", "dan"]
    cover = house.s.team.cover(24)
    assert "last read at" in cover["calendars"][0]["trouble"]
    assert "backup" in next(r for r in cover["roles"] if r["role"] == "on-call-senior")["hours"]


def test_I2_a_calendar_gives_nobody_a_role(rota):
    """Whoever can write to the calendar can't make an approver."""
    house, shelf = rota
    put(house, shelf, "On call: Eve")

    proposal = house.act(TOOL).proposal

    assert "eve" not in {p for step in chain(house, proposal) for p in step}
    with pytest.raises(NotAllowed):
        house.answer("per_eve", proposal)


def test_a_notice_goes_to_who_is_on_call(rota):
    house, shelf = rota
    put(house, shelf, "Anna")  # holds no such role: nobody is on call
    first = house.act("assign_licence", sku="E3")
    put(house, shelf, "Ben")
    second = house.act("assign_licence", sku="E3")

    with house.store.read() as reader:
        designated = {n["action"]: n["person"] for n in reader.notices()}
    assert designated[first.id] in {"per_anna", "per_dan"}  # the backup's holders
    assert designated[second.id] == "per_ben"


# --- delegations -------------------------------------------------------------------------------


def test_I27_lending_to_somebody_who_could_not_answer_waits_for_a_third_person(house):
    ben, now = house.who("per_ben"), house.clock.now()
    lent = house.s.availability.set_away(ben, now + timedelta(days=1), delegate="per_eve")
    id = lent["delegation"]["id"]
    proposal = house.act(TOOL).proposal
    with pytest.raises(NotAllowed):
        house.answer("per_eve", proposal)
    for person in ("per_ben", "per_eve", "per_cleo"):
        with pytest.raises(NotAllowed):
            house.s.availability.agree(house.who(person), id)

    house.s.availability.agree(house.who("per_dan"), id)

    assert "eve" in chain(house, house.act(TOOL).proposal)[1]
    house.answer("per_eve", proposal)
    house.sweep(seconds=11)
    assert len(events(house, "lent", "lent-agreed")) == 2


def test_I2_what_was_lent_and_taken_back_begins_nothing(house):
    ben, now = house.who("per_ben"), house.clock.now()
    lent = house.s.availability.lend(ben, "per_dan", [], now, now + timedelta(days=1))
    assert lent["state"] == "lent"  # Dan backs the role up: nothing is widened
    wide = house.s.availability.lend(
        ben, "per_eve", ["on-call-senior"], now, now + timedelta(days=1)
    )
    house.s.availability.agree(house.who("per_dan"), wide["id"])
    acted = house.act(TOOL)
    house.answer("per_eve", acted.proposal)

    house.s.availability.end(house.who("per_dan"), wide["id"])
    house.sweep(seconds=11)

    assert house.state(acted.id) != "done"
    with pytest.raises(Closed):
        house.s.availability.end(ben, wide["id"])


def test_nobody_lends_what_they_do_not_hold_or_without_an_end(house):
    now = house.clock.now()
    availability = house.s.availability
    for who, to, roles, days in (
        ("per_eve", "per_ben", [], 1),
        ("per_ben", "per_eve", ["compliance-officer"], 1),
        ("per_ben", "per_ben", [], 1),
        ("per_ben", "per_eve", [], 94),
        ("per_ben", "per_eve", [], -1),
        ("per_ben", "per_nobody", [], 1),
    ):
        with pytest.raises(HandrailError):
            availability.lend(house.who(who), to, roles, now, now + timedelta(days=days))
    with pytest.raises(BadInput):
        availability.set_away(house.who("per_ben"), now)


# --- doctor ------------------------------------------------------------------------------------


def test_doctor_names_the_hours_in_which_nobody_or_only_one_is_there(house):
    for person in ("per_anna", "per_ben", "per_dan"):
        hours(house, person, mon="08:00-17:00", tue="08:00-17:00")
    known = house.middle.keeper.current()
    duty = Duty(None, lambda: known)

    found = {f.name: f for f in findings(house.s.policies.current(), known, duty, house.clock)}

    usual = found["chain usual"]
    assert not usual.ok
    assert "Mon 05 Jan 17:00 to Tue 08:00 UTC (Anna is outside of working hours" in usual.text
    assert "it never runs by itself" in usual.hint
    assert found["role compliance-officer"].ok
    assert found["role on-call-senior"].ok


# --- a machine ---------------------------------------------------------------------------------

people = st.sampled_from(("per_anna", "per_ben", "per_cleo", "per_dan", "per_eve"))


class Days(RuleBasedStateMachine):
    """People come, go, lend and answer; the clock jumps, back too; the process restarts."""

    @initialize()
    def begin(self):
        self.clock = FakeClock()
        self.store = open_store("sqlite://", self.clock, "test.example/log")
        self.folder = tempfile.TemporaryDirectory()
        self.sealer = sealer_at(Path(self.folder.name))
        self.house = House(self.store, self.sealer, self.clock)
        self.proposals = []
        self.yes = {}  # proposal → who was accepted

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()
            self.sealer.close()
            self.folder.cleanup()

    @rule(minutes=st.sampled_from([1, 7, 31, 61, 600, 1500, -3, -90]))
    def time_jumps(self, minutes):
        self.clock.advance(timedelta(minutes=minutes))

    @rule()
    def swept(self):
        self.house.middle.sweep.once()

    @rule()
    def restarted(self):
        self.house.start()

    @rule()
    def asked(self):
        if len(self.proposals) < 6:
            acted = self.house.act(TOOL)
            if acted.proposal:
                self.proposals.append((acted.id, acted.proposal))

    @rule(person=people, hours_=st.integers(1, 30), other=st.none() | people)
    def says_away(self, person, hours_, other):
        self.tried(
            lambda: self.house.s.availability.set_away(
                self.house.who(person), self.now() + timedelta(hours=hours_), delegate=other
            )
        )

    @rule(person=people)
    def says_back(self, person):
        self.house.s.availability.set_away(self.house.who(person), None)

    @rule(person=people, span=st.sampled_from(["08:00-17:00", "22:00-06:00"]))
    def sets_hours(self, person, span):
        hours(self.house, person, mon=span, tue=span, wed=span)

    @rule(person=people)
    def agrees(self, person):
        for one in self.house.s.team.delegations():
            self.tried(
                lambda one=one: self.house.s.availability.agree(self.house.who(person), one["id"])
            )

    @rule(person=people, reached=st.booleans())
    def is_reached_or_not(self, person, reached):
        at = to_us(self.now()) if reached else None
        self.house.change("person", (person,), reached_at=at)

    @rule(
        person=people,
        kind=st.sampled_from(["approve", "approve", "deny", "abstain"]),
        n=st.integers(0, 5),
    )
    def answers(self, person, kind, n):
        if not self.proposals:
            return
        _, proposal = self.proposals[n % len(self.proposals)]
        more = {"reason": "wrong-time"} if kind == "deny" else {}
        if (
            self.tried(lambda: self.house.answer(person, proposal, kind, **more))
            and kind == "approve"
        ):
            self.yes.setdefault(proposal, set()).add(person)

    def now(self):
        with self.store.read() as reader:
            return max(self.clock.now(), from_us(int(reader.head()["at"])))

    def tried(self, act):
        try:
            act()
        except HandrailError:
            return False
        return True

    @invariant()
    def nothing_begins_without_a_yes_and_everything_ends(self):
        """I1, I5, I6, I7: by what the record holds, whatever happened."""
        if not hasattr(self, "store"):
            return
        now = to_us(self.now())
        with self.store.read() as reader:
            for action, proposal in self.proposals:
                row, found = reader.row("action", action), reader.proposal(proposal)
                if row["begun_at"] is not None:
                    said = [
                        a
                        for a in reader.answers(proposal)
                        if a["answer"] == "approve" and a["effective"]
                    ]
                    mine = {a["person"] for a in said}
                    assert mine & self.yes.get(proposal, set()), "I6"
                    assert mine - set(codec.load(found["excluded"])), "I5"
                    assert row["granted_at"] <= row["begun_at"] < row["grant_expires_at"], "I1"
                    assert row["begun_at"] < found["lapses_at"], "I7"
        self.ends(now)

    def ends(self, now):
        with self.store.read() as reader:
            late = [
                (a, p)
                for a, p in self.proposals
                if reader.proposal(p)["lapses_at"] <= now
                and reader.row("action", a)["state"] in {"waiting", "approved"}
            ]
        if late:
            self.house.middle.sweep.once()  # the first one after it was due, also after a restart
            assert all(self.house.state(a) not in {"waiting", "approved"} for a, _ in late), "I7"


TestDays = Days.TestCase
TestDays.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
