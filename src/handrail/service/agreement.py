"""Whether the tables say what the record says (LEDGER, "Attacks": a projection row that differs
from its leaf, sealed data swapped, logging suppressed; I21).

`verify` proves the record itself. What pages, inboxes and the gate read are tables beside it, and
only a comparison shows that one of them was changed by hand:

    differs    an action's row is not what its entries make of it
    missing    an action without its entry, or an entry without its action
    swapped    sealed data is not that whose digest the entry holds, or is gone
    unended    begun long ago, and nothing says how it ended
    silent     longer without any entry than the heartbeat allows

Reads page by page, however long the record is; changes nothing.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from handrail.core.action import State
from handrail.core.events import EventType
from handrail.core.model import Mode
from handrail.core.replay import states
from handrail.store.contract import Reader, Row, Store

#: After this, an action that began and did not end is no longer just under way.
UNDER_WAY = timedelta(hours=1)
#: How many findings are told in words; the others are counted.
TOLD = 100
_PAGE = 500
#: Beside the heartbeat's own span: what a busy host or a restart may take.
_LATE = timedelta(hours=1)
#: The entry that an action's row was made with.
_ASKED = frozenset(
    {
        EventType.ACTION_BEGUN,
        EventType.ACTION_PASSED,
        EventType.ACTION_PROPOSED,
        EventType.ACTION_REFUSED,
    }
)
#: Columns of an action's row that its first entry states, under the entry's name for them.
_STATED = {
    "type": "type", "effect": "effect", "mode": "mode", "tier": "tier", "policy": "policy",
    "agent_version": "agent_version", "confidence": "confidence",
}  # fmt: skip


@dataclass(slots=True)
class Agreement:
    """What was compared, and what was found."""

    entries: int = 0
    actions: int = 0
    found: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was changed. What is unended or silent is a question, not a change."""
        return not any(self.found[kind] for kind in ("differs", "missing", "swapped"))

    def note(self, kind: str, text: str) -> None:
        self.found[kind] += 1
        if len(self.told) < TOLD:
            self.told.append(f"{kind}: {text}")

    def __str__(self) -> str:
        counted = ", ".join(f"{n} {kind}" for kind, n in sorted(self.found.items()))
        return f"{self.actions} actions compared with {self.entries} entries" + (
            f": {counted}" if counted else ", and they agree"
        )


def compare(
    store: Store, now: datetime, heartbeat: timedelta, newest: int | None = None
) -> Agreement:
    """Compare every action with its entries; with *newest*, those asked for in so many of the
    newest entries."""
    result = Agreement()
    with store.read() as reader:
        size = int(reader.head()["size"])
        last: datetime | None = None
        for page in _pages(reader, 0 if newest is None else max(0, size - newest), size):
            result.entries += len(page)
            for entry in page:
                at = datetime.fromisoformat(entry["at"])
                if last is not None and at - last > heartbeat + _LATE:
                    result.note("silent", f"no entry from {last:%Y-%m-%d %H:%M} for {at - last}")
                last = at
            _actions(result, reader, [e["action"] for e in page if e["type"] in _ASKED], now)
        if newest is None:
            for id in reader.actions_without_entry(TOLD):
                result.note("missing", f"{id} has no entry")
    return result


def _pages(reader: Reader, start: int, end: int) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    for _, body in reader.stream(start, end):
        page.append(orjson.loads(body))
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _actions(result: Agreement, reader: Reader, ids: Sequence[str], now: datetime) -> None:
    """Compare the actions *ids* with everything that the record says of them."""
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for action, body in reader.entries_of(ids):
        entries[action].append(orjson.loads(body))
    rows = {row["id"]: row for row in reader.actions_by_id(ids)}
    for id in ids:
        result.actions += 1
        row, told = rows.get(id), entries[id]
        if row is None:
            result.note("missing", f"entry {told[0]['seq']} names {id}, and it is not there")
            continue
        for column, wanted in _row_of(id, told).items():
            if row[column] != wanted:
                text = f"{id} has {column} {row[column]!r}, its entries say {wanted!r}"
                result.note("differs", text)
        for ref, digest in _digests(id, told).items():
            sealed = reader.row("sealed", ref)
            if sealed is None:
                result.note("swapped", f"{ref} is gone")
            elif hashlib.sha256(bytes(sealed["ciphertext"])).hexdigest() != digest:
                result.note("swapped", f"{ref} is not what its entry says")
        _unended(result, row, told, now)


def _row_of(id: str, told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What an action's row must say, by its entries."""
    first = told[0]["facts"]
    return {
        **{column: first[name] for column, name in _STATED.items() if name in first},
        "agent": told[0]["by"].partition(":")[2],
        "digest": bytes.fromhex(first["digest"]),
        "state": states(told)[id].value,
    }


def _digests(id: str, told: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The digests of an action's sealed data, by where it lies; the newest of each."""
    return {
        f"{id}:{kind}": digest
        for entry in told
        for kind, digest in (entry["facts"].get("sealed") or {}).items()
    }


def _unended(result: Agreement, row: Row, told: Sequence[Mapping[str, Any]], now: datetime) -> None:
    if row["state"] != State.BEGUN or row["mode"] == Mode.GRANT:
        return
    since = datetime.fromisoformat(told[-1]["at"])
    if now - since > UNDER_WAY:
        result.note("unended", f"{row['id']} began {since:%Y-%m-%d %H:%M}, and no outcome is told")
