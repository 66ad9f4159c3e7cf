"""What people say to tier 2 notices: looks right, or this was wrong."""

from typing import Any

from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Closed, NotFound
from handrail.service import codec, incident, rights
from handrail.service.draw import Draw
from handrail.store.contract import Change, Event, Put, Rows, Store, View

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
        """Record that *who* looked: *verdict* is `looks right` or `was wrong`. Wrong opens an
        incident; it does not reverse anything by itself."""
        if verdict not in VERDICTS:
            raise BadInput(f"verdict is {verdict!r}", hint=f"One of: {', '.join(VERDICTS)}.")
        incident_id = self._draw.id("inc")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            row = view.row("notice", notice_id)
            if row is None:
                raise NotFound(f"no notice {notice_id}")
            if row["state"] in VERDICTS:
                if row["state"] == verdict and row["answered_by"] == person.id:
                    return Rows(answer=row["action"])  # a double click
                raise Closed(f"someone said already: {row['state']}")
            action = view.row("action", row["action"])
            if action is None:
                raise NotFound(f"no action {row['action']}")
            clients = tuple(codec.load(action["clients"]))
            writes: list[Put | Change] = [
                Change(
                    "notice",
                    (notice_id,),
                    {
                        "state": verdict,
                        "answered_at": view.now,
                        "answered_by": person.id,
                        "due_at": None,
                    },
                )
            ]
            events = [Event(VERDICTS[verdict], f"person:{person.id}", action["id"], clients, {})]
            if verdict == "was wrong":
                writes.append(
                    incident.found(
                        incident_id,
                        action=action["id"],
                        client=action["client"],
                        title=f"Was wrong: {action['sentence']}"[:200],
                        text=text.strip()[:8000],
                        now=view.now,
                    )
                )
                events.append(
                    Event(
                        EventType.INCIDENT_FOUND,
                        "handrail",
                        action["id"],
                        clients,
                        {
                            "incident": incident_id,
                            "severity": "significant",
                            "why": "a person said that it was wrong",
                        },
                    )
                )
            return Rows(tuple(writes), tuple(events), answer=action["id"])

        action, _ = self._store.commit(unit)
        return {"notice": notice_id, "action": action, "state": verdict}
