"""What people say to tier 2 notices: looks right, or this was wrong."""

from typing import Any

from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Closed, NotFound
from handrail.service import codec, incident, rights
from handrail.service.draw import Draw
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

VERDICTS = {
    "looks right": EventType.NOTICE_LOOKS_RIGHT,
    "was wrong": EventType.NOTICE_WAS_WRONG,
}


class Notices:
    """Takes people's words on what was done."""

    def __init__(self, store: Store, draw: Draw) -> None:
        self._store = store
        self._draw = draw

    def acknowledge(
        self, who: SignedIn, notice_id: str, verdict: str, text: str = ""
    ) -> dict[str, Any]:
        """Record that *who* looked: *verdict* is `looks right` or `was wrong`.

        *Looks right* is about everything on the notice's card that nobody answered yet; *was
        wrong* about its own action alone: it opens an incident, and reverses nothing by itself.
        """
        if verdict not in VERDICTS:
            raise BadInput(f"verdict is {verdict!r}", hint=f"One of: {', '.join(VERDICTS)}.")
        incident_id = self._draw.id("inc")
        with self._store.read() as reader:
            beside = [row["id"] for row in reader.on_card(notice_id)]

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            row = view.row("notice", notice_id)
            if row is None:
                raise NotFound(f"no notice {notice_id}")
            others = [r for id in beside if (r := view.row("notice", id)) and not r["answered_by"]]
            mine = row["state"] == verdict and row["answered_by"] == person.id
            if row["state"] in VERDICTS:
                if mine and not others:
                    return Rows(answer=(row["action"], 1))  # a double click
                if not mine:
                    raise Closed(f"someone said already: {row['state']}")
            answered = [] if mine else [row]
            if verdict == "looks right":
                answered += others
            writes: list[Put | Change] = []
            events: list[Event] = []
            for one in answered:
                action = _action(view, one)
                writes.append(Change("notice", (one["id"],), _answered(verdict, person.id, view)))
                clients = tuple(codec.load(action["clients"]))
                by = f"person:{person.id}"
                events.append(Event(VERDICTS[verdict], by, action["id"], clients, {}))
            if verdict == "was wrong" and answered:
                found = _wrong(view, row, incident_id, text)
                writes.append(found[0])
                events.append(found[1])
            return Rows(tuple(writes), tuple(events), answer=(row["action"], len(answered)))

        (action, count), _ = self._store.commit(unit)
        return {"notice": notice_id, "action": action, "state": verdict, "count": count}


def _action(view: View, notice: Row) -> Row:
    action = view.row("action", notice["action"])
    if action is None:
        raise NotFound(f"no action {notice['action']}")
    return action


def _answered(verdict: str, person: str, view: View) -> dict[str, Any]:
    return {"state": verdict, "answered_at": view.now, "answered_by": person, "due_at": None}


def _wrong(view: View, notice: Row, id: str, text: str) -> tuple[Put, Event]:
    """The incident that a person's *this was wrong* is."""
    action = _action(view, notice)
    put = incident.found(
        id,
        action=action["id"],
        client=action["client"],
        title=f"Was wrong: {action['sentence']}"[:200],
        text=text.strip()[:8000],
        now=view.now,
        severity="minor",  # how grave it was, people say when they look into it
    )
    why = "a person said that it was wrong"
    facts = {"incident": id, "severity": "minor", "why": why}
    clients = tuple(codec.load(action["clients"]))
    return put, Event(EventType.INCIDENT_FOUND, "handrail", action["id"], clients, facts)
