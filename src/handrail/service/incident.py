"""Incidents: a recorded harm, linked to actions, with severity and whether a client was hit.

    a person ─┐
    a check ──┼─► open ──► linked actions, follow-ups ──► closed, with cause and remedy
    a hook ───┘

Anybody signed in opens one. What comes after (links, follow-ups, closure) is for the client's
account engineer and those who answer for the desk (`MAY`). An agent's key does nothing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handrail.clock import from_us, rfc3339, to_us
from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn
from handrail.errors import BadInput, Closed, NotAllowed, NotFound
from handrail.service import rights
from handrail.service.draw import Draw
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View, Write

SEVERITIES = ("minor", "significant", "major")
#: Who deals with an incident, of its client or of all.
MAY = (
    "account-engineer",
    "service-desk-manager",
    "operations-leadership",
    "security-lead",
    "compliance-officer",
)
HIT: Mapping[bool | None, str] = {True: "yes", False: "no", None: "not known"}
_LINKED = 50  # actions of one ticket that a hook's incident is linked to at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A harm that another system reports, after its signature was verified."""

    source: str
    message: str  #: the system's own id of it: the same one is taken once
    severity: str
    title: str
    text: str = ""
    action: str | None = None
    client: str = ""
    ticket: str = ""  #: the trigger whose changes it is about
    hit: bool | None = None


def found(
    incident: str,
    *,
    action: str | None,
    client: str,
    title: str,
    text: str,
    now: int,
    severity: str = "significant",
    by: str = "handrail",
    hit: bool | None = None,
) -> Put:
    """The row of a new incident; those that Handrail itself opens are a failed reversal's, a
    failed check's."""
    return Put(
        "incident",
        {
            "id": incident,
            "action": action,
            "client": client,
            "severity": severity,
            "title": title,
            "text": text,
            "by": by,
            "state": "open",
            "at": now,
            "hit": None if hit is None else int(hit),
        },
    )


