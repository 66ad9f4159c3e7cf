"""Pausing at once, by one person; easing and resuming, which take more (UX 4.5, SPEC 6)."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.service.pause import SCOPES


def pause(visit: Visit) -> Response:
    """What is paused, and what a pause of the scope chosen would touch, in numbers."""
    _ = visit.person
    read = visit.services.read
    chosen = visit.query("what", "all:")
    scope, _, ref = chosen.partition(":")
    if scope not in SCOPES:
        chosen, scope, ref = "all:", "all", ""
    return visit.page(
        "pause.html",
        pauses=read.pauses(),
        effect=read.effect_of_pause(scope, ref),
        chosen=chosen,
        clients=read.clients(),
        agents=read.agents(),
        types=sorted(r["type"] for r in read.matrix()),
    )


def pause_now(visit: Visit) -> Response:
    """One person, at once."""
    visit.back = "/pause"
    scope, _, ref = visit.said("what").partition(":")
    visit.services.pauses.pause(
        visit.person, scope, ref, visit.said("degree"), visit.said("reason")
    )
    return visit.go("/pause")


def ease(visit: Visit) -> Response:
    """From stop to restrict: one person with authority and a reason."""
    visit.back = "/pause"
    visit.services.pauses.ease(visit.person, visit.arg("id"), visit.said("reason"))
    return visit.go("/pause")


def resume(visit: Visit) -> Response:
    """Back to normal: one person proposes it, another does it."""
    visit.back = "/pause"
    visit.services.pauses.resume(visit.person, visit.arg("id"), visit.said("reason"))
    return visit.go("/pause")


PAGES: Pages = (
    ("/pause", ("GET",), pause),
    ("/pause", ("POST",), pause_now),
    ("/pause/{id}/ease", ("POST",), ease),
    ("/pause/{id}/resume", ("POST",), resume),
)
