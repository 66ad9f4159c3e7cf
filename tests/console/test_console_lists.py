"""Undoing some of a list, and proving a rollback, from the console (SPEC 4)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from support.earning import TYPE, files
from support.lists import MANY_TOOLS, USERS, Directory, many_files

from .conftest import Consoled, Person


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Consoled]:
    made = Consoled(tmp_path, files=many_files(), upstream=Directory(tools=MANY_TOOLS))
    try:
        yield made
    finally:
        made.close()


def test_a_person_chooses_which_items_to_undo_and_later_the_rest(doors: Consoled) -> None:
    house = doors.house
    acted = house.act("assign_many", users=USERS, sku="E3")
    with TestClient(doors.app) as http:
        desk = Person(http, doors, "per_ben")
        page = desk.get(f"/actions/{acted.id}").text
        assert "Only some of them" in page
        assert [int(n) for n in re.findall(r'name="item-(\d)"', page)] == list(range(6))
        chosen = {"item-1": "1", "item-4": "1"}
        assert desk.post(f"/actions/{acted.id}/reversal", chosen).status_code == 303
        house.s.reversals.close()  # it goes on by itself; this waits for it
        assert house.upstream.removed() == {"u1": 1, "u4": 1}

        page = desk.get(f"/actions/{acted.id}").text
        assert "The rest, one by one" in page
        assert len(re.findall(r"item-\d\" value=\"1\" disabled", page)) == 2


def test_a_rehearsal_is_started_on_the_row_and_its_end_stands_there(tmp_path: Path) -> None:
    doors = Consoled(tmp_path, files=files())
    with TestClient(doors.app) as http:
        desk = Person(http, doors, "per_ben")
        assert "Its rollback was never rehearsed." in desk.get(f"/matrix/{TYPE}").text
        assert desk.post(f"/matrix/{TYPE}/rehearsal").status_code == 303
        for _ in range(2):
            doors.clock.advance(timedelta(seconds=31))
            doors.house.middle.sweep.once()
        assert "It acted, was undone, and reads saw both." in desk.get(f"/matrix/{TYPE}").text
        assert Person(http, doors, "per_eve").post(f"/matrix/{TYPE}/rehearsal").status_code == 403
    doors.close()