class Incidents:
    """What people and ticket systems do about incidents."""

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
        hit: bool | None = None,
    ) -> dict[str, Any]:
        """Record a harm. Anyone signed in may."""
        _complete(severity, title)
        incident = self._draw.id("inc")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            where = _client(view, action, client)
            put = found(
                incident,
                action=action,
                client=where,
                severity=severity,
                title=title.strip()[:200],
                text=text.strip()[:8000],
                by=person.id,
                now=view.now,
                hit=hit,
            )
            facts = {"incident": incident, "severity": severity, "hit": HIT[hit]}
            kind, by = EventType.INCIDENT_OPENED, f"person:{person.id}"
            return Rows((put,), (Event(kind, by, action, (where,) if where else (), facts),))

        _, at = self._store.commit(unit)
        return {"id": incident, "state": "open", "severity": severity, "entry": at[0].seq}

    def report(self, sent: Report) -> dict[str, Any]:
        """Record what another system reports; the same message again is the same incident.

        With a ticket, it is linked to the changes that were made for it. Raises `BadInput`, or
        `NotFound` for an action or a client that is none."""
        _complete(sent.severity, sent.title)
        incident = self._draw.id("inc")
        actions = self._of(sent.ticket) if sent.ticket and sent.action is None else []

        def unit(view: View) -> Rows:
            known = view.row("incident_report", sent.source, sent.message)
            if known is not None:
                return Rows(answer=(str(known["incident"]), True))
            action = sent.action or (actions[0] if len(actions) == 1 else None)
            where = _client(view, action or (actions[0] if actions else None), sent.client)
            put = found(
                incident,
                action=action,
                client=where,
                severity=sent.severity,
                title=sent.title.strip()[:200],
                text=sent.text.strip()[:8000],
                by=sent.source,
                now=view.now,
                hit=sent.hit,
            )
            key = {"source": sent.source, "message": sent.message}
            writes = [put, Put("incident_report", {**key, "incident": incident, "at": view.now})]
            reason = f"a change for {sent.ticket}"
            more = () if action is not None else actions
            writes += [_link(incident, one, sent.source, reason, view.now) for one in more]
            facts = {
                "incident": incident,
                "severity": sent.severity,
                "hit": HIT[sent.hit],
                "why": f"{sent.source} reported it",
                "actions": list(more),
            }
            kind = EventType.INCIDENT_FOUND
            event = Event(kind, "handrail", action, (where,) if where else (), facts)
            return Rows(tuple(writes), (event,), answer=(incident, False))

        (id, again), _ = self._store.commit(unit)
        return {"id": id, "again": again}

    def link(self, who: SignedIn, incident: str, action: str, reason: str) -> dict[str, Any]:
        """Say that *action* belongs to it too. Raises `Closed` when it does already."""
        _said(reason, "a reason is needed", "Say why it belongs to this incident.")

        def unit(view: View) -> Rows:
            person, row = dealing(view, who, incident)
            of = view.row("action", action)
            if of is None:
                raise NotFound(f"no action {action}")
            was = view.row("incident_action", incident, action)
            if row["action"] == action or (was is not None and was["off_at"] is None):
                raise Closed("this action is linked to it already")
            put = _link(incident, action, person.id, reason.strip()[:2000], view.now)
            again = Change("incident_action", (incident, action), put.row)
            kind = EventType.INCIDENT_LINKED
            grave = {"severity": row["severity"]}
            event = _event(kind, person, action, _clients(row, of), incident, **grave)
            return Rows((put if was is None else again,), (event,))

        return self._done(unit, incident)

    def unlink(self, who: SignedIn, incident: str, action: str, reason: str) -> dict[str, Any]:
        """Say that *action* does not belong to it. The one it was recorded for stays."""
        _said(reason, "a reason is needed", "Say why it does not belong to this incident.")

        def unit(view: View) -> Rows:
            person, row = dealing(view, who, incident)
            was = view.row("incident_action", incident, action)
            if was is None or was["off_at"] is not None:
                raise NotFound(
                    f"no linked action {action}",
                    hint="The action that an incident was recorded for stays with it.",
                )
            off = {
                "off_at": view.now,
                "off_by": person.id,
                "off_reason": reason.strip()[:2000],
            }
            kind = EventType.INCIDENT_UNLINKED
            event = _event(kind, person, action, _clients(row), incident)
            return Rows((Change("incident_action", (incident, action), off),), (event,))

        return self._done(unit, incident)

    def follow_up(
        self, who: SignedIn, incident: str, text: str, owner: str, due: datetime
    ) -> dict[str, Any]:
        """Give *owner* something to do by *due*, also after the incident is closed."""
        _said(text, "what is to be done is needed", "Say it in a sentence.")
        id = self._draw.id("fol")

        def unit(view: View) -> Rows:
            person, row = dealing(view, who, incident)
            owns = view.person(owner)
            if owns is None or not owns.active:
                raise NotFound(f"nobody {owner}", hint="The owner is a person who is active.")
            if to_us(due) <= view.now:
                raise BadInput("the due date has passed", hint="Give one to come.")
            put = Put(
                "follow_up",
                {
                    "id": id,
                    "incident": incident,
                    "text": text.strip()[:2000],
                    "owner": owns.id,
                    "due_at": to_us(due),
                    "by": person.id,
                    "at": view.now,
                    "done_at": None,
                    "done_by": None,
                    "note": None,
                },
            )
            more = {"follow_up": id, "owner": owns.id, "due": rfc3339(from_us(to_us(due)))}
            kind = EventType.FOLLOW_UP_SET
            event = _event(kind, person, row["action"], _clients(row), incident, **more)
            return Rows((put,), (event,))

        return {**self._done(unit, incident), "follow_up": id}

    def finish(self, who: SignedIn, id: str, note: str) -> dict[str, Any]:
        """Mark a follow-up as done, with what was done: its owner, or who deals with it."""
        _said(note, "a sentence is needed", "Say what was done.")

        def unit(view: View) -> Rows:
            row = view.row("follow_up", id)
            if row is None:
                raise NotFound(f"no follow-up {id}")
            person = rights.active(view, who)
            if person.id != row["owner"]:
                dealing(view, who, row["incident"])
            if row["done_at"] is not None:
                raise Closed("this follow-up is done already")
            of = view.row("incident", row["incident"]) or {"action": None, "client": ""}
            done = {"done_at": view.now, "done_by": person.id, "note": note.strip()[:2000]}
            kind, more = EventType.FOLLOW_UP_DONE, {"follow_up": id}
            event = _event(kind, person, of["action"], _clients(of), row["incident"], **more)
            return Rows((Change("follow_up", (id,), done),), (event,))

        _, at = self._store.commit(unit)
        return {"id": id, "state": "done", "entry": at[0].seq}

    def close(self, who: SignedIn, incident: str, cause: str, remedy: str) -> dict[str, Any]:
        """Close with a recorded cause and remedy (SPEC 7)."""
        _said(cause, "a cause is needed", "Say what caused it.")
        _said(remedy, "a remedy is needed", "Say what helps.")

        def unit(view: View) -> Rows:
            person, row = dealing(view, who, incident)
            if row["state"] != "open":
                raise Closed("this incident is closed already")
            if row["by"] == "handrail" and view.row("sealed", f"{row['action']}:withheld"):
                raise NotAllowed(
                    "this is a finding about data: it is settled, not closed",
                    hint="Whoever may look at what was withheld settles it.",
                )
            values = {
                "state": "closed",
                "cause": cause.strip()[:4000],
                "remedy": remedy.strip()[:4000],
                "closed_by": person.id,
                "closed_at": view.now,
            }
            writes: tuple[Write, ...] = (Change("incident", (incident,), values),)
            kind = EventType.INCIDENT_CLOSED
            return Rows(writes, (_event(kind, person, row["action"], _clients(row), incident),))

        return {**self._done(unit, incident), "state": "closed"}

    # --- inside -----------------------------------------------------------------------------

    def _done(self, unit: Any, incident: str) -> dict[str, Any]:
        _, at = self._store.commit(unit)
        return {"id": incident, "entry": at[0].seq}

    def _of(self, ticket: str) -> list[str]:
        """The changes that were begun for *ticket*, newest first."""
        with self._store.read() as reader:
            rows = reader.actions(trigger=f"ticket:{ticket}", limit=_LINKED)
        return [r["id"] for r in rows if r["begun_at"] is not None and r["effect"] == "change"]


