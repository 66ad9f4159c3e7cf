"""Where a proposal stands, and what people may say to it, one rule at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handrail.core import approval
from handrail.core.action import State
from handrail.core.approval import ALARM_EVERY, AnswerKind, answer, may_answer, still_authorised
from handrail.errors import Closed, NotAllowed, Stale
from support.approvals import OTHER, START, at, given, people, person, proposal, said, step

ANNA, BEN, CLEO, EVE = (person(n) for n in ("anna", "ben", "cleo", "eve"))
EVERYONE = people(ANNA, BEN, CLEO, EVE, person("dan"))
CHAIN = (step("engineer", "anna"), step("senior", "ben"), step("manager", "dan"))


def where(base, seconds):
    return approval.where(base, at(seconds))


def say(base, kind, who, seconds, **more):
    return answer(base, given(kind, who, seconds, **more), people=EVERYONE, now=at(seconds))


# --- time --------------------------------------------------------------------------------------


def test_an_unanswered_step_asks_the_next_too_and_the_end_alarms_again_and_again():
    base = proposal(*CHAIN, life=10_000)

    first, second, third = where(base, 0), where(base, 60), where(base, 120)
    end, later = where(base, 180), where(base, 180 + ALARM_EVERY.total_seconds())

    assert [w.step for w in (first, second, third, end)] == [0, 1, 2, 2]
    assert [w.due_at for w in (first, second, third)] == [at(60), at(120), at(180)]
    assert (first.asked, second.asked) == ({"anna"}, {"anna", "ben"})
    assert not third.alarmed
    assert end.alarmed
    assert (end.due_at, later.due_at) == (at(180) + ALARM_EVERY, at(180) + 2 * ALARM_EVERY)


def test_I7_the_lifetime_ends_it_and_nothing_is_due_after():
    base = proposal(step("engineer", "anna", window=1000), life=600)

    assert where(base, 0).due_at == at(600)
    assert where(base, 599).state is State.WAITING
    assert where(base, 600).state is State.LAPSED
    assert where(base, 600).due_at is None


def test_a_step_with_nobody_there_is_passed_at_once():
    base = proposal(step("engineer", window=0), step("senior", "ben"))

    assert (where(base, 0).step, where(base, 0).asked) == (1, {"ben"})


def test_I5_nobody_is_asked_who_may_not_approve_but_the_alarm_reaches_them():
    base = proposal(*CHAIN[:2], excluded={"anna": "You proposed it"}, life=9000)

    assert (where(base, 0).step, where(base, 0).asked) == (1, {"ben"})
    assert where(base, 120).asked == {"anna", "ben"}
    assert where(base, 120).alarmed


@pytest.mark.parametrize(
    "base",
    [
        proposal(),
        proposal(step("engineer", "anna"), excluded={"anna": "You proposed it"}),
        proposal(*CHAIN[:1], needs=2),
        proposal(*CHAIN, also=(step("officer"),)),
        proposal(*CHAIN, also=(step("officer", "cleo"),), excluded={"cleo": "Your ticket"}),
    ],
    ids=["no chain", "only the requester", "one for two", "no officer", "officer excluded"],
)
def test_I7_a_chain_that_nobody_can_satisfy_is_an_alarm_at_once(base):
    found = where(base, 0)

    assert found.alarmed
    assert found.state is State.WAITING
    assert found.asked >= {p for s in base.chain for p in s.approvers}
    assert where(base, 600).state is State.LAPSED


def test_a_step_whose_people_have_all_spoken_waits_for_nobody():
    base = said(proposal(*CHAIN, needs=2), given("approve", "anna", 5))
    shy = said(proposal(*CHAIN), given("abstain", "anna", 7))

    assert (where(base, 5).step, where(base, 5).due_at) == (1, at(65))
    assert (where(shy, 7).step, where(shy, 7).asked) == (1, {"anna", "ben"})


def test_asking_the_agent_does_not_stop_the_clock():
    asked = say(proposal(*CHAIN), "ask", "anna", 30, note="Which site?")

    assert where(asked, 60).step == 1


# --- yes ---------------------------------------------------------------------------------------


def test_an_approval_runs_after_its_undo_window_and_expires():
    base = say(proposal(*CHAIN), "approve", "anna", 5)

    found = where(base, 5)

    assert (found.state, found.approved_by, found.approved_at) == (
        State.APPROVED,
        ("anna",),
        at(5),
    )
    assert (found.runs_at, found.due_at, found.expires_at) == (at(15), at(15), at(125))
    assert where(base, 15).due_at == at(125)
    assert where(base, 124).state is State.APPROVED
    assert where(base, 125).state is State.LAPSED
    assert where(base, 125).approved_by == ("anna",)


def test_I7_an_approval_does_not_outlive_the_lifetime():
    base = say(proposal(*CHAIN, life=100), "approve", "anna", 80)

    assert where(base, 80).expires_at == at(100)
    assert where(base, 100).state is State.LAPSED


def test_a_yes_too_late_to_ever_begin_is_refused():
    base = proposal(*CHAIN, life=100)

    with pytest.raises(Closed, match="too little"):
        say(base, "approve", "anna", 95)
    assert say(base, "deny", "anna", 95, reason="wrong-time").answers


def test_an_answer_in_the_instant_of_the_deadline_is_late():
    base = proposal(*CHAIN, life=100)

    with pytest.raises(Closed, match="lapsed"):
        say(base, "approve", "anna", 100)
    stored = said(base, given("approve", "anna", 100))
    assert where(stored, 100).state is State.LAPSED
    assert where(said(base, given("deny", "anna", 100)), 100).state is State.LAPSED


def test_I5_two_approvals_are_two_people():
    base = say(proposal(*CHAIN, needs=2), "approve", "anna", 5)

    assert where(base, 5).state is State.WAITING
    assert where(base, 5).approved_by == ("anna",)
    with pytest.raises(NotAllowed, match="another person"):
        say(base, "approve", "anna", 6)
    assert where(say(base, "approve", "ben", 9), 9).approved_at == at(9)


def test_I5_the_same_person_twice_in_the_record_counts_once():
    base = said(proposal(*CHAIN, needs=2), given("approve", "anna", 5), given("approve", "anna", 6))

    assert where(base, 6).state is State.WAITING


@pytest.mark.parametrize("more", [{"added_at": START}, {"since": START}])
def test_I5_someone_new_does_not_count_where_two_are_needed(more):
    since = {"added_at": START} if "added_at" in more else {}
    new = person("anna", **since)
    authority = {"engineer": {"anna": more.get("since")}, "senior": {"ben": None}}
    base = proposal(*CHAIN[:2], needs=2, authority=authority)
    late = START + timedelta(hours=72)

    with pytest.raises(NotAllowed, match="too recently"):
        may_answer(base, new, AnswerKind.APPROVE, late - timedelta(seconds=1))
    may_answer(base, new, AnswerKind.APPROVE, late)
    may_answer(base, new, AnswerKind.DENY, START)
    may_answer(replace(base, needs=1), new, AnswerKind.APPROVE, START)
    may_answer(base, new, AnswerKind.APPROVE, START, timedelta())


def test_one_old_role_among_new_ones_is_enough():
    authority = {"engineer": {"anna": START}, "senior": {"anna": at(-9_000_000)}}
    base = proposal(step("engineer", "anna"), step("senior", "anna ben"), authority=authority)

    may_answer(replace(base, needs=2), ANNA, AnswerKind.APPROVE, at(1))


def test_abstaining_takes_back_ones_own_first_yes():
    base = say(proposal(*CHAIN, needs=2), "approve", "anna", 5)
    base = say(base, "abstain", "anna", 6)

    assert where(base, 6).approved_by == ()
    assert where(say(base, "approve", "ben", 7), 7).state is State.WAITING
    assert where(say(base, "approve", "anna", 7), 7).approved_by == ("anna",)


# --- beside the chain --------------------------------------------------------------------------

BESIDE = proposal(*CHAIN[:2], also=(step("officer", "cleo"),))


def test_an_officer_beside_is_asked_from_the_start():
    assert where(BESIDE, 0).asked == {"anna", "cleo"}


def test_an_officer_alone_is_no_technical_approver():
    alone = say(BESIDE, "approve", "cleo", 5)

    assert where(alone, 5).state is State.WAITING
    assert where(say(alone, "approve", "anna", 9), 9).state is State.APPROVED
    assert where(say(BESIDE, "approve", "anna", 9), 9).state is State.WAITING


def test_someone_in_both_speaks_for_both():
    base = proposal(step("engineer", "anna"), also=(step("officer", "anna cleo"),))

    assert where(say(base, "approve", "anna", 5), 5).state is State.APPROVED


def test_an_officer_hands_over_to_an_officer_and_makes_no_technician():
    dora = person("dora")
    base = replace(BESIDE, authority={**BESIDE.authority, "officer": {"cleo": None, "dora": None}})
    base = answer(
        base, given("hand_over", "cleo", 1, to="dora"), people=people(CLEO, dora), now=at(1)
    )
    base = answer(base, given("approve", "dora", 2), people=people(CLEO, dora), now=at(2))

    assert where(base, 2).state is State.WAITING
    assert "dora" in where(base, 2).asked
    assert where(say(base, "approve", "anna", 3), 3).state is State.APPROVED


def test_whoever_speaks_for_both_hands_over_only_to_someone_who_does():
    base = proposal(
        step("engineer", "anna"),
        also=(step("officer", "anna"),),
        authority={"engineer": {"anna": None, "ben": None}, "officer": {"anna": None}},
    )

    with pytest.raises(NotAllowed, match="may not decide"):
        say(base, "hand_over", "anna", 1, to="ben")


# --- no ----------------------------------------------------------------------------------------


def test_I8_a_denial_while_it_waits_is_a_denial_and_later_a_revocation():
    base = proposal(*CHAIN)
    approved = say(base, "approve", "anna", 5)

    assert where(say(base, "deny", "ben", 6), 6).state is State.DENIED
    assert where(say(approved, "deny", "ben", 6), 6).state is State.REVOKED
    assert where(say(approved, "revoke", "anna", 6), 6).state is State.REVOKED


def test_I8_whoever_may_not_approve_their_own_may_still_deny_it():
    base = proposal(*CHAIN, excluded={"anna": "You proposed it"})

    with pytest.raises(NotAllowed, match="You proposed it"):
        say(base, "approve", "anna", 1)
    assert where(say(base, "deny", "anna", 1), 1).state is State.DENIED


def test_an_excluded_yes_in_the_record_counts_for_nothing():
    base = said(proposal(*CHAIN, excluded={"anna": "no"}), given("approve", "anna", 1))

    assert where(base, 1).state is State.WAITING


def test_I4_what_has_ended_takes_no_answer():
    denied = say(proposal(*CHAIN), "deny", "anna", 1)

    for kind in AnswerKind:
        with pytest.raises(Closed, match="denied already"):
            say(denied, kind.value, "ben", 2)
    assert where(said(denied, given("approve", "ben", 2)), 3).state is State.DENIED


@pytest.mark.parametrize("state", [State.WITHDRAWN, State.SUPERSEDED, State.BEGUN, State.DONE])
def test_I4_an_end_from_outside_is_an_end(state):
    base = proposal(*CHAIN, ended=state, ended_at=at(3))

    assert where(base, 5).state is state
    assert where(base, 5).due_at is None
    with pytest.raises(Closed) as closed:
        say(base, "approve", "anna", 5)
    assert ("reversed" in closed.value.hint) is (state in {State.BEGUN, State.DONE})


def test_an_approved_one_takes_only_no():
    approved = say(proposal(*CHAIN), "approve", "anna", 1)

    for kind in ("approve", "ask", "abstain", "hand_over"):
        with pytest.raises(Closed, match="approved already"):
            say(approved, kind, "ben", 2, to="dan")


def test_there_is_nothing_to_take_back_while_it_waits():
    with pytest.raises(Closed, match="no approval"):
        say(proposal(*CHAIN), "revoke", "anna", 1)
    # Were one in the record all the same, it would win.
    stored = said(proposal(*CHAIN), given("revoke", "anna", 1))
    assert where(stored, 1).state is State.REVOKED


# --- what was seen -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["approve", "deny", "ask", "revoke"])
def test_I10_an_answer_to_another_package_decides_nothing(kind):
    with pytest.raises(Stale):
        say(proposal(*CHAIN), kind, "anna", 1, package_digest=OTHER)


def test_I9_a_yes_to_another_package_in_the_record_counts_for_nothing():
    stored = said(proposal(*CHAIN), given("approve", "anna", 1, package_digest=OTHER))

    assert where(stored, 1).state is State.WAITING


def test_a_modification_is_no_answer_to_this_version():
    with pytest.raises(RuntimeError):
        say(proposal(*CHAIN), "approve_modified", "anna", 1)


def test_an_answer_is_as_of_now_whatever_it_says_itself():
    backdated = given("approve", "anna", -500)

    base = answer(proposal(*CHAIN), backdated, people=EVERYONE, now=at(30))

    assert base.answers[0].at == at(30)


# --- authority ---------------------------------------------------------------------------------


def test_I2_whoever_lost_the_role_may_say_nothing():
    base = proposal(*CHAIN, authority={"engineer": {}, "senior": {"ben": None}})

    for kind in ("approve", "deny", "ask", "abstain", "hand_over", "revoke"):
        with pytest.raises(NotAllowed, match="this needs one of: engineer, senior, manager"):
            say(base, kind, "anna", 1, to="ben")


def test_I2_a_leaver_and_a_stranger_may_say_nothing():
    gone = replace(ANNA, active=False)

    with pytest.raises(NotAllowed, match="not active"):
        answer(proposal(*CHAIN), given("deny", "anna", 1), people=people(gone), now=at(1))
    with pytest.raises(NotAllowed, match="not known"):
        answer(proposal(*CHAIN), given("deny", "zoe", 1), people=EVERYONE, now=at(1))
    with pytest.raises(NotAllowed, match="needs one of"):
        say(proposal(*CHAIN), "deny", "eve", 1)


def test_who_was_away_or_came_to_the_role_later_may_answer_unasked():
    away = proposal(step("engineer", "anna", others="ben"))
    later = proposal(*CHAIN[:1], authority={"engineer": {"anna": None, "eve": None}})

    assert where(away, 0).asked == {"anna"}
    assert where(say(away, "approve", "ben", 1), 1).state is State.APPROVED
    assert where(say(later, "approve", "eve", 1), 1).state is State.APPROVED


def test_I5_handing_over_makes_nobody_an_approver():
    base = proposal(*CHAIN)

    for to, why in (
        ("eve", "may not decide"),
        ("zoe", "nobody active"),
        ("anna", "have it already"),
    ):
        with pytest.raises(NotAllowed, match=why):
            say(base, "hand_over", "anna", 1, to=to)
    stored = said(base, given("hand_over", "anna", 1, to="eve"))
    with pytest.raises(NotAllowed, match="needs one of"):
        say(stored, "approve", "eve", 2)


def test_handing_over_asks_someone_more():
    base = say(proposal(*CHAIN), "hand_over", "anna", 1, to="dan")

    assert where(base, 1).asked == {"anna", "dan"}
    assert where(say(base, "approve", "dan", 2), 2).approved_by == ("dan",)


def test_it_is_handed_to_nobody_who_is_away_or_may_not():
    away = replace(BEN, away_until=at(100))
    base = proposal(*CHAIN)

    with pytest.raises(NotAllowed, match="away"):
        answer(base, given("hand_over", "anna", 1, to="ben"), people=people(ANNA, away), now=at(1))
    with pytest.raises(NotAllowed, match="Your own ticket"):
        say(
            replace(base, excluded={"ben": "Your own ticket triggered it"}),
            "hand_over", "anna", 1, to="ben",
        )  # fmt: skip


def test_I2_authority_is_looked_at_again_at_begin():
    base = say(proposal(*CHAIN), "approve", "anna", 1)

    still_authorised(base, EVERYONE, at(11))
    for gone in (people(replace(ANNA, active=False)), people(BEN)):
        with pytest.raises(NotAllowed, match="not active"):
            still_authorised(base, gone, at(11))
    with pytest.raises(NotAllowed, match="does not hold the role"):
        still_authorised(replace(base, authority={}), EVERYONE, at(11))


def test_I2_a_backup_who_approved_is_authorised_by_being_one():
    base = proposal(step("lead", "ben"), authority={"lead": {"ben": None}})

    still_authorised(say(base, "approve", "ben", 1), EVERYONE, at(11))


def test_I2_an_officer_who_is_none_any_more_is_not_made_up_for_by_another_role():
    base = proposal(step("engineer", "anna"), also=(step("officer", "anna"),))
    base = say(base, "approve", "anna", 1)

    still_authorised(base, EVERYONE, at(11))
    for left in ("engineer", "officer"):
        with pytest.raises(NotAllowed, match="not enough any more"):
            still_authorised(replace(base, authority={left: {"anna": None}}), EVERYONE, at(11))


def test_I2_without_an_approval_nobody_is_authorised():
    with pytest.raises(NotAllowed, match="not enough"):
        still_authorised(proposal(*CHAIN), EVERYONE, at(1))
