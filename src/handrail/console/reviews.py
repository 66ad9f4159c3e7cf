"""Governance reviews: the agenda that the record gives, what people say to it, the minute (UX 4.7)."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.service.reviews import DECISIONS


def reviews(visit: Visit) -> Response:
    """Every review, newest first."""
    _ = visit.person
    return visit.page(
        "reviews.html",
        reviews=visit.services.reviews.listed(),
        months=visit.services.reviews.months(),
    )


def review(visit: Visit) -> Response:
    """One review: its agenda by section; it prints as its minute."""
    _ = visit.person
    return visit.page(
        "review.html",
        r=visit.services.reviews.one(visit.arg("id")),
        decisions=DECISIONS,
        people=[p for p in visit.services.read.people() if p["active"]],
    )


def answer(visit: Visit) -> Response:
    """What follows from one item."""
    id, item = visit.arg("id"), visit.said("item")
    visit.back = f"/reviews/{id}"
    decision = visit.said("decision")
    visit.services.reviews.answer(
        visit.person,
        id,
        item,
        decision,
        visit.said("text"),
        owner=visit.said("owner") if decision == "action" else "",
        due=visit.said("due") if decision == "action" else "",
    )
    return visit.go(visit.back)


def sign(visit: Visit) -> Response:
    """The signature over what was shown."""
    visit.back = f"/reviews/{visit.arg('id')}"
    visit.services.reviews.sign(
        visit.person, visit.arg("id"), visit.said("summary"), visit.said("agenda")
    )
    return visit.go(visit.back)


PAGES: Pages = (
    ("/reviews", ("GET",), reviews),
    ("/reviews/{id}", ("GET",), review),
    ("/reviews/{id}/findings", ("POST",), answer),
    ("/reviews/{id}/sign-off", ("POST",), sign),
)
