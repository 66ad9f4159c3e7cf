"""People answer, lose and gain roles, leave and come back, time passes, in any order.

After each move the proposal is held against what was really accepted, by rules written down
plainly here: I2, I4, I5, I6, I7, I8, I9 and I10 on the level of values.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from handrail.core import approval
from handrail.core.action import State
from handrail.core.approval import AnswerKind, Given
from handrail.core.model import Person
from handrail.errors import Closed, HandrailError, NotAllowed, Stale
from support.approvals import LONG_AGO, OTHER, PACKAGE, START, at, given, person, proposal, step

NAMES = ("anna", "ben", "cleo", "dan", "eve")
ROLES = ("engineer", "senior", "officer")
who = st.sampled_from(NAMES)
FINAL = {State.DENIED, State.REVOKED, State.LAPSED}
WAIT = timedelta(seconds=300)


class Answering(RuleBasedStateMachine):
    """One proposal, five people, three roles."""

    @initialize(
        needs=st.integers(1, 2),
        officer=st.booleans(),
        excluded=st.sets(who, max_size=1),
        life=st.integers(60, 900),
        undo=st.integers(0, 20),
        valid=st.integers(30, 200),
    )
    def open(
        self, needs: int, officer: bool, excluded: set[str], life: int, undo: int, valid: int
    ) -> None:
        self.now = 0
        self.holds: dict[str, dict[str, datetime | None]] = {
            "engineer": {"anna": LONG_AGO},
            "senior": {"ben": LONG_AGO, "cleo": LONG_AGO},
            "officer": {"dan": LONG_AGO},
        }
        self.people: dict[str, Person] = {n: person(n) for n in NAMES}
        self.it = proposal(
            step("engineer", "anna"),
            step("senior", "ben cleo"),
            also=(step("officer", "dan"),) if officer else (),
            needs=needs,
            excluded=dict.fromkeys(excluded, "You proposed it"),
            life=life,
            undo=undo,
            valid=valid,
        )
        self.ended: State | None = None
        #: What was accepted, with who held what in that moment.
        self.accepted: list[tuple[Given, frozenset[str], bool]] = []

    # --- the world ---------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0, 1, 9, 30, 61, 200]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(name=who, role=st.sampled_from(ROLES))
    def someone_gets_a_role(self, name: str, role: str) -> None:
        self.holds[role].setdefault(name, at(self.now))

    @rule(name=who, role=st.sampled_from(ROLES))
    def someone_loses_a_role(self, name: str, role: str) -> None:
        self.holds[role].pop(name, None)

    @rule(name=who)
    def someone_leaves_or_returns(self, name: str) -> None:
        self.people[name] = replace(self.people[name], active=not self.people[name].active)

    # --- people ------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from([k for k in AnswerKind if k is not AnswerKind.APPROVE_MODIFIED]),
        name=who,
        to=who,
        package=st.sampled_from([PACKAGE, PACKAGE, PACKAGE, OTHER, PACKAGE[:8]]),
    )
    def someone_answers(self, kind: AnswerKind, name: str, to: str, package: bytes) -> None:
        before = self.here()
        said = given(kind.value, name, self.now, to=to, package_digest=package)
        try:
            self.it = approval.answer(
                self.it_now(), said, people=self.people, now=at(self.now), wait=WAIT
            )
        except HandrailError as error:
            assert self.here() == before
            self.rightly_refused(error, said, before.state)
            return
        assert package == PACKAGE, "I10"
        assert before.state in {State.WAITING, State.APPROVED}, "I4"
        held = self.held(name)
        assert self.people[name].active, "I2"
        assert held, "I2"
        self.accepted.append((said, held, self.is_new(name, held)))

    @rule()
    @precondition(lambda self: len(getattr(self, "accepted", ())) < 3)
    def everyone_agrees(self) -> None:
        for name in NAMES:
            self.someone_answers(AnswerKind.APPROVE, name, "ben", PACKAGE)

    @rule()
    def it_would_begin(self) -> None:
        """I2: begin asks again, and lets nobody pass who may not now."""
        found = self.here()
        if found.state is not State.APPROVED:
            return
        standing = all(self.people[n].active and self.held(n) for n in found.approved_by)
        try:
            approval.still_authorised(self.it_now(), self.people, at(self.now))
        except NotAllowed:
            if standing and not self.it.also and not self.changed_hands():
                raise
            return
        assert standing
        for beside in self.it.also:
            assert any(n in self.holds[beside.role] for n in found.approved_by)

    # --- what must hold ----------------------------------------------------------------------

    @invariant()
    def the_promises(self) -> None:
        if not hasattr(self, "it"):
            return
        found = self.here()
        if self.ended is not None:
            assert found.state is self.ended, "I4"
        if found.state in FINAL:
            self.ended = found.state
            assert found.due_at is None
            return
        assert self.now < (self.it.lapses_at - START).total_seconds(), "I7"
        assert found.due_at is not None
        assert at(self.now) < found.due_at <= self.it.lapses_at, "I7"
        assert not [a for a, _, _ in self.accepted if a.kind is AnswerKind.DENY], "I8"
        if found.state is State.APPROVED:
            self.approved_rightly(found)

    def approved_rightly(self, found: approval.Where) -> None:
        yes = {
            a.person: (held, new)
            for a, held, new in self.accepted
            if a.kind is AnswerKind.APPROVE and a.at <= (found.approved_at or START)
        }
        for name in found.approved_by:
            held, new = yes[name]  # I6: everyone who counts said so
            assert held, "I2"
            assert name not in self.it.excluded, "I5"
            assert not (new and self.it.needs > 1), "I5"
        technical = {n for n in found.approved_by if yes[n][0] & {"engineer", "senior"}}
        assert len(technical) >= self.it.needs, "I5"
        for beside in self.it.also:
            assert {n for n in found.approved_by if beside.role in yes[n][0]}
        assert not [a for a, _, _ in self.accepted if a.kind is AnswerKind.REVOKE], "I8"

    # --- inside ------------------------------------------------------------------------------

    def it_now(self) -> approval.Proposal:
        return replace(self.it, authority=self.holds)

    def here(self) -> approval.Where:
        return approval.where(self.it, at(self.now))

    def held(self, name: str) -> frozenset[str]:
        asked = {s.role for s in (*self.it.chain, *self.it.also)}
        return frozenset(r for r in asked if name in self.holds[r])

    def is_new(self, name: str, held: frozenset[str]) -> bool:
        since = [self.holds[r][name] or LONG_AGO for r in held]
        return at(self.now) - min(since) < WAIT

    def changed_hands(self) -> bool:
        return any(a.kind is AnswerKind.HAND_OVER for a, _, _ in self.accepted) or any(
            n not in self.holds[s.role] for s in self.it.chain for n in s.approvers
        )

    def rightly_refused(self, error: HandrailError, said: Given, state: State) -> None:
        """Nobody who may is turned away: what refuses has its reason."""
        if isinstance(error, Stale):
            assert said.package_digest != PACKAGE
        elif isinstance(error, Closed):
            assert (
                state is not State.WAITING
                or said.kind is AnswerKind.REVOKE
                or "little" in str(error)
            )
        else:
            assert isinstance(error, NotAllowed)
            able = self.people[said.person].active and self.held(said.person)
            assert (
                not able
                or said.kind in {AnswerKind.APPROVE, AnswerKind.HAND_OVER}
                or (self.held(said.person) == {"officer"} and said.person != "dan")
            )


Answering.TestCase.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)
TestAnswering = Answering.TestCase
