"""One governed action from an agent's call to its answer: the face that the doors for agents use.

It puts `ask` (understand, judge, record) and `begin` (the way to the world) in order and owns
neither: tiers 1 and 2 begin at once and return with their outcome, tier 3 returns waiting.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from handrail.clock import Clock, from_us
from handrail.connectors.following import Cancel, OnProgress
from handrail.core import shadow
from handrail.core.action import State, move
from handrail.core.events import EventType
from handrail.core.model import Agent, Classification, Mode, Request, Tier, Trigger
from handrail.errors import BadInput, Closed, Conflict, KeyReused, NotFound, TooMany, Unavailable
from handrail.privacy.seal import Sealer
from handrail.service import codec, limits
from handrail.service.acted import Acted, Answered
from handrail.service.ask import Ask
from handrail.service.asked import Asked, Moved, why
from handrail.service.begin import Begin, Ended
from handrail.service.begun import Again, NeedsPeople
from handrail.service.bell import Bell
from handrail.service.draw import Draw
from handrail.service.limits import Limits
from handrail.service.shadow import Governed, Shadows
from handrail.service.versions import Versions
from handrail.store.contract import Change, Event, Reader, Row, Rows, Store, View

#: How often a call is judged again because something moved between judging and committing.
_TRIES = 8
#: Seconds between looks while waiting without having heard the bell.
_LOOK = 1.0
NOTE_LIMIT = 4000  # characters an agent may say about itself


class Govern:
    """What agents may do. Every method takes the authenticated agent first."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        begin: Begin,
        versions: Versions,
        sealer: Sealer,
        clock: Clock,
        draw: Draw,
        bell: Bell,
        *,
        full: Limits,
        shadows: Shadows,
    ) -> None:
        self._store = store
        self._ask = ask
        self._begin = begin
        self._versions = versions
        self._sealer = sealer
        self._clock = clock
        self._draw = draw
        self._bell = bell
        self._limits = full
        self._shadows = shadows

    def act(
        self,
        agent: Agent,
        request: Request,
        *,
        meta: Mapping[str, Any] | None = None,
        era: str = "legacy",
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
    ) -> Acted:
        """Ask for one action. Tiers 1 and 2 return with their outcome; tier 3 returns waiting.

        The same idempotency key returns the same action; the same content joins the open
        proposal. Raises `BadInput` (malformed), `TooMany` (a limit), `KeyReused`, `Unavailable`
        (nothing was written) and `Unsure` (look it up by key): in none of these was anything
        sent.
        """
        for _ in range(_TRIES):
            asked = self._ask.understand(agent, request, meta=meta or {}, era=era)
            try:
                return self._act(asked, on_progress, cancel)
            except Moved:
                self._ask.forget()
            except TooMany as full:
                self._limits.reached(agent, full)
                raise
            except Again as again:
                if again.body_digest != asked.body_digest:
                    raise KeyReused("this idempotency key was used for another request") from None
                return self.status(agent, again.action)
        raise Unavailable("the policy keeps changing while this call is judged")

    def dry_run(self, agent: Agent, request: Request) -> Classification:
        """Classify only; nothing is stored and nothing is sent but lookups."""
        asked = self._ask.understand(agent, request, meta={}, era="legacy")
        return self._ask.outlook(asked)

    def _act(self, asked: Asked, on_progress: OnProgress | None, cancel: Cancel | None) -> Acted:
        scope = self._shadows.covering(asked)
        if scope is not None:
            try:
                passed = self._begin.in_shadow(
                    asked,
                    scope,
                    drafted=self._ask.drafted(asked),
                    on_progress=on_progress,
                    cancel=cancel,
                )
            except Governed:
                pass  # ended meanwhile, or something holds in shadow as well
            else:
                return self._passed(asked, *passed)
        outlook = asked.outlook()
        if outlook.tier <= Tier.NOTIFY:
            ready = self._ask.prepare(asked, outlook.tier)
            try:
                classification, ended = self._begin.at_once(
                    ready,
                    admit=limits.admit_action,
                    designate=self._ask.designated,
                    on_progress=on_progress,
                    cancel=cancel,
                )
            except NeedsPeople as held:
                # Without what was read just now: it is read again just before it begins.
                return self._hold(asked, held.classification)
            return self._began(ready, classification, ended)
        return self._hold(asked, outlook)

    def _hold(self, asked: Asked, classification: Classification) -> Acted:
        if classification.tier is Tier.PROHIBITED:
            self._ask.refuse(asked, why(classification), "prohibited")
        else:
            action = self._versions.propose(asked, classification)
            return self.status(asked.agent, action)
        return self.status(asked.agent, asked.action.id)

    def _passed(self, asked: Asked, classification: Classification, ended: Ended) -> Acted:
        began = self._began(asked, classification, ended)
        text = shadow.words(classification.tier, ended.outcome.text)
        return replace(began, state=State.PASSED_IN_SHADOW, text=text)

    def _began(self, asked: Asked, classification: Classification, ended: Ended | None) -> Acted:
        if ended is None:
            with self._store.read() as reader:
                row = reader.row("action", asked.action.id)
            return self._acted(row or {}, reply=None)
        reply = (
            None
            if ended.reply is None
            else Answered(result=ended.reply.result, error=ended.reply.error)
        )
        return Acted(
            id=asked.action.id,
            state=ended.outcome.state,
            tier=classification.tier,
            classification=classification,
            text=ended.outcome.text,
            reply=reply,
            entry=ended.entry,
            at=asked.action.at,
        )

    # --- afterwards -------------------------------------------------------------------------

    def status(self, agent: Agent, action: str) -> Acted:
        """Where *action* stands, its newest version if it was superseded, with its result.

        Raises `NotFound` when it is no action of this agent.
        """
        with self._store.read() as reader:
            row = _own(reader, agent, action)
            while row["superseded_by"]:
                row = _own(reader, agent, row["superseded_by"])
            proposal = reader.proposal_of(row["id"]) if row["proposal"] else None
            sealed = reader.row("sealed", f"{row['id']}:result")
            question = None
            if proposal and row["state"] == State.WAITING.value:
                asked_back = [
                    a
                    for a in reader.answers(proposal["id"])
                    if a["answer"] == "ask" and a["version"] == proposal["version"]
                ]
                question = asked_back[-1]["note"] if asked_back else None
        reply = None
        if sealed is not None:
            plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
            reply = Answered(**orjson.loads(plain))
        return self._acted(row, reply=reply, proposal=proposal, question=question)

    def wait(self, agent: Agent, action: str, timeout: float) -> Acted:
        """Block until *action* is final or *timeout* seconds have passed; return where it stands."""
        deadline = self._clock.monotonic() + timeout
        acted = self.status(agent, action)
        while not acted.final:
            left = deadline - self._clock.monotonic()
            if left <= 0:
                break
            heard = self._bell.listen(acted.id)
            try:
                acted = self.status(agent, acted.id)
                if not acted.final:
                    heard.wait(min(left, _LOOK))
            finally:
                self._bell.leave(acted.id, heard)
            acted = self.status(agent, acted.id)
        return acted

    def withdraw(self, agent: Agent, action: str) -> Acted:
        """Take an open proposal back. Raises `Closed` when it has begun or ended."""
        current = self.status(agent, action)

        def unit(view: View) -> Rows:
            row = view.row("action", current.id)
            if row is None:
                raise NotFound("no such action")
            state = State(row["state"])
            if state not in {State.WAITING, State.APPROVED}:
                raise Closed(f"the action is {state}; there is nothing to withdraw")
            writes = [
                Change(
                    "action",
                    (current.id,),
                    {"state": State.WITHDRAWN.value, "ended_at": view.now},
                ),
                Change("proposal", (row["proposal"], row["version"]), {"due_at": None}),
            ]
            event = Event(
                EventType.ACTION_WITHDRAWN,
                f"agent:{agent.id}",
                current.id,
                tuple(codec.load(row["clients"])),
                {},
            )
            return Rows(tuple(writes), (event,))

        self._store.commit(unit)
        self._bell.ring(current.id, action)
        return self.status(agent, current.id)

    def answer_question(self, agent: Agent, action: str, text: str) -> Acted:
        """Answer a person's question: makes the next version, with question and answer in it."""
        current = self.status(agent, action)
        if current.question is None:
            raise Conflict("nobody asked a question", hint="Use handrail_status to see the state.")
        return self.status(agent, self._versions.after_answer(agent, current.id, _own_words(text)))

    # --- cooperative actions ----------------------------------------------------------------

    def claim(self, agent: Agent, action: str) -> Acted:
        """Where a cooperative action stands, with its grant once it has begun."""
        acted = self.status(agent, action)
        if acted.state is not State.BEGUN or acted.grant is None:
            raise Conflict(
                f"the action is {acted.state}; there is no grant to act on",
                hint="Only an action of mode grant, once begun, carries a grant.",
            )
        return acted

    def report(self, agent: Agent, action: str, state: str, text: str) -> Acted:
        """Record what the caller says came of its grant: its own word, no evidence (SPEC 10)."""
        ends = {"done": State.DONE, "failed": State.FAILED, "unknown": State.UNKNOWN}
        if state not in ends:
            raise BadInput(f"state is {state!r}", hint="Send done, failed or unknown.")
        words = _own_words(text, required=False)

        def unit(view: View) -> Rows:
            row = view.row("action", action)
            if row is None or row["agent"] != agent.id:
                raise NotFound("no such action")
            if row["mode"] != Mode.GRANT.value:
                raise Conflict("Handrail itself acted; there is nothing to report")
            if row["state"] not in {State.BEGUN.value, State.UNKNOWN.value}:
                raise Closed(f"the action is {row['state']}")
            if ends[state].value != row["state"]:
                move(State(row["state"]), ends[state])
            change = Change(
                "action",
                (action,),
                {
                    "state": ends[state].value,
                    "ended_at": view.now,
                    "outcome": f"Reported by the agent: {words or state}",
                },
            )
            event = Event(
                EventType.ACTION_REPORTED,
                f"agent:{agent.id}",
                action,
                tuple(codec.load(row["clients"])),
                {"state": state},
            )
            return Rows((change,), (event,))

        self._store.commit(unit)
        self._begin.changed(self._targets(action), {})
        self._bell.ring(action)
        return self.status(agent, action)

    def _targets(self, action: str) -> tuple[str, ...]:
        with self._store.read() as reader:
            row = reader.row("action", action)
        return tuple(codec.load(row["targets"])) if row else ()

    # --- without a call ---------------------------------------------------------------------

    def note(self, agent: Agent, text: str, trigger: Trigger) -> dict[str, Any]:
        """Record what the agent weighed and did not do."""
        return self._say(agent, EventType.ACTION_NOTED, text, trigger, {})

    def escalate(self, agent: Agent, kind: str, trigger: Trigger, text: str) -> dict[str, Any]:
        """The agent raises its hand: *this needs a human*."""
        kinds = ("data subject request", "suspected incident", "out of scope", "other")
        if kind not in kinds:
            raise BadInput(f"kind is {kind!r}", hint=f"Send one of: {', '.join(kinds)}.")
        return self._say(agent, EventType.AGENT_ESCALATED, text, trigger, {"kind": kind})

    def _say(
        self,
        agent: Agent,
        type: EventType,
        text: str,
        trigger: Trigger,
        facts: Mapping[str, Any],
    ) -> dict[str, Any]:
        words = _own_words(text)
        ref = self._draw.id("note")
        client = next(iter(agent.clients), "") if len(agent.clients) == 1 else ""
        put = self._begin.seal(f"{ref}:note", client, words.encode())

        def unit(view: View) -> Rows:
            event = Event(
                type,
                f"agent:{agent.id}",
                None,
                (client,) if client else (),
                {**facts, "note": ref, "trigger": self._ask.leaf_ref(trigger)},
            )
            return Rows((put,), (event,))

        _, at = self._store.commit(unit)
        return {"id": ref, "entry": at[0].seq, "text": "Recorded. A person can read it."}

    # --- inside -----------------------------------------------------------------------------

    def _acted(
        self,
        row: Row,
        *,
        reply: Answered | None,
        proposal: Row | None = None,
        question: str | None = None,
    ) -> Acted:
        classification = codec.classification(row["classification"])
        state = State(row["state"])
        grant = None
        if row["mode"] == Mode.GRANT.value and state is State.BEGUN:
            grant = {
                "action": row["id"],
                "digest": bytes(row["digest"]).hex(),
                "expires_at": from_us(row["grant_expires_at"]),
            }
        until = who = None
        if proposal is not None:
            until = from_us(proposal["lapses_at"])
            steps = codec.load(proposal["chain"])["steps"]
            step = min(max(proposal["step"], 0), len(steps) - 1)
            who = steps[step][0] if steps else ""
        return Acted(
            id=row["id"],
            state=state,
            tier=Tier(row["tier"]),
            classification=classification,
            text=_words(row, state, classification, who or ""),
            proposal=row["proposal"],
            version=row["version"],
            reply=reply,
            until=until,
            who=who or "",
            grant=grant,
            question=question,
            at=from_us(row["at"]),
        )


