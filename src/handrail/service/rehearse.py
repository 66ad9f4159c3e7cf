"""Rehearsals: a rollback is run on a safe target before it is relied on (SPEC 4).

* What runs stands in the signed row: type, arguments, client. It goes to the world by `begin`,
  after its own entry, marked as a rehearsal; it is no action and counts as no evidence (I22).
* A person with the authority to decide such actions starts one: a yes of their own over the exact
  content that the signed row declares (I1). The schedule starts those that would run without a
  person. What two people decide, what is prohibited, or stopped by a pause, is not rehearsed.
* Each stage is due at an instant that stands in the table: a restart goes on where it was, and
  what was handed over without an end becomes *unknown* with an incident, since the target may be
  left changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import structlog

from handrail.clock import Clock, from_us, to_us
from handrail.core import rehearsal, rollback
from handrail.core.action import State
from handrail.core.events import EventType
from handrail.core.model import Agent, Degree, Json, Request, SignedIn, Tier, Trigger
from handrail.core.policy import MatrixRow, Policy
from handrail.core.recipes import Read
from handrail.core.rehearsal import Stage
from handrail.core.routing import may_decide
from handrail.errors import Closed, Conflict, HandrailError, NotAllowed, NotFound
from handrail.privacy.seal import Sealer
from handrail.service import codec, incident, later, rights, shown
from handrail.service.ask import Ask
from handrail.service.asked import Asked, Moved, until, why
from handrail.service.begin import Begin
from handrail.service.checks import opened
from handrail.service.draw import Draw
from handrail.service.policies import Policies
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

log = structlog.get_logger(__name__)

_TRIES = 3  # of judging it, while policy or people change
_LOOKS = timedelta(minutes=1)  # how often the schedule is looked at
_EVER = 1 << 62  # later than any instant
_KEPT = 20  # past rehearsals shown for each type
EVENTS: Mapping[Stage, EventType] = {
    Stage.PROVEN: EventType.REHEARSAL_PROVEN,
    Stage.FAILED: EventType.REHEARSAL_FAILED,
    Stage.UNKNOWN: EventType.REHEARSAL_UNKNOWN,
}


class Rehearsals:
    """Starts rehearsals and moves them along."""

    def __init__(
        self,
        store: Store,
        begin: Begin,
        ask: Ask,
        policies: Policies,
        *,
        sealer: Sealer,
        clock: Clock,
        draw: Draw,
    ) -> None:
        self._store = store
        self._begin = begin
        self._ask = ask
        self._policies = policies
        self._sealer = sealer
        self._clock = clock
        self._draw = draw
        self._looked = 0

    # --- starting ---------------------------------------------------------------------------

    def types(self) -> list[str]:
        """The action types whose rows declare a safe target."""
        rows = self._policies.current().matrix()
        return [row.type for row in rows if row.signed and not rehearsal.why_not(row)]

    def run(self, who: SignedIn | None, type: str) -> dict[str, Any]:
        """Begin a rehearsal of *type* now; *who* is None for the schedule.

        Goes on by itself while nothing has to be waited for. Raises `Conflict` when the row can't
        be rehearsed or one of it is running, `NotAllowed` without authority, or when the schedule
        would need a person.
        """
        policy = self._policies.current()
        row = policy.row(type)
        reason = rehearsal.why_not(row)
        if row is None or reason:
            raise Conflict(f"{type} can't be rehearsed: {reason}", hint="See: rehearse a rollback.")
        id = self._draw.id("reh")
        for _ in range(_TRIES):
            asked = self._asked(row, id)
            if who is not None:
                self._store.commit(lambda view, a=asked: self._allowed(view, who, row, a))  # type: ignore[misc]
            asked = self._ask.prepare(asked, Tier.NOTIFY)
            try:
                return self._act(who, row, asked, id)
            except Moved:
                self._ask.forget()
        raise Conflict("the policy keeps changing while this is judged")

    def _asked(self, row: MatrixRow, id: str) -> Asked:
        """The call as it is judged, in Handrail's own name."""
        wanted = row.rehearsal
        connection, _, tool = row.type.partition(".")
        request = Request(
            connection=connection,
            tool=tool,
            arguments=orjson.dumps(dict(wanted.arguments) if wanted else {}),
            clients=(wanted.client,) if wanted and wanted.client else (),
            trigger=Trigger("rehearsal", id),
            reasoning="A rehearsal of its rollback on the safe target that its row declares.",
            confidence=1000,
        )
        hand = Agent(
            id="handrail",
            name="Handrail",
            sponsor="",
            purpose="rehearsals",
            version="",
            connections=frozenset({connection}),
        )
        return self._ask.understand(hand, request, meta={}, era="legacy")

    def _allowed(self, view: View, who: SignedIn, row: MatrixRow, asked: Asked) -> Rows:
        person = rights.active(view, who)
        clients = asked.action.clients
        may_decide(
            person,
            category=row.category,
            clients=clients,
            policy=asked.policy,
            known=codec.clients_of(view, clients),
            values={"action.type": row.type, "action.effect": row.effect.value},
        )
        return Rows(answer=person.id)

    def _act(self, who: SignedIn | None, row: MatrixRow, asked: Asked, id: str) -> dict[str, Any]:
        settings = asked.policy.settings
        sealed = [self._as_ours(put, id, asked) for put in asked.sealed]

        def unit(view: View) -> Rows:
            by = self._allowed(view, who, row, asked).answer if who is not None else ""
            found, state = asked.settle(view)
            if any(p.degree is Degree.STOP for p in state.pauses):
                raise NotAllowed("a pause stops it", hint="Rehearse when the pause is over.")
            if found.tier is Tier.PROHIBITED or (not by and found.tier > Tier.NOTIFY):
                raise NotAllowed(
                    f"it does not run by itself: {why(found)}",
                    hint="A person with authority starts it: handrail rehearse TYPE.",
                )
            if found.tier > Tier.NOTIFY and row.approvals > 1:
                raise NotAllowed(
                    "two people decide such actions, and one can't rehearse them",
                    hint="Ask for it as an action on the safe target, and reverse that.",
                )
            last = view.row("proof", row.type)
            running = view.row("rehearsal", last["rehearsal"]) if last else None
            if running is not None and Stage(running["state"]) not in rehearsal.ENDED:
                raise Conflict("a rehearsal of it is running", hint="See how it ends first.")
            put = Put(
                "rehearsal",
                {
                    "id": id,
                    "type": row.type,
                    "client": asked.client,
                    "state": Stage.ACTING.value,
                    "policy": asked.policy.digest,
                    "by": by or "handrail",
                    "at": view.now,
                    "ended_at": None,
                    "text": "",
                    "due_at": until(view.now, settings.overdue_outcome),
                },
            )
            values = {"rehearsal": id, "tried_at": view.now}
            proof: Put | Change = (
                Change("proof", (row.type,), values)
                if last
                else Put("proof", {"type": row.type, **values, "at": None, "state": ""})
            )
            facts = {
                "type": row.type,
                "rehearsal": id,
                "policy": asked.policy.digest,
                "digest": asked.action.digest.hex(),
                "tier": int(found.tier),
            }
            event = Event(
                EventType.REHEARSAL_BEGUN,
                f"person:{by}" if by else "handrail",
                None,
                asked.action.clients,
                facts,
            )
            return Rows((put, proof, *sealed), (event,))

        call = ((row.type, asked.arguments),)
        came = self._begin.reverse(unit, lambda: call, client=asked.client)
        if came.state is State.DONE:
            self._stage(id, Stage.ACTING, Stage.ACTED, self._delay(row, asked.policy))
        else:
            ended = Stage.UNKNOWN if came.state is State.UNKNOWN else Stage.FAILED
            self._end(id, Stage.ACTING, ended, f"The act: {came.text}")
        self._go_on(id)
        return self.one(id)

    def _as_ours(self, put: Put, id: str, asked: Asked) -> Put:
        """What was sealed for the call, under the rehearsal's own name."""
        ref = str(put.row["ref"])
        plain = self._sealer.open(ref, put.row["key"], bytes(put.row["ciphertext"]))
        return self._begin.seal(f"{id}:{ref.partition(':')[2]}", asked.client, plain)

    # --- moving along -----------------------------------------------------------------------

    def scheduled(self) -> int:
        """Start what the schedules of the policy in force say; return how many were started.

        One at a time: two on one safe target would be in each other's way.
        """
        now = to_us(self._clock.now())
        if now < until(self._looked, _LOOKS):
            return 0
        try:
            policy = self._policies.current()
        except NotFound:
            return 0
        if self._running():
            return 0
        started = 0
        for row in policy.matrix():
            if row.rehearsal is None or row.tier > Tier.NOTIFY or not row.signed:
                continue  # what waits for people is rehearsed when a person starts it
            with self._store.read() as reader:
                proof = reader.row("proof", row.type)
            last = from_us(proof["tried_at"]) if proof else None
            if not rehearsal.due(row, last, from_us(now)):
                continue
            try:
                self.run(None, row.type)
                started += 1
            except HandrailError as error:
                log.warning("not rehearsed", type=row.type, why=error.message)
            if self._running():
                return started  # the others when it has ended
        self._looked = now
        return started

    def _running(self) -> bool:
        with self._store.read() as reader:
            return bool(reader.due_rehearsals(_EVER, limit=1))

    def move_on(self, id: str) -> None:
        """Take the next stage of a rehearsal that is due. Raises `Closed` when it has ended."""
        with self._store.read() as reader:
            row = reader.row("rehearsal", id)
        if row is None or row["due_at"] is None:
            raise Closed("the rehearsal has ended")
        stage = Stage(row["state"])
        if stage in {Stage.ACTING, Stage.REVERSING}:
            text = "It stopped in the middle; look whether the target is as before."
            self._end(id, stage, Stage.UNKNOWN, text)
            return
        self._next(row, stage)
        self._go_on(id)

    def _go_on(self, id: str) -> None:
        """Take stages for which nothing has to be waited for."""
        for _ in range(len(Stage)):
            with self._store.read() as reader:
                row, now = reader.row("rehearsal", id), int(reader.head()["at"])
            waits = {Stage.ACTED.value, Stage.REVERSED.value}
            if row is None or row["state"] not in waits or (row["due_at"] or 0) > now:
                return
            self._next(row, Stage(row["state"]))

    def _next(self, row: Row, stage: Stage) -> None:
        policy = self._policies.version(row["policy"])
        kind = policy.row(row["type"])
        template = kind.rollback if kind else None
        if kind is None or kind.rehearsal is None or template is None:
            raise NotFound(f"the policy of {row['id']} has no rehearsal for {row['type']}")
        values = self._values(row["id"], kind)
        if stage is Stage.ACTED:
            saw = self._held(row, policy, kind.check, values)
            if saw is False:
                # It is undone all the same: the safe target is left as it was.
                log.warning("rehearsed act not seen", type=row["type"])
            self._undo(row, policy, kind, values, acted=saw is not False)
            return
        seen = self._held(row, policy, template.check, values)
        if seen is None:
            self._end(row["id"], stage, Stage.UNKNOWN, "Its check could not be read.")
        elif not seen:
            self._end(row["id"], stage, Stage.FAILED, "The state afterwards is not as before.")
        elif row["text"]:
            self._end(row["id"], stage, Stage.FAILED, str(row["text"]))
        else:
            self._end(row["id"], stage, Stage.PROVEN, "It acted, was undone, and reads saw both.")

    def _undo(
        self, row: Row, policy: Policy, kind: MatrixRow, values: Mapping[str, Json], *, acted: bool
    ) -> None:
        id, template = row["id"], kind.rollback
        if template is None:
            raise NotFound(f"the policy of {id} has no rollback for {row['type']}")
        try:
            items = rollback.plan(template, values)
        except HandrailError as error:
            text = f"Its rollback can't be worked out: {error.message}"
            self._end(id, Stage.ACTED, Stage.FAILED, text)
            return
        calls = tuple((c.type, c.arguments) for item in items for c in item.calls)
        text = "" if acted else "The check did not see the act."

        def unit(view: View) -> Rows:
            due = until(view.now, policy.settings.overdue_outcome)
            return _move(view, id, Stage.ACTED, Stage.REVERSING, due, text)

        came = self._begin.reverse(unit, lambda: calls, client=row["client"])
        if came.state is State.DONE:
            self._stage(id, Stage.REVERSING, Stage.REVERSED, self._delay(kind, policy))
            return
        ended = Stage.UNKNOWN if came.state is State.UNKNOWN else Stage.FAILED
        self._end(id, Stage.REVERSING, ended, f"The rollback: {came.text}")

    def _held(
        self, row: Row, policy: Policy, read: Read | None, values: Mapping[str, Json]
    ) -> bool | None:
        if read is None:
            return None
        try:
            seen = self._begin.observe(
                policy,
                read.read,
                read.arguments_for(values),
                purpose="rehearsal",
                client=row["client"],
            )
        except HandrailError as error:
            log.warning("rehearsal not looked at", id=row["id"], why=error.message)
            return None
        return read.holds(later.values(values, seen))

    def _values(self, id: str, kind: MatrixRow) -> dict[str, Json]:
        values: dict[str, Json] = {"args": dict(kind.rehearsal.arguments) if kind.rehearsal else {}}
        with self._store.read() as reader:
            before = opened(reader, self._sealer, f"{id}:before")
        if before is not None:
            values["before"] = orjson.loads(before)
        return values

    def _delay(self, row: MatrixRow, policy: Policy) -> timedelta:
        return rehearsal.delay(row, policy.settings.check_delay)

    def _stage(self, id: str, old: Stage, new: Stage, wait: timedelta) -> None:
        self._store.commit(lambda view: _move(view, id, old, new, until(view.now, wait)))

    def _end(self, id: str, old: Stage, new: Stage, text: str) -> None:
        incident_id = self._draw.id("inc")

        def unit(view: View) -> Rows:
            rows = _move(view, id, old, new, None, text)
            row = view.row("rehearsal", id)
            proof = view.row("proof", row["type"]) if row else None
            if row is None or proof is None:
                raise NotFound(f"no rehearsal {id}")
            proved = {"at": view.now} if new is Stage.PROVEN else {}
            writes = [*rows.writes, Change("proof", (row["type"],), {"state": new.value, **proved})]
            clients = (row["client"],) if row["client"] else ()
            facts = {"type": row["type"], "rehearsal": id}
            events = [Event(EVENTS[new], "handrail", None, clients, facts)]
            if new is not Stage.PROVEN:
                found = incident.found(
                    incident_id,
                    action="",
                    client=row["client"],
                    now=view.now,
                    title=f"The rehearsal failed: {row['type']}"[:200],
                    text=f"{text} Next: look at the safe target, put it right by hand, and do not "
                    "rely on this rollback until a rehearsal proved it.",
                )
                writes.append(replace(found, row={**found.row, "action": None}))
                why = "a rehearsal failed"
                more = {"incident": incident_id, "severity": "significant", "why": why}
                events.append(Event(EventType.INCIDENT_FOUND, "handrail", None, clients, more))
            return Rows(tuple(writes), tuple(events))

        self._store.commit(unit)

    # --- looking ----------------------------------------------------------------------------

    def one(self, id: str) -> dict[str, Any]:
        """One rehearsal as it stands. Raises `NotFound`."""
        with self._store.read() as reader:
            row = reader.row("rehearsal", id)
        if row is None:
            raise NotFound(f"no rehearsal {id}")
        return _shown(row)

    def past(self, type: str) -> Sequence[dict[str, Any]]:
        """The last rehearsals of *type*, newest first."""
        with self._store.read() as reader:
            return [_shown(row) for row in reader.rehearsals(type, _KEPT)]


def _move(
    view: View, id: str, old: Stage, new: Stage, due: int | None, text: str | None = None
) -> Rows:
    """One step of a rehearsal. Raises `Closed` when another hand took it."""
    row = view.row("rehearsal", id)
    if row is None or row["state"] != old.value:
        raise Closed("the rehearsal went on meanwhile")
    values: dict[str, Any] = {"state": new.value, "due_at": due}
    if text is not None:
        values["text"] = text
    if new in rehearsal.ENDED:
        values["ended_at"] = view.now
    return Rows((Change("rehearsal", (id,), values),))


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "type": row["type"],
        "client": row["client"],
        "state": row["state"],
        "by": row["by"],
        "at": shown.when(row["at"]),
        "ended_at": shown.when(row["ended_at"]),
        "text": row["text"],
    }
