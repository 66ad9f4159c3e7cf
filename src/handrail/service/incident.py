"""Incidents: a recorded harm, linked to actions, with severity and whether a client was hit."""

from typing import Any

from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Closed, NotAllowed, NotFound
from handrail.service import rights
from handrail.service.draw import Draw
from handrail.store.contract import Change, Event, Put, Rows, Store, View

SEVERITIES = ("minor", "significant", "major")


def found(
    incident: str,
    *,
    action: str,
    client: str,
    title: str,
    text: str,
    now: int,
    severity: str = "significant",
) -> Put:
    """The row of an incident that Handrail itself opens: a failed reversal, a failed check."""
    return Put(
        "incident",
        {
            "id": incident,
            "action": action,
            "client": client,
            "severity": severity,
            "title": title,
            "text": text,
            "by": "handrail",
            "state": "open",
            "at": now,
        },
    )


class Incidents:
    """What people do about incidents."""

    def __init__(self, store: Store, draw: Draw) -> None:
        self._store = store
        self._draw = draw

    def open(
        self,
        who: SignedIn,
        *,
        action: str | None = None,
        client: str = "",
        severity: str,
        title: str,
        text: str = "",
    ) -> dict[str, Any]:
        """Record a harm. Anyone signed in may."""
        if severity not in SEVERITIES:
            raise BadInput(f"severity is {severity!r}", hint=f"One of: {', '.join(SEVERITIES)}.")
        if not title.strip():
            raise BadInput("a title is needed", hint="Say in one line what went wrong.")
        incident = self._draw.id("inc")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            hit = client
            if action is not None:
                row = view.row("action", action)
                if row is None:
                    raise NotFound(f"no action {action}")
                hit = hit or row["client"]
            if hit and view.client(hit) is None:
                raise NotFound(f"no client {hit}")
            put = Put(
                "incident",
                {
                    "id": incident,
                    "action": action,
                    "client": hit,
                    "severity": severity,
                    "title": title.strip()[:200],
                    "text": text.strip()[:8000],
                    "by": person.id,
                    "state": "open",
                    "at": view.now,
                },
            )
            event = Event(
                EventType.INCIDENT_OPENED,
                f"person:{person.id}",
                action,
                (hit,) if hit else (),
                {"incident": incident, "severity": severity},
            )
            return Rows((put,), (event,))

        _, at = self._store.commit(unit)
        return {"id": incident, "state": "open", "severity": severity, "entry": at[0].seq}

    def close(self, who: SignedIn, incident: str, cause: str, remedy: str) -> dict[str, Any]:
        """Close with a recorded cause and remedy (SPEC 7)."""
        if not cause.strip() or not remedy.strip():
            raise BadInput("cause and remedy are needed", hint="Say what caused it and what helps.")

        def unit(view: View) -> Rows:
            person = view.person(who.person)
            row = view.row("incident", incident)
            if person is None or not person.active:
                raise NotAllowed("this person is not active any more")
            if row is None:
                raise NotFound(f"no incident {incident}")
            if row["state"] != "open":
                raise Closed("this incident is closed already")
            text = f"{row['text']}\n\nCause: {cause.strip()}\nRemedy: {remedy.strip()}".strip()
            change = Change("incident", (incident,), {"state": "closed", "text": text[:16000]})
            event = Event(
                EventType.INCIDENT_CLOSED,
                f"person:{person.id}",
                row["action"],
                (row["client"],) if row["client"] else (),
                {"incident": incident},
            )
            return Rows((change,), (event,))

        _, at = self._store.commit(unit)
        return {"id": incident, "state": "closed", "entry": at[0].seq}