def _own(reader: Reader, agent: Agent, action: str) -> Row:
    row = reader.row("action", action)
    if row is None or row["agent"] != agent.id:
        raise NotFound(f"no action {action}")
    return row


def _own_words(text: str, *, required: bool = True) -> str:
    words = text.strip()
    if required and not words:
        raise BadInput("the text is empty", hint="Say in a sentence what a person should know.")
    if len(words) > NOTE_LIMIT:
        raise BadInput(f"the text is over {NOTE_LIMIT} characters", hint="Shorten it.")
    return words


_STILL = {State.APPROVED: "Approved by a person; it begins in a moment."}


def _words(row: Row, state: State, classification: Classification, who: str) -> str:
    """One sentence for the agent: what is so, and what it should do."""
    if state is State.WAITING:
        asked = f" It waits for: {who}." if who else ""
        return (
            f"Not executed: this needs a person's approval ({why(classification)}).{asked} "
            f"Do not repeat the call; ask for {row['id']} with handrail_status."
        )
    if state is State.PASSED_IN_SHADOW:
        return shadow.words(classification.tier, row["outcome"] or "Its outcome is not known yet.")
    if state is State.REFUSED and str(row["outcome"]).startswith("incomplete"):
        return f"Not executed, {row['outcome']}. Call again with that."
    if state is State.REFUSED:
        return f"Refused: {row['outcome'] or why(classification)}. Do not try this another way."
    if state is State.DENIED:
        return f"A person denied it: {row['outcome'] or 'no reason given'}. It did not run."
    if state is State.LAPSED:
        return "Nobody answered within its lifetime; it did not run."
    if state is State.REVOKED:
        return f"The approval was revoked before it began: {row['outcome'] or ''}".rstrip(": ")
    return row["outcome"] or _STILL.get(state) or f"The action is {state}."
