"""Raising the standing of a row by itself: automatic and immediate (SPEC 4, 7)."""

from handrail.core.events import EventType
from handrail.core.model import Tier
from handrail.store.contract import Change, Drop, Event, Put, View, Write

#: Why a row was demoted whose notices reach nobody.
NOBODY_TOLD = "its notices reach nobody within the send window"


def demote(
    view: View, type: str, why: str, *, client: str = "", by: str = "handrail"
) -> tuple[tuple[Write, ...], tuple[Event, ...]]:
    """The writes and events that raise the standing of *type* to tier 3, for *client* or ('')
    overall, with whatever it has earned there; none when it is there already."""
    values = {
        "tier": int(Tier.APPROVE),
        "by": by,
        "reason": why,
        "at": view.now,
        "evidence": None,
        "buckets": None,
        "probation_until": None,
    }
    scoped = [s.client for s in view.standings(type) if s.client is not None and s.earned]
    lost = [c for c in scoped if client in {"", c}]
    writes: list[Write] = [Drop("standing", (type, c)) for c in lost]
    row = view.row("standing", type, client)
    if row is None:
        writes.append(Put("standing", {"type": type, "client": client, **values}))
    elif row["tier"] >= Tier.APPROVE and not lost:
        return (), ()
    else:
        writes = [w for w in writes if w.key != (type, client)]  # type: ignore[union-attr]
        writes.append(Change("standing", (type, client), values))
    kind = EventType.DEMOTED_ITSELF if by == "handrail" else EventType.DEMOTED
    facts = {"type": type, "tier": int(Tier.APPROVE), "client": client, "why": why}
    principal = by if by == "handrail" else f"person:{by}"
    clients = (client,) if client else ()
    return tuple(writes), (Event(kind, principal, None, clients, facts),)
