"""Raising the standing of a row by itself: automatic and immediate (SPEC 4, 7)."""

from handrail.core.events import EventType
from handrail.core.model import Tier
from handrail.store.contract import Change, Event, Put, View

#: Why a row was demoted whose notices reach nobody.
NOBODY_TOLD = "its notices reach nobody within the send window"


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
