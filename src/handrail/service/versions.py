"""Proposals and their versions: opened, joined, superseded, ended.

A change makes the next version: another action with its own digest, while the older one is
*superseded*. What a version's package says is frozen when it opens (I10).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from handrail.clock import Clock, from_us, to_us
from handrail.core import approval, package
from handrail.core.action import OPEN, State, move
from handrail.core.approval import AnswerKind, Given
from handrail.core.events import EventType
from handrail.core.model import Agent, Classification, Request, SignedIn, Tier
from handrail.errors import Closed, Conflict, NotAllowed, NotFound, Refused
from handrail.privacy.seal import Sealer
from handrail.service import codec, denials, limits, rights
from handrail.service.ask import Ask
from handrail.service.asked import Asked, Moved, as_proposal, why
from handrail.service.begun import NeedsPeople, first_use
from handrail.service.bell import Bell
from handrail.service.draw import Draw
from handrail.service.duty import Duty
from handrail.service.known import Keeper
from handrail.service.opening import Opening, Openings
from handrail.store.contract import Change, Event, OpenProposal, Put, Reader, Row, Rows, Store, View

_TRIES = 8


class Versions:
    """Opens proposals and makes their next versions."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        keeper: Keeper,
        sealer: Sealer,
        clock: Clock,
        draw: Draw,
        bell: Bell,
        duty: Duty,
    ) -> None:
        self._store = store
        self._ask = ask
        self._openings = Openings(store, keeper, clock, duty)
        self._keeper = keeper
        self._sealer = sealer
        self._clock = clock
        self._draw = draw
        self._bell = bell

    # --- opening ----------------------------------------------------------------------------

    def propose(self, asked: Asked, held: Classification, *, asks: str = "") -> str:
        """Open a proposal for *asked*, or join the open one of the same content; return the
        action's id. *held* is the classification that holds it; where a person *asks*, other
        people decide whatever it would get alone. Incomplete asks are recorded as refused.

        Raises `Moved`, `Again`, `TooMany`, and what `Store.commit` raises.
        """
        proposal_id = self._draw.id("prp")
        span = asked.policy.settings.second_ask
        denial_keys = denials.keys(
            asked.action.type, asked.action.clients, asked.action.targets, asked.content
        )
        with self._store.read() as reader:
            since = to_us(self._clock.now() - span)
            stuck = denials.found(reader, denial_keys, since)
        try:
            shown = as_proposal(held) if asks else held
            opening = self._openings.of(asked, shown, proposal_id, 1, stuck=stuck, asks=asks)
        except Refused as incomplete:
            self._ask.refuse(asked, incomplete.message, "incomplete")
            return asked.action.id

        def unit(view: View) -> Rows:
            first_use(view, asked)
            same = _same(view, asked)
            if same is not None:
                return Rows(answer=same.action)
            limits.admit_action(asked, view)
            limits.admit_proposal(asked, view)
            if denials.found(view, denial_keys, since) != stuck:
                raise Moved("people have answered the same question meanwhile")
            if stuck is not None and stuck.asks:
                raise stuck.third(span)
            classification, state = asked.settle(view)
            if classification.tier is Tier.PROHIBITED:
                raise NeedsPeople(classification, state)
            if asks:
                classification = as_proposal(classification)
            if classification.tier < Tier.APPROVE:
                raise Moved("what held it has ended meanwhile")
            writes, event = opening.rows(asked, classification, state, view.now)
            again = denials.asked_again(view, denial_keys, since)
            return Rows((*writes, *again), (event,), answer=asked.action.id)

        try:
            action, _ = self._store.commit(unit)
        except NeedsPeople as refused:
            self._ask.refuse(asked, why(refused.classification), "prohibited")
            return asked.action.id
        except denials.DeniedBefore as third:
            self._ask.refuse(asked, f"{third.message}. {third.hint}", third.code)
            return asked.action.id
        return str(action)

    # --- the next version -------------------------------------------------------------------

    def next(self, agent: Agent, old: Row, request: Request, because: str) -> str:
        """Supersede *old* by a version of *request* that waits; return the new action's id."""
        return self._next(agent, old, request, because, note="", given=None)

    def after_answer(self, agent: Agent, action_id: str, text: str) -> str:
        """The agent answered a question: the next version, with question and answer in it."""
        with self._store.read() as reader:
            old, sealed = self._sealed(reader, action_id)
            question = [a["note"] for a in reader.answers(old["proposal"]) if a["answer"] == "ask"][
                -1:
            ]
        note = f"Asked: {question[0] if question else ''}\nAnswered: {text}"
        whole = f"{sealed.note}\n{note}".strip()
        request = replace(sealed.request, idempotency_key=None)
        return self._next(agent, old, request, "the agent answered a question", whole, None)

    def modified(
        self, who: SignedIn, row: Row, arguments: Mapping[str, Any], note: str
    ) -> dict[str, Any]:
        """The next version with *arguments*, approved by *who* as its own content (SPEC 5)."""
        with self._store.read() as reader:
            old, sealed = self._sealed(reader, row["action"])
        agent = self._keeper.current().agents.get(old["agent"])
        if agent is None:
            raise NotFound("its agent is gone")
        body = orjson.dumps(dict(arguments), option=orjson.OPT_SORT_KEYS)
        request = replace(sealed.request, arguments=body, idempotency_key=None)
        given = (who, note)
        action = self._next(agent, old, request, "a person modified it", sealed.note, given)
        with self._store.read() as reader:
            new = reader.row("action", action)
        return {
            "proposal": row["id"],
            "version": row["version"] + 1,
            "action": action,
            "state": new["state"] if new else State.SUPERSEDED.value,
        }

    def end(self, action_id: str, state: State, because: str, code: str = "changed") -> None:
        """End an open action that can no longer run, by Handrail itself, saying why."""

        def unit(view: View) -> Rows:
            row = view.row("action", action_id)
            if row is None:
                raise NotFound(f"no action {action_id}")
            move(State(row["state"]), state)
            event = Event(
                EventType.ACTION_REFUSED,
                f"agent:{row['agent']}",
                action_id,
                tuple(codec.load(row["clients"])),
                {"type": row["type"], "why": code, "state": state.value},
            )
            values = {"state": state.value, "ended_at": view.now, "outcome": because}
            return Rows(
                (
                    Change("action", (action_id,), values),
                    Change("proposal", (row["proposal"], row["version"]), {"due_at": None}),
                ),
                (event,),
            )

        self._store.commit(unit)
        self._bell.ring(action_id)

    def difference(
        self, proposal_id: str, shown: bytes, newest: Row
    ) -> tuple[tuple[str, str, str], ...]:
        """What differs between the package that was shown and the newest; empty when the digest
        is of no version of this proposal."""
        with self._store.read() as reader:
            for version in range(newest["version"], 0, -1):
                row = reader.proposal(proposal_id, version)
                if row is not None and bytes(row["package_digest"]) == shown:
                    return tuple(package.compare(bytes(row["package"]), bytes(newest["package"])))
        return ()

    # --- inside -----------------------------------------------------------------------------

    def _next(
        self,
        agent: Agent,
        old: Row,
        request: Request,
        because: str,
        note: str,
        given: tuple[SignedIn, str] | None,
    ) -> str:
        version = old["version"] + 1
        for _ in range(_TRIES):
            asked = self._ask.understand(
                agent, replace(request, idempotency_key=None), meta={}, era="legacy", note=note
            )
            opening = self._openings.of(
                asked, as_proposal(asked.outlook()), old["proposal"], version, because, note
            )

            def unit(view: View, asked: Asked = asked, opening: Opening = opening) -> Rows:
                current = view.row("action", old["id"])
                if current is None:
                    raise NotFound(f"no action {old['id']}")
                if State(current["state"]) not in OPEN:
                    raise Closed(f"the proposal is {current['state']}")
                classification, state = asked.settle(view)
                if classification.tier is Tier.PROHIBITED:
                    raise NotAllowed(f"the policy prohibits it: {why(classification)}")
                classification = as_proposal(classification)
                move(State(current["state"]), State.SUPERSEDED)
                writes, event = opening.rows(asked, classification, state, view.now)
                changes = (
                    Change(
                        "action",
                        (old["id"],),
                        {
                            "state": State.SUPERSEDED.value,
                            "ended_at": view.now,
                            "superseded_by": asked.action.id,
                            "outcome": because,
                        },
                    ),
                    Change("proposal", (old["proposal"], old["version"]), {"due_at": None}),
                )
                gone = Event(
                    EventType.ACTION_SUPERSEDED,
                    "handrail",
                    old["id"],
                    tuple(codec.load(old["clients"])),
                    {"version": version, "why": "changed", "by": asked.action.id},
                )
                events = [gone, event]
                if given is not None:
                    writes, more = _approve_at_once(view, opening, asked, writes, given)
                    events.append(more)
                return Rows((*changes, *writes), tuple(events))

            try:
                self._store.commit(unit)
            except Moved:
                self._keeper.forget()
                continue
            self._bell.ring(old["id"])
            return asked.action.id
        raise Conflict("the policy keeps changing while the next version is made")

    def _sealed(self, reader: Reader, action_id: str) -> tuple[Row, codec.Sealed]:
        row = reader.row("action", action_id)
        sealed = reader.row("sealed", f"{action_id}:request")
        if row is None or sealed is None or row["proposal"] is None:
            raise NotFound(f"no proposal for {action_id}")
        plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
        return row, codec.open_request(plain)


