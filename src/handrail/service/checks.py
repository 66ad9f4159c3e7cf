"""Outcome checks, made when they are due, and outcomes that are overdue (SPEC 3 and 12).

* What is owed stands in the table of checks, since the begin: a restart loses none, and no timer
  holds one. The sweep calls in here with what is due.
* The outcome is what the check saw; whether it *solved* the problem is recorded apart from it.
* An action that has no outcome in time is *unknown*; a result that comes later is still taken.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from handrail.clock import Clock, to_us
from handrail.core.action import State, move
from handrail.core.events import EventType
from handrail.core.model import Json
from handrail.core.outcome import again, verdict
from handrail.core.policy import MatrixRow, Policy
from handrail.core.recipes import Read
from handrail.errors import Closed, HandrailError, NotFound
from handrail.privacy.seal import Sealer
from handrail.service import codec, outcome
from handrail.service.asked import until
from handrail.service.bell import Bell
from handrail.service.policies import Policies
from handrail.service.resolve import Observe
from handrail.store.contract import Change, Event, Reader, Row, Rows, Store, View

log = structlog.get_logger(__name__)

_EVENTS: Mapping[str, EventType] = {
    "passed": EventType.CHECK_PASSED,
    "failed": EventType.CHECK_FAILED,
    "unread": EventType.CHECK_UNREAD,
}
_UNREAD = "Its check could not be read in time; the tool reported success."


class Checks:
    """Looks at what came of actions."""

    def __init__(
        self,
        store: Store,
        observe: Observe,
        policies: Policies,
        sealer: Sealer,
        clock: Clock,
        bell: Bell,
    ) -> None:
        self._store = store
        self._observe = observe
        self._policies = policies
        self._sealer = sealer
        self._clock = clock
        self._bell = bell

    def overdue(self) -> int:
        """Call what has had no outcome for too long *unknown*; return how many there were."""
        try:
            span = self._policies.current().settings.overdue_outcome
        except NotFound:
            return 0  # without a policy nothing has begun
        with self._store.read() as reader:
            now = max(to_us(self._clock.now()), int(reader.head()["at"]))
            late = list(reader.overdue(until(now, -span)))
        for row in late:
            self._give_up(row["id"], codec.load(row["clients"]))
        return len(late)

    def look(self, action: str) -> str:
        """Make the check of *action* and record what it saw; return the state of the check.

        Raises `Closed` when nothing is due for it any more.
        """
        with self._store.read() as reader:
            row, owed = reader.row("action", action), reader.row("outcome_check", action)
            if row is None or owed is None or owed["state"] != "due":
                raise Closed("its check is settled")
            values = values_of(reader, self._sealer, row)
        policy = self._policies.version(row["policy"])
        kind = policy.row(row["type"])
        if kind is None or kind.check is None:
            raise NotFound(f"the policy that judged {action} has no check for {row['type']}")
        ended = row["state"] in {State.DONE.value, State.UNKNOWN.value}
        held = self._held(policy, kind.check, values, row) if ended else None
        solved = self._held(policy, kind.solved, values, row) if held and kind.solved else None
        return self._settle(action, kind, kind.check, policy, held, solved)

    def _held(
        self, policy: Policy, read: Read, values: Mapping[str, Json], row: Row
    ) -> bool | None:
        """Whether the condition of *read* holds of what is there now; None when it can't be
        read."""
        try:
            seen = self._observe(
                policy,
                read.read,
                read.arguments_for(values),
                purpose="check",
                client=row["client"],
                action=row["id"],
            )
        except HandrailError as error:
            log.warning("check not read", action=row["id"], why=error.message)
            return None
        return read.holds(
            {**values, "before": values.get("before", {}), "result": seen, "after": seen}
        )

    def _settle(
        self,
        action: str,
        kind: MatrixRow,
        check: Read,
        policy: Policy,
        held: bool | None,
        solved: bool | None,
    ) -> str:
        def unit(view: View) -> Rows:
            row, owed = view.row("action", action), view.row("outcome_check", action)
            if row is None or owed is None or owed["state"] != "due":
                raise Closed("its check is settled")
            current, overdue = State(row["state"]), view.now >= owed["overdue_at"]
            if current is State.BEGUN:
                # Its outcome is to come; a look at a half-done act says nothing.
                due = until(view.now, again(check, policy.settings))
                return Rows((Change("outcome_check", (action,), {"due_at": due}),), answer="due")
            found = verdict(current, held=held, overdue=overdue)
            values: dict[str, Any] = {"state": found.check, "attempts": owed["attempts"] + 1}
            if found.check == "due":
                due = min(until(view.now, again(check, policy.settings)), owed["overdue_at"])
                values["due_at"] = max(due, view.now + 1)
                return Rows((Change("outcome_check", (action,), values),), answer="due")
            values |= {"due_at": None, "at": view.now}
            writes = [Change("outcome_check", (action,), values)]
            if found.check == "needless":
                return Rows(tuple(writes), answer=found.check)
            to = found.state or current
            if found.state is not None:
                move(current, to)
            said = _UNREAD if held is None else outcome.of_check(check.says, held).text
            changes: dict[str, Any] = {"state": to.value, "outcome": said}
            if solved is not None:
                changes["solved"] = "yes" if solved else "no"
            writes.append(Change("action", (action,), changes))
            facts = {"state": to.value, "solved": changes.get("solved", "not looked at")}
            clients = tuple(codec.load(row["clients"]))
            event = Event(_EVENTS[found.check], "handrail", action, clients, facts)
            return Rows(tuple(writes), (event,), answer=found.check)

        settled, _ = self._store.commit(unit)
        self._bell.ring(action)
        return str(settled)

    def _give_up(self, action: str, clients: list[str]) -> None:
        overdue = outcome.OVERDUE

        def unit(view: View) -> Rows:
            if not view.in_flight(action):
                raise Closed("its outcome came")
            move(State.BEGUN, overdue.state)
            change = Change(
                "action",
                (action,),
                {"state": overdue.state.value, "ended_at": view.now, "outcome": overdue.text},
            )
            facts = {"why": overdue.code}
            event = Event(EventType.ACTION_UNKNOWN, "handrail", action, tuple(clients), facts)
            return Rows((change,), (event,))

        try:
            self._store.commit(unit)
        except Closed:
            return
        self._bell.ring(action)


def values_of(reader: Reader, sealer: Sealer, row: Row) -> dict[str, Json]:
    """What the expressions of checks and rollbacks may use of one action: ``args``, and where
    they are there ``before`` and ``result``; opened from the seal."""
    request = opened(reader, sealer, f"{row['id']}:request")
    if request is None:
        raise NotFound(f"the request of {row['id']} is erased")
    before = opened(reader, sealer, f"{row['id']}:before")
    result = opened(reader, sealer, f"{row['id']}:result")
    values: dict[str, Json] = {"args": orjson.loads(codec.open_request(request).request.arguments)}
    if before is not None:
        values["before"] = orjson.loads(before)
    if result is not None:
        values["result"] = outcome.value_of(orjson.loads(result)["result"])
    return values


def opened(reader: Reader, sealer: Sealer, ref: str) -> bytes | None:
    """What is sealed as *ref*; None when nothing is, or no more."""
    sealed = reader.row("sealed", ref)
    if sealed is None:
        return None
    return sealer.open(ref, sealed["key"], bytes(sealed["ciphertext"]))
