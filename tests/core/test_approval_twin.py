"""`approval.where` against a twin that lives through the same time second by second, and against
itself: between one due instant and the next, nothing changes (I6, I7)."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from handrail.core import approval
from handrail.core.action import State
from handrail.core.approval import AnswerKind, Given, Step
from support.approvals import OTHER, PACKAGE, START, Slow, at, given, proposal, step

NAMES = ("anna", "ben", "cleo", "dan", "eve")
ids = st.sets(st.sampled_from(NAMES), max_size=3).map(" ".join)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    people = draw(ids)
    window = draw(st.integers(1, 30)) if people else 0
    return step("role", people, window, draw(ids))


@st.composite
def answers(draw: st.DrawFn) -> tuple[Given, ...]:
    """Answers in the order they came, whoever gave them: the record may hold anything."""
    when = sorted(draw(st.lists(st.integers(0, 90), max_size=7)))
    kinds = [k.value for k in AnswerKind if k is not AnswerKind.APPROVE_MODIFIED]
    return tuple(
        given(
            draw(st.sampled_from(["approve", "approve", *kinds])),
            draw(st.sampled_from(NAMES)),
            seconds,
            package_digest=draw(st.sampled_from([PACKAGE, PACKAGE, PACKAGE, OTHER])),
            to=draw(st.sampled_from(NAMES)),
        )
        for seconds in when
    )


proposals = st.builds(
    lambda chain, also, **more: proposal(*chain, also=tuple(also), **more),
    chain=st.lists(steps(), max_size=4),
    also=st.lists(steps(), max_size=2),
    needs=st.integers(0, 3),
    excluded=st.sets(st.sampled_from(NAMES), max_size=2).map(lambda s: dict.fromkeys(s, "no")),
    life=st.integers(1, 80),
    undo=st.integers(0, 5),
    valid=st.integers(6, 40),
    answers=answers(),
)


@settings(max_examples=1500, deadline=None)
@for_all(proposals, st.integers(0, 100))
def test_where_it_stands_is_what_living_through_it_gives(base, now):
    heard = replace(base, answers=tuple(a for a in base.answers if a.at <= at(now)))

    found = approval.where(heard, at(now))

    assert replace(found, due_at=None, remind_at=None) == Slow(heard).live(now)


@settings(max_examples=600, deadline=None)
@for_all(proposals, st.integers(0, 100))
def test_I7_nothing_changes_before_it_is_due_and_every_proposal_ends(base, now):
    heard = replace(base, answers=tuple(a for a in base.answers if a.at <= at(now)))
    found = approval.where(heard, at(now))

    if found.state not in {State.WAITING, State.APPROVED}:
        assert found.due_at is None
        assert replace(approval.where(heard, at(5000)), asked=found.asked, step=0) == replace(
            found, step=0, alarmed=approval.where(heard, at(5000)).alarmed
        )
        return
    assert found.due_at is not None
    assert at(now) < found.due_at <= base.lapses_at
    assert approval.where(heard, base.lapses_at).state is State.LAPSED
    seconds = int((found.due_at - START).total_seconds())
    # Once approved, whom the chain would ask no longer matters to anyone.
    chain = (
        {}
        if found.state is State.WAITING
        else {"step": found.step, "asked": found.asked, "alarmed": found.alarmed}
    )
    for between in range(now, seconds):
        assert replace(approval.where(heard, at(between)), **chain) == found


@settings(max_examples=600, deadline=None)
@for_all(proposals, st.lists(st.integers(0, 200), min_size=2, max_size=6))
def test_I6_time_alone_never_approves_and_never_takes_a_step_back(base, times):
    found = [approval.where(base, at(max(t, 90))) for t in sorted(times)]

    for earlier, later in pairwise(found):
        assert later.step >= earlier.step
        assert later.alarmed >= earlier.alarmed
        if later.state is State.APPROVED:
            assert earlier.state is State.APPROVED


@settings(max_examples=600, deadline=None)
@for_all(proposals)
def test_I5_I6_I8_I9_what_is_approved_was_approved_by_enough_different_people(base):
    for seconds in range(0, 100, 7):
        found = approval.where(base, at(seconds))
        if found.state is not State.APPROVED:
            continue
        said = [a for a in base.answers if found.approved_at and a.at <= found.approved_at]
        yes = {a.person for a in said if a.kind is AnswerKind.APPROVE}
        right = {a.person for a in said if a.package_digest == PACKAGE}
        assert len(set(found.approved_by)) == len(found.approved_by) >= max(base.needs, 1)
        assert set(found.approved_by) <= yes & right - base.excluded.keys()
        assert not [a for a in said if a.kind in {AnswerKind.DENY, AnswerKind.REVOKE}]
