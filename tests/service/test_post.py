"""Messages about proposals: owed in the store, told by each channel at its own pace."""

import threading

from handrail.channels.contract import Message
from handrail.core.model import Person
from handrail.errors import NotSent
from handrail.service.telling import Telling
from support.house import House, Mailbox


class Stalling:
    """A channel that does not come back until it is let go."""

    name = "stalling"

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def deliver(self, person: Person, message: Message) -> bool:
        self.entered.set()
        self.go.wait(20)
        return True


class Failing:
    """A channel that is down until it is up; it edits what it sent."""

    name = "failing"

    def __init__(self) -> None:
        self.up, self.tries = False, 0
        self.got: list[str] = []
        self.edited: list[tuple[str, str]] = []

    def deliver(self, person: Person, message: Message) -> bool | str:
        self.tries += 1
        if not self.up:
            raise NotSent("it is down")
        self.got.append(person.id)
        return f"m{len(self.got)}"

    def edit(self, handle: str, person: Person, message: Message) -> None:
        self.edited.append((handle, message.title.partition(":")[0]))


def states(house: House, proposal: str) -> list[tuple[str, str, str]]:
    with house.store.read() as reader:
        return [(m["channel"], m["person"], m["state"]) for m in reader.messages(proposal)]


def test_what_is_owed_is_told_and_recorded(house: House):
    proposal = house.act("add_firewall_rule").proposal
    house.sweep()
    assert [p for p, _ in house.mail.got] == ["per_anna"]
    assert states(house, proposal) == [("mailbox", "per_anna", "sent")]
    house.sweep()
    assert len(house.mail.got) == 1


def test_a_channel_that_stalls_delays_no_other_and_not_the_sweep(house: House):
    stalling, mail = Stalling(), Mailbox()
    arrived = threading.Event()
    mail_deliver = mail.deliver

    def deliver(person: Person, message: Message) -> bool:
        done = mail_deliver(person, message)
        if len(mail.got) == 2:
            arrived.set()
        return done

    mail.deliver = deliver  # type: ignore[method-assign]
    house.channels = [stalling, mail]
    house.start()
    first = house.act("add_firewall_rule").proposal
    house.middle.sweep.start()
    try:
        assert stalling.entered.wait(20)
        second = house.act("add_firewall_rule").proposal
        assert arrived.wait(20)
        assert {m.ref for _, m in mail.got} == {first, second}
    finally:
        stalling.go.set()
        house.middle.sweep.stop()


def test_what_a_dead_channel_owes_is_told_after_a_restart(house: House):
    failing = Failing()
    house.channels = [failing, house.mail]
    house.start()
    proposal = house.act("add_firewall_rule").proposal
    house.sweep()
    assert states(house, proposal) == [
        ("failing", "per_anna", "owed"),
        ("mailbox", "per_anna", "sent"),
    ]
    house.sweep(seconds=1)
    assert failing.tries == 1  # not before its time
    failing.up = True
    house.start()
    house.sweep(seconds=16)
    assert failing.got == ["per_anna"]
    assert len(house.mail.got) == 1
    assert states(house, proposal)[0] == ("failing", "per_anna", "sent")


def test_what_is_decided_meanwhile_is_not_told_and_what_was_told_is_edited(house: House):
    failing = Failing()
    house.channels = [failing]
    house.start()
    late, told = (house.act("add_firewall_rule").proposal for _ in range(2))
    house.sweep()
    house.answer("per_anna", late, "deny", reason="duplicate")
    failing.up = True
    house.sweep(seconds=16)
    assert [s for _, _, s in states(house, late)] == ["moot"]
    assert [s for _, _, s in states(house, told)] == ["sent"]
    house.answer("per_anna", told, "deny", reason="duplicate")
    house.sweep()
    house.sweep()
    assert failing.edited == [("m1", "Denied")]
    assert [s for _, _, s in states(house, told)] == ["edited"]


def test_a_dead_channel_is_left_alone_for_a_while(house: House):
    failing = Failing()
    house.channels = [failing]
    house.start()
    for _ in range(10):
        house.act("add_firewall_rule")
    house.sweep()
    assert failing.tries == 3
    house.sweep(seconds=1)
    assert failing.tries == 3


def test_a_notice_waits_once_for_a_channel_that_stalls(house: House):
    stalling, mail = Stalling(), Mailbox()
    telling = Telling([stalling, mail], patience=0.05)
    message = Message(ref="act_1", kind="notice", title="Done", lines=(), path="/")
    person = house.middle.keeper.current().people["per_anna"]
    try:
        assert telling.reach(person, message) == "mailbox"
        stalling.entered.clear()
        assert telling.reach(person, message) == "mailbox"
        assert not stalling.entered.is_set()  # left out while it stalls
    finally:
        stalling.go.set()
