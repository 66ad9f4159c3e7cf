"""A freeze over a whole middle: its calendar is a fact of each call, recorded with it (I16, I21)."""

from datetime import timedelta

import pytest

from handrail.connectors.calendars import Copy
from handrail.core.calendars import calendar
from support.house import House, policy_files

URL = "https://calendar.example/x.ics"
EMPTY = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
ON = EMPTY.replace(
    "END:VCALENDAR",
    "BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20200101T000000Z\r\nDTSTART:20200101T000000Z\r\n"
    "DTEND:20900101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
)


class Shelf:
    """The last copy of every calendar, as a test puts it there."""

    def __init__(self):
        self.last = None

    def copy(self, url):
        return self.last


@pytest.fixture
def frozen(house):
    """A house whose policy has a freeze behind a URL, and its shelf."""
    shelf = Shelf()
    made = House(house.store, house.sealer, house.clock, house.upstream, calendars=shelf)
    files = policy_files()
    files["handrail.yaml"] += (
        f"freezes: [{{name: f, calendar: '{URL}', because: the books close}}]\n"
    )
    made.s.policies.publish(made.who("per_dan"), files)
    return made, shelf


def put(house, shelf, text, **ago):
    shelf.last = Copy(calendar(text), house.clock.now() - timedelta(**ago))


def tier_and_fact(house, tool="restart_service"):
    acted = house.act(tool)
    asked = [e for e in house.entries() if e.get("facts", {}).get("type") == f"up.{tool}"]
    return int(acted.tier), asked[-1]["facts"]["known"].get("freeze.f")


def test_I16_I21_a_change_waits_in_a_freeze_and_where_it_is_not_known(frozen):
    house, shelf = frozen

    assert tier_and_fact(house) == (3, None)  # never read
    put(house, shelf, EMPTY)
    assert tier_and_fact(house) == (1, False)
    put(house, shelf, ON)
    assert tier_and_fact(house) == (3, True)
    put(house, shelf, EMPTY, hours=25)
    assert tier_and_fact(house) == (3, None)  # too old
    assert tier_and_fact(house, "get_user")[0] == 1  # reads go on


def test_I18_an_approval_from_before_a_freeze_does_not_pass_it_unseen(frozen):
    """What was free when it was asked for waits once the freeze is on: facts are looked up anew."""
    house, shelf = frozen
    put(house, shelf, EMPTY)
    assert house.act("assign_licence", sku="E3").proposal is None
    put(house, shelf, ON)
    assert house.act("assign_licence", sku="E3").proposal is not None
