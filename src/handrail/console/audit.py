"""The record: its state, its newest entries with filters, and one entry as it stands (UX 4.6)."""

from datetime import datetime

from starlette.responses import Response

from handrail.clock import to_us
from handrail.console.door import Pages, Visit
from handrail.core.events import EventType
from handrail.errors import BadInput

PAGE = 40  # entries
MAX_POSITION = 1 << 60
FILTERS = ("action", "client", "type", "since")


def audit(visit: Visit) -> Response:
    """Newest first; the filters stand in the address."""
    return _show(visit, None)


def check(visit: Visit) -> Response:
    """Verify what is published, as an outsider would, and say what was found."""
    _ = visit.person
    return _show(visit, visit.services.record.checked())


def _show(visit: Visit, verified: tuple[bool, str] | None) -> Response:
    _ = visit.person
    filters = {n: visit.query(n) for n in FILTERS}
    entries = visit.services.read.entries(
        action=filters["action"] or None,
        client=filters["client"] or None,
        types=(filters["type"],) if filters["type"] else (),
        since=_since(filters["since"]),
        before=_position(visit.query("before")),
        limit=PAGE,
    )
    return visit.page(
        "audit.html",
        entries=entries,
        filters=filters,
        types=[t.value for t in EventType],
        record=visit.services.record.status(),
        verified=verified,
        clients=visit.services.read.clients(),
        older=entries[-1]["seq"] if len(entries) == PAGE else None,
    )


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


def _since(text: str) -> int | None:
    if not text:
        return None
    try:
        return to_us(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError):
        raise BadInput(f"{text[:40]!r} is no time", hint="Such as 2026-11-02.") from None


PAGES: Pages = (
    ("/audit", ("GET",), audit),
    ("/audit/check", ("POST",), check),
    ("/audit/{seq}", ("GET",), entry),
    ("/audit/{seq}/proof", ("GET",), proof),
)
