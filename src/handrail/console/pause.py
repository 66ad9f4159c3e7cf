"""What restricts agents: breakers that opened and people's pauses, and the way back (UX 4.5)."""

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.service.pause import SCOPES

SHOWN = 12  # breakers that count, and breakers of the past


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
        breakers=read.breakers(),
        points=read.points(visit.services.evidence.points())[:SHOWN],
        past=[b for b in read.breakers(closed=True, limit=SHOWN) if b["state"] == "closed"],
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


def probation(visit: Visit) -> Response:
    """An open breaker goes on probation, with what was found."""
    visit.back = "/breakers"
    visit.services.breakers.probation(
        visit.person, visit.arg("id"), visit.said("cause"), visit.said("remedy")
    )
    return visit.go(visit.back)


def close(visit: Visit) -> Response:
    """A breaker closes after its probation."""
    visit.back = "/breakers"
    visit.services.breakers.close(visit.person, visit.arg("id"), visit.said("reason"))
    return visit.go(visit.back)


PAGES: Pages = (
    ("/breakers", ("GET",), pause),
    ("/breakers/{id}/probation", ("POST",), probation),
    ("/breakers/{id}/closure", ("POST",), close),
    ("/pause", ("GET",), pause),
    ("/pause", ("POST",), pause_now),
    ("/pause/{id}/ease", ("POST",), ease),
    ("/pause/{id}/resume", ("POST",), resume),
)
