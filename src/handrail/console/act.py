"""What people do at any time: look at a notice, reverse, report, pause and resume."""

from starlette.responses import Response

from handrail.console.door import Page, Visit, safe


def acknowledge(visit: Visit) -> Response:
    """Looks right, or was wrong."""
    visit.services.notices.acknowledge(
        visit.person, visit.arg("id"), visit.form.get("verdict", ""), visit.form.get("text", "")
    )
    return visit.go(safe(visit.form.get("to", "/feed")))


def reverse(visit: Visit) -> Response:
    """One click, no dialog: it begins at once."""
    done = visit.services.reversals.reverse(
        visit.person, visit.arg("id"), visit.form.get("reason", "")
    )
    return visit.page(
        "reversed.html", done=done, action=visit.services.read.action(visit.arg("id"))
    )


def incident(visit: Visit) -> Response:
    """Report a harm."""
    action = visit.form.get("action") or None
    visit.services.incidents.open(
        visit.person,
        action=action,
        client=visit.form.get("client", ""),
        severity=visit.form.get("severity", ""),
        title=visit.form.get("title", ""),
        text=visit.form.get("text", ""),
    )
    return visit.go(f"/actions/{action}" if action else "/pause")


def pause(visit: Visit) -> Response:
    """What is paused, and what a pause of each scope would touch."""
    _ = visit.person
    read = visit.services.read
    scope, ref = visit.query("scope", "all"), visit.query("ref")
    return visit.page(
        "pause.html",
        pauses=read.pauses(),
        effect=read.effect_of_pause(scope, ref),
        scope=scope,
        ref=ref,
        clients=read.clients(),
        agents=read.agents(),
        types=read.matrix(),
        incidents=read.incidents(limit=20),
    )


def pause_now(visit: Visit) -> Response:
    """One person, at once."""
    scope, _, ref = visit.form.get("scope", "").partition(":")
    visit.services.pauses.pause(
        visit.person, scope, ref, visit.form.get("degree", ""), visit.form.get("reason", "")
    )
    return visit.go("/pause")


def ease(visit: Visit) -> Response:
    visit.services.pauses.ease(visit.person, visit.arg("id"), visit.form.get("reason", ""))
    return visit.go("/pause")


def resume(visit: Visit) -> Response:
    visit.services.pauses.resume(visit.person, visit.arg("id"), visit.form.get("reason", ""))
    return visit.go("/pause")


PAGES: tuple[tuple[str, tuple[str, ...], Page], ...] = (
    ("/notices/{id}/acknowledgement", ("POST",), acknowledge),
    ("/actions/{id}/reversal", ("POST",), reverse),
    ("/incidents", ("POST",), incident),
    ("/pause", ("GET",), pause),
    ("/pause", ("POST",), pause_now),
    ("/pause/{id}/ease", ("POST",), ease),
    ("/pause/{id}/resume", ("POST",), resume),
)