def _approve_at_once(
    view: View,
    opening: Opening,
    asked: Asked,
    writes: tuple[Put | Change, ...],
    given: tuple[SignedIn, str],
) -> tuple[tuple[Put | Change, ...], Event]:
    """The modifying person's yes to the new content, with the same checks as any yes."""
    who, note = given
    person = rights.active(view, who)
    now = from_us(view.now)
    row = opening.row(asked, view.now)
    action_put = writes[0]
    assert isinstance(action_put, Put)  # noqa: S101 - narrows what `rows` put first
    known = codec.clients_of(view, asked.action.clients)
    authority = codec.authority(row, asked.action.clients, asked.policy, view.people(), known, now)
    proposal = codec.proposal(row, (), action_put.row, authority)
    wait = asked.policy.settings.new_approver_wait
    answer = Given(
        kind=AnswerKind.APPROVE,
        person=person.id,
        at=now,
        package_digest=opening.digest,
        reason="",
        note=note,
        to="",
    )
    people = {p.id: p for p in view.people()}
    after = approval.answer(proposal, answer, people=people, now=now, wait=wait)
    where = approval.where(after, now)
    values = dict(action_put.row)
    if where.state is State.APPROVED:
        values |= {
            "state": where.state.value,
            "granted_at": view.now,
            "grant_expires_at": to_us(where.expires_at) if where.expires_at else view.now,
        }
    answer_row = Put(
        "answer",
        {
            "id": codec.answer_key(opening.proposal, opening.version, 0),
            "proposal": opening.proposal,
            "version": opening.version,
            "person": person.id,
            "answer": AnswerKind.APPROVE.value,
            "package_digest": opening.digest,
            "reason": "",
            "note": note,
            "to": "",
            "at": view.now,
            "effective": 1,
        },
    )
    event = Event(
        EventType.PROPOSAL_MODIFIED,
        f"person:{person.id}",
        asked.action.id,
        asked.action.clients,
        {"version": opening.version, "package": opening.digest.hex(), "state": where.state.value},
    )
    due = next_look(where, now)
    rest = [
        Put("proposal", {**w.row, "due_at": due}) if w.table == "proposal" else w
        for w in writes[1:]
        if isinstance(w, Put)
    ]
    return (Put("action", values), *rest, answer_row), event


def _same(view: View, asked: Asked) -> OpenProposal | None:
    return next((p for p in view.open_proposals() if p.same == asked.same), None)


def next_look(where: approval.Where, now: datetime) -> int | None:
    """When the sweep looks at a proposal next: an approved one when its undo window ends, which
    is now when there is none; a waiting one when it is time to remind, or something changes."""
    at = where.runs_at if where.state is State.APPROVED else where.due_at
    if at is not None and where.remind_at is not None and now < where.remind_at < at:
        at = where.remind_at
    return to_us(at) if at else None
