"""Autonomy is earned from evidence by people's acts, and lost by itself (SPEC 7; I11 to I14, I24)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.clock import FakeClock
from handrail.core.action import State
from handrail.core.model import Tier
from handrail.core.promotion import Assessment
from handrail.errors import Conflict, NotAllowed, NotFound, Stale
from handrail.privacy.seal import open_sealer
from handrail.service.evidence import Evidence
from handrail.store.database import open_store
from support.earning import TYPE, ask, decided, digest, earn, files, rehearsed
from support.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    made = House(store, open_sealer(tmp_path / "keys"), clock, files=files())
    yield made
    store.close()
    made.sealer.close()


def assessed(house: House) -> Assessment:
    return house.s.evidence.assess(TYPE)


def unmet(house: House) -> set[str]:
    return {c.name for c in assessed(house).missing}


# --- 3 → 2 ---------------------------------------------------------------------------------------


def test_evidence_is_gathered_nominated_and_a_person_decides(house: House) -> None:
    assert ask(house).tier is Tier.APPROVE  # it starts at 3, though its row allows 1
    evidence = earn(house)

    found = assessed(house)
    assert found.sufficient
    assert (found.now, found.to, found.clients, found.buckets) == (3, 2, ("acme",), ("e3",))
    (rate,) = [c for c in found.criteria if c.name == "rate"]
    assert rate.text == (
        "62 of 62 proposals approved unchanged in 30 days by 3 people; even allowing for luck and "
        "for checking daily, the true rate is at least 93 % (needed 90 %)."
    )
    assert found.effect == "About 59 approvals a month will no longer wait."

    with pytest.raises(NotAllowed, match="authority"):
        house.s.standings.promote(house.who("per_eve"), TYPE, evidence, "it went well")
    with pytest.raises(Stale):
        house.s.standings.promote(house.who("per_dan"), TYPE, "0" * 64, "it went well")
    done = house.s.standings.promote(house.who("per_dan"), TYPE, evidence, "it went well")
    assert done["state"] == "promoted"
    house.middle.keeper.forget()

    # One step, inside the client and the kind of argument that were seen (I13, I23).
    assert ask(house).tier is Tier.NOTIFY
    assert ask(house, client="harbor").tier is Tier.APPROVE
    assert ask(house, sku="F5").tier is Tier.APPROVE
    (entry,) = [e for e in house.entries() if e["type"] == "person:standing:promoted"]
    assert entry["by"] == "person:per_dan"
    assert entry["facts"]["evidence"] == evidence
    assert entry["facts"]["clients"] == ["acme"]


def test_less_evidence_says_what_is_missing(house: House) -> None:
    decided(house, 6)
    found = assessed(house)
    assert not found.sufficient
    assert unmet(house) == {"rate", "cases", "recent", "span", "targets", "rollback"}
    assert found.criteria[0].met is False  # what is missing stands first
    (rate,) = [c for c in found.criteria if c.name == "rate"]
    assert rate.text.endswith("37 more clean decisions in a row would be enough.")
    with pytest.raises(Conflict, match="does not allow"):
        house.s.standings.promote(house.who("per_dan"), TYPE, "0" * 64, "please")


def test_denials_speak_first_and_count_against_it(house: House) -> None:
    decided(house, 60, deny=(3, 9, 15, 30))
    rehearsed(house)
    found = assessed(house)
    assert [why for _, why in found.against] == ["denied: would harm"] * 4
    assert {"rate"} <= unmet(house)


@pytest.mark.parametrize(
    ("how", "criterion"),
    [
        ({"by": ("per_anna",)}, "approvers"),  # one friendly approver
        ({"trigger": "T-1"}, "triggers"),  # one ticket that asks for everything
    ],
)
def test_gaming_is_seen(house: House, how: dict[str, Any], criterion: str) -> None:
    decided(house, 60, **how)
    rehearsed(house)
    assert unmet(house) == {criterion}


def test_trivial_proposals_about_one_target_are_seen(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    same = files(targets="'[\"the same\"]'")
    house = House(store, open_sealer(tmp_path / "keys"), clock, files=same)
    decided(house, 60)
    rehearsed(house)
    assert unmet(house) == {"targets"}
    store.close()


def test_I13_whoever_gave_most_of_the_evidence_does_not_promote(house: House) -> None:
    decided(house, 80, by=("per_dan", "per_ben", "per_dan", "per_anna", "per_ben"))
    rehearsed(house)
    evidence = digest(house)
    with pytest.raises(NotAllowed, match="32 of the 80"):
        house.s.standings.promote(house.who("per_dan"), TYPE, evidence, "it went well")
    done = house.s.standings.promote(house.who("per_anna"), TYPE, evidence, "it went well")
    assert done["state"] == "promoted"


def test_I24_a_new_version_of_the_agent_starts_afresh_and_launders_nothing(house: House) -> None:
    earn(house)
    house.change("agent", ("agt_one",), version="2")
    assert assessed(house).cases == 0
    assert "cases" in unmet(house)
    with house.store.read() as reader:
        (nominated,) = reader.nominations(type=TYPE)
    with pytest.raises(Conflict):
        house.s.standings.promote(house.who("per_dan"), TYPE, nominated["digest"], "it went well")


def test_two_people_where_the_scorecard_suggests_three(tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    hard = files(tier=2, start="3")
    # A row that its scorecard puts at tier 3 can't be written lower, so promotion ends at its tier.
    house = House(store, open_sealer(tmp_path / "keys"), clock, files=hard)
    earn(house)
    house.s.standings.promote(house.who("per_dan"), TYPE, digest(house), "it went well")
    house.middle.keeper.forget()
    assert ask(house).tier is Tier.NOTIFY
    assert assessed(house).to is None  # its row allows no less
    store.close()


# --- losing it -----------------------------------------------------------------------------------


def promoted(house: House) -> None:
    house.s.standings.promote(house.who("per_dan"), TYPE, earn(house), "it went well")
    house.middle.keeper.forget()


def test_a_reversal_of_a_promoted_action_demotes_at_once_until_people_looked(house: House) -> None:
    promoted(house)
    acted = ask(house)
    assert acted.tier is Tier.NOTIFY
    house.s.reversals.reverse(house.who("per_ben"), acted.id)
    house.s.evidence.once()
    house.middle.keeper.forget()
    assert ask(house).tier is Tier.APPROVE
    kinds = [e["facts"]["why"] for e in house.entries() if e["type"] == "handrail:standing:demoted"]
    assert kinds == ["an action of it was reversed"]
    done = house.s.standings.release(house.who("per_dan"), TYPE, "looked at it; it was the ticket")
    assert done["tier"] == 3  # what was earned is not given back
    assert ask(house).tier is Tier.APPROVE
    assert assessed(house).cases == 0


def test_I14_anyone_demotes_at_once_and_it_binds_what_was_approved(house: House) -> None:
    promoted(house)
    house.s.standings.demote(house.who("per_eve"), TYPE, "I do not trust it")
    house.middle.keeper.forget()
    assert ask(house).tier is Tier.APPROVE
    with pytest.raises(NotFound, match="no row"):
        house.s.standings.demote(house.who("per_eve"), "up.nothing", "no")
    with pytest.raises(NotAllowed):
        house.s.standings.release(house.who("per_eve"), TYPE, "fine again")


def test_a_client_whose_regimes_change_loses_what_was_earned_there(house: House) -> None:
    promoted(house)
    who = house.who("per_dan")
    house.s.directory.set_client(who, "acme", "Acme", regimes=["hipaa"])
    house.s.evidence.once()
    house.middle.keeper.forget()
    assert ask(house).tier is Tier.APPROVE


# --- breakers ------------------------------------------------------------------------------------


def restart(house: House, client: str = "acme") -> Any:
    return house.act("restart_service", client=client)


def fails(house: House, yes: bool = True) -> None:
    house.upstream.fault = (lambda order: "failed") if yes else (lambda order: None)


def opened(house: House) -> list[tuple[str, str, str]]:
    house.s.evidence.once()
    house.middle.keeper.forget()
    with house.store.read() as reader:
        return sorted((b["scope"], b["type"], b["client"]) for b in reader.breakers())


def test_I11_three_errors_open_it_and_nothing_in_scope_begins_after(house: House) -> None:
    fails(house)
    for _ in range(3):
        assert restart(house).tier is Tier.AUTONOMOUS
    assert opened(house) == [
        ("cell", "up.restart_service", "acme"),
        ("client", "", "acme"),
        ("type", "up.restart_service", ""),
    ]
    fails(house, False)
    for client in ("acme", "harbor"):
        assert restart(house, client).state is State.WAITING
    trips = [n for n, e in enumerate(house.entries()) if e["type"] == "handrail:breaker:opened"]
    begins = [n for n, e in enumerate(house.entries()) if e["type"] == "handrail:action:begun"]
    assert max(begins) < min(trips)


def test_failures_of_reach_are_no_errors(house: House) -> None:
    house.upstream.fault = lambda order: "not sent"
    for _ in range(20):
        restart(house)
    assert opened(house) == []


def test_I12_only_people_close_with_cause_and_remedy_and_a_restart_closes_nothing(
    house: House,
) -> None:
    fails(house)
    for _ in range(3):
        restart(house)
    opened(house)
    fails(house, False)
    with house.store.read() as reader:
        ids = {b["scope"]: b["id"] for b in reader.breakers()}
    house.start()  # another process, with nothing in memory
    house.s.evidence.once()
    house.clock.advance(timedelta(days=400))
    assert restart(house).state is State.WAITING
    with pytest.raises(NotAllowed):
        house.s.breakers.probation(house.who("per_eve"), ids["type"], "a bug", "fixed")
    with pytest.raises(Conflict, match="open"):
        house.s.breakers.close(house.who("per_dan"), ids["type"], "fine")
    moved = house.s.breakers.probation(house.who("per_dan"), ids["type"], "a bug", "fixed")
    assert moved["state"] == "probation"
    assert restart(house, "harbor").state is State.WAITING
    # Nobody decided anything meanwhile, so it takes two people.
    first = house.s.breakers.close(house.who("per_dan"), ids["type"], "it went well")
    assert first["waits_for_second"]
    again = house.s.breakers.close(house.who("per_dan"), ids["type"], "it went well")
    assert again["waits_for_second"]
    done = house.s.breakers.close(house.who("per_ben"), ids["type"], "it went well")
    assert done["state"] == "closed"
    house.middle.keeper.forget()
    assert restart(house, "harbor").state is State.DONE
    assert opened(house) == [("cell", "up.restart_service", "acme"), ("client", "", "acme")]


def test_one_significant_incident_opens_it_and_counts_once(house: House) -> None:
    acted = restart(house)
    who = house.who("per_ben")
    house.s.incidents.open(who, action=acted.id, severity="significant", title="An outage")
    house.s.incidents.open(who, action=acted.id, severity="minor", title="The same, again")
    assert opened(house) == [("type", "up.restart_service", "")]
    points = {(p["scope"], p["client"]): p["points"] for p in house.s.evidence.points()}
    assert points[("client", "acme")] == 25


# --- the fold ------------------------------------------------------------------------------------


def whole(evidence: Evidence) -> bytes:
    """Everything that was folded, as it would be kept."""
    evidence.once()
    history, trips = evidence._history, evidence._trips
    states = {
        type: history.state(type) for type in sorted(history.types) if history.types[type].cases
    }
    return orjson.dumps([states, history.loose(), trips.state()], option=orjson.OPT_SORT_KEYS)


def test_what_is_kept_and_taken_up_again_equals_a_fold_of_the_whole_record(house: House) -> None:
    decided(house, 8, deny=(2,))
    house.s.evidence.keep()
    fails(house)
    restart(house)
    rehearsed(house)
    house.s.evidence.once()
    house.s.evidence.keep()
    kept = whole(house.s.evidence)

    house.start()
    taken_up = whole(house.s.evidence)
    house.store.commit(_forgotten)
    house.start()
    folded_anew = whole(house.s.evidence)
    assert kept == taken_up == folded_anew


def _forgotten(view: Any) -> Any:
    from handrail.store.contract import Drop, Rows

    return Rows(tuple(Drop("folded", (n,)) for n in ("", TYPE, "up.restart_service")))


def test_an_incident_counts_once_in_each_type_that_is_linked_to_it(house: House) -> None:
    who = house.who("per_dan")
    first, again, other = restart(house), restart(house), ask(house)
    id = house.s.incidents.open(who, action=first.id, severity="minor", title="Odd")["id"]
    house.s.incidents.link(who, id, again.id, "the same cause")
    house.s.incidents.link(who, id, other.id, "the same cause")
    house.s.evidence.once()
    points = {(p["scope"], p["type"]): p["points"] for p in house.s.evidence.points()}
    assert points["type", "up.restart_service"] == 25
    against = house.s.evidence.open_incidents
    assert against("up.restart_service") == []  # minor ones hold nothing up
    grave = house.s.incidents.open(who, action=first.id, severity="major", title="An outage")["id"]
    house.s.incidents.link(who, grave, other.id, "the same cause")
    assert against(TYPE) == against("up.restart_service") == [grave]
    house.s.incidents.close(house.who("per_dan"), grave, "a bad update", "rolled back")
    assert against(TYPE) == against("up.restart_service") == []
