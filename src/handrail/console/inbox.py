"""What waits, by time left (UX 4.1). There is no Approve here: evidence before the button."""

from collections.abc import Sequence

from starlette.responses import RedirectResponse, Response

from handrail.console.door import Pages, Visit
from handrail.service.shapes import InboxRow

TABS = {
    "mine": "For me",
    "team": "My team",
    "asked": "Questions asked",
    "today": "Decided today",
}
SOON = 15 * 60  # seconds
SHOWN = 50  # rows


def home(visit: Visit) -> Response:
    """The inbox is where people start."""
    return RedirectResponse("/inbox", status_code=303)


def inbox(visit: Visit) -> Response:
    """One tab: rows in groups by time left."""
    person, tab = visit.person, visit.choice("tab", TABS)
    if not visit.services.starting.begun:
        return visit.go("/start")
    client, agent = visit.query("client"), visit.query("agent")
    every = visit.inboxes[tab]
    rows = [r for r in every if client in {"", r["client"]} and agent in {"", r["agent"]}]
    return visit.page(
        "inbox.html",
        tab=tab,
        tabs=TABS,
        counts={t: len(visit.inboxes[t]) for t in TABS},
        rows=rows[:SHOWN],
        more=len(rows) - SHOWN,
        groups=_groups(rows[:SHOWN], decided=tab == "today"),
        cover=visit.services.read.cover(person),
        client=client,
        agent=agent,
        clients={r["client"]: r["client_name"] for r in every},
        agents={r["agent"]: r["agent_name"] for r in every},
    )


def _groups(rows: Sequence[InboxRow], *, decided: bool) -> list[tuple[str, list[InboxRow]]]:
    if decided:
        return [("Decided", list(rows))]
    waiting = [r for r in rows if r["state"] == "waiting"]
    return [
        (
            "Everyone was alarmed: nobody answered, or nobody could be asked",
            [r for r in waiting if r["alarmed"]],
        ),
        (
            "Due within 15 minutes",
            [r for r in waiting if not r["alarmed"] and r["seconds_left"] <= SOON],
        ),
        ("Later", [r for r in waiting if not r["alarmed"] and r["seconds_left"] > SOON]),
        ("Approved, about to run", [r for r in rows if r["state"] != "waiting"]),
    ]


PAGES: Pages = (
    ("/", ("GET",), home),
    ("/inbox", ("GET",), inbox),
)
