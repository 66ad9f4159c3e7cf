"""Reversal: a person's own act (SPEC 4). No tier, allowed in every pause, at once, at most once.

* It needs the authority that approving the action would need.
* A list is undone item by item; each item at most once, whatever fails beside it.
* Undoing a protective change, or over a later change of the target, is no reversal: it opens a
  decision package for the inverse change, which people decide like any other.
* Verified by a read afterwards. What is not restored opens an incident that says what to do next.

An action whose window is over is refused: the inverse change is asked for like any other.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from handrail.core import rollback
from handrail.core.action import State, move
from handrail.core.conditions import ConditionError
from handrail.core.events import EventType
from handrail.core.model import Json, Request, SignedIn, Trigger
from handrail.core.policy import MatrixRow, Policy
from handrail.core.recipes import Read
from handrail.core.rollback import Item
from handrail.core.routing import may_decide
from handrail.errors import BadInput, Closed, Conflict, HandrailError, NotFound, Unavailable, Unsure
from handrail.privacy.seal import Sealer
from handrail.service import codec, later, rights, steps
from handrail.service.ask import Ask
from handrail.service.begin import Begin
from handrail.service.bell import Bell
from handrail.service.checks import values_of
from handrail.service.draw import Draw
from handrail.service.known import Keeper
from handrail.service.outcome import Outcome
from handrail.service.policies import Policies
from handrail.service.versions import Versions
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, Unit, View

log = structlog.get_logger(__name__)

_LIST = 2  # items from which on a person may choose
_TRIES = 5  # of recording what came of it, while the store is away
_HANDS = 4  # lists that are undone at a time
EVENTS = {
    State.DONE: EventType.REVERSAL_DONE,
    State.FAILED: EventType.REVERSAL_FAILED,
    State.UNKNOWN: EventType.REVERSAL_UNKNOWN,
}
_NOT_RESTORED = Outcome(State.FAILED, "not-restored", "The state afterwards is not as before.")


@dataclass(frozen=True, slots=True)
class _Undoing:
    """One reversal in hand."""

    row: Row
    policy: Policy
    kind: MatrixRow
    recipe: Row
    items: tuple[Item, ...]
    values: Mapping[str, Json]

    @property
    def action(self) -> str:
        return str(self.row["id"])

    @property
    def clients(self) -> tuple[str, ...]:
        return tuple(codec.load(self.row["clients"]))

    @property
    def client(self) -> str:
        return self.clients[0] if self.clients else ""


class Reversals:
    """Runs rollbacks on a person's word."""

    def __init__(
        self,
        store: Store,
        begin: Begin,
        ask: Ask,
        versions: Versions,
        policies: Policies,
        keeper: Keeper,
        *,
        sealer: Sealer,
        draw: Draw,
        bell: Bell,
    ) -> None:
        self._store = store
        self._begin = begin
        self._ask = ask
        self._versions = versions
        self._policies = policies
        self._keeper = keeper
        self._sealer = sealer
        self._draw = draw
        self._bell = bell
        self._hands = ThreadPoolExecutor(_HANDS, "reverse")

    def reverse(
        self,
        who: SignedIn,
        action_id: str,
        reason: str = "",
        *,
        items: Sequence[int] | None = None,
        wait: bool = True,
    ) -> dict[str, Any]:
        """Undo *action_id* now and say what came of it.

        *items* are the numbers, from 0, of the items of a list that are to be undone; None: all
        that were not tried yet. Without *wait*, a list answers `begun` at once and goes on by
        itself. Where a decision is needed, ``state`` is `proposed` and ``proposal`` names it.

        Raises `NotFound`, `NotAllowed` (no authority over it), `Conflict` (nothing can be undone
        by one click, or its window is over: the hint says what to do instead) and `Closed` (it
        is being reversed, or was).
        """
        undoing = self._understood(action_id)
        self._store.commit(lambda view: self._allowed(view, who, undoing))
        why = self._needs_decision(undoing)
        if why:
            return self._propose(who, undoing, why)
        chosen = self._chosen(undoing, items)
        reversal_id = self._draw.id("rev")
        self._store.commit(lambda view: self._open(view, who, undoing, chosen, reversal_id, reason))
        if not wait and len(chosen) > 1:
            self._hands.submit(self._work, undoing, chosen)
            return {
                "action": action_id,
                "reversal": reversal_id,
                "state": "begun",
                "text": f"Reversing {len(chosen)} of {len(undoing.items)}.",
                "verified": None,
            }
        return self._run(undoing, chosen, reversal_id)

    def items(self, action_id: str) -> list[dict[str, Any]]:
        """The items of a list that can be undone one by one, with where each stands; nothing for
        what is undone as a whole."""
        try:
            undoing = self._understood(action_id)
        except (Conflict, NotFound):
            return []
        if len(undoing.items) < _LIST:
            return []
        with self._store.read() as reader:
            known = {s["n"]: s["state"] for s in reader.steps(action_id)}
        return [
            {"n": n, "name": item.name, "state": known.get(n, "waiting")}
            for n, item in enumerate(undoing.items)
        ]

    def close(self) -> None:
        """Finish what is in hand."""
        self._hands.shutdown(wait=True)

    # --- whether and what -------------------------------------------------------------------

    def _understood(self, action_id: str) -> _Undoing:
        with self._store.read() as reader:
            row, recipe = reader.row("action", action_id), reader.row("rollback", action_id)
            if row is None:
                raise NotFound(f"no action {action_id}")
            values = values_of(reader, self._sealer, row)
        policy = self._policies.version(row["policy"])
        kind = policy.row(row["type"])
        template = kind.rollback if kind else None
        if kind is None or template is None or recipe is None or not template.one_click:
            text = template.text if template else "This action type declares no rollback."
            raise Conflict(f"this can't be undone by one click. {text}", hint="Undo it by hand.")
        try:
            items = rollback.plan(template, values)
        except ConditionError as error:
            raise Conflict(
                f"the rollback of {row['type']} can't be worked out: {error}",
                hint="What was read before the act is missing; undo it by hand.",
            ) from error
        return _Undoing(row, policy, kind, recipe, items, values)

    def _allowed(self, view: View, who: SignedIn, undoing: _Undoing) -> Rows:
        """Raise what stands against it; write nothing."""
        person = rights.active(view, who)
        current = view.row("action", undoing.action)
        if current is None:
            raise NotFound(f"no action {undoing.action}")
        may_decide(
            person,
            category=undoing.kind.category,
            clients=undoing.clients,
            policy=self._policies.current(),  # whom it asks now decides, not whom it asked then
            known=codec.clients_of(view, undoing.clients),
            values={
                "action.type": undoing.row["type"],
                "action.effect": undoing.row["effect"],
            },
        )
        before = view.row("reversal", undoing.action)
        tried = before is not None and not any(
            s["state"] == "waiting" for s in steps.of(view, undoing.action)
        )
        if before is not None and (before["state"] == "begun" or tried):
            raise Closed(
                f"it is {'being reversed' if before['state'] == 'begun' else 'reversed'} already",
                hint="Look at the action: its story says who reversed it and how it went.",
            )
        move(State(current["state"]), State.REVERSED)
        expires = undoing.recipe["expires_at"]
        if expires and view.now >= expires:
            raise Conflict(
                "its reversal window is over",
                hint="Ask for the inverse change: it gets a decision of its own.",
            )
        return Rows(answer=person.id)

    def _needs_decision(self, undoing: _Undoing) -> str:
        """Why this is no reversal but a change that people decide; empty when it is one."""
        if undoing.kind.protective:
            return "This was a protective change; undoing it takes a decision."
        row = undoing.row
        with self._store.read() as reader:
            if reader.row("reversal", undoing.action) is not None:
                return ""  # the rest of a list: what changed since is this reversal itself
            found = later.changes(reader, row, undoing.kind)
        held: bool | None = None
        if undoing.kind.check is not None and row["state"] == State.DONE.value:
            held = self._held(undoing, undoing.kind.check, undoing.values)
        return later.why(found, held)

    def _chosen(self, undoing: _Undoing, items: Sequence[int] | None) -> list[int]:
        every = range(len(undoing.items))
        if items is not None and not set(items) <= set(every):
            raise BadInput("no such item", hint=f"Numbers are 0 to {len(every) - 1}.")
        with self._store.read() as reader:
            known = {s["n"]: s["state"] for s in reader.steps(undoing.action)}
        wanted = sorted(set(items)) if items is not None else list(every)
        chosen = [n for n in wanted if known.get(n, "waiting") == "waiting"]
        if not chosen:
            raise Closed("these were undone already, or tried")
        return chosen

    def _propose(self, who: SignedIn, undoing: _Undoing, why: str) -> dict[str, Any]:
        """Open a decision package for the inverse change, in the name of the action's agent."""
        calls = [call for item in undoing.items for call in item.calls]
        agent = self._keeper.current().agents.get(undoing.row["agent"])
        if len(calls) != 1 or agent is None:
            raise Conflict(why, hint="Undo it by hand, or ask for the inverse changes one by one.")
        connection, _, tool = calls[0].type.partition(".")
        request = Request(
            connection=connection,
            tool=tool,
            arguments=orjson.dumps(calls[0].arguments),
            trigger=Trigger("reversal", undoing.action),
            reasoning=f"Handrail asks for {who.name}, who wants to undo {undoing.action}. {why}",
        )
        asked = self._ask.understand(agent, request, meta={}, era="legacy")
        opened = self._versions.propose(asked, asked.outlook(), asks=who.person)
        with self._store.read() as reader:
            row = reader.row("action", opened)
        return {
            "action": undoing.action,
            "reversal": None,
            "state": "proposed",
            "text": f"{why} A decision package is open for it.",
            "verified": None,
            "proposal": row["proposal"] if row else None,
        }

    # --- doing it ---------------------------------------------------------------------------

    def _open(
        self,
        view: View,
        who: SignedIn,
        undoing: _Undoing,
        chosen: Sequence[int],
        reversal_id: str,
        reason: str,
    ) -> Rows:
        """The reversal's own begin."""
        person = self._allowed(view, who, undoing).answer
        action = undoing.action
        values = {
            "by": person,
            "reason": reason.strip()[:2000],
            "state": "begun",
            "at": view.now,
            "ended_at": None,
            "outcome": None,
            "verified": None,
        }
        writes: list[Put | Change] = [
            Put("reversal", {"action": action, "id": reversal_id, **values})
            if view.row("reversal", action) is None
            else Change("reversal", (action,), values)
        ]
        writes += steps.opened(view, action, len(undoing.items))
        facts = {"reversal": reversal_id, "steps": len(chosen)}
        kind = EventType.REVERSAL_BEGUN
        event = Event(kind, f"person:{person}", action, undoing.clients, facts)
        notice = "ntc_" + action.partition("_")[2]
        if view.row("notice", notice) is not None:
            answered = {"answered_at": view.now, "answered_by": person, "due_at": None}
            writes.append(Change("notice", (notice,), {"state": "was wrong", **answered}))
        return Rows(tuple(writes), (event,))

    def _work(self, undoing: _Undoing, chosen: Sequence[int]) -> None:
        try:
            self._run(undoing, chosen, "")
        except HandrailError as error:
            # What was begun stays so; the next start says that its outcome is unknown.
            log.error("reversal not finished", action=undoing.action, why=error.message)

    def _run(self, undoing: _Undoing, chosen: Sequence[int], reversal: str) -> dict[str, Any]:
        action, total = undoing.action, len(undoing.items)
        verified: list[bool | None] = []
        last = _NOT_RESTORED
        for n in chosen:
            item = undoing.items[n]
            try:
                last = self._begin.reverse(
                    lambda view, n=n: steps.begun(view, action, n),  # type: ignore[misc]
                    lambda item=item: tuple((c.type, c.arguments) for c in item.calls),  # type: ignore[misc]
                    client=undoing.client,
                )
            except Closed:
                continue  # somebody else's click came first for this item
            seen = self._verify(undoing, item, last)
            verified.append(seen)
            last = _NOT_RESTORED if seen is False else last
            came = last
            self._surely(
                lambda view, n=n, came=came: steps.ended(  # type: ignore[misc]
                    view, action, n, came, undoing.clients, total
                )
            )
            if total > 1:
                self._bell.ring(action)
        sure = None if None in verified or not verified else all(verified)
        answer: dict[str, Any] = self._surely(lambda view: self._finish(view, undoing, last, sure))
        self._bell.ring(action)
        return {"action": action, "reversal": reversal, **answer}

    def _surely(self, unit: Unit) -> Any:
        """Commit what came of it, again while the store is away: the act is done already."""
        for left in reversed(range(_TRIES)):
            try:
                return self._store.commit(unit)[0]
            except Closed:
                return None  # stored, and reported lost
            except (Unavailable, Unsure) as error:
                if not left:
                    raise
                log.error("reversal not recorded", why=error.message)
        return None

    def _verify(self, undoing: _Undoing, item: Item, ended: Outcome) -> bool | None:
        """What a read afterwards saw: True restored, False not, None when it can't be read."""
        template = undoing.kind.rollback
        if template is None or template.check is None or ended.state is not State.DONE:
            return None
        return self._held(undoing, template.check, item.values)

    def _held(self, undoing: _Undoing, read: Read, values: Mapping[str, Json]) -> bool | None:
        try:
            seen = self._begin.observe(
                undoing.policy,
                read.read,
                read.arguments_for(values),
                purpose="reversal",
                client=undoing.client,
                action=undoing.action,
            )
        except HandrailError as error:
            log.warning("reversal not looked at", action=undoing.action, why=error.message)
            return None
        return read.holds(later.values(values, seen))

    def _finish(self, view: View, undoing: _Undoing, last: Outcome, verified: bool | None) -> Rows:
        """What the steps come to together."""
        action = undoing.action
        current, row = view.row("action", action), view.row("reversal", action)
        if current is None or row is None:
            raise NotFound(f"no action {action}")
        if row["state"] != "begun":
            raise Closed("its end is recorded")
        found = steps.of(view, action)
        counts = steps.counted(found)
        bad = [s["n"] for s in found if s["state"] in {"failed", "unknown"}]
        one = counts["total"] == 1
        names = [undoing.items[n].name for n in bad][:20]
        text = last.text if one else steps.summed_up(counts, names)
        state = State.DONE
        if bad:
            unknown = all(found[n]["state"] == "unknown" for n in bad)
            state = State.UNKNOWN if unknown else State.FAILED
        values = {
            "state": steps.STATES[state],
            "ended_at": view.now,
            "outcome": text,
            "verified": None if verified is None else int(verified),
        }
        writes: list[Put | Change] = [Change("reversal", (action,), values)]
        facts: dict[str, Any] = {"why": last.code if one else state.value}
        facts["verified"] = {
            True: "a read afterwards saw the state before",
            False: "a read afterwards did not see the state before",
            None: "nothing was read afterwards",
        }[verified]
        if not one:
            facts |= {"done": counts["done"], "of": counts["total"]}
        whole = counts["done"] == counts["total"]
        kind = EVENTS[state] if whole or bad else EventType.REVERSAL_PARTLY
        events = [Event(kind, "handrail", action, undoing.clients, facts)]
        if whole and verified:
            writes.append(_proof(view, undoing.row["type"], row["id"]))
        if whole:
            to = move(State(current["state"]), State.REVERSED)
            writes.append(Change("action", (action,), {"state": to.value}))
        if bad:
            put, event = steps.failed(current, f"{row['id']}_{view.now}", text, view.now)
            writes.append(put)
            events.append(event)
        answer = {"state": steps.STATES[state], "text": text, "verified": verified}
        return Rows(tuple(writes), tuple(events), answer={**answer, "steps": counts})


def _proof(view: View, type: str, reversal: str) -> Put | Change:
    """A verified reversal proves the rollback as a rehearsal does."""
    values = {"rehearsal": reversal, "tried_at": view.now, "state": "proven", "at": view.now}
    if view.row("proof", type) is None:
        return Put("proof", {"type": type, **values})
    return Change("proof", (type,), values)
