"""What came of an action is what its check saw, after its delay; what nobody can tell in time is
unknown (SPEC 3 and 12)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.clock import FakeClock, to_us
from handrail.connectors.executor import Order
from handrail.core.action import State
from handrail.core.defaults import Settings
from handrail.core.model import Mode, Request, Trigger
from handrail.core.outcome import verdict
from handrail.core.policy import load
from handrail.core.replay import states
from handrail.errors import Closed, PolicyInvalid
from handrail.privacy.seal import open_sealer
from handrail.store.contract import Put, Rows
from handrail.store.database import open_store
from support.checker import check
from support.house import LICENCE, House, policy_files, row


def files(old: str, new: str) -> dict[str, str]:
    found = policy_files()
    name = next(n for n, text in found.items() if old in text)
    return {**found, name: found[name].replace(old, new, 1)}


def another(house: House, changed: dict[str, str]) -> None:
    house.s.policies.publish(house.who("per_dan"), changed, second=house.who("per_anna"))
    house.middle.keeper.forget()


def check_of(house: House, action: str) -> dict[str, Any]:
    with house.store.read() as reader:
        found = reader.row("outcome_check", action)
    assert found is not None
    return dict(found)


def test_a_check_is_made_after_its_delay_and_is_the_outcome(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    assert acted.state is State.DONE
    assert "will check" in acted.text
    house.upstream.licences["n1"].clear()  # the tool said yes, and it did not last

    house.sweep(seconds=29)
    assert house.state(acted.id) == "done"
    house.sweep(seconds=2)

    assert house.state(acted.id) == "failed"
    assert check_of(house, acted.id)["state"] == "failed"
    assert states(house.entries())[acted.id] is State.FAILED  # I21
    check(house.entries())


def test_a_check_that_holds_says_so(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.sweep(seconds=31)

    page = house.s.read.action(acted.id)
    assert (page["state"], page["check"]["state"]) == ("done", "passed")
    assert page["outcome"].startswith("Checked by a read")
    assert house.sweep(minutes=5) <= 1  # its notice alone: nothing more is due for it


def test_a_row_may_say_its_own_delay_and_nothing_means_at_once(house: House) -> None:
    another(house, files("says: has the licence", "after: 0s, says: has the licence"))
    acted = house.act("assign_licence", sku="E3")

    assert acted.text == "Checked by a read: has the licence."
    assert check_of(house, acted.id)["state"] == "passed"


def test_solved_is_a_fact_apart_from_the_outcome(house: House) -> None:
    solved = (
        "{read: up.get_user, arguments: {user_id: args.n}, when: 'result.user_class == \"vip\"'}"
    )
    changed = policy_files()
    changed["matrix/all.yaml"] = changed["matrix/all.yaml"].replace(
        row("up.assign_licence", 2, **LICENCE),
        row("up.assign_licence", 2, **LICENCE, solved=solved),
    )
    another(house, changed)
    acted = house.act("assign_licence", sku="E3")
    house.sweep(seconds=31)

    page = house.s.read.action(acted.id)
    assert (page["state"], page["solved"]) == ("done", "no")


def test_a_check_that_cannot_be_read_is_read_again_and_then_unknown(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.upstream.fault = lambda order: "not sent"
    house.sweep(seconds=31)
    assert house.state(acted.id) == "done"

    for _ in range(32):
        house.sweep(seconds=31)
    assert house.state(acted.id) == "unknown"
    assert check_of(house, acted.id)["state"] == "unread"
    assert states(house.entries())[acted.id] is State.UNKNOWN


def test_an_answer_that_was_lost_is_settled_by_the_check(house: House) -> None:
    """A late result is accepted and recorded."""
    house.upstream.fault = lambda order: (
        "lost" if order.params["name"] == "assign_licence" else None
    )
    lost = house.act("assign_licence", sku="E3")
    house.upstream.fault = lambda order: (
        "silent" if order.params["name"] == "assign_licence" else None
    )
    silent = house.act("assign_licence", sku="E3")
    assert {lost.state, silent.state} == {State.UNKNOWN}
    house.sweep(seconds=31)

    assert (house.state(lost.id), house.state(silent.id)) == ("done", "failed")
    check(house.entries())


def test_an_outcome_that_is_overdue_is_unknown_and_a_late_one_is_still_taken(house: House) -> None:
    def slow(order: Order) -> None:
        house.middle.sweep.once()
        house.sweep(minutes=16)  # the clock runs while the tool works

    house.upstream.fault = slow
    acted = house.act("restart_service")
    kinds = [e["type"] for e in house.entries() if e.get("action") == acted.id]

    assert kinds == ["handrail:action:begun", "handrail:action:unknown", "handrail:action:done"]
    assert house.state(acted.id) == "done"
    assert [e["facts"]["late"] for e in house.entries() if e["type"].endswith("action:done")]
    check(house.entries())


def test_a_cooperative_action_nobody_reports_is_unknown_and_a_late_report_counts(
    house: House,
) -> None:
    one = house.request("restart_service")
    acted = house.s.govern.act(
        house.agent(),
        Request(
            connection="up",
            tool="restart_service",
            arguments=one.arguments,
            trigger=Trigger("ticket", "T-1"),
            reasoning="so",
            confidence=900,
            mode=Mode.GRANT,
        ),
    )
    house.sweep(minutes=16)
    assert house.state(acted.id) == "unknown"

    assert house.s.govern.report(house.agent(), acted.id, "done", "it was slow").state is State.DONE
    with pytest.raises(Closed):
        house.s.govern.report(house.agent(), acted.id, "failed", "")
    check(house.entries())


def test_I25_unverified_executions_are_capped_and_the_next_one_waits(house: House) -> None:
    """The cap of a row: full means tier 3, until checks made room."""
    another(house, files("max_clients: 100000", "in_flight_later: 3, max_clients: 100000"))
    states = [house.act("assign_licence", sku="E3").state for _ in range(4)]
    assert states == [State.DONE] * 3 + [State.WAITING]
    assert house.act("restart_service").state is State.DONE  # another row has its own

    house.sweep(seconds=31)
    assert house.act("assign_licence", sku="E3").state is State.DONE


def test_a_row_on_probation_has_the_smaller_cap(house: House) -> None:
    another(
        house,
        files(
            "max_clients: 100000",
            "in_flight_after_promotion: 1, in_flight_later: 3, max_clients: 100000",
        ),
    )
    earned = {"type": "up.assign_licence", "client": "", "tier": 2, "by": "per_dan"}
    probation = {"evidence": "00", "probation_until": to_us(house.clock.now() + timedelta(days=1))}
    promoted = Put("standing", {**earned, **probation, "reason": "it went well", "at": 1})
    house.store.commit(lambda view: Rows((promoted,), (), control=True))
    house.middle.keeper.forget()
    assert house.act("assign_licence", sku="E3").state is State.DONE
    assert house.act("assign_licence", sku="E3").state is State.WAITING


def test_I20_a_restart_forgets_no_check_and_no_count(tmp_path: Path) -> None:
    """What is owed stands in the database since the begin."""
    clock, sealer = FakeClock(), open_sealer(tmp_path / "keys")
    path = f"sqlite:///{tmp_path / 'h.db'}"
    capped = files("max_clients: 100000", "in_flight_later: 1, max_clients: 100000")
    store = open_store(path, clock, "test.example/log")
    house = House(store, sealer, clock, files=capped)
    acted = house.act("assign_licence", sku="E3")
    store.close()

    again = House(open_store(path, clock, "test.example/log"), sealer, clock, house.upstream)
    assert again.act("assign_licence", sku="E3").state is State.WAITING
    again.sweep(seconds=31)
    assert check_of(again, acted.id)["state"] == "passed"
    assert again.act("assign_licence", sku="E3").state is State.DONE
    again.store.close()
    sealer.close()


def test_a_reversed_action_needs_no_check(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.s.reversals.reverse(house.who("per_ben"), acted.id)
    house.sweep(seconds=31)

    assert house.state(acted.id) == "reversed"
    assert check_of(house, acted.id)["state"] == "needless"


@settings(max_examples=200)
@given(
    st.sampled_from([State.DONE, State.FAILED, State.UNKNOWN, State.REVERSED]),
    st.sampled_from([True, False, None]),
    st.booleans(),
)
def test_a_verdict_never_says_more_than_was_seen(
    current: State, held: bool | None, overdue: bool
) -> None:
    """Done and failed come from a read alone; without one, only unknown; reversed stays."""
    found = verdict(current, held=held, overdue=overdue)
    after = found.state or current

    if current is State.REVERSED:
        assert found.state is None
    elif held is None:
        assert after is current or (overdue and after is State.UNKNOWN)
        assert (found.check == "due") is not overdue
    else:
        assert after is (State.DONE if held else State.FAILED)


def test_a_check_of_a_policy_is_validated_at_load() -> None:
    with pytest.raises(PolicyInvalid, match="which has no row"):
        load(
            files(
                "read: up.get_licences, arguments: {user_id: args.n}, says",
                "read: up.no, arguments: {}, says",
            )
        )
    with pytest.raises(PolicyInvalid, match="span of time"):
        load(files("says: has the licence", "after: soon, says: has the licence"))
    assert Settings().check_delay == timedelta(seconds=30)
