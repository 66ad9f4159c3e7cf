"""Shadow scopes: what they would mean, and enforcing now (SPEC 2)."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit


def shadow(visit: Visit) -> Response:
    """One scope with its report."""
    _ = visit.person
    shadows = visit.services.shadows
    scope = shadows.show(visit.arg("id"))
    report = shadows.report(scope["id"]) if scope["begins"] else None
    return visit.page("shadow.html", scope=scope, report=report)


def agree(visit: Visit) -> Response:
    """A second person agrees."""
    visit.back = f"/shadow/{visit.arg('id')}"
    visit.services.shadows.agree(visit.person, visit.arg("id"))
    return visit.go(visit.back)


def end(visit: Visit) -> Response:
    """Enforce now."""
    visit.back = f"/shadow/{visit.arg('id')}"
    visit.services.shadows.end(visit.person, visit.arg("id"))
    return visit.go(visit.back)


PAGES: Pages = (
    ("/shadow/{id}", ("GET",), shadow),
    ("/shadow/{id}/agreement", ("POST",), agree),
    ("/shadow/{id}/end", ("POST",), end),
)
