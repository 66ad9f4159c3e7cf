"""What people do about the record itself: open it again after a restore or failover, and let
another key sign it (LEDGER; DOORS `ledger reopen`; I27).

    put back ──► held: nothing begins ──► one person accepts the gap ──► a second one ──► reopened

A database that was put back to an older copy, or is another, is noticed by the signer's own memory
or by a witness. From then on nothing begins, and nothing published is overwritten. Two people may
then go on from what is there, **under another name**: the first entry of that name states the
former one, what was signed under it, and how much of that this copy lacks. What was published
under the former name is kept beside: its last entries are all that tells what happened in the gap.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from handrail.clock import to_us
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Conflict, NotAllowed
from handrail.ledger.checkpoint import successor
from handrail.service import rights
from handrail.service.record import Record
from handrail.store.contract import Event, Find, Rows, Store, View

#: Who may.
OWNERS = ("service-desk-manager", "operations-leadership", "security-lead")
#: Clients in whose chains the entry stands: as many as an entry holds.
MOST = 400
#: How long the first person's acceptance waits for a second.
WAITS = timedelta(hours=24)


class Reopen:
    """Acts on the record of *store*, which *record* signs and publishes."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record

    def reopen(self, who: SignedIn, reason: str) -> dict[str, Any]:
        """Accept the gap: the first person proposes, a second, different one reopens.

        Raises `Conflict` when nothing is wrong with the record, `NotAllowed` for somebody without
        authority or the same person again.
        """
        reason = _reason(reason)
        held = self._record.held
        if not held:
            raise Conflict(
                "the record is being signed; nothing was put back",
                hint="Reopening is for a restored or forked database only.",
            )
        with self._store.read() as reader:
            head = reader.head()
            clients = tuple(row["id"] for row in reader.clients())[:MOST]
            proposed = reader.entries(Find(types=(EventType.REOPEN_PROPOSED,), limit=1)).rows
        origin = str(head["origin"])
        shared, remembered = self._record.shared(), self._record.signed
        signed, root = remembered or (0, b"")
        gap = {
            "former": origin, "shared": shared, "signed": signed, "signed_root": root.hex(),
            "missing": self._record.missing(), "held": held[:500],
        }  # fmt: skip
        first = _acceptance(proposed, gap, to_us(self._record.now()))
        if first == who.person:
            raise NotAllowed("you accepted this gap already", hint="A second person is needed.")

        def propose(view: View) -> Rows:
            rights.holder(view, who, OWNERS, "reopening the record")
            by = f"person:{who.person}"
            facts = {**gap, "why": reason}
            return Rows(events=(Event(EventType.REOPEN_PROPOSED, by, facts=facts),))

        if first is None:
            self._store.commit(propose)
            return {**gap, "state": "proposed"}
        opened = successor(origin)
        facts = {**gap, "first": first, "why": reason, "checkpoint": self._record.published()}

        def unit(view: View) -> Rows:
            rights.holder(view, who, OWNERS, "reopening the record")
            event = Event(EventType.REOPENED, f"person:{who.person}", None, clients, facts)
            return Rows(events=(event,), control=True, origin=opened)

        kept = self._record.reopened(opened, lambda: self._store.commit(unit))
        return {**gap, "state": "reopened", "origin": opened, "kept": kept}

    def rotate(self, who: SignedIn, reason: str, *, stolen: bool = False) -> dict[str, Any]:
        """Let a new key sign the record: the entry names both, and until the next rotation both
        sign; a *stolen* one signs no more. Raises `NotAllowed`, `Conflict` while it is held."""
        reason = _reason(reason)
        if self._record.held:
            raise Conflict("the record is held", hint="Reopen it first.")
        old, new = self._record.key, self._record.staged()

        def unit(view: View) -> Rows:
            rights.holder(view, who, OWNERS, "rotating the key")
            facts = {"old": old, "new": new, "stolen": stolen, "why": reason}
            event = Event(EventType.KEY_ROTATED, f"person:{who.person}", facts=facts)
            return Rows(events=(event,), control=True)

        self._store.commit(unit)
        self._record.taken_over(keep=not stolen)
        return {"old": old, "new": new}


def _acceptance(rows: Any, gap: Mapping[str, Any], now: int) -> str | None:
    """The person who accepted this very gap, not long ago; None when nobody did."""
    for row in rows:
        body = orjson.loads(bytes(row["body"]))
        facts = body["facts"]
        same = all(facts.get(k) == gap[k] for k in ("former", "signed", "signed_root"))
        if same and now - int(row["at"]) < WAITS // timedelta(microseconds=1):
            return str(body["by"]).partition(":")[2]
    return None


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > 500:
        raise BadInput("say why, in at most 500 letters")
    return text
