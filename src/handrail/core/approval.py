"""Where a proposal stands: a function of its dates and its answers, never of a timer.

    waiting ──enough different people approve──► approved ──undo window──► may begin
       │  step windows pass: the next step is asked too; earlier ones may still answer
       │  end of the chain: it goes on waiting, alarmed; the alarm repeats
       ├──denial──► denied            approved ──denial or revocation before begin──► revoked
       └──lifetime──► lapsed          approved ──validity ends unbegun──► lapsed

* Silence never leads to *approved*: only a person's `Given` does (I6).
* Every instant at which anything changes is `due_at` of the standing before it (I7).
* Until begin, any authorised denial or revocation beats any approval (I8).
* An answer in the same instant as the deadline is late.

It does not know who is away (routing does), and it sends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from handrail.core.action import State
from handrail.core.model import Person
from handrail.errors import Closed, NotAllowed, Stale

#: How often the alarm at the end of a chain repeats.
ALARM_EVERY = timedelta(minutes=15)
#: SPEC 12; a setting of the policy.
NEW_APPROVER_WAIT = timedelta(hours=72)


class AnswerKind(StrEnum):
    """What a person says."""

    APPROVE = "approve"
    APPROVE_MODIFIED = "approve_modified"
    DENY = "deny"
    ASK = "ask"
    HAND_OVER = "hand_over"
    ABSTAIN = "abstain"
    REVOKE = "revoke"  #: takes an approval back before begin


#: Why a person says no (EVIDENCE 1): code → sentence.
DENY_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "would-harm": "It would have harmed",
        "wrong-target": "Wrong target",
        "stale-data": "It rests on stale data",
        "wrong-time": "Wrong time",
        "preference": "We do this another way",
        "duplicate": "Already done or asked",
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain: whom to ask, and for how long before asking the next too."""

    role: str
    approvers: frozenset[str]
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer as a person gave it."""

    kind: AnswerKind
    person: str
    at: datetime
    package_digest: bytes
    reason: str = ""
    note: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One version of a proposal. ``also`` are groups of which each must hold an approver;
    ``excluded`` names who may not approve, and why. ``ended`` is set when the action has begun
    or ended: then nothing here moves any more."""

    id: str
    version: int
    action: str
    package_digest: bytes
    agent: str
    chain: tuple[Step, ...]
    needs: int
    at: datetime
    lapses_at: datetime
    undo: timedelta
    valid: timedelta
    also: tuple[frozenset[str], ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[Given, ...] = ()
    ended: State | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a proposal stands at one instant."""

    state: State
    step: int  #: the newest step that is asked
    asked: frozenset[str]  #: everyone who may be asked by now
    due_at: datetime | None  #: when this changes next, if nobody answers
    approved_by: tuple[str, ...] = ()
    approved_at: datetime | None = None
    runs_at: datetime | None = None  #: the end of the undo window
    expires_at: datetime | None = None  #: the end of the approval
    alarmed: bool = False  #: past the end of the chain


def where(proposal: Proposal, now: datetime) -> Where:
    """Return where *proposal* stands at *now*."""
    step, asked, due, alarmed = _step(proposal, now)
    asked |= {a.to for a in proposal.answers if a.kind is AnswerKind.HAND_OVER and a.to}
    base = Where(
        state=proposal.ended or State.WAITING, step=step, asked=asked, due_at=None, alarmed=alarmed
    )
    if proposal.ended is not None:
        return base
    approvals = _approvals(proposal)
    stopped = _stopped(proposal)
    complete = _complete_at(proposal, approvals)
    if stopped is not None:
        # A denial while it waited is a denial; once it was approved it is a revocation.
        late = complete is not None and complete <= stopped.at
        denied = not late and stopped.kind is AnswerKind.DENY
        return replace(base, state=State.DENIED if denied else State.REVOKED)
    people = tuple(a.person for a in approvals)
    if complete is not None:
        expires = complete + proposal.valid
        if now >= expires:
            return replace(base, state=State.LAPSED, approved_by=people, approved_at=complete)
        runs = complete + proposal.undo
        return replace(
            base,
            state=State.APPROVED,
            approved_by=people,
            approved_at=complete,
            runs_at=runs,
            expires_at=expires,
            due_at=runs if now < runs else expires,
        )
    if now >= proposal.lapses_at:
        return replace(base, state=State.LAPSED, approved_by=people)
    return replace(base, approved_by=people, due_at=min(due, proposal.lapses_at))


def answer(
    proposal: Proposal,
    given: Given,
    *,
    people: Mapping[str, Person],
    now: datetime,
    wait: timedelta = NEW_APPROVER_WAIT,
) -> Proposal:
    """Return *proposal* with *given* applied.

    Raises `Closed` when it has ended, `Stale` when another package was shown, and `NotAllowed`
    with the reason; then nothing has changed.
    """
    standing = where(proposal, now)  # time first: an answer at the deadline is late
    if standing.state not in {State.WAITING, State.APPROVED}:
        raise Closed(
            f"the proposal is {standing.state} already",
            hint="Your answer is recorded as without effect.",
        )
    if given.package_digest != proposal.package_digest:
        raise Stale("the proposal changed after you saw it; nothing was decided")
    person = people.get(given.person)
    if person is None:
        raise NotAllowed("this person is not known")
    may_answer(proposal, person, given.kind, now, wait)
    if given.kind is AnswerKind.REVOKE and standing.state is not State.APPROVED:
        raise Closed("there is no approval to take back")
    if given.kind is AnswerKind.HAND_OVER:
        _may_take_over(proposal, people.get(given.to), now)
    return replace(proposal, answers=(*proposal.answers, given))


def may_answer(
    proposal: Proposal,
    person: Person,
    kind: AnswerKind,
    now: datetime,
    wait: timedelta = NEW_APPROVER_WAIT,
) -> None:
    """Raise `NotAllowed`, saying why, unless *person* may give an answer of this kind.

    On a proposal that needs two people, one added less than *wait* ago does not count (I5)."""
    if not person.active:
        raise NotAllowed("this person is not active any more")
    chain = frozenset().union(*(s.approvers for s in proposal.chain), *proposal.also)
    taken = {a.to for a in proposal.answers if a.kind is AnswerKind.HAND_OVER}
    if person.id not in chain | taken:
        roles = ", ".join(dict.fromkeys(s.role.replace("-", " ") for s in proposal.chain))
        raise NotAllowed(f"this needs one of: {roles}", hint="Hand it to someone who may decide.")
    if kind in {AnswerKind.DENY, AnswerKind.REVOKE, AnswerKind.ASK, AnswerKind.ABSTAIN}:
        return  # who may approve may always say no, even about their own (I8)
    if kind is AnswerKind.HAND_OVER:
        return
    if person.id in proposal.excluded:
        raise NotAllowed(
            proposal.excluded[person.id], hint="Someone else must approve; you may deny."
        )
    if any(a.person == person.id for a in _approvals(proposal)):
        raise NotAllowed("you approved already; the second approval must come from another person")
    if proposal.needs > 1 and person.added_at is not None and now - person.added_at < wait:
        raise NotAllowed(
            "this needs two people, and you were added too recently to be one of them",
            hint=f"New approvers count {wait.total_seconds() / 3600:g} hours after they are added.",
        )


def still_authorised(proposal: Proposal, people: Mapping[str, Person], now: datetime) -> None:
    """Raise `NotAllowed` unless everyone who approved still may (I2: authority at begin)."""
    standing = where(proposal, now)
    for person_id in standing.approved_by:
        person = people.get(person_id)
        if person is None or not person.active:
            raise NotAllowed("someone who approved is not active any more")
        if person_id in proposal.excluded:
            raise NotAllowed("someone who approved may not approve this")
        roles = {s.role for s in proposal.chain if person_id in s.approvers} or {
            s.role for s in proposal.chain
        }
        beside = any(person_id in group for group in proposal.also)
        if not beside and not any(r.name in roles for r in person.roles):
            raise NotAllowed("someone who approved does not hold the role any more")


def _may_take_over(proposal: Proposal, person: Person | None, now: datetime) -> None:
    if person is None or not person.active:
        raise NotAllowed("nobody active to hand it to")
    if person.id in proposal.excluded:
        raise NotAllowed(f"they may not approve this: {proposal.excluded[person.id]}")
    roles = {s.role for s in proposal.chain}
    if not any(r.name in roles for r in person.roles):
        raise NotAllowed(
            "they hold no role of this chain", hint="Hand it to someone who may decide this."
        )
    if person.away_until is not None and person.away_until > now:
        raise NotAllowed("they are away", hint="Hand it to someone who is there.")


def _step(proposal: Proposal, now: datetime) -> tuple[int, frozenset[str], datetime, bool]:
    """The newest step asked, everyone asked by now, when that changes, and whether alarmed."""
    since, asked = proposal.at, frozenset[str]()
    for index, step in enumerate(proposal.chain):
        asked |= step.approvers
        ends = since + step.window
        if now < ends:
            return index, asked | _beside(proposal), ends, False
        since = ends
    rounds = (now - since) // ALARM_EVERY + 1
    last = max(len(proposal.chain) - 1, 0)
    return last, asked | _beside(proposal), since + rounds * ALARM_EVERY, True


def _beside(proposal: Proposal) -> frozenset[str]:
    return frozenset().union(*proposal.also)


def _approvals(proposal: Proposal) -> tuple[Given, ...]:
    """One approval a person, the first; people who may not approve never count."""
    found: dict[str, Given] = {}
    for given in proposal.answers:
        if given.kind is AnswerKind.APPROVE and given.package_digest == proposal.package_digest:
            found.setdefault(given.person, given)
        elif given.kind is AnswerKind.ABSTAIN:
            found.pop(given.person, None)
    return tuple(a for a in found.values() if a.person not in proposal.excluded)


def _complete_at(proposal: Proposal, approvals: tuple[Given, ...]) -> datetime | None:
    """When enough different people, one of each group beside, had approved; None if not yet."""
    for count in range(max(proposal.needs, 1), len(approvals) + 1):
        people = {a.person for a in approvals[:count]}
        if all(people & group for group in proposal.also):
            return approvals[count - 1].at
    return None


def _stopped(proposal: Proposal) -> Given | None:
    """The first denial or revocation."""
    return next(
        (a for a in proposal.answers if a.kind in {AnswerKind.DENY, AnswerKind.REVOKE}), None
    )
