"""Where a proposal stands: a function of its dates and its answers, never of a timer.

    waiting ──enough different people approve──► approved ──undo window──► may begin
       │  step windows pass: the next step is asked too; earlier ones may still answer
       │  end of the chain: it goes on waiting, alarmed; the alarm repeats
       ├──denial──► denied            approved ──denial or revocation before begin──► revoked
       └──lifetime──► lapsed          approved ──validity or lifetime ends unbegun──► lapsed

* Silence never leads to *approved*: only a person's `Given` does (I6).
* Every instant at which anything changes is `due_at` of the standing before it, and none comes
  after the lifetime (I7). An answer in the same instant as a deadline is late.
* A step passes at once when nobody it asks can answer, or when all of them have spoken; a chain
  that cannot be satisfied asks everyone at once and alarms (I7).
* Until begin, any authorised denial or revocation beats any approval (I8).
* Who speaks beside the chain (a compliance officer) never stands in for who speaks in it, unless
  they stand in both.
* Handing over asks someone more; it makes nobody an approver (I5).
* A delegation adds nobody (I5): who answers only for somebody else may not approve what that one
  may not, and the two of them are one of the people that a row needs.

It does not know who is away (`core.routing` does, and each step holds what it said when it was
planned), and it sends nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from handrail.core.action import BEGAN, State
from handrail.core.availability import away
from handrail.core.model import Person
from handrail.errors import Closed, NotAllowed, Stale

ALARM_EVERY = timedelta(minutes=15)  # how often the alarm at the end of a chain repeats
NEW_APPROVER_WAIT = timedelta(hours=72)  # SPEC 12; a setting of the policy

#: Role → who may answer for it at this instant, and since when (None: not recorded).
#: `core.routing.authority` works it out from people, clients and policy.
Authority = Mapping[str, Mapping[str, datetime | None]]


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
    """One step of a chain, or a group beside it: whom to ask, and for how long before asking the
    next too. ``others`` may answer without being asked: holders who were away, and backups."""

    role: str
    approvers: frozenset[str]
    window: timedelta
    others: frozenset[str] = frozenset()


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
    """One version of a proposal.

    ``also`` are groups beside the chain, of which each must hold an approver; ``excluded`` names
    who may not approve, and why. ``authority`` is who may answer for each role now: read with the
    proposal, never stored with it, and empty where nobody answers; ``stands_for`` names who holds
    it by delegations alone, and from whom. ``ended`` is set when the
    action has begun or ended: then nothing here moves any more."""

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
    also: tuple[Step, ...] = ()
    excluded: Mapping[str, str] = field(default_factory=dict)
    authority: Authority = field(default_factory=dict)
    stands_for: Mapping[str, frozenset[str]] = field(default_factory=dict)
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
    remind_at: datetime | None = None  #: while it waits: half the newest step's window, or past it
    approved_by: tuple[str, ...] = ()
    approved_at: datetime | None = None
    runs_at: datetime | None = None  #: the end of the undo window
    expires_at: datetime | None = None  #: the end of the approval
    alarmed: bool = False  #: past the end of the chain, or nobody there can satisfy it


def where(proposal: Proposal, now: datetime) -> Where:
    """Return where *proposal* stands at *now*."""
    step, asked, due, remind, alarmed = _step(proposal, now)
    base = Where(
        state=proposal.ended or State.WAITING, step=step, asked=asked, due_at=None, alarmed=alarmed
    )
    if proposal.ended is not None:
        return base
    approvals, complete, stop = _counted(proposal)
    base = replace(base, approved_by=tuple(approvals), approved_at=complete)
    if stop is not None:
        # A denial while it waited is a denial; once it was approved it is a revocation.
        denied = complete is None and stop.kind is AnswerKind.DENY
        return replace(base, state=State.DENIED if denied else State.REVOKED)
    ends = _ends(proposal, complete)
    if now >= ends:
        return replace(base, state=State.LAPSED)
    if complete is None:
        return replace(base, due_at=min(due, ends), remind_at=remind)
    runs = complete + proposal.undo
    return replace(
        base,
        state=State.APPROVED,
        runs_at=runs,
        expires_at=ends,
        due_at=runs if now < runs < ends else ends,
    )


def answer(
    proposal: Proposal,
    given: Given,
    *,
    people: Mapping[str, Person],
    now: datetime,
    wait: timedelta = NEW_APPROVER_WAIT,
) -> Proposal:
    """Return *proposal* with *given*, as of *now*, applied.

    Raises `Closed` when it has ended or the answer can have no effect any more, `Stale` when
    another package was shown, and `NotAllowed` with the reason; then nothing has changed.
    A modification is the next version's approval and no answer to this one.
    """
    standing = where(proposal, now)  # time first: an answer at the deadline is late
    if standing.state not in {State.WAITING, State.APPROVED}:
        hint = "It can be reversed." if standing.state in BEGAN else "Your answer has no effect."
        raise Closed(f"the proposal is {standing.state} already", hint=hint)
    if given.package_digest != proposal.package_digest:
        raise Stale("the proposal changed after you saw it; nothing was decided")
    person = people.get(given.person)
    if person is None:
        raise NotAllowed("this person is not known")
    may_answer(proposal, person, given.kind, now, wait)
    if given.kind is AnswerKind.APPROVE_MODIFIED:
        raise RuntimeError("a modification opens the next version")
    if standing.state is State.APPROVED and given.kind not in _STOPS:
        raise Closed(
            "it is approved already", hint="Until it begins, the approval can be taken back."
        )
    if standing.state is State.WAITING and given.kind is AnswerKind.REVOKE:
        raise Closed("there is no approval to take back", hint="Deny it, or abstain.")
    if given.kind is AnswerKind.HAND_OVER:
        _may_take_over(proposal, given.person, people.get(given.to), now)
    after = replace(proposal, answers=(*proposal.answers, replace(given, at=now)))
    then = where(after, now)
    if then.runs_at is not None and then.expires_at is not None and then.runs_at >= then.expires_at:
        raise Closed(
            "too little of its lifetime is left for it to begin",
            hint="Let the agent ask again; it did not run.",
        )
    return after


def may_answer(
    proposal: Proposal,
    person: Person,
    kind: AnswerKind,
    now: datetime,
    wait: timedelta = NEW_APPROVER_WAIT,
) -> None:
    """Raise `NotAllowed`, saying why, unless *person* may give an answer of this kind.

    Authority is what it is now, not what it was when the proposal opened (I2). On a proposal that
    needs two people, someone who is new, as a person or in the role, does not count (I5)."""
    if not person.active:
        raise NotAllowed("this person is not active any more")
    speaks = zip(_who(proposal)[1], proposal.also, strict=True)
    may = [*proposal.chain, *(step for group, step in speaks if person.id in group)]
    roles = {s.role for s in may if person.id in _holders(proposal, s)}
    if not roles:
        needed = dict.fromkeys(s.role.replace("-", " ") for s in (*proposal.chain, *proposal.also))
        raise NotAllowed(
            f"this needs one of: {', '.join(needed)}", hint="Hand it to someone who may decide."
        )
    if kind not in {AnswerKind.APPROVE, AnswerKind.APPROVE_MODIFIED}:
        return  # who may approve may always say no, even about their own (I8)
    if person.id in proposal.excluded:
        raise NotAllowed(
            proposal.excluded[person.id], hint="Someone else must approve; you may deny."
        )
    if person.id in _counted(proposal)[0]:
        raise NotAllowed("you approved already; the second approval must come from another person")
    _may_stand_in(proposal, person.id)
    since = [proposal.authority[role][person.id] for role in roles]
    longest = min((s for s in since if s is not None), default=None) if all(since) else None
    if longest is None and person.id in proposal.stands_for:
        longest = now  # lent by somebody whose own authority has no date: as new as can be
    if proposal.needs > 1 and any(t and now - t < wait for t in (person.added_at, longest)):
        raise NotAllowed(
            "this needs two people, and you were added too recently to be one of them",
            hint=f"New approvers count {wait.total_seconds() / 3600:g} hours after they are added.",
        )


def still_authorised(proposal: Proposal, people: Mapping[str, Person], now: datetime) -> None:
    """Raise `NotAllowed` unless everyone who approved still may, and they are still enough
    (I2: authority at begin)."""
    chain, beside = _who(proposal)
    held = frozenset().union(*(_holders(proposal, s) for s in proposal.chain))
    groups = [g & _holders(proposal, s) for g, s in zip(beside, proposal.also, strict=True)]
    approved = where(proposal, now).approved_by
    for person_id in approved:
        person = people.get(person_id)
        if person is None or not person.active:
            raise NotAllowed("someone who approved is not active any more")
        if person_id not in held.union(*groups):
            raise NotAllowed("someone who approved does not hold the role any more")
    # Whoever was counted twice, in the chain and beside it, must still hold both.
    known = chain & held
    technical = [p for p in approved if p in known or (p in held and not _in_any(p, beside))]
    if _seats(proposal, technical) < max(proposal.needs, 1) or not all(
        g.intersection(approved) for g in groups
    ):
        raise NotAllowed("those who approved are not enough any more")


def _may_stand_in(proposal: Proposal, person: str) -> None:
    """Raise `NotAllowed` where an approval by *person* would be one by somebody who may not
    approve, or by somebody who has approved already."""
    givers = proposal.stands_for.get(person, frozenset())
    if givers and givers <= proposal.excluded.keys():
        giver = min(givers)
        raise NotAllowed(
            f"you stand in for somebody who may not approve this: {proposal.excluded[giver]}",
            hint="Someone else must approve; you may deny.",
        )
    approved = list(_counted(proposal)[0])
    if _seats(proposal, [*approved, person]) <= _seats(proposal, approved):
        raise NotAllowed(
            "one of you stands in for the other, and one of you approved already",
            hint="The second approval must come from another person.",
        )


def _seats(proposal: Proposal, approved: Sequence[str]) -> int:
    """How many people *approved* are, where a stand-in and the giver are one."""
    own = {p for p in approved if p not in proposal.stands_for}
    taken = set(own)
    for person in (p for p in approved if p not in own):
        free = sorted(proposal.stands_for[person] - taken - proposal.excluded.keys())
        taken.update(free[:1])
    return len(taken)


_STOPS = frozenset({AnswerKind.DENY, AnswerKind.REVOKE})


def _holders(proposal: Proposal, step: Step) -> frozenset[str]:
    return frozenset(proposal.authority.get(step.role, ()))


def _in_any(person: str, groups: Sequence[Collection[str]]) -> bool:
    return any(person in group for group in groups)


def _who(proposal: Proposal) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
    """Who speaks in the chain, and who in each group beside it: those it was opened with, and
    those they handed it to. Anyone in neither, who holds a role of the chain, speaks in it."""
    chain, beside = _opened_with(proposal)
    for given in proposal.answers:
        _hand_on(given, chain, beside)
    return frozenset(chain), tuple(frozenset(g) for g in beside)


def _opened_with(proposal: Proposal) -> tuple[set[str], list[set[str]]]:
    chain = set[str]().union(*(s.approvers | s.others for s in proposal.chain))
    return chain, [set(s.approvers | s.others) for s in proposal.also]


def _hand_on(given: Given, chain: set[str], beside: Sequence[set[str]]) -> None:
    """Whoever it is handed to speaks where the giver does."""
    if given.kind is AnswerKind.HAND_OVER:
        if given.person in chain or not _in_any(given.person, beside):
            chain.add(given.to)
        for group in beside:
            if given.person in group:
                group.add(given.to)


def _may_take_over(proposal: Proposal, giver: str, person: Person | None, now: datetime) -> None:
    """Raise `NotAllowed` unless *person* may decide everything that *giver* could."""
    if person is None or not person.active:
        raise NotAllowed("nobody active to hand it to")
    if person.id == giver:
        raise NotAllowed("you have it already", hint="Name another person who may decide this.")
    if person.id in proposal.excluded:
        raise NotAllowed(f"they may not approve this: {proposal.excluded[person.id]}")
    chain, beside = _who(proposal)
    needed = [s for group, s in zip(beside, proposal.also, strict=True) if giver in group]
    in_chain = giver in chain or not needed
    if (
        in_chain and not any(person.id in _holders(proposal, s) for s in proposal.chain)
    ) or not all(person.id in _holders(proposal, s) for s in needed):
        raise NotAllowed(
            "they may not decide this", hint="Hand it to someone who holds the role it needs."
        )
    if away(person, now):
        raise NotAllowed("they are away", hint="Hand it to someone who is there.")


def _step(
    proposal: Proposal, now: datetime
) -> tuple[int, frozenset[str], datetime, datetime | None, bool]:
    """The newest step asked, everyone asked by now, when that changes, when those asked are
    reminded, and whether it is alarmed."""
    cannot = proposal.excluded.keys()
    taken = frozenset(a.to for a in proposal.answers if a.kind is AnswerKind.HAND_OVER)
    asked = taken.union(*(s.approvers for s in proposal.also)) - cannot
    spoke: dict[str, datetime] = {}
    for said in proposal.answers:
        if said.kind in {AnswerKind.APPROVE, AnswerKind.ABSTAIN}:
            spoke.setdefault(said.person, said.at)
    hopeless = not _satisfiable(proposal)
    since = proposal.at
    for index, step in enumerate(proposal.chain):
        there = step.approvers - cannot
        asked |= there
        ends = since + step.window
        if hopeless or not there:
            ends = since
        elif there <= spoke.keys():
            ends = min(ends, max(since, *(spoke[p] for p in there)))
        if now < ends:
            return index, asked, ends, since + step.window / 2, False
        since = ends
    rounds = (now - since) // ALARM_EVERY + 1
    last = max(len(proposal.chain) - 1, 0)
    # The alarm goes to whoever may say anything at all: to those who were not there too, and to
    # the excluded, who may deny, or find someone.
    steps = (*proposal.chain, *proposal.also)
    asked = asked.union(taken, *(s.approvers | s.others for s in steps))
    return last, asked, since + rounds * ALARM_EVERY, None, True


def _satisfiable(proposal: Proposal) -> bool:
    """Whether those who were there, and are not excluded, could approve it between them."""
    cannot = proposal.excluded.keys()
    there = frozenset().union(*(s.approvers for s in proposal.chain)) - cannot
    return len(there) >= max(proposal.needs, 1) and all(s.approvers - cannot for s in proposal.also)


def _counted(proposal: Proposal) -> tuple[dict[str, Given], datetime | None, Given | None]:
    """The approvals that count (a person's first), when they were enough, and what stopped it.

    Answers are taken in their order; what comes after an end, or at it, counts for nothing."""
    stop = _stopped(proposal)
    chain, beside = _opened_with(proposal)
    found: dict[str, Given] = {}
    complete: datetime | None = None
    for given in proposal.answers:
        if given.at >= _ends(proposal, complete):
            break
        if given is stop:
            return found, complete, stop
        if complete is not None:
            continue
        _hand_on(given, chain, beside)
        if given.kind is AnswerKind.ABSTAIN:
            found.pop(given.person, None)
        elif _is_yes(proposal, given):
            found.setdefault(given.person, given)
            technical = [p for p in found if p in chain or not _in_any(p, beside)]
            if len(technical) >= max(proposal.needs, 1) and all(g & found.keys() for g in beside):
                complete = given.at
    return found, complete, None


def _is_yes(proposal: Proposal, given: Given) -> bool:
    """An approval of this package by someone who may approve it."""
    return (
        given.kind is AnswerKind.APPROVE
        and given.package_digest == proposal.package_digest
        and given.person not in proposal.excluded
    )


def _ends(proposal: Proposal, complete: datetime | None) -> datetime:
    """When it lapses: with its lifetime, or earlier with its approval."""
    if complete is None:
        return proposal.lapses_at
    return min(complete + proposal.valid, proposal.lapses_at)


def _stopped(proposal: Proposal) -> Given | None:
    """The first denial or revocation."""
    return next((a for a in proposal.answers if a.kind in _STOPS), None)
