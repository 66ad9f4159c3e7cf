"""Stopping: one person, at once, at two degrees; going back takes more (SPEC 6, I12).

* Anyone signed in may pause, and may pause harder.
* From stop to restrict: one person with authority, with a reason.
* Back to normal: two different people with authority, each with a reason.
* No timer, agent, import, restart or reload eases or ends a pause.
"""

from collections.abc import Mapping
from typing import Any

from handrail.core.events import EventType
from handrail.core.model import Degree, Person, SignedIn
from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound
from handrail.service import rights
from handrail.service.draw import Draw
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

SCOPES = ("all", "agent", "client", "type")
#: Who may ease or end a pause.
OWNERS = ("service-desk-manager", "operations-leadership", "on-call-senior", "security-lead")


class Pauses:
    """What people do about pauses."""

    def __init__(self, store: Store, draw: Draw) -> None:
        self._store = store
        self._draw = draw

    def pause(
        self, who: SignedIn, scope: str, ref: str, degree: str, reason: str
    ) -> dict[str, Any]:
        """Pause *scope* (`all`, `agent`, `client`, `type`; *ref* names which) at *degree*.

        Takes effect with its commit: no tier 1 or 2 begin in scope comes after its position.
        """
        if scope not in SCOPES:
            raise BadInput(f"scope is {scope!r}", hint=f"One of: {', '.join(SCOPES)}.")
        if degree not in tuple(Degree):
            raise BadInput(f"degree is {degree!r}", hint="restrict or stop.")
        if (scope == "all") != (ref == ""):
            raise BadInput("ref goes with agent, client and type", hint="Name which one to pause.")
        reason = _reason(reason)
        pause_id = self._draw.id("pse")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            # A pause of nothing, by a slip of the pen, would be believed.
            there = {"agent": view.agent, "client": view.client}.get(scope)
            if there is not None and there(ref) is None:
                raise NotFound(f"no {scope} {ref}", hint="Nothing was paused. Check the id.")
            row = {
                "id": pause_id,
                "scope": scope,
                "ref": ref,
                "degree": degree,
                "by": person.id,
                "reason": reason,
                "at": view.now,
                "resume_by": None,
                "ended_at": None,
                "ended_by": None,
            }
            clients = (ref,) if scope == "client" else ()
            event = Event(
                EventType.PAUSED,
                f"person:{person.id}",
                None,
                clients,
                {"pause": pause_id, "scope": scope, "ref": ref, "degree": degree},
            )
            return Rows((Put("pause", row),), (event,), control=True, answer=row)

        row, at = self._store.commit(unit, first=True)
        return _shown(row, at[0].seq)

    def ease(self, who: SignedIn, pause: str, reason: str) -> dict[str, Any]:
        """From stop to restrict: one person with authority and a reason."""
        reason = _reason(reason)

        def unit(view: View) -> Rows:
            person, row = (
                rights.holder(view, who, OWNERS, "easing a pause"),
                _in_force(view, pause),
            )
            if row["degree"] != Degree.STOP.value:
                raise Conflict("only a stop can be eased", hint="To end a restriction, resume.")
            change = Change("pause", (pause,), {"degree": Degree.RESTRICT.value})
            event = _event(EventType.PAUSE_EASED, person, row)
            return Rows(
                (change,),
                (event,),
                control=True,
                answer={**row, "degree": Degree.RESTRICT.value},
            )

        row, at = self._store.commit(unit)
        return _shown(row, at[0].seq)

    def resume(self, who: SignedIn, pause: str, reason: str) -> dict[str, Any]:
        """Back to normal. The first call proposes it, the second, by another person, does it."""
        reason = _reason(reason)

        def unit(view: View) -> Rows:
            person, row = (
                rights.holder(view, who, OWNERS, "easing a pause"),
                _in_force(view, pause),
            )
            if row["degree"] == Degree.STOP.value:
                raise Conflict("a stop is eased to restrict first", hint="Ease it, then resume.")
            if row["resume_by"] is None:
                change = Change("pause", (pause,), {"resume_by": person.id})
                event = _event(EventType.RESUME_PROPOSED, person, row)
                return Rows((change,), (event,), answer={**row, "resume_by": person.id})
            if row["resume_by"] == person.id:
                raise NotAllowed(
                    "you proposed to resume", hint="A second person must agree to resume."
                )
            change = Change("pause", (pause,), {"ended_at": view.now, "ended_by": person.id})
            event = _event(EventType.RESUMED, person, row)
            return Rows(
                (change,),
                (event,),
                control=True,
                answer={**row, "ended_at": view.now, "ended_by": person.id},
            )

        row, at = self._store.commit(unit)
        return _shown(row, at[0].seq)


def _reason(text: str) -> str:
    words = text.strip()
    if not words:
        raise BadInput("a reason is needed", hint="Say in a sentence why.")
    return words[:2000]


def _in_force(view: View, pause: str) -> Row:
    row = view.row("pause", pause)
    if row is None:
        raise NotFound(f"no pause {pause}")
    if row["ended_at"] is not None:
        raise Closed("this pause has ended already")
    return row


def _event(type: EventType, person: Person, row: Row) -> Event:
    clients = (row["ref"],) if row["scope"] == "client" else ()
    facts = {"pause": row["id"], "scope": row["scope"], "ref": row["ref"], "degree": row["degree"]}
    return Event(type, f"person:{person.id}", None, clients, facts)


def _shown(row: Mapping[str, Any], seq: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "scope": row["scope"],
        "ref": row["ref"],
        "degree": row["degree"],
        "reason": row["reason"],
        "by": row["by"],
        "entry": seq,
        "waits_for_second": row["resume_by"] is not None and row["ended_at"] is None,
        "ended": row["ended_at"] is not None,
    }
