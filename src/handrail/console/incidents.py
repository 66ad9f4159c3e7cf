"""Incidents: the list, one with its timeline, and what is to be done after it."""

from typing import Any

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.service.incident import SEVERITIES, due_date

PAGE = 40  # rows
_HIT = {"": None, "yes": True, "no": False}
_FILTERS = ("state", "severity", "client")


def incidents(visit: Visit) -> Response:
    """The harms that were recorded; the filters stand in the address."""
    _ = visit.person
    read = visit.services.read
    filters = {name: visit.query(name) for name in _FILTERS}
    rows = read.incidents(
        PAGE,
        state=filters["state"] or None,
        severity=filters["severity"] or None,
        client=filters["client"] or None,
        before=visit.query("before") or None,
    )
    return visit.page(
        "incidents.html",
        incidents=rows,
        filters=filters,
        clients=read.clients(),
        severities=SEVERITIES,
        late=read.follow_ups(overdue=True),
        older=rows[-1]["id"] if len(rows) == PAGE else "",
    )


def incident(visit: Visit) -> Response:
    """One incident: what happened, what belongs to it, what is to be done, how it ended."""
    _ = visit.person
    read = visit.services.read
    people: list[dict[str, Any]] = [p for p in read.people() if p["active"]]
    return visit.page("incident.html", i=read.incident(visit.arg("id")), people=people)


def report(visit: Visit) -> Response:
    """Report a harm, of an action or by itself."""
    done = visit.said("action") or None
    visit.back = f"/actions/{done}" if done else "/incidents"
    visit.services.incidents.open(
        visit.person,
        action=done,
        client=visit.said("client"),
        severity=visit.said("severity"),
        title=visit.said("title"),
        text=visit.said("text"),
        hit=_HIT.get(visit.said("hit")),
    )
    return visit.go(visit.back)


def close(visit: Visit) -> Response:
    """Close an incident with its cause and its remedy."""
    id = _back(visit)
    visit.services.incidents.close(visit.person, id, visit.said("cause"), visit.said("remedy"))
    return visit.go(visit.back)


def link(visit: Visit) -> Response:
    """Another action belongs to it."""
    id = _back(visit)
    visit.services.incidents.link(
        visit.person, id, visit.said("action").strip(), visit.said("reason")
    )
    return visit.go(visit.back)


def unlink(visit: Visit) -> Response:
    """A linked action does not belong to it."""
    id = _back(visit)
    visit.services.incidents.unlink(
        visit.person, id, visit.said("action").strip(), visit.said("reason")
    )
    return visit.go(visit.back)


def follow_up(visit: Visit) -> Response:
    """Something to do after it."""
    id = _back(visit)
    due = due_date(visit.said("due"))
    visit.services.incidents.follow_up(
        visit.person, id, visit.said("text"), visit.said("owner"), due
    )
    return visit.go(visit.back)


def done(visit: Visit) -> Response:
    """A follow-up was done."""
    _back(visit)
    visit.services.incidents.finish(visit.person, visit.arg("follow_up"), visit.said("note"))
    return visit.go(visit.back)


def _back(visit: Visit) -> str:
    id = visit.arg("id")
    visit.back = f"/incidents/{id}"
    return id


PAGES: Pages = (
    ("/incidents", ("GET",), incidents),
    ("/incidents", ("POST",), report),
    ("/incidents/{id}", ("GET",), incident),
    ("/incidents/{id}/closure", ("POST",), close),
    ("/incidents/{id}/links", ("POST",), link),
    ("/incidents/{id}/unlinking", ("POST",), unlink),
    ("/incidents/{id}/follow-ups", ("POST",), follow_up),
    ("/incidents/{id}/follow-ups/{follow_up}/done", ("POST",), done),
)
