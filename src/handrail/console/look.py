"""Pages that only show: inbox, feed, actions, matrix, audit, keys."""

from datetime import datetime

from starlette.responses import RedirectResponse, Response

from handrail.clock import to_us
from handrail.console.door import Page, Visit
from handrail.errors import BadInput

INBOX_TABS = (
    ("mine", "For me"),
    ("team", "My team"),
    ("asked", "Questions asked"),
    ("today", "Decided today"),
)
FEED_TABS = (("look", "Needs a look"), ("all", "All today"), ("reversed", "Reversed"))
_SOON = 15 * 60  # seconds


def home(visit: Visit) -> Response:
    return RedirectResponse("/inbox", status_code=303)


def inbox(visit: Visit) -> Response:
    """What waits, by time left."""
    person, tab = visit.person, visit.query("tab", "mine")
    if tab not in dict(INBOX_TABS):
        tab = "mine"
    rows = visit.services.read.inbox(person, tab)
    groups = (
        [("Decided", rows)]
        if tab == "today"
        else [
            ("Due within 15 minutes", [r for r in rows if r["seconds_left"] <= _SOON]),
            ("Later", [r for r in rows if r["seconds_left"] > _SOON]),
        ]
    )
    counts = {t: len(visit.services.read.inbox(person, t)) for t, _ in INBOX_TABS}
    return visit.page("inbox.html", tab=tab, tabs=INBOX_TABS, groups=groups, counts=counts)


def feed(visit: Visit) -> Response:
    """What agents have done and told people about."""
    _, tab = visit.person, visit.query("tab", "look")
    if tab not in dict(FEED_TABS):
        tab = "look"
    cards = visit.services.read.feed(tab, before=visit.query("before") or None)
    return visit.page("feed.html", tab=tab, tabs=FEED_TABS, cards=cards)


def actions(visit: Visit) -> Response:
    """Every action, filtered."""
    _ = visit.person
    names = ("state", "tier", "client", "agent", "type", "trigger")
    filters = {name: visit.query(name) for name in names}
    rows = visit.services.read.actions(
        states=(filters["state"],) if filters["state"] else (),
        tiers=(_tier(filters["tier"]),) if filters["tier"] else (),
        client=filters["client"] or None,
        agent=filters["agent"] or None,
        type=filters["type"] or None,
        trigger=filters["trigger"] or None,
        before=visit.query("before") or None,
        limit=50,
    )
    return visit.page(
        "actions.html",
        rows=rows,
        filters=filters,
        clients=visit.services.read.clients(),
        agents=visit.services.read.agents(),
    )


def action(visit: Visit) -> Response:
    """One action with its story."""
    _ = visit.person
    found = visit.services.read.action(visit.arg("id"))
    return visit.page("action.html", action=found, story=visit.services.read.story(visit.arg("id")))


def matrix(visit: Visit) -> Response:
    """What agents may do alone, and why."""
    _ = visit.person
    rows = visit.services.read.matrix()
    tiers = {t: [r for r in rows if r["tier"] == t] for t in (1, 2, 3)}
    return visit.page("matrix.html", rows=rows, tiers=tiers, policy=visit.services.read.policy())


def audit(visit: Visit) -> Response:
    """The record: its state, and its newest entries."""
    _ = visit.person
    before = visit.query("before")
    if before and not before.isdigit():
        raise BadInput("before is a position", hint="Follow the link at the end of the list.")
    filters = {n: visit.query(n) for n in ("q", "client", "type", "since")}
    found = visit.services.read.entries(
        client=filters["client"] or None,
        types=(filters["type"],) if filters["type"] else (),
        since=_since(filters["since"]),
        action=filters["q"] if filters["q"].startswith("act_") else None,
        before=int(before) if before else None,
        limit=50,
    )
    return visit.page(
        "audit.html",
        entries=found,
        filters=filters,
        record=visit.services.record.status(),
        clients=visit.services.read.clients(),
    )


def entry(visit: Visit) -> Response:
    """One entry: its sentence, and the bytes that are in the tree."""
    _ = visit.person
    seq = visit.arg("seq")
    if not seq.isdigit():
        raise BadInput("an entry's address is its position")
    return visit.page("entry.html", entry=visit.services.read.entry(int(seq)))


def keys(visit: Visit) -> Response:
    """All keys."""
    _ = visit.person
    return visit.page("keys.html")


def _tier(text: str) -> int:
    return int(text) if text in {"1", "2", "3", "4"} else 0


def _since(text: str) -> int | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no time", hint="Such as 2026-11-02.") from None
    return to_us(at.astimezone())


PAGES: tuple[tuple[str, tuple[str, ...], Page], ...] = (
    ("/", ("GET",), home),
    ("/inbox", ("GET",), inbox),
    ("/feed", ("GET",), feed),
    ("/actions", ("GET",), actions),
    ("/actions/{id}", ("GET",), action),
    ("/matrix", ("GET",), matrix),
    ("/audit", ("GET",), audit),
    ("/audit/{seq}", ("GET",), entry),
    ("/keys", ("GET",), keys),
)
