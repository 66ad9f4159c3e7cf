"""First steps, with how far they are."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit


def start(visit: Visit) -> Response:
    """The steps; what is done is looked up."""
    return visit.page("start.html", steps=visit.services.starting.steps(visit.person))


def publish(visit: Visit) -> Response:
    """The starter policy, by one click."""
    visit.back = "/start"
    visit.services.starting.publish(visit.person)
    return visit.go("/start")


PAGES: Pages = (
    ("/start", ("GET",), start),
    ("/start/policy", ("POST",), publish),
)
