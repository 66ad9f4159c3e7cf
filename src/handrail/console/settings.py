"""People, agents, clients, connections, and the policy with its defaults and their reasons."""

from datetime import datetime

from starlette.responses import Response

from handrail.console.door import Page, Visit
from handrail.errors import BadInput


def overview(visit: Visit) -> Response:
    """Everything at a glance."""
    _ = visit.person
    read = visit.services.read
    return visit.page(
        "settings.html",
        people=read.people(),
        agents=read.agents(),
        clients=read.clients(),
        connections=read.connections(),
        policy=read.policy(),
        key=None,
    )


def connection(visit: Visit) -> Response:
    """One connection: what it offers, and what is withheld until a person has looked."""
    _ = visit.person
    name = visit.arg("name")
    return visit.page("connection.html", name=name, tools=visit.services.read.tools(name))


def accept(visit: Visit) -> Response:
    """A person has looked at a definition."""
    visit.services.catalogue.accept(
        visit.person, visit.arg("name"), visit.form.get("kind", ""), visit.form.get("tool", "")
    )
    return visit.go(f"/settings/connections/{visit.arg('name')}")


def refresh(visit: Visit) -> Response:
    """Look at what the upstream describes now."""
    _ = visit.person
    visit.services.catalogue.refresh(visit.arg("name"))
    return visit.go(f"/settings/connections/{visit.arg('name')}")


def issue_key(visit: Visit) -> Response:
    """Issue a key: shown on this page and nowhere else, ever."""
    read = visit.services.read
    key = visit.services.directory.issue_key(visit.person, visit.arg("id"))
    return visit.page(
        "settings.html",
        people=read.people(),
        agents=read.agents(),
        clients=read.clients(),
        connections=read.connections(),
        policy=read.policy(),
        key=key,
    )


def suspend(visit: Visit) -> Response:
    visit.services.directory.suspend(
        visit.person, visit.arg("id"), visit.form.get("suspended") == "1"
    )
    return visit.go("/settings")


def away(visit: Visit) -> Response:
    """I am away until then, or back."""
    text = visit.form.get("until", "")
    try:
        until = datetime.fromisoformat(text).astimezone() if text else None
    except ValueError:
        raise BadInput(f"{text!r} is no time") from None
    visit.services.directory.set_away(visit.person, until)
    return visit.go("/settings")


PAGES: tuple[tuple[str, tuple[str, ...], Page], ...] = (
    ("/settings", ("GET",), overview),
    ("/settings/connections/{name}", ("GET",), connection),
    ("/settings/connections/{name}/acceptance", ("POST",), accept),
    ("/settings/connections/{name}/refresh", ("POST",), refresh),
    ("/settings/agents/{id}/keys", ("POST",), issue_key),
    ("/settings/agents/{id}/suspension", ("POST",), suspend),
    ("/settings/away", ("POST",), away),
)
