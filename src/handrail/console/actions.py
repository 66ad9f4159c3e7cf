"""Every action, and the readable story of one."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.core.action import State
from handrail.service.incident import SEVERITIES

PAGE = 40  # rows
FILTERS = ("state", "tier", "client", "agent", "type", "trigger")
TIERS = {"1": "Tier 1", "2": "Tier 2", "3": "Tier 3", "4": "Prohibited"}


def actions(visit: Visit) -> Response:
    """Actions, newest first; the filters stand in the address, so that a search can be shared."""
    _ = visit.person
    read = visit.services.read
    filters = {name: visit.query(name) for name in FILTERS}
    rows = read.actions(
        states=(filters["state"],) if filters["state"] in set(State) else (),
        tiers=(int(filters["tier"]),) if filters["tier"] in TIERS else (),
        client=filters["client"] or None,
        agent=filters["agent"] or None,
        type=filters["type"] or None,
        trigger=filters["trigger"] or None,
        before=visit.query("before") or None,
        limit=PAGE,
    )
    return visit.page(
        "actions.html",
        rows=rows,
        filters=filters,
        states=[s.value for s in State],
        tiers=TIERS,
        clients=read.clients(),
        agents=read.agents(),
        older=rows[-1]["id"] if len(rows) == PAGE else "",
    )


def action(visit: Visit) -> Response:
    """One action: its story, why this tier, what was asked, what came of it, how it is undone."""
    _ = visit.person
    found = visit.services.read.action(visit.arg("id"))
    return visit.page(
        "action.html",
        a=found,
        story=visit.services.read.story(visit.arg("id")),
        siblings=visit.services.read.siblings(visit.arg("id")) if _wrong(found) else [],
        severities=SEVERITIES,
        items=visit.services.reversals.items(found["id"]) if _undoable(found) else [],
    )


def _undoable(found: Mapping[str, Any]) -> bool:
    """Whether a person could undo it, or the rest of it, now."""
    reversal = found["reversal"]
    if reversal:
        return reversal["state"] != "begun" and bool(reversal["steps"].get("waiting"))
    return bool(found["rollback"] and found["rollback"]["open"])


def _wrong(found: Mapping[str, Any]) -> bool:
    """Whether somebody has reason to look for what else went wrong for the same cause."""
    return bool(found["incidents"] or found["reversal"] or found["state"] in {"failed", "unknown"})


PAGES: Pages = (
    ("/actions", ("GET",), actions),
    ("/actions/{id}", ("GET",), action),
)
