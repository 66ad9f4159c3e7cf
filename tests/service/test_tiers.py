"""One governed action, through every tier: what people and the upstream see."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handrail.core.action import State
from handrail.core.model import Mode, Tier
from handrail.errors import (
    BadInput,
    Closed,
    Conflict,
    KeyReused,
    NotAllowed,
    NotFound,
    Stale,
    StepUpNeeded,
    TooMany,
)
from support.checker import check
from support.house import House


def test_I32_a_signed_tier_1_row_begins_without_any_person(house: House) -> None:
    acted = house.act("restart_service")

    assert (acted.tier, acted.state) == (Tier.AUTONOMOUS, State.DONE)
    assert [name for name, _ in house.upstream.acts] == ["restart_service"]
    assert house.mail.got == []


def test_I19_a_tier_2_begin_and_its_notice_commit_together(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")

    with house.store.read() as reader:
        notices = list(reader.notices())
    assert acted.tier is Tier.NOTIFY
    assert [n["action"] for n in notices] == [acted.id]
    house.sweep()
    assert [m.ref for _, m in house.mail.got] == [acted.id]


def test_I1_a_tier_3_call_reaches_nobody_before_a_person_approves(house: House) -> None:
    acted = house.act("add_firewall_rule")
    assert acted.state is State.WAITING
    house.sweep(minutes=10)
    assert house.upstream.acts == []

    house.answer("per_ben", acted.proposal)
    assert house.upstream.acts == []  # the undo window
    house.sweep(seconds=11)

    assert house.state(acted.id) == "done"
    assert len(house.upstream.acts) == 1


def test_the_result_is_delivered_when_asked_for_after_approval(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.sweep(seconds=11)

    later = house.s.govern.status(house.agent(), acted.id)

    assert later.state is State.DONE
    assert later.reply is not None
    assert later.reply.result["structuredContent"] == {"ok": True}


def test_I16_what_the_matrix_does_not_know_waits(house: House) -> None:
    assert house.act("unsigned_thing").state is State.WAITING


def test_prohibited_and_own_ground_are_refused(house: House) -> None:
    assert house.act("wipe_device").state is State.REFUSED
    assert house.act("restart_service", n="svc-handrail-1").state is State.REFUSED
    assert house.act("restart_service", n="SVC\u2011Handrail-1").state is State.DONE  # another name
    assert house.act("restart_service", n="ＳＶＣ-handrail\u200b-1").state is State.REFUSED
    assert len(house.upstream.acts) == 1


@pytest.mark.parametrize(
    ("fault", "state"),
    [("not sent", "failed"), ("silent", "unknown"), ("lost", "unknown"), ("failed", "failed")],
)
def test_I3_an_unclear_outcome_is_unknown_and_never_retried(
    house: House, fault: str, state: str
) -> None:
    house.upstream.fault = lambda order: fault
    acted = house.act("restart_service")
    house.upstream.fault = lambda order: None
    house.sweep(minutes=30)

    assert acted.state == state
    assert len(house.upstream.acts) <= 1


def test_I6_time_never_approves(house: House) -> None:
    acted = house.act("add_firewall_rule")
    for _ in range(30):
        house.sweep(hours=1)

    assert house.state(acted.id) == "lapsed"
    assert house.upstream.acts == []


def test_every_step_of_the_chain_is_asked_in_turn(house: House) -> None:
    house.act("add_firewall_rule")
    house.sweep()
    assert {p for p, _ in house.mail.got} == {"per_anna"}
    house.sweep(minutes=61)
    assert {p for p, _ in house.mail.got} == {"per_anna", "per_ben"}
    house.sweep(minutes=61)  # per_dan sponsors the agent: nobody is asked who can't approve
    assert {p for p, _ in house.mail.got} == {"per_anna", "per_ben"}
    house.sweep(minutes=61)  # but the alarm goes to everyone who may say anything
    assert {p for p, _ in house.mail.got} == {"per_anna", "per_ben", "per_dan"}


def test_I8_a_denial_or_revocation_before_begin_beats_an_approval(house: House) -> None:
    first, second = house.act("add_firewall_rule"), house.act("add_firewall_rule")
    house.answer("per_ben", first.proposal)
    house.answer("per_ben", second.proposal)
    house.answer("per_anna", first.proposal, "deny", reason="would-harm")
    house.s.answers.revoke(house.who("per_anna"), second.proposal, "slip")
    house.sweep(minutes=1)

    assert {house.state(first.id), house.state(second.id)} == {"revoked"}
    assert house.upstream.acts == []


def test_I4_answers_after_the_end_are_recorded_without_effect(house: House) -> None:
    acted = house.act("add_firewall_rule")
    digest = house.digest(acted.proposal)
    house.answer("per_anna", acted.proposal, "deny", reason="wrong-time")

    with pytest.raises(Closed):
        house.answer("per_ben", acted.proposal, digest=digest)

    house.sweep(minutes=1)
    assert house.state(acted.id) == "denied"
    assert house.entries()[-1]["type"] == "person:answer:without-effect"


def test_I5_who_sponsors_the_agent_may_not_approve_a_four_eyes_row(house: House) -> None:
    acted = house.act("add_firewall_rule")

    with pytest.raises(NotAllowed, match="sponsor"):
        house.answer("per_dan", acted.proposal)
    house.answer("per_dan", acted.proposal, "deny", reason="preference")  # no is always allowed


def test_I2_someone_without_the_role_may_not_answer(house: House) -> None:
    acted = house.act("add_firewall_rule")
    for kind, more in (("approve", {}), ("deny", {"reason": "would-harm"})):
        with pytest.raises(NotAllowed):
            house.answer("per_eve", acted.proposal, kind, **more)


def test_I2_authority_lost_before_begin_makes_the_next_version(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.s.directory.end_role(house.who("per_dan"), "per_ben", "on-call-senior")
    house.sweep(seconds=11)

    assert house.state(acted.id) == "superseded"
    assert house.upstream.acts == []
    waiting = house.s.govern.status(house.agent(), acted.id)
    assert (waiting.state, waiting.version) == (State.WAITING, 2)


def test_I10_an_answer_over_another_package_is_refused_with_the_difference(house: House) -> None:
    acted = house.act("add_firewall_rule")
    old = house.digest(acted.proposal)
    house.answer("per_ben", acted.proposal, "ask", note="For how long?")
    house.s.govern.answer_question(house.agent(), acted.id, "For a day.")

    with pytest.raises(Stale) as stale:
        house.answer("per_anna", acted.proposal, digest=old)

    assert [label for label, _, _ in stale.value.difference] == ["Questions and answers"]
    house.sweep(minutes=1)
    assert house.upstream.acts == []


@pytest.mark.parametrize("digest", ["", "ab", "zz" * 32, "00" * 16, "00" * 33])
def test_I10_a_digest_that_is_not_whole_is_no_digest(house: House, digest: str) -> None:
    acted = house.act("add_firewall_rule")
    with pytest.raises(BadInput):
        house.s.answers.give(house.who("per_ben"), acted.proposal, "approve", digest)


def test_I9_an_approval_with_modification_runs_exactly_its_own_content(house: House) -> None:
    acted = house.act("add_firewall_rule", port=445)
    arguments = {"n": "n1", "client": "acme", "port": 139}

    done = house.answer("per_ben", acted.proposal, "approve_modified", arguments=arguments)
    house.sweep(seconds=11)

    assert done["version"] == 2
    assert house.state(acted.id) == "superseded"
    assert house.upstream.acts == [("add_firewall_rule", arguments)]


def test_an_old_sign_in_must_step_up_to_approve_but_not_to_deny(house: House) -> None:
    acted = house.act("add_firewall_rule")
    old = house.who("per_ben")
    house.clock.advance(timedelta(minutes=16))
    digest = house.digest(acted.proposal)

    with pytest.raises(StepUpNeeded):
        house.s.answers.give(old, acted.proposal, "approve", digest)
    house.s.answers.give(old, acted.proposal, "deny", digest, reason="wrong-time")


def test_an_approval_that_is_not_begun_in_time_lapses(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.s.pauses.pause(house.who("per_eve"), "all", "", "stop", "what is this")
    house.answer("per_ben", acted.proposal)
    house.sweep(minutes=20)

    assert house.state(acted.id) == "lapsed"
    assert house.upstream.acts == []


def test_the_same_key_is_the_same_action_and_another_body_is_refused(house: House) -> None:
    request = replace(house.request("restart_service"), idempotency_key="k")
    first = house.s.govern.act(house.agent(), request)
    again = house.s.govern.act(house.agent(), request)

    assert again.id == first.id
    assert len(house.upstream.acts) == 1
    with pytest.raises(KeyReused):
        house.s.govern.act(house.agent(), replace(request, arguments=b'{"n": "other"}'))


@pytest.mark.parametrize("tool", ["wipe_device", "add_firewall_rule", "assign_licence"])
def test_a_retry_with_its_key_meets_the_same_action_in_every_tier(house: House, tool: str) -> None:
    request = replace(house.request(tool, sku="E3"), idempotency_key="again")
    first = house.s.govern.act(house.agent(), request)
    assert house.s.govern.act(house.agent(), request).id == first.id


def test_the_same_content_asked_again_joins_the_open_proposal(house: House) -> None:
    request = house.request("add_firewall_rule")
    first = house.s.govern.act(house.agent(), request)
    again = house.s.govern.act(house.agent(), request)
    other = house.s.govern.act(house.agent("agt_two"), request)

    assert again.id == first.id
    assert other.id != first.id


def test_incomplete_asks_are_refused_with_what_to_add(house: House) -> None:
    request = replace(house.request("add_firewall_rule"), reasoning=" ")
    acted = house.s.govern.act(house.agent(), request)

    assert acted.state is State.REFUSED
    assert "reasoning" in acted.text


def test_one_agent_never_sees_another_ones_action(house: House) -> None:
    acted = house.act("restart_service")
    with pytest.raises(NotFound):
        house.s.govern.status(house.agent("agt_two"), acted.id)
    with pytest.raises(NotFound):
        house.s.govern.withdraw(house.agent("agt_two"), acted.id)


def test_a_limit_on_actions_is_told_with_when_to_come_back(house: House) -> None:
    from support.house import policy_files

    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "actions_per_hour: 100000", "actions_per_hour: 2"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.act("restart_service")
    house.act("restart_service")

    with pytest.raises(TooMany) as error:
        house.act("restart_service")
    assert error.value.retry_after > 0


def test_a_cooperative_action_carries_a_grant_and_is_marked(house: House) -> None:
    request = replace(house.request("restart_service"), mode=Mode.GRANT)
    acted = house.s.govern.act(house.agent(), request)
    assert acted.state is State.BEGUN
    assert house.upstream.acts == []
    assert house.s.govern.claim(house.agent(), acted.id).grant["digest"]

    done = house.s.govern.report(house.agent(), acted.id, "done", "it went well")
    assert done.state is State.DONE
    assert "Reported by the agent" in done.text
    with pytest.raises(Closed):
        house.s.govern.report(house.agent(), acted.id, "failed", "")


def test_withdrawing(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    assert house.s.govern.withdraw(house.agent(), acted.id).state is State.WITHDRAWN
    house.sweep(minutes=1)
    assert house.upstream.acts == []
    with pytest.raises(Closed):
        house.s.govern.withdraw(house.agent(), acted.id)


# --- reversal -----------------------------------------------------------------------------------


def test_I19_reversal_restores_is_verified_and_runs_at_most_once(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    done = house.s.reversals.reverse(house.who("per_ben"), acted.id)

    assert (done["state"], done["verified"]) == ("done", True)
    assert house.upstream.licences == {"n1": set()}
    assert house.state(acted.id) == "reversed"
    with pytest.raises(Closed):
        house.s.reversals.reverse(house.who("per_ben"), acted.id)


def test_reversal_is_allowed_in_every_pause_and_needs_authority(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.s.pauses.pause(house.who("per_eve"), "all", "", "stop", "look")
    with pytest.raises(NotAllowed):
        house.s.reversals.reverse(house.who("per_eve"), acted.id)
    assert house.s.reversals.reverse(house.who("per_ben"), acted.id)["state"] == "done"


def test_a_failed_reversal_opens_an_incident(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.upstream.fault = lambda order: "silent"
    done = house.s.reversals.reverse(house.who("per_ben"), acted.id)

    assert done["state"] == "unknown"
    assert [i["action"] for i in house.s.read.incidents()] == [acted.id]


def test_the_reversal_window_ends(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    house.clock.advance(timedelta(hours=25))
    with pytest.raises(Conflict):
        house.s.reversals.reverse(house.who("per_ben"), acted.id)


def test_I19_no_notice_no_tier_2(house: House) -> None:
    house.mail.open = False
    house.act("assign_licence", sku="E3")
    for _ in range(12):
        house.sweep(seconds=15)

    assert house.act("assign_licence", sku="E5").state is State.WAITING
    house.mail.open = True
    assert house.act("assign_licence", sku="E7").state is State.WAITING  # a person releases it


def test_a_card_nobody_looked_at_escalates(house: House) -> None:
    house.act("assign_licence", sku="E3")
    house.sweep()
    house.sweep(minutes=61)
    with house.store.read() as reader:
        assert [n["state"] for n in reader.notices()] == ["escalated"]
    assert {p for p, _ in house.mail.got} == {"per_ben", "per_anna"}


def test_this_was_wrong_opens_an_incident(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    notice = "ntc_" + acted.id.partition("_")[2]
    house.s.notices.acknowledge(house.who("per_ben"), notice, "was wrong", "wrong person")
    house.s.notices.acknowledge(house.who("per_ben"), notice, "was wrong")  # a double click
    with pytest.raises(Closed):
        house.s.notices.acknowledge(house.who("per_anna"), notice, "looks right")
    assert len(house.s.read.incidents()) == 1


# --- pauses and policy --------------------------------------------------------------------------


def test_a_pause_restricts_and_stops_its_scope_only(house: House) -> None:
    house.s.pauses.pause(house.who("per_eve"), "client", "acme", "restrict", "look")
    assert house.act("restart_service").state is State.WAITING
    assert house.act("restart_service", client="harbor").state is State.DONE


def test_resuming_takes_two_people_with_authority(house: House) -> None:
    pause = house.s.pauses.pause(house.who("per_eve"), "all", "", "stop", "look")["id"]
    with pytest.raises(NotAllowed):
        house.s.pauses.ease(house.who("per_eve"), pause, "fine")
    with pytest.raises(Conflict):
        house.s.pauses.resume(house.who("per_ben"), pause, "fine")
    house.s.pauses.ease(house.who("per_ben"), pause, "seen")
    house.s.pauses.resume(house.who("per_ben"), pause, "fine")
    with pytest.raises(NotAllowed):
        house.s.pauses.resume(house.who("per_ben"), pause, "fine")
    assert house.act("restart_service").state is State.WAITING
    house.s.pauses.resume(house.who("per_anna"), pause, "fine")
    assert house.act("restart_service").state is State.DONE


def test_I18_a_stricter_policy_binds_waiting_work_and_a_laxer_one_releases_nothing(
    house: House,
) -> None:
    from support.house import policy_files

    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "up.wipe_device, because",
        'up.add_firewall_rule, because: never again}\n  - {type: "up.wipe_device", because',
    )
    house.s.policies.publish(house.who("per_dan"), files)
    house.sweep(seconds=11)

    assert house.state(acted.id) == "revoked"
    assert house.upstream.acts == []


def test_I27_a_laxer_policy_takes_two_people(house: House) -> None:
    from support.house import policy_files

    files = policy_files()
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        "type: up.remove_licence\n    tier: 2", "type: up.remove_licence\n    tier: 1"
    )
    with pytest.raises(NotAllowed):
        house.s.policies.publish(house.who("per_dan"), files)
    with pytest.raises(NotAllowed):
        house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_dan"))
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))


def test_a_changed_tool_is_withheld_until_a_person_has_looked(house: House) -> None:
    from support.upstream import TOOLS

    house.upstream.tools = [
        {**t, "description": "now different"} if t["name"] == "restart_service" else t
        for t in TOOLS
    ]
    house.s.catalogue.refresh("up")
    with pytest.raises(NotFound, match="withheld"):
        house.act("restart_service")
    names = [t["name"] for t in house.s.catalogue.served(house.agent(), "up").tools]
    assert "restart_service" not in names

    house.s.catalogue.accept(house.who("per_anna"), "up", "tool", "restart_service")
    assert house.act("restart_service").state is State.DONE


def test_I9_an_agents_new_version_voids_what_was_approved_for_the_old(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.s.directory.set_version(house.who("per_dan"), "agt_one", "2")
    house.sweep(seconds=11)

    assert house.state(acted.id) == "superseded"
    assert house.upstream.acts == []


def test_a_clock_set_back_begins_nothing_and_loses_nothing(house: House) -> None:
    from handrail.errors import Unavailable

    house.act("restart_service")
    house.clock.advance(timedelta(hours=-1))
    with pytest.raises(Unavailable, match="clock"):
        house.act("restart_service")
    house.clock.advance(timedelta(hours=1))
    house.act("restart_service")
    check(house.entries())


@pytest.mark.parametrize(
    "arguments",
    [b"", b"[]", b"nonsense", b'{"a": NaN}', b"{" * 5, b'{"a":' * 200 + b"1" + b"}" * 200],
)
def test_arguments_that_are_no_object_are_bad_input(house: House, arguments: bytes) -> None:
    request = replace(house.request("restart_service"), arguments=arguments)
    with pytest.raises(BadInput):
        house.s.govern.act(house.agent(), request)
    assert house.upstream.acts == []


def test_I21_the_ledger_rebuilds_every_state(house: House) -> None:
    from handrail.core.replay import states

    for tool in ("restart_service", "assign_licence", "wipe_device", "unsigned_thing"):
        house.act(tool, sku="E3")
    first, second = house.act("add_firewall_rule"), house.act("add_firewall_rule")
    house.answer("per_ben", first.proposal)
    house.answer("per_ben", second.proposal, "deny", reason="duplicate")
    house.sweep(seconds=11)

    assert {a["id"]: a["state"] for a in house.actions()} == states(house.entries())


def test_I1_a_version_that_would_run_alone_is_still_decided_by_people(house: House) -> None:
    """Modified content may get less oversight by itself; people were asked, and people decide."""
    asked = house.act("restart_service", client="nobody")  # an unknown client waits
    house.sweep()
    arguments = {"n": "n1", "client": "acme"}  # this content would run alone
    house.answer("per_anna", asked.proposal, "approve_modified", arguments=arguments)

    proposed = [e for e in house.entries() if e["type"] == "handrail:action:proposed"]
    assert [e["facts"]["tier"] for e in proposed] == [3, 3]
    assert proposed[1]["facts"]["reasons"][-1] == ["proposal", 3]
    house.sweep(seconds=11)
    assert house.upstream.acts[-1] == ("restart_service", arguments)


def test_what_was_read_for_an_act_that_a_pause_then_held_does_not_stand_in_its_way(
    house: House,
) -> None:
    """The read before the act is made again just before the approved one begins."""
    house.s.pauses.pause(house.who("per_eve"), "all", "", "restrict", "look")
    waiting = house.act("assign_licence", sku="E3")
    assert waiting.state is State.WAITING
    house.answer("per_anna", waiting.proposal)
    house.sweep(seconds=11)
    house.sweep(seconds=31)
    assert house.state(waiting.id) == "done"
