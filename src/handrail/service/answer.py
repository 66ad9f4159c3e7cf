"""What people say to a proposal, and what follows from it (SPEC 5).

* The answer carries the package digest that was shown; another digest is refused (I10).
* Authority is checked when answering and again inside the begin (I2).
* Until begin, a denial or revocation by anyone authorised wins (I8).
* Nothing but a person's answer leads to *approved* (I6); this module never reads a timer.
"""

from collections.abc import Mapping
from typing import Any

from handrail.clock import Clock, from_us, to_us
from handrail.core import approval
from handrail.core.action import State, move
from handrail.core.approval import AnswerKind, Given, Proposal
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.core.policy import Policy
from handrail.errors import (
    BadInput,
    Closed,
    NotFound,
    Stale,
    StepUpNeeded,
)
from handrail.service import codec, denials, rights
from handrail.service.asked import until
from handrail.service.bell import Bell
from handrail.service.policies import Policies
from handrail.service.ring import Ring
from handrail.service.versions import Versions, next_look
from handrail.store.contract import Change, Drop, Event, Put, Row, Rows, Store, View

EVENTS: Mapping[AnswerKind, EventType] = {
    AnswerKind.APPROVE: EventType.PROPOSAL_APPROVED,
    AnswerKind.DENY: EventType.PROPOSAL_DENIED,
    AnswerKind.ASK: EventType.PROPOSAL_ASKED_BACK,
    AnswerKind.HAND_OVER: EventType.PROPOSAL_HANDED_OVER,
    AnswerKind.ABSTAIN: EventType.PROPOSAL_ABSTAINED,
    AnswerKind.REVOKE: EventType.PROPOSAL_REVOKED,
}


