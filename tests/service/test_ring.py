"""The ring-me test: only a code that came over a channel, typed by its person, proves reach."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from handrail import doctor
from handrail.clock import FakeClock, SystemClock, to_us
from handrail.config import load
from handrail.core.defaults import Settings
from handrail.errors import NotAllowed, NotSent, TooMany
from handrail.privacy.seal import open_sealer
from handrail.service.ring import LIFE
from handrail.store.database import open_store
from support.house import House

HOLDS = Settings().reached_within


def code_of(house: House) -> str:
    _, message = house.mail.got[-1]
    return re.search(r"Code: (\S+)", "\n".join(message.lines)).group(1)


def forget(house: House, person: str) -> None:
    house.change("person", (person,), reached_at=None)
    house.middle.keeper.forget()


def ben(house: House) -> dict:
    return next(p for p in house.s.read.people() if p["id"] == "per_ben")


def test_a_code_that_reached_a_person_covers_them_for_a_month(house: House):
    forget(house, "per_ben")
    assert not ben(house)["reached"]
    answer = house.s.ring.ring(house.who("per_ben"))
    code = code_of(house)
    assert code not in str(answer)
    assert not ben(house)["reached"]  # sent is not reached

    house.s.ring.confirm(house.who("per_ben"), f" {code.lower()} ")
    assert ben(house)["reached"]
    entry = house.entries()[-1]
    assert (entry["type"], entry["by"]) == ("person:person:reached", "person:per_ben")
    assert code not in str(house.entries())

    house.clock.advance(HOLDS)
    assert ben(house)["reached"]
    house.clock.advance(timedelta(seconds=1))
    assert not ben(house)["reached"]


def test_a_code_is_good_once_for_its_person_for_a_while(house: House):
    forget(house, "per_ben")
    house.s.ring.ring(house.who("per_ben"))
    code = code_of(house)
    with pytest.raises(NotAllowed, match="no code"):
        house.s.ring.confirm(house.who("per_anna"), code)
    house.clock.advance(LIFE + timedelta(seconds=1))
    with pytest.raises(NotAllowed, match="no code"):
        house.s.ring.confirm(house.who("per_ben"), code)
    assert not ben(house)["reached"]

    house.s.ring.ring(house.who("per_ben"))
    house.s.ring.confirm(house.who("per_ben"), code_of(house))
    with pytest.raises(NotAllowed, match="no code"):
        house.s.ring.confirm(house.who("per_ben"), code_of(house))


def test_a_code_is_not_guessed(house: House):
    forget(house, "per_ben")
    house.s.ring.ring(house.who("per_ben"))
    for _ in range(5):
        with pytest.raises(NotAllowed, match="not the code"):
            house.s.ring.confirm(house.who("per_ben"), "AAAA-AAAA")
    with pytest.raises(NotAllowed, match="no code"):
        house.s.ring.confirm(house.who("per_ben"), code_of(house))
    assert not ben(house)["reached"]


def test_one_is_rung_once_a_minute(house: House):
    house.s.ring.ring(house.who("per_ben"))
    with pytest.raises(TooMany) as raised:
        house.s.ring.ring(house.who("per_ben"))
    assert 0 < raised.value.retry_after <= 61
    house.clock.advance(timedelta(minutes=1))
    house.s.ring.ring(house.who("per_ben"))


def test_a_channel_that_takes_nothing_reaches_nobody(house: House):
    house.mail.open = False
    with pytest.raises(NotSent, match="no channel"):
        house.s.ring.ring(house.who("per_ben"))


def test_a_leaver_is_not_rung(house: House):
    house.change("person", ("per_ben",), active=0)
    house.middle.keeper.forget()
    with pytest.raises(NotAllowed, match="not active"):
        house.s.ring.ring(house.who("per_ben"))


def test_doctor_calls_a_role_covered_only_by_somebody_who_was_reached(tmp_path: Path):
    database = f"sqlite:///{tmp_path / 'handrail.db'}"
    clock = FakeClock(SystemClock().now())
    store = open_store(database, clock, "test.example/log")
    sealer = open_sealer(tmp_path / "keys")
    house = House(store, sealer, clock)
    settings = load(
        {
            "HANDRAIL_DATA": str(tmp_path),
            "HANDRAIL_DATABASE": database,
            "HANDRAIL_ORIGIN": "test.example/log",
        }
    )

    def role() -> doctor.Finding:
        return {f.name: f for f in doctor.findings(settings)}["role on-call-senior"]

    assert role().ok
    for at in (None, to_us(clock.now() - HOLDS - timedelta(minutes=1))):
        house.change("person", ("per_ben",), reached_at=at)
        assert not role().ok
        assert "was reached by no channel within 31 days" in role().text
        assert "Ring me" in role().hint
    store.close()
    sealer.close()
