"""The team: who covers which role hour by hour, and whom a request would ask now."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from handrail.console.availability import zone_of
from handrail.console.door import Pages, Visit

WEEK, DAY = 168, 24
SHOWN = 12  # holes
_WHAT = {
    "chain": "Nobody of the chain can be asked: {}",
    "two people": "Fewer than two people can be asked where two must agree: {}",
    "beside": "Nobody can be asked beside the chain: {}",
    "role": "Nobody covers the role itself: {}",
}


def team(visit: Visit) -> Response:
    """The 24-hour strip of each role, the week's holes in words, and who is there now."""
    me = next(p for p in visit.services.read.people() if p["id"] == visit.person.person)
    zone = ZoneInfo(zone_of(me))
    week = visit.query("span") == "week"
    found = visit.services.team.cover(WEEK)
    begins = datetime.fromisoformat(found["begins"]).astimezone(zone)
    listed = sorted(found["holes"], key=lambda h: h["from"])
    holes = [_hole(h, zone) for h in listed if h["kind"] != "role"]
    roles_only = [_hole(h, zone) for h in listed if h["kind"] == "role"]
    return visit.page(
        "team.html",
        zone=str(zone),
        week=week,
        marks=_marks(begins, week),
        roles=[
            {
                **r,
                "cells": r["hours"][: WEEK if week else DAY],
                "words": _words(r["hours"][:DAY], begins),
            }
            for r in found["roles"]
        ],
        holes=holes[:SHOWN],
        more=max(0, len(holes) - SHOWN),
        role_holes=roles_only[:SHOWN],
        role_more=max(0, len(roles_only) - SHOWN),
        calendars=found["calendars"],
        people=visit.services.team.people(),
        lent=visit.services.team.delegations(),
    )


def routing(visit: Visit) -> Response:
    """Chains, routes and windows as the policy has them, and *Try it*."""
    _ = visit.person
    policy = visit.services.policies.current()
    rows = sorted(policy.rows.values(), key=lambda r: (r.category, r.type))
    clients = visit.services.read.clients()
    type, client = visit.query("type"), visit.query("client")
    tried = None
    if type:
        tried = visit.services.team.try_it(type, (client,) if client else ())
    return visit.page(
        "routing.html",
        chains=policy.chains,
        backups={name: policy.backups(name) for name in policy.roles},
        routes=[
            {
                "chain": r.chain,
                "categories": sorted(r.categories),
                "when": r.when.text if r.when else "",
            }
            for r in policy.routing
        ],
        windows={u.value: int(w.total_seconds() // 60) for u, w in policy.settings.windows.items()},
        rows=[{"id": r.type, "name": r.type} for r in rows],
        clients=clients,
        type=type,
        client=client,
        client_name=next((c["name"] for c in clients if c["id"] == client), ""),
        tried=tried,
    )


def _marks(begins: datetime, week: bool) -> list[tuple[int, str]]:
    """(hours from the beginning, label) under the strip."""
    every, format = (24, "%a") if week else (3, "%H")
    hours = WEEK if week else DAY
    # Local hours, so that a day of 23 or 25 hours is marked where it is.
    at = [
        (n, (begins.astimezone(UTC) + timedelta(hours=n)).astimezone(begins.tzinfo))
        for n in range(hours)
    ]
    return [
        (n, t.strftime(format)) for n, t in at if (t.hour == 0 if week else t.hour % every == 0)
    ]


def _words(hours: Sequence[str], begins: datetime) -> str:
    """The coming day in words: what a strip shows, for whoever reads."""
    if all(h == "holder" for h in hours):
        return "covered at every hour"
    spans: list[tuple[str, int, int]] = []
    for n, state in enumerate(hours):
        if spans and spans[-1][0] == state:
            spans[-1] = (state, spans[-1][1], n + 1)
        else:
            spans.append((state, n, n + 1))
    said = {"nobody": "nobody", "backup": "a backup only"}
    parts = [
        f"{said[state]} {_clock(begins, first)} to {_clock(begins, last)}"
        for state, first, last in spans
        if state in said
    ]
    return ", ".join(parts)


def _clock(begins: datetime, hours: int) -> str:
    at = (begins.astimezone(UTC) + timedelta(hours=hours)).astimezone(begins.tzinfo)
    return at.strftime("%a %H:%M")


def _hole(hole: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    begins, ends = (datetime.fromisoformat(hole[k]).astimezone(zone) for k in ("from", "until"))
    return {
        **hole,
        "what": _WHAT[hole["kind"]].format(hole["name"].replace("-", " ")),
        "when": f"{begins:%a %-d %b %H:%M} to {ends:%a %H:%M}",
    }


PAGES: Pages = (
    ("/settings/team", ("GET",), team),
    ("/settings/routing", ("GET",), routing),
)
