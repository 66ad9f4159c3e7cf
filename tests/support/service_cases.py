"""Promises as small stories over a house: each asserts what must be so, and nothing else.

`test_seeded_faults` runs each with its guard in place, and again with the guard taken out.
"""

from datetime import timedelta

import pytest

from handrail.core.action import State
from handrail.errors import BadInput, Closed, HandrailError, NotAllowed, Stale
from support.house import House, policy_files


def digest_must_be_whole(house: House) -> None:
    acted = house.act("add_firewall_rule")
    with pytest.raises(BadInput):
        house.s.answers.give(house.who("per_ben"), acted.proposal, "approve", "ab")


def forged_digest_is_refused(house: House) -> None:
    """The store's package changed under the page: the last line of defence must hold."""
    acted = house.act("add_firewall_rule")
    from handrail.core import approval
    from handrail.core.approval import AnswerKind, Given
    from handrail.service.answer import stands
    from handrail.store.contract import Rows

    found = []

    def unit(view: object) -> Rows:
        found.append(stands(view, acted.proposal, 1)[0])  # type: ignore[arg-type]
        return Rows()

    house.store.commit(unit)
    given = Given(
        kind=AnswerKind.APPROVE, person="per_ben", at=house.clock.now(), package_digest=b"x" * 32
    )
    people = house.middle.keeper.current().people
    with pytest.raises(Stale):
        approval.answer(found[0], given, people=people, now=house.clock.now())


def approval_expires(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.s.pauses.pause(house.who("per_eve"), "all", "", "stop", "look")
    house.answer("per_ben", acted.proposal)
    house.sweep(minutes=20)
    assert house.state(acted.id) == "lapsed"


def revocation_wins(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.s.answers.revoke(house.who("per_anna"), acted.proposal, "no")
    house.sweep(minutes=1)
    assert house.state(acted.id) == "revoked"
    assert house.upstream.acts == []


def time_never_approves(house: House) -> None:
    acted = house.act("add_firewall_rule")
    for _ in range(30):
        house.sweep(hours=1)
    assert house.state(acted.id) == "lapsed"
    assert house.upstream.acts == []


def role_is_needed(house: House) -> None:
    acted = house.act("add_firewall_rule")
    with pytest.raises(NotAllowed):
        house.answer("per_eve", acted.proposal)


def sponsor_may_not_approve(house: House) -> None:
    acted = house.act("add_firewall_rule")
    with pytest.raises(NotAllowed):
        house.answer("per_dan", acted.proposal)


def authority_is_needed_at_begin(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.s.directory.end_role(house.who("per_dan"), "per_ben", "on-call-senior")
    house.sweep(seconds=11)
    assert house.upstream.acts == []


def restriction_binds_at_once(house: House) -> None:
    house.s.pauses.pause(house.who("per_eve"), "all", "", "restrict", "look")
    assert house.act("restart_service").state is State.WAITING


def stop_holds_what_is_approved(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    house.s.pauses.pause(house.who("per_eve"), "all", "", "stop", "look")
    house.sweep(seconds=11)
    assert house.upstream.acts == []


def denial_is_final(house: House) -> None:
    acted = house.act("add_firewall_rule")
    digest = house.digest(acted.proposal)
    house.answer("per_anna", acted.proposal, "deny", reason="would-harm")
    assert house.state(acted.id) == "denied"
    with pytest.raises(Closed):
        house.answer("per_ben", acted.proposal, digest=digest)


def floors_hold(house: House) -> None:
    files = policy_files()
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        "up.add_firewall_rule\n    tier: 3", "up.add_firewall_rule\n    tier: 1"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    assert house.act("add_firewall_rule").state is State.WAITING


def reversal_needs_authority(house: House) -> None:
    acted = house.act("assign_licence", sku="E3")
    with pytest.raises(NotAllowed):
        house.s.reversals.reverse(house.who("per_eve"), acted.id)


def resume_takes_two(house: House) -> None:
    pause = house.s.pauses.pause(house.who("per_eve"), "all", "", "restrict", "look")["id"]
    for who in ("per_eve", "per_eve"):
        with pytest.raises(HandrailError):
            house.s.pauses.resume(house.who(who), pause, "fine")


def laxer_policy_takes_two(house: House) -> None:
    files = policy_files()
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        "up.remove_licence\n    tier: 2", "up.remove_licence\n    tier: 1"
    )
    with pytest.raises(NotAllowed):
        house.s.policies.publish(house.who("per_dan"), files)


def no_notice_no_tier_2(house: House) -> None:
    house.mail.open = False
    house.act("assign_licence", sku="E3")
    for _ in range(12):
        house.sweep(seconds=15)
    assert house.act("assign_licence", sku="E5").state is State.WAITING


def stricter_facts_make_a_new_version(house: House) -> None:
    acted = house.act("add_firewall_rule")
    house.answer("per_ben", acted.proposal)
    files = policy_files()
    files["rules/new.yaml"] = (
        "rules:\n  - {name: new, when: 'true', tier: 3, because: we look at these now}\n"
    )
    house.s.policies.publish(house.who("per_dan"), files)
    house.sweep(seconds=11)
    assert house.state(acted.id) == "superseded"
    house.clock.advance(timedelta())
