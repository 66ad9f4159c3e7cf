"""Actions, notices and the record as pages show them."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from handrail.clock import to_us
from handrail.core.events import EventType
from handrail.errors import NotFound
from handrail.service import codec, shown, steps
from handrail.service.reading.incidents import Incidents
from handrail.store.contract import Find, Reader, Row


class Actions(Incidents):
    """What was done, and what the record says of it."""

    def feed(self, tab: str = "look", before: str | None = None) -> list[dict[str, Any]]:
        """Tier 2 cards. Tabs: `look` (not looked at yet), `all`, `reversed`."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            rows = reader.notices(
                open_only=tab == "look", cards_only=tab != "reversed", before=before, limit=50
            )
            cards = [self._card(reader, row, names, now) for row in rows]
        return [c for c in cards if tab != "reversed" or c["reversal"]]

    def _card(self, reader: Reader, row: Row, names: shown.Names, now: int) -> dict[str, Any]:
        """One card, with what joined it: of an answered one, nothing that was not."""
        beside = [] if row["card"] else reader.on_card(row["id"])
        members = [
            {**shown.notice(r, names, now), "title": self._said(reader, r)}
            for r in beside
            if row["answered_at"] is None or r["answered_at"] is not None
        ]
        mine = {**shown.notice(row, names, now), "title": self._said(reader, row)}
        for one in (mine, *members):
            one["steps"] = steps.counted(reader.steps(one["action"])) if one["reversal"] else None
        return {**mine, "count": 1 + len(members), "members": members}

    def _said(self, reader: Reader, row: Row) -> str:
        """What was done, in the past tense; as it was asked for where it is not known to be."""
        kind, request = self._policies.current().row(row["type"]), None
        if kind is not None and row["action_state"] in {"done", "reversed"}:
            request = self._request(reader, row["action"])
        if kind is None or request is None:
            return str(row["sentence"])
        action = reader.row("action", row["action"]) or {}
        targets, clients = codec.load(action["targets"]), codec.load(action["clients"])
        return kind.title(request["arguments"], targets, clients, past=True)

    def actions(self, **filters: Any) -> list[dict[str, Any]]:
        """Actions, newest first; filters as `Reader.actions`."""
        names = self.names()
        with self._store.read() as reader:
            return [shown.action(row, names) for row in reader.actions(**filters)]

    def action(self, action_id: str, agent: str | None = None) -> dict[str, Any]:
        """One action with its classification and what hangs on it. With *agent*, only its own."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None or (agent is not None and row["agent"] != agent):
                raise NotFound(f"no action {action_id}")
            reversal = reader.row("reversal", action_id)
            rollback = reader.row("rollback", action_id)
            owed = reader.row("outcome_check", action_id)
            counts = steps.counted(reader.steps(action_id))
            incidents = [self._incident(i, names) for i in reader.incidents(action=action_id)]
            notice_row = reader.row("notice", "ntc_" + action_id.partition("_")[2])
            result = self._result(reader, action_id)
            request = self._request(reader, action_id)
        expires = rollback["expires_at"] if rollback else None
        began = row["state"] in {"done", "failed", "unknown"}
        return {
            **shown.action(row, names),
            "classification": shown.classification(row["classification"]),
            "result": result,
            "request": request,
            "incidents": incidents,
            "check": {"state": owed["state"], "due_at": shown.when(owed["due_at"])}
            if owed
            else None,
            "notice": notice_row["id"] if notice_row else None,
            "rollback": {
                "class": rollback["class"],
                "text": rollback["text"],
                "until": shown.when(expires),
                "proven": shown.when(rollback["proven_at"]),
                "open": bool(
                    began
                    and reversal is None
                    and expires
                    and expires > now
                    and rollback["class"] in {"exact", "snapshot", "time-limited"}
                ),
            }
            if rollback
            else None,
            "reversal": {
                "state": reversal["state"],
                "by": names.get(reversal["by"], reversal["by"]),
                "at": shown.when(reversal["at"]),
                "text": reversal["outcome"],
                "verified": None if reversal["verified"] is None else bool(reversal["verified"]),
                "reason": reversal["reason"],
                "steps": counts,
            }
            if reversal
            else None,
        }

    def story(self, action_id: str, agent: str | None = None) -> list[dict[str, Any]]:
        """The readable story of one action: its entries, oldest first."""
        names = self.names()
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None or (agent is not None and row["agent"] != agent):
                raise NotFound(f"no action {action_id}")
            rows = reader.entries(Find(action=action_id, limit=500)).rows
        return [shown.entry(r, names) for r in reversed(rows)]

    def entries(self, find: Find) -> tuple[list[dict[str, Any]], int | None]:
        """A page of ledger entries with their sentences, newest first, and before which position
        to go on; None when everything was looked at."""
        names = self.names()
        with self._store.read() as reader:
            found = reader.entries(find)
        return [shown.entry(row, names) for row in found.rows], found.older

    def told(
        self,
        client: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Every entry with its sentence, oldest first: all, or one client's; from *since* to
        before *until*. Holds one at a time."""
        names = self.names()
        start, end = (None if at is None else to_us(at) for at in (since, until))
        with self._store.read() as reader:
            for _, body in reader.between(start, end, client):
                yield shown.told(body, names)

    def said(
        self, type: EventType, *, before: int | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """What agents raised or noted, newest first, each with its words opened from the seal."""
        names = self.names()
        with self._store.read() as reader:
            rows = reader.entries(Find(types=(type.value,), before=before, limit=limit)).rows
            return [
                {**(entry := shown.entry(r, names)), "words": self._words(reader, entry["body"])}
                for r in rows
            ]

    def _words(self, reader: Reader, body: Mapping[str, Any]) -> str | None:
        plain = self._opened(reader, f"{body['facts']['note']}:note")
        return None if plain is None else plain.decode()

    def entry(self, seq: int) -> dict[str, Any]:
        """One entry by position."""
        with self._store.read() as reader:
            row = reader.row("entry", seq)
        if row is None:
            raise NotFound(f"no entry {seq}")
        return shown.entry(row, self.names())