class Answers:
    """Takes people's answers to proposals."""

    def __init__(
        self,
        store: Store,
        versions: Versions,
        policies: Policies,
        clock: Clock,
        bell: Bell,
        ring: Ring,
    ) -> None:
        self._store = store
        self._ring = ring
        self._versions = versions
        self._policies = policies
        self._clock = clock
        self._bell = bell

    def give(
        self,
        who: SignedIn,
        proposal_id: str,
        kind: str,
        package_digest: str,
        *,
        reason: str = "",
        note: str = "",
        to: str = "",
        arguments: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Record one person's answer to the version they were shown.

        Raises `Stale` with the difference when another version waits, `Closed` when it has ended
        (the answer is recorded as without effect), `NotAllowed` with the reason, `StepUpNeeded`
        when approving with an old sign-in. The same answer sent twice is one answer.
        """
        answer = _kind(kind)
        digest = _digest(package_digest)
        with self._store.read() as reader:
            newest = reader.proposal(proposal_id)
        if newest is None:
            raise NotFound(f"no proposal {proposal_id}")
        _complete(answer, reason, note, to)
        if answer in {AnswerKind.APPROVE, AnswerKind.APPROVE_MODIFIED}:
            self._fresh(who)
        if bytes(newest["package_digest"]) != digest:
            raise Stale(
                "this proposal changed while you read it; nothing was approved",
                difference=self._versions.difference(proposal_id, digest, newest),
            )
        if answer is AnswerKind.APPROVE_MODIFIED:
            if not arguments:
                raise BadInput(
                    "approve_modified needs the changed arguments",
                    hint="Send arguments: the whole object as it should run.",
                )
            self._may(who, newest, answer)
            return self._versions.modified(who, newest, arguments, note)
        return self._record(who, newest, answer, digest, reason=reason, note=note, to=to)

    def revoke(self, who: SignedIn, proposal_id: str, reason: str = "") -> dict[str, Any]:
        """Take an approval back before it begins (undo). Raises `Closed` once it has begun."""
        with self._store.read() as reader:
            newest = reader.proposal(proposal_id)
        if newest is None:
            raise NotFound(f"no proposal {proposal_id}")
        digest = bytes(newest["package_digest"])
        return self._record(who, newest, AnswerKind.REVOKE, digest, reason=reason, note="", to="")

    def opened(self, who: SignedIn, proposal_id: str, version: int) -> None:
        """Record that *who* opened the package: part of the story, of no effect on the state."""
        with self._store.read() as reader:
            row = reader.proposal(proposal_id, version)
        if row is None:
            raise NotFound(f"no proposal {proposal_id}")

        def unit(view: View) -> Rows:
            event = Event(
                EventType.PROPOSAL_OPENED,
                f"person:{who.person}",
                row["action"],
                tuple(codec.load(row["clients"])),
                {"version": version},
            )
            return Rows(events=(event,))

        self._store.commit(unit)

    # --- inside -----------------------------------------------------------------------------

    def _fresh(self, who: SignedIn) -> None:
        age = self._clock.now() - who.signed_in_at
        if age > self._policies.current().settings.step_up_age:
            raise StepUpNeeded("approving needs a recent sign-in")

    def _may(self, who: SignedIn, row: Row, kind: AnswerKind) -> None:
        policy = self._policies.current()

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            proposal, _ = stands(view, row["id"], row["version"], policy)
            wait = policy.settings.new_approver_wait
            approval.may_answer(proposal, person, kind, from_us(view.now), wait)
            return Rows()

        self._store.commit(unit)

    def _record(
        self,
        who: SignedIn,
        row: Row,
        kind: AnswerKind,
        digest: bytes,
        *,
        reason: str,
        note: str,
        to: str,
    ) -> dict[str, Any]:
        proposal_id, version = row["id"], row["version"]
        policy = self._policies.current()

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            proposal, action = stands(view, proposal_id, version, policy)
            given = Given(
                kind=kind,
                person=person.id,
                at=from_us(view.now),
                package_digest=digest,
                reason=reason,
                note=note,
                to=to,
            )
            n = len(codec.answers_of(view, proposal_id, version))
            clients = tuple(codec.load(action["clients"]))
            put = _answer_row(proposal_id, version, n, given, view.now)
            people = {p.id: p for p in view.people()}
            before = approval.where(proposal, from_us(view.now))
            if _repeated(proposal, given):
                return Rows(answer=(before.state, before, None))
            try:
                wait = policy.settings.new_approver_wait
                after = approval.answer(
                    proposal, given, people=people, now=from_us(view.now), wait=wait
                )
            except Closed as closed:
                # I8: too late is recorded, as without effect, and told.
                event = Event(
                    EventType.ANSWER_WITHOUT_EFFECT,
                    f"person:{person.id}",
                    action["id"],
                    clients,
                    {"answer": kind.value, "version": version},
                )
                late = Put("answer", {**put.row, "effective": 0})
                return Rows((late,), (event,), answer=(before.state, before, closed))
            where = approval.where(after, from_us(view.now))
            writes: list[Put | Change | Drop] = [put]
            current = State(action["state"])
            if where.state is not current:
                move(current, where.state)
                writes.append(
                    Change("action", (action["id"],), _state_values(where, kind, given, view.now))
                )
            if where.state is State.DENIED:
                since = view.now - until(0, policy.settings.second_ask)
                writes += denials.denied(view, action, proposal, given, view.now, since)
            elif where.state is State.APPROVED:
                writes += denials.lifted(view, action)
            writes.append(
                Change(
                    "proposal",
                    (proposal_id, version),
                    {"due_at": next_look(where, from_us(view.now))},
                )
            )
            event = Event(
                EVENTS[kind],
                f"person:{person.id}",
                action["id"],
                clients,
                {
                    "version": version,
                    "package": digest.hex(),
                    "digest": bytes(action["digest"]).hex(),
                    "state": where.state.value,
                    "reason": reason if reason in approval.DENY_REASONS else "",
                    "to": to,
                },
            )
            return Rows(tuple(writes), (event,), answer=(where.state, where, None))

        (state, where, closed), _ = self._store.commit(unit)
        self._bell.ring(row["action"])
        self._ring.answered(who, proposal_id)
        if closed is not None:
            raise closed
        return shown(proposal_id, version, state, where)


def stands(
    view: View, proposal_id: str, version: int, policy: Policy | None = None
) -> tuple[Proposal, Row]:
    """The proposal's version and its action as the unit sees them. Under *policy* it knows who
    may answer it now; without, nobody may. Raises `NotFound`."""
    row = view.row("proposal", proposal_id, version)
    action = view.row("action", row["action"]) if row is not None else None
    if row is None or action is None:
        raise NotFound(f"no proposal {proposal_id} version {version}")
    answers = codec.answers_of(view, proposal_id, version)
    authority = None
    if policy is not None:
        clients = tuple(codec.load(action["clients"]))
        known = codec.clients_of(view, clients)
        authority = codec.authority(row, clients, policy, view.people(), known, from_us(view.now))
    return codec.proposal(row, answers, action, authority), action


def shown(proposal_id: str, version: int, state: State, where: approval.Where) -> dict[str, Any]:
    """An answer's result as doors show it."""
    return {
        "proposal": proposal_id,
        "version": version,
        "state": state.value,
        "approved_by": list(where.approved_by),
        "runs_at": where.runs_at,
        "expires_at": where.expires_at,
    }


def _state_values(
    where: approval.Where, kind: AnswerKind, given: Given, now: int
) -> dict[str, Any]:
    values: dict[str, Any] = {"state": where.state.value}
    if where.state is State.APPROVED:
        values["granted_at"] = to_us(where.approved_at) if where.approved_at else now
        values["grant_expires_at"] = to_us(where.expires_at) if where.expires_at else now
    else:
        values["ended_at"] = now
        said = approval.DENY_REASONS.get(given.reason, given.reason)
        values["outcome"] = "; ".join(t for t in (said, given.note) if t) or None
    return values


def _answer_row(proposal_id: str, version: int, n: int, given: Given, now: int) -> Put:
    return Put(
        "answer",
        {
            "id": codec.answer_key(proposal_id, version, n),
            "proposal": proposal_id,
            "version": version,
            "person": given.person,
            "answer": given.kind.value,
            "package_digest": given.package_digest,
            "reason": given.reason,
            "note": given.note,
            "to": given.to,
            "at": now,
            "effective": 1,
        },
    )


def _repeated(proposal: Proposal, given: Given) -> bool:
    """Whether the same person's last answer said just this: a double click."""
    mine = [a for a in proposal.answers if a.person == given.person]
    return bool(mine) and (mine[-1].kind, mine[-1].reason, mine[-1].note, mine[-1].to) == (
        given.kind,
        given.reason,
        given.note,
        given.to,
    )


def _kind(kind: str) -> AnswerKind:
    try:
        answer = AnswerKind(kind)
    except ValueError:
        answer = AnswerKind.REVOKE
    if answer is AnswerKind.REVOKE:
        known = ", ".join(k.value for k in AnswerKind if k is not AnswerKind.REVOKE)
        raise BadInput(f"answer is {kind!r}", hint=f"One of: {known}.")
    return answer


def _digest(text: str) -> bytes:
    """The whole digest; a shortened one is no digest (I10)."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise BadInput(
            "package_digest must be the whole SHA-256 of the package you were shown",
            hint="Send the package_digest of GET /v1/proposals/{id}, all 64 characters.",
        )
    return digest


def _complete(kind: AnswerKind, reason: str, note: str, to: str) -> None:
    if kind is AnswerKind.DENY and reason not in approval.DENY_REASONS:
        known = ", ".join(approval.DENY_REASONS)
        raise BadInput("a denial needs a reason code", hint=f"One of: {known}.")
    if kind is AnswerKind.ASK and not note.strip():
        raise BadInput("the question is empty", hint="Write what the agent should answer.")
    if kind is AnswerKind.HAND_OVER and not to:
        raise BadInput("nobody to hand over to", hint="Name a person who may decide this.")
    if len(note) > 4000:
        raise BadInput("the note is over 4,000 characters", hint="Shorten it.")
