"""Proposals for tests, and a slow, obvious twin of `approval.where`: one second after another."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from handrail.core.action import State
from handrail.core.approval import AnswerKind, Given, Proposal, Step, Where
from handrail.core.model import Person, Role

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LONG_AGO = START - timedelta(days=400)
PACKAGE = b"p" * 32
OTHER = b"q" * 32


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def person(id: str, *roles: str, since: datetime | None = LONG_AGO, **more: Any) -> Person:
    """Someone who has held *roles* (`role` or `role@client`) for long."""
    held = (r.partition("@") for r in roles)
    values = {
        "name": id.title(),
        "email": f"{id}@x.example",
        "added_at": LONG_AGO,
        "reached_at": START,
        **more,
    }
    return Person(id=id, roles=frozenset(Role(r, c or None, since) for r, _, c in held), **values)


def step(role: str, approvers: str = "", window: float = 60, others: str = "") -> Step:
    """A step of seconds; people as words."""
    return Step(
        role, frozenset(approvers.split()), timedelta(seconds=window), frozenset(others.split())
    )


def proposal(*chain: Step, **more: Any) -> Proposal:
    """A proposal of seconds: everyone named in it holds their role, unless *authority* says."""
    also = tuple(more.get("also", ()))
    values: dict[str, Any] = {
        "needs": 1,
        "life": 600,
        "undo": 10,
        "valid": 120,
        "authority": {
            s.role: dict.fromkeys(s.approvers | s.others, LONG_AGO) for s in (*chain, *also)
        },
        **more,
    }
    return Proposal(
        id="prp_1",
        version=1,
        action="act_1",
        package_digest=PACKAGE,
        agent="agt_1",
        chain=chain,
        at=START,
        lapses_at=at(values.pop("life")),
        undo=timedelta(seconds=values.pop("undo")),
        valid=timedelta(seconds=values.pop("valid")),
        **values,
    )


def given(kind: str, who: str, seconds: float, **more: Any) -> Given:
    more.setdefault("package_digest", PACKAGE)
    return Given(kind=AnswerKind(kind), person=who, at=at(seconds), **more)


def said(base: Proposal, *answers: Given) -> Proposal:
    return replace(base, answers=(*base.answers, *answers))


def people(*them: Person) -> Mapping[str, Person]:
    return {p.id: p for p in them}


# --- the twin ----------------------------------------------------------------------------------


class Slow:
    """Lives through a proposal's time a second at a time, remembering everything as it goes."""

    def __init__(self, base: Proposal) -> None:
        self.base = base
        self.state = State.WAITING
        self.yes: list[str] = []
        self.approved_at: int | None = None
        self.step = 0
        self.step_began = 0
        self.alarmed_at: int | None = None
        self.spoke: set[str] = set()
        self.told: set[str] = set()
        self.in_chain = {p for s in base.chain for p in s.approvers | s.others}
        self.beside = [set(s.approvers | s.others) for s in base.also]
        can = {p for s in base.chain for p in s.approvers if p not in base.excluded}
        self.hopeless = len(can) < max(base.needs, 1) or any(
            all(p in base.excluded for p in s.approvers) for s in base.also
        )

    def live(self, until: int) -> Where:
        """Everything that happens up to and in second *until*."""
        seconds = [int((a.at - START).total_seconds()) for a in self.base.answers]
        for now in range(until + 1):
            self._end(now)
            for when, answer in zip(seconds, self.base.answers, strict=True):
                if when == now:
                    self._hear(answer, now)
            self._move(now)
        return self._where(until)

    def _end(self, now: int) -> None:
        if self.state in {State.WAITING, State.APPROVED} and now >= self._ends():
            self.state = State.LAPSED

    def _ends(self) -> int:
        life = int((self.base.lapses_at - START).total_seconds())
        if self.approved_at is None:
            return life
        return min(life, self.approved_at + int(self.base.valid.total_seconds()))

    def _hear(self, answer: Given, now: int) -> None:
        who = answer.person
        if answer.kind in {AnswerKind.APPROVE, AnswerKind.ABSTAIN}:
            self.spoke.add(who)
        if answer.kind is AnswerKind.HAND_OVER:
            self.told.add(answer.to)
            if who in self.in_chain or not any(who in g for g in self.beside):
                self.in_chain.add(answer.to)
            for group in self.beside:
                if who in group:
                    group.add(answer.to)
        if self.state is State.WAITING:
            if answer.kind is AnswerKind.DENY:
                self.state = State.DENIED
            elif answer.kind is AnswerKind.REVOKE:
                self.state = State.REVOKED
            elif answer.kind is AnswerKind.ABSTAIN and who in self.yes:
                self.yes.remove(who)
            elif answer.kind is AnswerKind.APPROVE and answer.package_digest == PACKAGE:
                if who not in self.base.excluded and who not in self.yes:
                    self.yes.append(who)
                if self._enough():
                    self.state, self.approved_at = State.APPROVED, now
        elif self.state is State.APPROVED and answer.kind in {AnswerKind.DENY, AnswerKind.REVOKE}:
            self.state = State.REVOKED

    def _enough(self) -> bool:
        technical = 0
        for who in self.yes:
            only_beside = who not in self.in_chain and any(who in g for g in self.beside)
            technical += 0 if only_beside else 1
        everywhere = all(any(who in g for who in self.yes) for g in self.beside)
        return technical >= max(self.base.needs, 1) and everywhere

    def _move(self, now: int) -> None:
        while self.alarmed_at is None:
            if self.step == len(self.base.chain):
                self.alarmed_at = now
                return
            here = self.base.chain[self.step]
            can = [p for p in here.approvers if p not in self.base.excluded]
            over = now - self.step_began >= here.window.total_seconds()
            if not (over or self.hopeless or all(p in self.spoke for p in can)):
                return
            self.step, self.step_began = self.step + 1, now

    def _where(self, now: int) -> Where:
        alarmed = self.alarmed_at is not None
        count = min(self.step + 1, len(self.base.chain))
        asked = {p for s in self.base.chain[:count] for p in s.approvers}
        asked |= {p for s in self.base.also for p in s.approvers} | self.told
        if alarmed:
            asked |= {p for s in (*self.base.chain, *self.base.also) for p in s.others}
        else:
            asked -= set(self.base.excluded)
        complete = self.approved_at
        approved = self.state is State.APPROVED and complete is not None
        return Where(
            state=self.state,
            step=max(count - 1, 0),
            asked=frozenset(asked),
            due_at=None,
            approved_by=tuple(self.yes),
            approved_at=None if complete is None else at(complete),
            runs_at=at(complete) + self.base.undo if approved and complete is not None else None,
            expires_at=at(self._ends()) if approved else None,
            alarmed=alarmed,
        )
