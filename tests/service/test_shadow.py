"""Shadow: what passes, when, who let it, and that it counts for nothing (SPEC 2, I22, I27, I30)."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.clock import FakeClock, to_us
from handrail.connectors.executor import Order
from handrail.core.model import Mode
from handrail.core.replay import states
from handrail.core.shadow import lines
from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound
from handrail.service.agreement import compare
from handrail.store.database import open_store
from support.house import House, sealer_at
from support.upstream import TOOLS, Upstream
from support.upstream import tool as defined

PASSED = "passed in shadow"


def shadow(house: House, **more: Any) -> dict[str, Any]:
    """A live scope on the connection `up`, which was never enforced."""
    return house.s.shadows.open(house.who("per_dan"), "up", "to see what it means", **more)


def record(house: House) -> list[dict[str, Any]]:
    with house.store.read() as reader:
        return [dict(r) for r in reader.actions(states=("begun", "done"), limit=100)]


def test_I22_I30_a_call_passes_as_without_handrail_and_its_entry_comes_first(house: House) -> None:
    scope = shadow(house)
    assert (scope["state"], scope["waits_for_second"]) == ("live", False)
    seen: list[str] = []

    def looked(order: Order) -> None:
        seen.append(house.entries()[-1]["type"])

    house.upstream.fault = looked
    acted = house.act("add_firewall_rule")
    assert (acted.state.value, acted.tier) == (PASSED, 3)
    assert "would have waited for a person" in acted.text
    assert acted.reply.result is not None
    assert seen == ["handrail:action:passed-in-shadow"]
    told = [e for e in house.entries() if e["action"] == acted.id]
    assert [e["type"] for e in told] == [
        "handrail:action:passed-in-shadow",
        "handrail:action:ended-in-shadow",
    ]
    assert told[0]["facts"]["shadow"] == scope["id"]
    assert told[0]["facts"]["reasons"]
    assert told[0]["facts"]["tier"] == 3
    assert told[1]["facts"]["ended"] == "done"
    with house.store.read() as reader:
        row = reader.row("action", acted.id)
        assert row["proposal"] is None
        assert row["begun_at"] is None
        assert row["ended_at"]
        assert not reader.notices()
        assert not reader.proposals()
    assert states(house.entries())[acted.id].value == PASSED
    story = house.s.read.story(acted.id)
    assert "passed in shadow" in story[0]["text"]
    assert "would have been tier 3" in story[0]["text"]
    assert str(compare(house.store, house.clock.now(), timedelta(days=1))).endswith("they agree")


def test_what_drafted_rows_would_mean_is_told_beside_what_holds_today(tmp_path: Path) -> None:
    """Before anything is signed every call would wait; the drafted matrix says what will be."""
    offered = [
        defined(name, inputSchema={"type": "object", "properties": {"client": {}, "n": {}}})
        for name in ("list_tickets", "delete_mailbox")
    ]
    store = open_store("sqlite://", FakeClock(), "test.example/log")
    with closing(store):
        house = House(store, sealer_at(tmp_path), FakeClock(), Upstream(tools=[*TOOLS, *offered]))
        scope = shadow(house)
        for name in ("list_tickets", "list_tickets", "delete_mailbox", "restart_service"):
            assert house.act(name).state.value == PASSED

        report = house.s.shadows.report(scope["id"])

    assert report["tiers"] == {"1": 1, "2": 0, "3": 3, "prohibited": 0}
    assert report["drafted"]["calls"] == 3
    assert report["drafted"]["tiers"] == {"1": 3, "2": 0, "3": 1, "prohibited": 0}
    text = "\n".join(lines(report))
    assert "3 of them have no signed row" in text
    assert "3 alone, 0 with a notice, 1 would wait" in text


def test_I22_nothing_in_shadow_is_evidence(house: House) -> None:
    shadow(house)
    for tool in ("restart_service", "assign_licence", "add_firewall_rule"):
        house.act(tool)
    with house.store.read() as reader:
        for tool in ("restart_service", "assign_licence", "add_firewall_rule"):
            assert not any(reader.track_record("agt_one", f"up.{tool}").values())
            assert not reader.similar(f"up.{tool}", "acme")
        assert not any(reader.row("outcome_check", a["id"]) for a in house.actions())
        assert not any(reader.row("rollback", a["id"]) for a in house.actions())
    assert house.mail.got == []


def test_I22_at_the_instant_of_its_end_calls_are_governed(house: House) -> None:
    shadow(house, days=1)
    house.clock.advance(timedelta(days=1) - timedelta(seconds=1))
    assert house.act("add_firewall_rule").state.value == PASSED
    house.clock.advance(timedelta(seconds=1, milliseconds=1))  # it began with the record's time
    assert house.act("add_firewall_rule").state.value == "waiting"
    assert house.s.shadows.live() == []
    house.start()
    assert house.act("add_firewall_rule", client="harbor").state.value == "waiting"


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(-3, 3), st.booleans())
def test_I22_a_scope_is_live_by_its_dates_alone(days: int, microseconds: int, cut: bool) -> None:
    from handrail.core.shadow import Scope, end

    begins = FakeClock().now()
    ends = end(begins, days)
    ended = begins + timedelta(hours=days) if cut else None
    one = Scope(
        id="shd_1", connection="up", agent="", client="", begins=begins, ends=ends, ended=ended
    )
    last = ended or ends
    assert one.live(last + timedelta(microseconds=microseconds)) is (microseconds < 0)
    assert one.live(begins)
    assert not one.live(begins - timedelta(microseconds=1))


def test_I22_a_scope_needs_an_end_within_thirty_days(house: House) -> None:
    for days in (0, -1, 31):
        with pytest.raises(BadInput, match="1 to 30 days"):
            shadow(house, days=days)
    found = shadow(house)
    assert found["ends"][:10] == (house.clock.now() + timedelta(days=14)).isoformat()[:10]
    with pytest.raises(BadInput, match="reason"):
        house.s.shadows.open(house.who("per_dan"), "up", " ")
    for wrong in ({"agent": "agt_none"}, {"client": "nobody"}):
        with pytest.raises(NotFound):
            shadow(house, **wrong)
    with pytest.raises(NotFound):
        house.s.shadows.open(house.who("per_dan"), "nowhere", "why")


def test_I27_from_enforced_to_shadow_takes_two_people(house: House) -> None:
    assert house.act("add_firewall_rule").state.value == "waiting"
    scope = shadow(house)
    assert (scope["state"], scope["waits_for_second"]) == ("proposed", True)
    assert house.act("add_firewall_rule").state.value == "waiting"
    for person in ("per_dan", "per_ben", "per_eve"):
        with pytest.raises(NotAllowed):
            house.s.shadows.agree(house.who(person), scope["id"])
    assert house.s.shadows.agree(house.who("per_anna"), scope["id"])["state"] == "live"
    assert house.act("restart_service").state.value == PASSED
    opened = [e for e in house.entries() if e["type"] == "person:shadow:opened"][-1]
    assert opened["facts"]["people"] == 2
    assert opened["facts"]["proposed_by"] == "per_dan"
    with pytest.raises(Conflict):
        house.s.shadows.agree(house.who("per_anna"), scope["id"])


def test_I27_a_proposer_without_authority_any_more_is_no_first_person(house: House) -> None:
    house.act("restart_service")
    scope = shadow(house)
    house.change("person", ("per_dan",), active=0)
    with pytest.raises(NotAllowed):
        house.s.shadows.agree(house.who("per_anna"), scope["id"])


def test_I27_again_wider_or_longer_takes_two_and_ending_takes_one(house: House) -> None:
    scope = shadow(house, client="acme", days=2)
    assert shadow(house)["state"] == "proposed"  # wider
    id, shadows = scope["id"], house.s.shadows
    with pytest.raises(BadInput, match="longer already"):
        shadows.extend(house.who("per_dan"), id, 1)
    longer = shadows.extend(house.who("per_dan"), id, 20)
    assert longer["ends"] == scope["ends"]
    assert longer["waits_for_second"]
    with pytest.raises(NotAllowed):
        shadows.agree(house.who("per_dan"), id)
    assert shadows.agree(house.who("per_anna"), id)["ends"] == longer["longer"]
    house.clock.advance(timedelta(days=3))
    assert house.act("add_firewall_rule").state.value == PASSED
    assert house.act("add_firewall_rule", client="harbor").state.value == "waiting"
    with pytest.raises(NotAllowed):
        shadows.end(house.who("per_eve"), id)
    assert shadows.end(house.who("per_anna"), id)["state"] == "ended"
    assert house.act("add_firewall_rule").state.value == "waiting"
    for act in (shadows.end, shadows.agree):
        with pytest.raises(Closed):
            act(house.who("per_anna"), id)
    assert shadow(house)["state"] == "proposed"  # it is enforced now


@pytest.mark.parametrize("degree", ["restrict", "stop"])
def test_I11_a_pause_holds_in_shadow(house: House, degree: str) -> None:
    shadow(house)
    house.s.pauses.pause(house.who("per_eve"), "agent", "agt_one", degree, "odd")
    assert house.act("restart_service").state.value == "waiting"
    assert house.act("restart_service", agent="agt_two").state.value == PASSED
    assert len(house.upstream.calls) == 1


def test_I28_prohibited_and_own_ground_hold_in_shadow(house: House) -> None:
    shadow(house)
    assert house.act("wipe_device").state.value == "refused"
    assert house.act("restart_service", n="svc-handrail-1").state.value == "refused"
    assert house.upstream.calls == []


def test_I22_only_what_the_scope_names_and_only_what_handrail_sends(house: House) -> None:
    shadow(house, agent="agt_two")
    assert house.act("add_firewall_rule").state.value == "waiting"
    assert house.act("add_firewall_rule", agent="agt_two").state.value == PASSED
    from dataclasses import replace

    asked = replace(house.request("add_firewall_rule"), mode=Mode.GRANT)
    assert house.s.govern.act(house.agent("agt_two"), asked).state.value == "waiting"


def test_I3_the_same_key_passes_once(house: House) -> None:
    from dataclasses import replace

    shadow(house)
    asked = replace(house.request("restart_service"), idempotency_key="k1")
    first = house.s.govern.act(house.agent(), asked)
    again = house.s.govern.act(house.agent(), asked)
    assert (again.id, again.state.value) == (first.id, PASSED)
    assert again.reply == first.reply
    assert len(house.upstream.calls) == 1


def test_I22_what_a_crash_left_is_unknown_in_the_record(house: House) -> None:
    shadow(house)
    acted = house.act("restart_service")
    house.change("action", (acted.id,), ended_at=None, outcome=None)
    assert house.middle.begin.recover() == 1
    assert house.state(acted.id) == PASSED
    last = [e for e in house.entries() if e["action"] == acted.id][-1]
    assert last["facts"]["ended"] == "unknown"


def test_the_report_says_what_it_would_have_meant(house: House) -> None:
    scope = shadow(house)
    for tool in ("restart_service", "assign_licence", "add_firewall_rule"):
        house.act(tool)
        house.clock.advance(timedelta(days=1))
    found = house.s.shadows.report(scope["id"])
    assert found["tiers"] == {"1": 1, "2": 1, "3": 1, "prohibited": 0}
    loads = {p["name"]: p["asks_a_day"]["total"] for p in found["presets"]}
    assert loads == {"observe": 0, "cautious": 3, "balanced": 1}
    assert [c["type"] for c in found["waiting"]] == ["up.add_firewall_rule"]
    assert found["decided"][0]["type"] == "up.add_firewall_rule"
    assert found["days"] == 4
    from handrail.core.shadow import lines

    assert any("would have waited" in line for line in lines(found))
    house.act("restart_service")
    other = shadow(house)
    with pytest.raises(Conflict):
        house.s.shadows.report(other["id"])
    assert "Nothing" in next(iter(lines({"calls": 0, "tiers": {}})))


STEP = st.sampled_from(
    ["call", "call", "call", "open", "agree", "extend", "end", "day", "pause", "restart"]
)


@settings(max_examples=25)
@given(st.lists(STEP, max_size=14))
def test_I22_I27_I30_whatever_people_do_nothing_passes_but_in_a_live_scope(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """A small machine: after any steps, what passed did so within a scope that two people opened,
    or one on a connection never enforced; and every byte has its entry."""
    folder: Path = tmp_path_factory.mktemp("house")
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    house = House(store, sealer_at(folder), clock)
    enforced = opened = False
    for step in steps:
        shown = house.s.shadows.all()
        live = bool(house.s.shadows.live())
        id = shown[0]["id"] if shown else "shd_none"
        try:
            match step:
                case "call":
                    paused = bool(house.s.read.pauses())
                    acted = house.act("add_firewall_rule")
                    assert (acted.state.value == PASSED) is (live and not paused)
                    enforced |= not live
                case "open":
                    found = shadow(house, days=2)
                    assert (found["state"] == "live") is not (enforced or opened)
                    opened = True
                case "agree":
                    house.s.shadows.agree(house.who("per_anna"), id)
                case "extend":
                    house.s.shadows.extend(house.who("per_dan"), id, 3)
                case "end":
                    house.s.shadows.end(house.who("per_dan"), id)
                case "day":
                    clock.advance(timedelta(days=1))
                case "pause":
                    house.s.pauses.pause(house.who("per_eve"), "all", "", "restrict", "odd")
                case "restart":
                    house.start()
        except (NotFound, Conflict, Closed, BadInput):
            continue
    scopes = {}
    with store.read() as reader:
        scopes = {s["id"]: s for s in reader.shadows()}
    passed = [e for e in house.entries() if e["type"] == "handrail:action:passed-in-shadow"]
    assert len(house.upstream.calls) == len(passed)
    for entry in passed:
        scope = scopes[entry["facts"]["shadow"]]
        with store.read() as reader:
            at = reader.row("action", entry["action"])["at"]
        assert scope["begins"] <= at < min(scope["ends"], scope["ended_at"] or at + 1)
        assert scope["agreed_by"] != scope["by"]
    assert to_us(clock.now()) > 0
    store.close()