def dealing(view: View, who: SignedIn, incident: str) -> tuple[Person, Row]:
    """The person, who may deal with the incident, and its row. Raises `NotFound`, `NotAllowed`."""
    person, row = rights.active(view, who), view.row("incident", incident)
    if row is None:
        raise NotFound(f"no incident {incident}")
    client = row["client"] or None
    known = view.client(client) if client else None
    own = known is not None and known.account_engineer == person.id
    if not own and not any(person.holds(role, client) for role in MAY):
        hint = f"One of the roles, for this client: {', '.join(MAY)}."
        raise NotAllowed("dealing with this incident needs authority", hint=hint)
    return person, row


def due_date(text: str) -> datetime:
    """A day (its end, UTC) or an RFC 3339 time. Raises `BadInput`."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(f"due is {text!r}", hint="Such as 2026-12-01.") from error
    if len(text.strip()) == len("2026-12-01"):
        found = found.replace(hour=23, minute=59, second=59)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _link(incident: str, action: str, by: str, reason: str, now: int) -> Put:
    row = {"incident": incident, "action": action, "by": by, "reason": reason, "at": now}
    return Put("incident_action", {**row, "off_at": None, "off_by": None, "off_reason": None})


def _client(view: View, action: str | None, client: str) -> str:
    """The client an incident is filed under. Raises `NotFound`."""
    where = client
    if action is not None:
        row = view.row("action", action)
        if row is None:
            raise NotFound(f"no action {action}")
        where = where or row["client"]
    if where and view.client(where) is None:
        raise NotFound(f"no client {where}")
    return where


def _clients(*rows: Row) -> tuple[str, ...]:
    return tuple(dict.fromkeys(r["client"] for r in rows if r["client"]))


def _event(
    kind: EventType,
    person: Person,
    action: str | None,
    clients: tuple[str, ...],
    incident: str,
    **more: Any,
) -> Event:
    return Event(kind, f"person:{person.id}", action, clients, {"incident": incident, **more})


def _complete(severity: str, title: str) -> None:
    if severity not in SEVERITIES:
        raise BadInput(f"severity is {severity!r}", hint=f"One of: {', '.join(SEVERITIES)}.")
    _said(title, "a title is needed", "Say in one line what went wrong.")


def _said(text: str, message: str, hint: str) -> None:
    if not text.strip():
        raise BadInput(message, hint=hint)
