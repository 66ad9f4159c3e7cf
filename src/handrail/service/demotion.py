"""Demoting by itself: automatic and immediate; it holds until a person has looked (SPEC 7)."""

from handrail.core.events import EventType
from handrail.core.model import Tier
from handrail.store.contract import Change, Event, Put, View


def demote(view: View, type: str, why: str) -> tuple[tuple[Put | Change, ...], tuple[Event, ...]]:
    """The writes and events that raise the overall standing of *type* to tier 3; none when it
    is there already."""
    values = {"tier": int(Tier.APPROVE), "by": "handrail", "reason": why, "at": view.now}
    row = view.row("standing", type, "")
    if row is not None and row["tier"] >= Tier.APPROVE:
        return (), ()
    write: Put | Change = (
        Put("standing", {"type": type, "client": "", **values})
        if row is None
        else Change("standing", (type, ""), values)
    )
    facts = {"type": type, "tier": int(Tier.APPROVE), "why": why}
    return (write,), (Event(EventType.DEMOTED_ITSELF, "handrail", None, (), facts),)
