"""Reversal: a person's own act (SPEC 4). No tier, allowed in every pause, at once, at most once.

It needs the authority that approving the action would need. Undoing a protective change, or an
action whose window is over, is no reversal: it opens a decision package instead, through an
agent's or a person's ordinary request. Verified by a read afterwards; a failed one opens an
incident.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from handrail.core import rollback
from handrail.core.action import State, move
from handrail.core.conditions import ConditionError
from handrail.core.events import EventType
from handrail.core.model import Json, SignedIn
from handrail.core.policy import MatrixRow, Policy
from handrail.core.routing import may_decide
from handrail.errors import Closed, Conflict, HandrailError, NotFound
from handrail.privacy.seal import Sealer
from handrail.service import codec, incident, rights
from handrail.service.begin import Begin
from handrail.service.bell import Bell
from handrail.service.checks import values_of
from handrail.service.draw import Draw
from handrail.service.outcome import Outcome
from handrail.service.policies import Policies
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

log = structlog.get_logger(__name__)

ENDED = {State.DONE: "done", State.FAILED: "failed", State.UNKNOWN: "unknown"}
EVENTS = {
    State.DONE: EventType.REVERSAL_DONE,
    State.FAILED: EventType.REVERSAL_FAILED,
    State.UNKNOWN: EventType.REVERSAL_UNKNOWN,
}


class Reversals:
    """Runs rollbacks on a person's word."""

    def __init__(
        self,
        store: Store,
        begin: Begin,
        policies: Policies,
        sealer: Sealer,
        draw: Draw,
        bell: Bell,
    ) -> None:
        self._store = store
        self._begin = begin
        self._policies = policies
        self._sealer = sealer
        self._draw = draw
        self._bell = bell

    def reverse(self, who: SignedIn, action_id: str, reason: str = "") -> dict[str, Any]:
        """Undo *action_id* now and say what came of it.

        Raises `NotFound`, `NotAllowed` (no authority over it), `Conflict` (nothing can be undone
        by one click, or its window is over: the hint says what to do instead) and `Closed` (it
        is being reversed, or was).
        """
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None:
                raise NotFound(f"no action {action_id}")
            policy = self._policies.version(row["policy"])
            matrix_row = policy.row(row["type"])
            values = values_of(reader, self._sealer, row)
            recipe = reader.row("rollback", action_id)
        calls = _calls(matrix_row, row, recipe, values)
        clients = tuple(codec.load(row["clients"]))
        in_force = self._policies.current()  # whom it asks now decides, not whom it asked then

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            current = view.row("action", action_id)
            if current is None:
                raise NotFound(f"no action {action_id}")
            may_decide(
                person,
                category=matrix_row.category if matrix_row else "other",
                clients=clients,
                policy=in_force,
                known=codec.clients_of(view, clients),
                values={"action.type": row["type"], "action.effect": row["effect"]},
            )
            done_before = view.row("reversal", action_id)
            if done_before is not None:
                raise Closed(
                    f"it is {'being reversed' if done_before['state'] == 'begun' else 'reversed'}"
                    " already",
                    hint="Look at the action: its story says who reversed it and how it went.",
                )
            move(State(current["state"]), State.REVERSED)
            if recipe is not None and recipe["expires_at"] and view.now >= recipe["expires_at"]:
                raise Conflict(
                    "its reversal window is over",
                    hint="Ask for the inverse change: it gets a decision of its own.",
                )
            put = Put(
                "reversal",
                {
                    "action": action_id,
                    "id": reversal_id,
                    "by": person.id,
                    "reason": reason.strip()[:2000],
                    "state": "begun",
                    "at": view.now,
                    "ended_at": None,
                    "outcome": None,
                    "verified": None,
                },
            )
            event = Event(
                EventType.REVERSAL_BEGUN,
                f"person:{person.id}",
                action_id,
                clients,
                {"reversal": reversal_id, "steps": len(calls)},
            )
            writes: list[Put | Change] = [put]
            notice_id = "ntc_" + action_id.partition("_")[2]
            if view.row("notice", notice_id) is not None:
                writes.append(
                    Change(
                        "notice",
                        (notice_id,),
                        {
                            "state": "was wrong",
                            "answered_at": view.now,
                            "answered_by": person.id,
                            "due_at": None,
                        },
                    )
                )
            return Rows(tuple(writes), (event,))

        reversal_id = self._draw.id("rev")
        client = clients[0] if clients else ""
        ended = self._begin.reverse(
            unit, lambda: tuple((c.type, c.arguments) for c in calls), client=client
        )
        verified = self._verify(policy, matrix_row, values, ended, client, action_id)
        self._record(action_id, clients, ended, verified, row["sentence"])
        self._bell.ring(action_id)
        return {
            "action": action_id,
            "reversal": reversal_id,
            "state": ENDED[ended.state],
            "text": ended.text,
            "verified": verified,
        }

    def _verify(
        self,
        policy: Policy,
        row: MatrixRow | None,
        values: Mapping[str, Json],
        ended: Outcome,
        client: str,
        action_id: str,
    ) -> bool | None:
        """What a read afterwards saw: True restored, False not, None when it can't be read."""
        template = row.rollback if row else None
        if template is None or template.check is None or ended.state is not State.DONE:
            return None
        try:
            after = self._begin.observe(
                policy,
                template.check.read,
                template.check.arguments_for(values),
                purpose="reversal",
                client=client,
                action=action_id,
            )
            return template.check.holds({**values, "after": after, "result": after})
        except HandrailError as error:
            log.warning("reversal not verified", action=action_id, why=error.message)
            return None

    def _record(
        self,
        action_id: str,
        clients: tuple[str, ...],
        ended: Outcome,
        verified: bool | None,
        sentence: str,
    ) -> None:
        incident_id = self._draw.id("inc")
        failed = ended.state is not State.DONE or verified is False
        state = State.FAILED if ended.state is State.DONE and failed else ended.state

        def unit(view: View) -> Rows:
            current = view.row("action", action_id)
            if current is None:
                raise NotFound(f"no action {action_id}")
            text = ended.text if verified is not False else "The state afterwards is not as before."
            writes: list[Put | Change] = [
                Change(
                    "reversal",
                    (action_id,),
                    {
                        "state": ENDED[state],
                        "ended_at": view.now,
                        "outcome": text,
                        "verified": None if verified is None else int(verified),
                    },
                )
            ]
            facts: dict[str, Any] = {"why": ended.code}
            facts["verified"] = {
                True: "a read afterwards saw the state before",
                False: "a read afterwards did not see the state before",
                None: "nothing was read afterwards",
            }[verified]
            events = [Event(EVENTS[state], "handrail", action_id, clients, facts)]
            if state is State.DONE:
                to = move(State(current["state"]), State.REVERSED)
                writes.append(Change("action", (action_id,), {"state": to.value}))
            else:
                client = clients[0] if clients else ""
                writes.append(
                    incident.found(
                        incident_id,
                        action=action_id,
                        client=client,
                        now=view.now,
                        title=f"The reversal failed: {sentence}"[:200],
                        text=f"{text} Next: look at the target, put it right by hand, and close "
                        "this incident with cause and remedy.",
                    )
                )
                events.append(
                    Event(
                        EventType.INCIDENT_FOUND,
                        "handrail",
                        action_id,
                        clients,
                        {
                            "incident": incident_id,
                            "severity": "significant",
                            "why": "a reversal failed",
                        },
                    )
                )
            return Rows(tuple(writes), tuple(events))

        self._store.commit(unit)


def _calls(
    matrix_row: MatrixRow | None, row: Row, recipe: Row | None, values: Mapping[str, Json]
) -> tuple[rollback.Call, ...]:
    template = matrix_row.rollback if matrix_row else None
    if template is None or recipe is None or not template.one_click:
        text = template.text if template else "This action type declares no rollback."
        raise Conflict(f"this can't be undone by one click. {text}", hint="Undo it by hand.")
    if matrix_row is not None and matrix_row.protective:
        raise Conflict(
            "this was a protective change; undoing it needs a decision of its own",
            hint="Ask for the inverse change; it waits for approval like any other.",
        )
    try:
        return rollback.plan(template, values)
    except ConditionError as error:
        raise Conflict(
            f"the rollback of {row['type']} can't be worked out: {error}",
            hint="What was read before the act is missing; undo it by hand.",
        ) from error
