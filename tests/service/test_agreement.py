"""The tables compared with the record: what was changed by hand is named, and nothing else is."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.service.agreement import Agreement, compare
from support.doors import Doors, opened
from support.house import House

DAY = timedelta(days=1)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with opened(tmp_path / "house") as doors:
        yield doors


@pytest.fixture
def house(doors: Doors) -> House:
    """One action of each kind: done, told, waiting, approved and done, denied, refused."""
    house = doors.house
    for tool in ("restart_service", "assign_licence", "add_firewall_rule", "unsigned_thing"):
        house.act(tool, sku="E3")
    first, second = house.act("add_firewall_rule"), house.act("add_firewall_rule", client="harbor")
    house.answer("per_ben", first.proposal)
    house.answer("per_ben", second.proposal, "deny", reason="duplicate")
    house.sweep(seconds=11)
    return house


def found(house: House, newest: int | None = None) -> Agreement:
    return compare(house.store, house.clock.now(), DAY, newest)


def by_hand(house: House, statement: str, *values: Any) -> None:
    """What somebody with the file does."""
    connection = sqlite3.connect(house.store.path)  # type: ignore[attr-defined]
    with connection:
        assert connection.execute(statement, values).rowcount > 0
    connection.close()


def test_I21_what_handrail_wrote_agrees(house: House) -> None:
    whole, part = found(house), found(house, newest=12)

    assert (whole.holds, whole.told) == (True, [])
    assert whole.actions == len(house.actions())
    assert part.holds
    assert 0 < part.actions < whole.actions
    assert "they agree" in str(whole)


@pytest.mark.parametrize(
    ("column", "value", "where"),
    [
        ("state", "done", "state = 'waiting'"),
        ("state", "waiting", "state = 'denied'"),
        ("tier", 1, "tier = 2"),
        ("policy", "f" * 64, "state = 'done'"),
        ("agent", "agt_two", "state = 'done'"),
        ("type", "up.assign_licence", "type = 'up.restart_service'"),
        ("digest", b"\0" * 32, "state = 'waiting'"),
        ("confidence", 999, "state = 'waiting'"),
    ],
)
def test_a_row_changed_by_hand_differs_from_its_entries(
    house: House, column: str, value: Any, where: str
) -> None:
    more = ", granted_at = 1, begun_at = 2" if value == "done" else ""
    by_hand(house, f"UPDATE action SET {column} = ?{more} WHERE {where}", value)  # noqa: S608

    result = found(house)

    assert not result.holds
    assert result.found["differs"] >= 1
    assert column in result.told[0]


def test_an_action_put_in_or_taken_out_by_hand_is_missed(house: House) -> None:
    by_hand(house, "DELETE FROM answer")
    by_hand(house, "DELETE FROM proposal")
    by_hand(house, "DELETE FROM action WHERE state = 'denied'")
    by_hand(house, "UPDATE action SET id = 'act_forged' WHERE state = 'refused' OR tier = 1")

    result = found(house)

    assert any("act_forged has no entry" in line for line in result.told)
    assert result.found["missing"] >= 3


def test_sealed_data_swapped_or_gone_is_found(house: House) -> None:
    one, two = (a["id"] for a in house.actions()[:2])
    by_hand(house, "UPDATE sealed SET ciphertext = (SELECT ciphertext FROM sealed WHERE ref = ?)"
            " WHERE ref = ?", f"{one}:request", f"{two}:request")  # fmt: skip
    assert found(house).told == [f"swapped: {two}:request is not what its entry says"]

    by_hand(house, "DELETE FROM sealed WHERE ref = ?", f"{one}:request")
    assert found(house).found["swapped"] == 2


class Killed(BaseException):
    """The process dies while the upstream acts."""


def test_what_began_and_never_ended_is_a_question(house: House) -> None:
    """Logging suppressed: a begin without an outcome is told, once it is no longer under way."""

    def die(order: Any) -> None:
        raise Killed

    house.upstream.fault = die
    with pytest.raises(Killed):
        house.act("restart_service")
    assert found(house).found["unended"] == 0

    house.clock.advance(timedelta(hours=2))

    result = found(house)
    assert result.holds
    assert (result.found["unended"], "no outcome is told" in result.told[0]) == (1, True)


def test_a_silence_longer_than_the_heartbeat_is_told(house: House) -> None:
    house.clock.advance(timedelta(days=3))
    house.act("restart_service")

    result = found(house)

    assert result.holds
    assert result.found["silent"] == 1
    assert "no entry from" in result.told[0]


def test_a_page_says_broken_when_the_tables_were_changed(house: House) -> None:
    house.s.record.sign()
    assert house.s.record.checked()[0]
    by_hand(house, "UPDATE action SET tier = 1 WHERE tier = 2")

    holds, text = house.s.record.checked()

    assert not holds
    assert "tier" in text
