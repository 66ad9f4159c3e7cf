"""The matrix: what agents may do alone, and why (UX 4.4). It is read here and changed elsewhere."""

from collections.abc import Sequence
from typing import cast

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.errors import NotFound
from handrail.service.shapes import MatrixShown

SHOWN = 40  # rows of a search
TIERS = {
    1: "Runs alone",
    2: "Acts, then tells a person",
    3: "Waits for a person",
}


def matrix(visit: Visit) -> Response:
    """One category at a time, or what a search finds: a big matrix stays a small page."""
    _ = visit.person
    rows = cast("Sequence[MatrixShown]", visit.services.read.matrix())
    categories = {c: sum(r["category"] == c for r in rows) for c in sorted(_categories(rows))}
    search, tier = visit.query("q").casefold().strip(), visit.query("tier")
    category = visit.choice("category", categories) if categories else ""
    if search or tier:
        found = [
            r
            for r in rows
            if search in f"{r['says']} {r['type']} {r['rationale']}".casefold()
            and tier in {"", str(r["tier"])}
        ]
        category = ""
    else:
        found = [r for r in rows if r["category"] == category]
    return visit.page(
        "matrix.html",
        rows=found[:SHOWN],
        more=max(0, len(found) - SHOWN),
        total=len(rows),
        unsigned=sum(not r["signed"] for r in rows),
        counts={t: sum(r["tier"] == t for r in rows) for t in TIERS},
        tiers=TIERS,
        categories=categories,
        category=category,
        search=visit.query("q"),
        tier=tier,
        policy=visit.services.read.policy(),
        nominations=visit.services.read.nominations(),
    )


def row(visit: Visit) -> Response:
    """One action type: every score with its reason, the bounds, who signed, how it is undone."""
    _ = visit.person
    rows = cast("Sequence[MatrixShown]", visit.services.read.matrix())
    found = next((r for r in rows if r["type"] == visit.arg("type")), None)
    if found is None:
        raise NotFound(f"no row {visit.arg('type')}", hint="Without a row it runs at tier 3.")
    recent = visit.services.read.actions(type=found["type"], limit=10)
    clients = visit.services.read.clients()
    return visit.page(
        "row.html",
        r=found,
        recent=recent,
        names={c["id"]: c["name"] for c in clients},
        history=visit.services.read.row_history(found["type"]),
        evidence=visit.services.evidence.about(found["type"]) if found["signed"] else None,
        standings=visit.services.read.standings_of(found["type"]),
        nominations=visit.services.read.nominations(found["type"]),
        rehearsals=list(visit.services.rehearsals.past(found["type"]))[:5],
        rehearsable=found["type"] in visit.services.rehearsals.types(),
    )


def rehearse(visit: Visit) -> Response:
    """Act, check, undo, check on the safe target that the row declares."""
    visit.back = f"/matrix/{visit.arg('type')}"
    visit.services.rehearsals.run(visit.person, visit.arg("type"))
    return visit.go(visit.back)


def promote(visit: Visit) -> Response:
    """One tier, on the evidence as it was shown."""
    visit.back = f"/matrix/{visit.arg('type')}"
    visit.services.standings.promote(
        visit.person, visit.arg("type"), visit.said("evidence"), visit.said("rationale")
    )
    return visit.go(visit.back)


def dismiss(visit: Visit) -> Response:
    """No to a nomination, with a reason."""
    visit.back = f"/matrix/{visit.arg('type')}"
    visit.services.standings.dismiss(visit.person, visit.arg("type"), visit.said("reason"))
    return visit.go(visit.back)


def demote(visit: Visit) -> Response:
    """One click, one reason, at once."""
    visit.back = f"/matrix/{visit.arg('type')}"
    visit.services.standings.demote(
        visit.person, visit.arg("type"), visit.said("reason"), visit.said("client")
    )
    return visit.go(visit.back)


def release(visit: Visit) -> Response:
    """A demoted row goes on, after a review."""
    visit.back = f"/matrix/{visit.arg('type')}"
    visit.services.standings.release(
        visit.person, visit.arg("type"), visit.said("reason"), visit.said("client")
    )
    return visit.go(visit.back)


def _categories(rows: Sequence[MatrixShown]) -> set[str]:
    return {r["category"] for r in rows}


PAGES: Pages = (
    ("/matrix", ("GET",), matrix),
    ("/matrix/{type}", ("GET",), row),
    ("/matrix/{type}/rehearsal", ("POST",), rehearse),
    ("/matrix/{type}/promotion", ("POST",), promote),
    ("/matrix/{type}/dismissal", ("POST",), dismiss),
    ("/matrix/{type}/demotion", ("POST",), demote),
    ("/matrix/{type}/release", ("POST",), release),
)
