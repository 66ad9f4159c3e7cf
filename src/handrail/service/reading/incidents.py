"""Incidents as pages and lists show them."""

from typing import Any

from handrail.clock import to_us
from handrail.core.events import EventType
from handrail.errors import NotFound
from handrail.service import shown
from handrail.service.reading.base import Reading
from handrail.store.contract import Find, Reader, Row

#: Entries that name an incident in their facts.
_ABOUT = (
    EventType.INCIDENT_OPENED, EventType.INCIDENT_FOUND, EventType.INCIDENT_CLOSED,
    EventType.INCIDENT_LINKED, EventType.INCIDENT_UNLINKED, EventType.FOLLOW_UP_SET,
    EventType.FOLLOW_UP_DONE, EventType.FINDING_SETTLED,
)  # fmt: skip
_TIMELINE = 500  # entries of one timeline


class Incidents(Reading):
    """Reads of incidents and what is to be done after them."""

    def incidents(
        self,
        limit: int = 50,
        *,
        action: str | None = None,
        client: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        before: str | None = None,
    ) -> list[dict[str, Any]]:
        """Newest first; *before* is the last id of the page before."""
        names = self.names()
        with self._store.read() as reader:
            rows = reader.incidents(
                action=action, client=client, severity=severity, state=state, before=before,
                limit=limit,
            )  # fmt: skip
            return [self._incident(row, names) for row in rows]

    def incident(self, id: str) -> dict[str, Any]:
        """One with its linked actions, follow-ups and the timeline of all entries concerned,
        oldest first. Raises `NotFound`."""
        names = self.names()
        with self._store.read() as reader:
            row = reader.row("incident", id)
            if row is None:
                raise NotFound(f"no incident {id}")
            every = reader.linked(id)
            links = [x for x in every if x["off_at"] is None]
            ids = [a for a in (row["action"], *(x["action"] for x in links)) if a]
            actions = {r["id"]: shown.action(r, names) for r in reader.actions_by_id(ids)}
            entries = {r["seq"]: r for r in self._entries(reader, id, ids)}
            settles = row["action"] and reader.row("sealed", f"{row['action']}:withheld")
            todo = [self._follow_up(f, names) for f in reader.follow_ups(incident=id)]
        why = {x["action"]: x for x in links}
        return {
            **self._incident(row, names),
            "finding": row["by"] == "handrail" and bool(settles),
            "actions": [
                {
                    "id": a,
                    "title": actions[a]["title"] if a in actions else a,
                    "state": actions[a]["state"] if a in actions else "",
                    "at": actions[a]["at"] if a in actions else None,
                    "client_name": actions[a]["client_name"] if a in actions else "",
                    "first": a == row["action"],
                    "reason": why[a]["reason"] if a in why else "",
                    "by": names.get(why[a]["by"], why[a]["by"]) if a in why else "",
                }
                for a in ids
            ],
            "taken_off": [
                {
                    "action": x["action"],
                    "reason": x["off_reason"],
                    "by": names.get(x["off_by"], x["off_by"]),
                    "at": shown.when(x["off_at"]),
                }
                for x in every
                if x["off_at"] is not None
            ],
            "follow_ups": todo,
            "timeline": [shown.entry(entries[seq], names) for seq in sorted(entries)][:_TIMELINE],
        }

    def follow_ups(
        self, *, owner: str | None = None, open_only: bool = True, overdue: bool = False
    ) -> list[dict[str, Any]]:
        """What is to be done after incidents, by due date; with *overdue* only what is late."""
        names = self.names()
        with self._store.read() as reader:
            rows = reader.follow_ups(owner=owner, open_only=open_only)
        found = [self._follow_up(r, names) for r in rows]
        return [f for f in found if f["overdue"]] if overdue else found

    def _entries(self, reader: Reader, id: str, actions: list[str]) -> list[Row]:
        found: list[Row] = []
        for kind in _ABOUT:
            found += reader.entries(Find(types=(kind.value,), text=id, limit=_TIMELINE)).rows
        for action in actions:
            found += reader.entries(Find(action=action, limit=_TIMELINE)).rows
        return found

    def _incident(self, row: Row, names: shown.Names) -> dict[str, Any]:
        same = ("id", "action", "client", "severity", "title", "text", "state", "cause", "remedy")
        return {
            **{k: row[k] for k in same},
            "client_name": names.get(row["client"], row["client"]),
            "hit": None if row["hit"] is None else bool(row["hit"]),
            "by": names.get(row["by"], row["by"]),
            "at": shown.when(row["at"]),
            "closed_by": names.get(row["closed_by"] or "", row["closed_by"]),
            "closed_at": shown.when(row["closed_at"]),
        }

    def _follow_up(self, row: Row, names: shown.Names) -> dict[str, Any]:
        late = row["done_at"] is None and row["due_at"] < to_us(self._clock.now())
        return {
            **{k: row[k] for k in ("id", "incident", "text", "owner", "title", "client", "note")},
            "owner_name": names.get(row["owner"], row["owner"]),
            "due": shown.when(row["due_at"]),
            "done_at": shown.when(row["done_at"]),
            "done_by": names.get(row["done_by"] or "", row["done_by"]),
            "overdue": late,
            "state": "done" if row["done_at"] is not None else "overdue" if late else "open",
        }
