"""Shadow scopes: opened, made longer and ended by people; and what passed in them (SPEC 2, I22, I27).

* A connection that no agent has ever used through Handrail, and that was never in shadow, is put
  there by one person with authority: nothing was enforced that could be lowered.
* Everything else that lets calls pass takes two people, each in a session of their own: the first
  proposes, another agrees. What can't be told counts as such.
* Ending a scope is stricter, and one person's act. Its end by date needs nobody (`core.shadow`).

`Begin.in_shadow` passes calls on; here is what it asks inside its unit, and what is shown.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from handrail.clock import Clock, from_us, to_us
from handrail.core import shadow
from handrail.core.action import State
from handrail.core.events import EventType
from handrail.core.model import Classification, Effect, Mode, Person, SignedIn, Snapshot, Tier
from handrail.errors import BadInput, Closed, Conflict, HandrailError, NotAllowed, NotFound
from handrail.service import codec, rights, shown
from handrail.service.asked import Asked
from handrail.service.draw import Draw
from handrail.service.known import Keeper
from handrail.service.outcome import Outcome
from handrail.service.policies import OWNERS
from handrail.store import nouns
from handrail.store.contract import Change, Event, Put, Reader, Row, Rows, Store, View

_WHAT = "shadow"
_DAY = timedelta(days=1)
_PAGE = 500  # actions read at a time
_WORDS = {State.DONE: "done", State.FAILED: "failed", State.UNKNOWN: "unknown"}


class Governed(HandrailError):
    """No live scope covers the call, or something holds that holds in shadow as well: the policy
    decides. A way to speak inside the service; no door sees it."""

    code = "governed"


def admit(view: View, asked: Asked, scope: str, found: Classification, state: Snapshot) -> None:
    """Raise `Governed` unless the call passes at this instant, within *scope*.

    What is prohibited and any pause hold in shadow as well (ADR 15)."""
    row = view.row("shadow_scope", scope)
    request, action = asked.action.request, asked.action
    if (
        row is None
        or row["begins"] is None
        or found.tier is Tier.PROHIBITED
        or state.pauses
        or not (live := nouns.shadow(row)).live(from_us(view.now))
        or not live.covers(request.connection, action.agent, action.clients)
    ):
        raise Governed("not in shadow")


def ended(view: View, action: str, clients: Sequence[str], seen: Outcome, **facts: Any) -> Rows:
    """The outcome of what passed; its state stays *passed in shadow*. Raises `Closed` when it is
    recorded already."""
    row = view.row("action", action)
    if row is None or row["state"] != State.PASSED_IN_SHADOW.value or row["ended_at"] is not None:
        raise Closed("the outcome is recorded already")
    change = Change("action", (action,), {"ended_at": view.now, "outcome": seen.text})
    facts = {"why": seen.code, "ended": _WORDS[seen.state], **facts}
    event = Event(EventType.ACTION_PASSED_ENDED, "handrail", action, tuple(clients), facts)
    return Rows((change,), (event,))


class Shadows:
    """What people do about shadow scopes, and what they see of them."""

    def __init__(self, store: Store, keeper: Keeper, clock: Clock, draw: Draw) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._draw = draw

    def covering(self, asked: Asked) -> str | None:
        """The scope that the call would pass in, by what is known outside a unit; None when it is
        governed. A call that its caller carries out itself asks on purpose, and is governed."""
        request, now = asked.action.request, self._clock.now()
        if request.mode is not Mode.EXECUTE:
            return None
        for one in self._keeper.current().shadows:
            if one.lasts(now) and one.covers(
                request.connection, asked.agent.id, asked.action.clients
            ):
                return one.id
        return None

    # --- people's acts ----------------------------------------------------------------------

    def open(
        self,
        who: SignedIn,
        connection: str,
        reason: str,
        *,
        agent: str = "",
        client: str = "",
        days: int | None = None,
    ) -> dict[str, Any]:
        """Put *connection* into shadow for *days* (14 unless said, 30 at most), or propose it
        where that takes a second person. Raises `BadInput`, `NotFound`, `NotAllowed`."""
        reason = _reason(reason)
        shadow.end(self._clock.now(), days)
        id, (fresh, types) = self._draw.id("shd"), self._fresh(connection)

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, _WHAT)
            if view.connection(connection) is None:
                raise NotFound(f"no connection {connection}")
            if agent and view.agent(agent) is None:
                raise NotFound(f"no agent {agent}")
            if client and view.client(client) is None:
                raise NotFound(f"no client {client}")
            # What was asked for since `_fresh` looked is in the windows of this unit.
            lately = view.now - _span(_DAY)
            alone = fresh and not any(view.count(f"type:{t}", lately) for t in types)
            row = {
                "id": id, "connection": connection, "agent": agent, "client": client,
                "reason": reason, "by": person.id, "at": view.now,
                "begins": view.now if alone else None,
                "ends": to_us(shadow.end(from_us(view.now), days)),
                "agreed_by": "" if alone else None,
                "longer": None, "longer_by": None, "ended_at": None, "ended_by": None,
            }  # fmt: skip
            type = EventType.SHADOW_OPENED if alone else EventType.SHADOW_PROPOSED
            return Rows((Put("shadow_scope", row),), (_event(type, person, row),), control=True)

        self._store.commit(unit)
        return self.show(id)

    def agree(self, who: SignedIn, id: str) -> dict[str, Any]:
        """Agree, as the second person, to what was proposed: the scope, or its later end."""

        def unit(view: View) -> Rows:
            person, row = rights.holder(view, who, OWNERS, _WHAT), _standing(view, id)
            if row["begins"] is None:
                _second(row["by"], person)
                values = {"begins": view.now, "agreed_by": person.id}
                event = _event(EventType.SHADOW_OPENED, person, row, first=row["by"])
            elif row["longer"] is not None:
                _second(row["longer_by"], person)
                shadow.end(from_us(view.now), _days(row["longer"] - view.now))
                values = {"ends": row["longer"], "longer": None, "longer_by": None}
                event = _event(
                    EventType.SHADOW_EXTENDED, person, {**row, **values}, first=row["longer_by"]
                )
            else:
                raise Conflict("nothing is proposed here")
            first = view.person(row["longer_by"] or row["by"])
            if first is None or not first.active or not any(first.holds(r, None) for r in OWNERS):
                raise NotAllowed("whoever proposed it has no authority any more")
            return Rows((Change("shadow_scope", (id,), values),), (event,), control=True)

        self._store.commit(unit)
        return self.show(id)

    def extend(self, who: SignedIn, id: str, days: int) -> dict[str, Any]:
        """Propose that a live scope ends *days* from now; a second person agrees."""

        def unit(view: View) -> Rows:
            person, row = rights.holder(view, who, OWNERS, _WHAT), _standing(view, id)
            if row["begins"] is None:
                raise Conflict("it has not begun", hint="A second person agrees to it first.")
            longer = to_us(shadow.end(from_us(view.now), days))
            if longer <= row["ends"]:
                raise BadInput("it lasts longer already", hint="To end it now, end it.")
            values = {"longer": longer, "longer_by": person.id}
            event = _event(EventType.SHADOW_EXTENSION_PROPOSED, person, {**row, "ends": longer})
            return Rows((Change("shadow_scope", (id,), values),), (event,))

        self._store.commit(unit)
        return self.show(id)

    def end(self, who: SignedIn, id: str) -> dict[str, Any]:
        """Enforce now, or take a proposal back. In force with its commit: nothing passes after its
        position in the ledger."""

        def unit(view: View) -> Rows:
            person, row = rights.active(view, who), _standing(view, id)
            if row["by"] != person.id:
                rights.holder(view, who, OWNERS, _WHAT)
            values = {"ended_at": view.now, "ended_by": person.id}
            event = _event(EventType.SHADOW_ENDED, person, row)
            return Rows((Change("shadow_scope", (id,), values),), (event,), control=True)

        self._store.commit(unit, first=True)
        return self.show(id)

    # --- looking ----------------------------------------------------------------------------

    def live(self) -> list[dict[str, Any]]:
        """Scopes in which calls pass now: what every page says."""
        now = self._clock.now()
        ids = {s.id for s in self._keeper.current().shadows if s.lasts(now)}
        return [s for s in self.all() if s["id"] in ids] if ids else []

    def all(self) -> list[dict[str, Any]]:
        """Every scope there was, newest first."""
        with self._store.read() as reader:
            return [self._shown(row) for row in reader.shadows()]

    def show(self, id: str) -> dict[str, Any]:
        """One scope. Raises `NotFound`."""
        return self._shown(self._row(id))

    def report(self, id: str) -> dict[str, Any]:
        """What passed in the scope, and what enforcing it would have meant."""
        row = self._row(id)
        if row["begins"] is None:
            raise Conflict("it has not begun", hint="A second person agrees to it first.")
        one, before = nouns.shadow(row), None
        until = max(one.begins, min(self._clock.now(), one.ends, one.ended or one.ends))
        meant = shadow.Meant(one.begins, until)
        with self._store.read() as reader:
            while True:
                rows = reader.actions(
                    states=(State.PASSED_IN_SHADOW.value,),
                    agent=one.agent or None,
                    client=one.client or None,
                    since=row["begins"],
                    before=before,
                    limit=_PAGE,
                )
                would = _drafted(reader, [row["id"] for row in rows])
                for action in rows:
                    clients = codec.load(action["clients"])
                    at = from_us(action["at"])
                    if one.live(at) and one.covers(action["connection"], action["agent"], clients):
                        meant.add(_passed(action, would.get(action["id"])))
                if len(rows) < _PAGE:
                    return {"scope": self._shown(row), **meant.report()}
                before = rows[-1]["id"]

    # --- inside -----------------------------------------------------------------------------

    def _fresh(self, connection: str) -> tuple[bool, list[str]]:
        """Whether the connection was never enforced, and the action types of its tools."""
        with self._store.read() as reader:
            types = [
                f"{connection}.{t['name']}"
                if t["kind"] == "tool"
                else f"{connection}.{t['kind']}:{t['name']}"
                for t in reader.tools(connection)
            ]
            before = any(s["connection"] == connection for s in reader.shadows())
            return not before and not any(reader.actions(type=t, limit=1) for t in types), types

    def _row(self, id: str) -> Row:
        with self._store.read() as reader:
            row = reader.row("shadow_scope", id)
        if row is None:
            raise NotFound(f"no shadow scope {id}")
        return row

    def _shown(self, row: Row) -> dict[str, Any]:
        known = self._keeper.current()
        names = {p.id: p.name for p in known.people.values()}
        now = self._clock.now()
        state = "proposed"
        if row["ended_at"] is not None:
            state = "ended" if row["begins"] is not None else "withdrawn"
        elif from_us(row["ends"]) <= now:
            state = "lapsed"
        elif row["begins"] is not None:
            state = "live"
        agent, client = known.agents.get(row["agent"]), known.clients.get(row["client"])
        return {
            **{k: row[k] for k in ("id", "connection", "agent", "client", "reason", "by")},
            "agent_name": agent.name if agent else row["agent"],
            "client_name": client.name if client else row["client"],
            "by_name": names.get(row["by"], row["by"]),
            "state": state,
            "at": shown.when(row["at"]),
            "begins": shown.when(row["begins"]),
            "ends": shown.when(row["ends"]),
            "agreed_by": row["agreed_by"] or "",
            "longer": shown.when(row["longer"]),
            "longer_by": row["longer_by"] or "",
            "ended_at": shown.when(row["ended_at"]),
            "waits_for_second": state == "proposed" or (state == "live" and bool(row["longer"])),
        }


def _span(span: timedelta) -> int:
    """*span* in microseconds."""
    return span // timedelta(microseconds=1)


def _days(us: int) -> int:
    """Whole days of *us* microseconds, rounded up."""
    return -(-us // _span(_DAY))


def _drafted(reader: Reader, ids: Sequence[str]) -> dict[str, tuple[Tier, Effect]]:
    """By action: tier and effect by the drafted row, where one was looked at."""
    found: dict[str, tuple[Tier, Effect]] = {}
    for action, body in reader.entries_of(ids):
        would = orjson.loads(body)["facts"].get("drafted")
        if would:
            found[action] = Tier(would["tier"]), Effect(would["effect"])
    return found


def _passed(row: Row, drafted: tuple[Tier, Effect] | None) -> shadow.Passed:
    found = codec.classification(row["classification"])
    return shadow.Passed(
        id=row["id"],
        type=row["type"],
        at=from_us(row["at"]),
        tier=found.tier,
        effect=Effect(row["effect"]),
        title=row["sentence"],
        outcome=row["outcome"] or "",
        why=tuple((r.code, r.text) for r in found.binding),
        drafted=drafted,
    )


def _reason(text: str) -> str:
    words = text.strip()
    if not words:
        raise BadInput("a reason is needed", hint="Say in a sentence why.")
    return words[:2000]


def _standing(view: View, id: str) -> Row:
    row = view.row("shadow_scope", id)
    if row is None:
        raise NotFound(f"no shadow scope {id}")
    if row["ended_at"] is not None or row["ends"] <= view.now:
        raise Closed("this shadow scope has ended", hint="Open another one.")
    return row


def _second(first: str, person: Person) -> None:
    if first == person.id:
        raise NotAllowed("you proposed this", hint="It lowers oversight: a second person agrees.")


def _event(type: EventType, person: Person, row: Row, first: str | None = None) -> Event:
    facts: dict[str, Any] = {
        "shadow": row["id"],
        "connection": row["connection"],
        "agent": row["agent"],
        "until": shown.when(row["ends"]),
        "people": 1 if first is None else 2,
    }
    if first is not None:
        facts["proposed_by"] = first
    clients = (row["client"],) if row["client"] else ()
    return Event(type, f"person:{person.id}", None, clients, facts)
