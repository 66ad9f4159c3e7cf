"""The record: its state, its newest entries with filters, and one entry as it stands (UX 4.6)."""

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import Response

from handrail.clock import to_us
from handrail.console.door import Pages, Visit
from handrail.core.action import State
from handrail.core.attacks import ATTACKS
from handrail.core.events import EventType
from handrail.errors import BadInput
from handrail.store.contract import Find

PAGE = 40  # entries
MAX_POSITION = 1 << 60
FILTERS = (
    "text", "client", "type", "since", "until", "agent", "person", "tier", "state", "regime", "action",
)  # fmt: skip


def audit(visit: Visit) -> Response:
    """Newest first; the filters stand in the address."""
    return _show(visit, None)


def check(visit: Visit) -> Response:
    """Verify what is published, as an outsider would, and say what was found."""
    _ = visit.person
    return _show(visit, visit.services.record.checked())


def _show(visit: Visit, verified: tuple[bool, str] | None) -> Response:
    _ = visit.person
    filters = {n: visit.query(n).strip() for n in FILTERS}
    read = visit.services.read
    entries, older = read.entries(_wanted(filters, _position(visit.query("before"))))
    clients = read.clients()
    return visit.page(
        "audit.html",
        entries=entries,
        filters=filters,
        types=[t.value for t in EventType],
        states=[s.value for s in State],
        regimes=sorted({r for c in clients for r in c["regimes"]}),
        record=visit.services.record.status(),
        verified=verified,
        clients=clients,
        agents=read.agents(),
        people=read.people(),
        older=older,
        page=PAGE,
    )


def _wanted(filters: Mapping[str, str], before: int | None) -> Find:
    tier = filters["tier"]
    if tier not in {"", "1", "2", "3", "4"}:
        raise BadInput(f"{tier[:40]!r} is no tier", hint="1, 2, 3, or 4 for prohibited.")
    return Find(
        action=filters["action"] or None,
        client=filters["client"] or None,
        agent=filters["agent"] or None,
        person=f"person:{filters['person']}" if filters["person"] else None,
        regime=filters["regime"] or None,
        text=filters["text"] or None,
        types=(filters["type"],) if filters["type"] else (),
        states=(filters["state"],) if filters["state"] else (),
        tiers=(int(tier),) if tier else (),
        since=_instant(filters["since"]),
        until=_instant(filters["until"]),
        before=before,
        limit=PAGE,
    )


def reopen(visit: Visit) -> Response:
    """One of the two people who go on from a record that was put back."""
    visit.services.reopen.reopen(visit.person, visit.said("reason"))
    return visit.go("/audit")


def attacks(visit: Visit) -> Response:
    """What somebody would have to do to falsify the record, and what finds it."""
    _ = visit.person
    return visit.page("attacks.html", attacks=ATTACKS, record=visit.services.record.status())


def entry(visit: Visit) -> Response:
    """One entry: its sentence, and the bytes that are in the tree."""
    _ = visit.person
    seq = _position(visit.arg("seq"))
    if seq is None:
        raise BadInput("an entry's address is its position", hint="Such as /audit/12.")
    return visit.page(
        "entry.html",
        e=visit.services.read.entry(seq),
        record=visit.services.record.status(),
    )


def proof(visit: Visit) -> Response:
    """The proof that an entry is in the signed record (C2SP tlog-proof)."""
    _ = visit.person
    seq = _position(visit.arg("seq"))
    if seq is None:
        raise BadInput("an entry's address is its position", hint="Such as /audit/12/proof.")
    return Response(visit.services.record.inclusion(seq), media_type="text/plain")


def _position(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) > MAX_POSITION:
        raise BadInput("an entry's place is a number", hint="Follow a link of the list.")
    return int(text)


def _instant(text: str) -> int | None:
    if not text:
        return None
    try:
        return to_us(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError):
        raise BadInput(f"{text[:40]!r} is no time", hint="Such as 2026-11-02.") from None


PAGES: Pages = (
    ("/audit", ("GET",), audit),
    ("/audit/check", ("POST",), check),
    ("/audit/reopen", ("POST",), reopen),
    ("/audit/attacks", ("GET",), attacks),
    ("/audit/{seq}", ("GET",), entry),
    ("/audit/{seq}/proof", ("GET",), proof),
)
