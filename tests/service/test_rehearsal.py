"""A rollback is proven on a safe target before it is relied on, and that is no evidence of
ordinary work (SPEC 4, I22)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.clock import FakeClock
from handrail.core.policy import load
from handrail.errors import Conflict, NotAllowed, PolicyInvalid
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from support.checker import check
from support.house import LICENCE, House, policy_files, row

SAFE = {"rehearsal": "{arguments: {n: lab, client: acme, sku: E3}, every: 30d}"}


def files(tier: int = 2, **more: str) -> dict[str, str]:
    found = policy_files()
    found["matrix/all.yaml"] = found["matrix/all.yaml"].replace(
        row("up.assign_licence", 2, **LICENCE), row("up.assign_licence", tier, **LICENCE, **more)
    )
    return found


def made(tmp_path: Path, tier: int = 2, **more: str) -> House:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    return House(store, open_sealer(tmp_path / "keys"), clock, files=files(tier, **more))


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[House]:
    house = made(tmp_path, rehearsal="{arguments: {n: lab, client: acme, sku: E3}}")
    yield house
    house.store.close()
    house.sealer.close()


TYPE = "up.assign_licence"


def past(house: House) -> list[str]:
    return [str(r["state"]) for r in house.s.rehearsals.past(TYPE)]


def test_act_check_undo_check_and_the_date_stands_in_package_and_notice(safe: House) -> None:
    begun = safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    assert begun["state"] == "acted"  # its check has a delay
    assert safe.upstream.licences == {"lab": {"E3"}}
    safe.sweep(seconds=31)
    assert past(safe) == ["reversed"]
    safe.sweep(seconds=31)

    assert past(safe) == ["proven"]
    assert safe.upstream.licences == {"lab": set()}
    acted = safe.act("assign_licence", sku="E3")
    with safe.store.read() as reader:
        rollback = reader.row("rollback", acted.id)
    assert rollback is not None
    assert rollback["proven_at"] is not None
    safe.s.pauses.pause(safe.who("per_eve"), "all", "", "restrict", "look")
    waiting = safe.act("assign_licence", sku="E3")
    package = safe.s.read.package(waiting.proposal)
    assert package["document"]["facts"]["reversible"]["proven"] == "5 January 2026"


def test_I22_a_rehearsal_is_recorded_and_marked_and_counts_as_no_evidence(safe: House) -> None:
    safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    safe.sweep(seconds=31)
    safe.sweep(seconds=31)

    kinds = [e["type"] for e in safe.entries() if ":rehearsal:" in e["type"]]
    assert kinds == ["handrail:rehearsal:begun", "handrail:rehearsal:proven"]
    assert safe.actions() == []
    assert safe.s.read.feed("all") == []
    with safe.store.read() as reader:
        assert set(dict(reader.track_record("handrail", TYPE)).values()) == {0}
    check(safe.entries())


@pytest.mark.parametrize(
    ("when", "fault", "state", "left"),
    [
        ("assign_licence", "failed", "failed", {"E3"}),
        ("assign_licence", "silent", "unknown", None),
        ("remove_licence", "failed", "failed", set()),
        ("remove_licence", "lost", "unknown", set()),
    ],
)
def test_one_that_fails_opens_an_incident_and_proves_nothing(
    safe: House, when: str, fault: str, state: str, left: set[str] | None
) -> None:
    safe.upstream.fault = lambda order: fault if order.params["name"] == when else None
    safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    safe.sweep(seconds=31)
    safe.sweep(seconds=31)

    assert past(safe) == [state]
    (incident,) = safe.s.read.incidents()
    assert "safe target" in incident["text"]
    assert safe.upstream.licences.get("lab") == left
    with safe.store.read() as reader:
        proof = reader.row("proof", TYPE)
    assert proof is not None
    assert (proof["at"], proof["state"]) == (None, state)


def test_a_restart_in_the_middle_goes_on_or_says_unknown(safe: House) -> None:
    """What was done is undone after a restart; what was handed over without an end is said."""
    safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    safe.start()
    safe.sweep(seconds=31)
    safe.sweep(seconds=31)
    assert past(safe) == ["proven"]

    class Killed(BaseException):
        pass

    def dies(order: object) -> None:
        if not hasattr(order, "params") or order.params["name"] == "remove_licence":
            raise Killed

    safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    safe.upstream.fault = dies
    with pytest.raises(Killed):
        safe.sweep(seconds=31)
    safe.upstream.fault = lambda order: None
    safe.start()
    safe.sweep(minutes=16)
    assert past(safe) == ["unknown", "proven"]
    assert len(safe.s.read.incidents()) == 1


def test_the_schedule_starts_what_runs_without_a_person(tmp_path: Path) -> None:
    house = made(tmp_path, **SAFE)
    house.sweep()
    house.sweep(seconds=31)
    house.sweep(seconds=31)
    assert past(house) == ["proven"]
    house.sweep(days=29)
    assert len(past(house)) == 1
    house.sweep(days=2)
    assert len(past(house)) == 2


def test_a_row_of_tier_3_is_rehearsed_only_when_a_person_with_authority_starts_it(
    tmp_path: Path,
) -> None:
    house = made(tmp_path, tier=3, **SAFE)
    house.sweep()
    house.sweep(days=31)
    assert past(house) == []
    with pytest.raises(NotAllowed):
        house.s.rehearsals.run(house.who("per_eve"), TYPE)
    assert house.s.rehearsals.run(house.who("per_ben"), TYPE)["state"] == "acted"


def test_I1_what_two_people_decide_is_not_rehearsed_by_one(tmp_path: Path) -> None:
    house = made(tmp_path, tier=3, approvals="2", **SAFE)

    with pytest.raises(NotAllowed, match="two people decide"):
        house.s.rehearsals.run(house.who("per_ben"), TYPE)

    assert house.upstream.acts == []
    house.store.close()
    house.sealer.close()


def test_a_pause_stops_it_one_runs_at_a_time_and_a_row_without_a_target_is_refused(
    safe: House,
) -> None:
    with pytest.raises(Conflict, match="safe target"):
        safe.s.rehearsals.run(safe.who("per_ben"), "up.remove_licence")
    with pytest.raises(Conflict, match="no signed row"):
        safe.s.rehearsals.run(safe.who("per_ben"), "up.nothing")
    safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    with pytest.raises(Conflict, match="running"):
        safe.s.rehearsals.run(safe.who("per_ben"), TYPE)
    safe.sweep(seconds=31)
    safe.sweep(seconds=31)
    safe.s.pauses.pause(safe.who("per_eve"), "all", "", "stop", "look")
    with pytest.raises(NotAllowed, match="pause"):
        safe.s.rehearsals.run(safe.who("per_ben"), TYPE)


def test_a_verified_reversal_proves_the_rollback_too(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.s.reversals.reverse(house.who("per_ben"), acted.id)
    with house.store.read() as reader:
        proof = reader.row("proof", TYPE)
    assert proof is not None
    assert proof["state"] == "proven"


def test_a_rehearsal_needs_a_rollback_that_one_click_runs_and_a_check_proves() -> None:
    with pytest.raises(PolicyInvalid, match="nothing can be rehearsed"):
        load(
            {
                **policy_files(),
                "matrix/more.yaml": "rows:\n" + row("up.other", 2, **SAFE),
            }
        )


def test_the_schedule_rehearses_one_at_a_time(tmp_path: Path) -> None:
    """Two rehearsals may have one safe target."""
    both = files(**SAFE)
    again = row("up.remove_licence", 2, **LICENCE, **SAFE)
    both["matrix/all.yaml"] = both["matrix/all.yaml"].replace(row("up.remove_licence", 2), again)
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    house = House(store, open_sealer(tmp_path / "keys"), clock, files=both)
    at_once = set()
    for _ in range(12):
        house.sweep(seconds=31)
        with house.store.read() as reader:
            at_once.add(len(reader.due_rehearsals(1 << 62)))
    assert at_once == {0, 1}
    begun = [e["facts"]["type"] for e in house.entries() if e["type"].endswith("rehearsal:begun")]
    assert sorted(begun) == [TYPE, "up.remove_licence"]
    store.close()
