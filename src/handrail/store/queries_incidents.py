"""Questions about incidents and what is to be done after them."""

from functools import cache

from sqlalchemy import and_, bindparam, or_, select

from handrail.store import tables
from handrail.store.queries import Filter, Query, query

_I, _L, _F = tables.incident, tables.incident_action, tables.follow_up
_on = _L.c.off_at.is_(None)

LINKED = query(
    "linked", "Which further actions an incident is about.",
    select(_L).where(_L.c.incident == bindparam("incident")).order_by(_L.c.at, _L.c.action),
)  # fmt: skip


@cache
def incidents(shape: Filter) -> Query:
    """A page of incidents."""
    where = {
        "action": or_(
            _I.c.action == bindparam("action"),
            _I.c.id.in_(select(_L.c.incident).where(_L.c.action == bindparam("action"), _on)),
        ),
        "client": _I.c.client == bindparam("client"),
        "severity": _I.c.severity == bindparam("severity"),
        "state": _I.c.state == bindparam("state"),
        "before": _I.c.id < bindparam("before"),
    }
    return Query(
        "incidents", "The harms that were recorded.",
        select(_I).where(and_(True, *(where[n] for n in sorted(shape.names))))
        .order_by(_I.c.id.desc()).limit(bindparam("limit")),
    )  # fmt: skip


@cache
def follow_ups(shape: Filter) -> Query:
    """What is to be done, by due date."""
    where = {
        "incident": _F.c.incident == bindparam("incident"),
        "owner": _F.c.owner == bindparam("owner"),
        "open": _F.c.done_at.is_(None),
    }
    return Query(
        "follow_ups", "What is to be done after incidents.",
        select(_F, _I.c.client, _I.c.title).join(_I, _I.c.id == _F.c.incident)
        .where(and_(True, *(where[n] for n in sorted(shape.names))))
        .order_by(_F.c.due_at, _F.c.id),
    )  # fmt: skip
