"""People, agents, clients, connections, and the policy with its numbers and their reasons."""

from collections.abc import Callable
from typing import Any, cast

from starlette.responses import Response

from handrail.console.door import Pages, Visit
from handrail.core.model import Risk
from handrail.errors import BadInput, NotFound
from handrail.service.shapes import ToolShown

REGIMES = ("soc2", "hipaa", "gdpr")


def profile(visit: Visit) -> Response:
    """One's own: being away, how the console looks, and the ways to everything else."""
    person = visit.person
    people = visit.services.read.people()
    me = next(p for p in people if p["id"] == person.person)
    ways = visit.ways
    passkeys = ways.passkeys.of(person.person) if ways.passkeys is not None else []
    return visit.page("settings.html", me=me, passkeys=passkeys)


def people(visit: Visit) -> Response:
    """Who may decide what, and who is there."""
    return _people(visit)


def _people(visit: Visit, invitation: dict[str, Any] | None = None) -> Response:
    _ = visit.person
    policy, everyone = visit.services.policies.current(), visit.services.read.people()
    holders = {
        role: sum(p["active"] and any(r["role"] == role for r in p["roles"]) for p in everyone)
        for role in sorted(policy.roles)
    }
    return visit.page(
        "people.html",
        people=everyone,
        clients=visit.services.read.clients(),
        roles={name: policy.roles[name].says for name in holders},
        thin=[role for role, count in holders.items() if count < 2],
        invitation=invitation,
        change=visit.query("change"),
    )


def add_person(visit: Visit) -> Response:
    """Add a person: the link by which they choose a password is shown once."""
    visit.back = "/settings/people"
    role, client = visit.said("role"), visit.said("client") or None
    added = visit.services.directory.add_person(
        visit.person, visit.said("name"), visit.said("email"), [(role, client)] if role else []
    )
    return _people(visit, added)


def grant_role(visit: Visit) -> Response:
    """Give someone a role."""
    visit.back = "/settings/people"
    visit.services.directory.grant_role(
        visit.person, visit.arg("id"), visit.said("role"), visit.said("client") or None
    )
    return visit.go(visit.back)


def end_role(visit: Visit) -> Response:
    """Take a role away."""
    visit.back = "/settings/people"
    visit.services.directory.end_role(
        visit.person, visit.arg("id"), visit.said("role"), visit.said("client") or None
    )
    return visit.go(visit.back)


def leave(visit: Visit) -> Response:
    """Someone leaves: out at once."""
    visit.back = "/settings/people"
    visit.services.directory.deactivate(visit.person, visit.arg("id"))
    return visit.go(visit.back)


def agents(visit: Visit) -> Response:
    """Agents with their keys, of which only the beginnings are known."""
    return _agents(visit)


def _agents(visit: Visit, issued: dict[str, Any] | None = None) -> Response:
    _ = visit.person
    read = visit.services.read
    return visit.page(
        "agents.html",
        agents=read.agents(),
        connections=read.connections(),
        clients=read.clients(),
        people=[p for p in read.people() if p["active"]],
        issued=issued,
    )


def add_agent(visit: Visit) -> Response:
    """Register an agent, with its sponsor."""
    visit.back = "/settings/agents"
    connection, client = visit.said("connection"), visit.said("client")
    visit.services.directory.add_agent(
        visit.person,
        visit.said("name"),
        purpose=visit.said("purpose"),
        version=visit.said("version"),
        connections=[connection] if connection else [],
        clients=[client] if client else [],
        sponsor=visit.said("sponsor") or None,
    )
    return visit.go(visit.back)


def issue_key(visit: Visit) -> Response:
    """Issue a key: shown on this page and nowhere else, ever."""
    visit.back = "/settings/agents"
    return _agents(visit, visit.services.directory.issue_key(visit.person, visit.arg("id")))


def rotate_key(visit: Visit) -> Response:
    """A new key in the place of one that stays good for a day: shown here and nowhere else."""
    visit.back = "/settings/agents"
    prefix = visit.said("prefix")
    issued = visit.services.directory.rotate_key(visit.person, visit.arg("id"), prefix)
    return _agents(visit, issued)


def set_scope(visit: Visit) -> Response:
    """What an agent may reach, and who answers for it."""
    visit.back = "/settings/agents"
    agent, directory = visit.arg("id"), visit.services.directory
    now = next((a for a in visit.services.read.agents() if a["id"] == agent), None)
    if now is None:
        raise NotFound(f"no agent {agent}")
    chosen = {
        kind: sorted(
            k.removeprefix(kind) for k, v in visit.form.items() if k.startswith(kind) and v
        )
        for kind in ("con:", "cli:")
    }
    if chosen != {"con:": sorted(now["connections"]), "cli:": sorted(now["clients"])}:
        directory.set_scope(visit.person, agent, chosen["con:"], chosen["cli:"])
    if (sponsor := visit.said("sponsor")) and sponsor != now["sponsor"]:
        directory.set_sponsor(visit.person, agent, sponsor)
    return visit.go(visit.back)


def revoke_key(visit: Visit) -> Response:
    """Revoke a key."""
    visit.back = "/settings/agents"
    visit.services.directory.revoke_key(visit.person, visit.arg("id"), visit.said("prefix"))
    return visit.go(visit.back)


def suspend(visit: Visit) -> Response:
    """Suspend an agent, or let it work again."""
    visit.back = "/settings/agents"
    visit.services.directory.suspend(visit.person, visit.arg("id"), visit.said("suspended") == "1")
    return visit.go(visit.back)


def clients(visit: Visit) -> Response:
    """Clients with their risk, regimes and account engineers."""
    _ = visit.person
    read = visit.services.read
    return visit.page(
        "clients.html",
        me=visit.person.person,
        clients=read.clients(),
        people=[p for p in read.people() if p["active"]],
        risks=[r.value for r in Risk],
        regimes=REGIMES,
    )


def set_client(visit: Visit) -> Response:
    """Add or change a client."""
    visit.back = "/settings/clients"
    days = visit.said("retention_days", "400")
    if not days.isdecimal():
        raise BadInput("retention is a number of days")
    visit.services.directory.set_client(
        visit.person,
        visit.said("id"),
        visit.said("name"),
        risk=visit.said("risk"),
        timezone=visit.said("timezone"),
        account_engineer=visit.said("account_engineer") or None,
        regimes=visit.said("regimes").split(","),
        retention_days=int(days),
    )
    return visit.go(visit.back)


def agree_client(visit: Visit) -> Response:
    """A second person agrees to what can lower oversight."""
    visit.back = "/settings/clients"
    visit.services.directory.agree_client(visit.person, visit.arg("id"), visit.said("digest"))
    return visit.go(visit.back)


def withdraw_client(visit: Visit) -> Response:
    """A proposed change of a client is dropped."""
    visit.back = "/settings/clients"
    visit.services.directory.withdraw_client(visit.person, visit.arg("id"))
    return visit.go(visit.back)


def connections(visit: Visit) -> Response:
    """How the ways to the tools do, and what is withheld on them."""
    _ = visit.person
    return visit.page("connections.html", connections=visit.services.read.connections())


def connection(visit: Visit) -> Response:
    """What one connection offers, and what is withheld until a person has looked."""
    _ = visit.person
    name = visit.arg("name")
    tools = cast("list[ToolShown]", visit.services.read.tools(name))
    return visit.page(
        "connection.html",
        name=name,
        withheld=[(t, _difference(t)) for t in tools if t["state"] != "pinned"],
        pinned=[t for t in tools if t["state"] == "pinned"],
    )


def _difference(tool: ToolShown) -> list[tuple[str, Any, Any]]:
    """What a person has to look at: (part, pinned, what the upstream says now)."""
    if tool["state"] == "new":
        return [(part, None, value) for part, value in tool["definition"].items()]
    pinned, seen = tool["definition"], tool["seen"] or {}
    return [
        (part, pinned.get(part), seen.get(part))
        for part in {**pinned, **seen}
        if pinned.get(part) != seen.get(part)
    ]


def accept(visit: Visit) -> Response:
    """A person has looked at a definition."""
    visit.back = f"/settings/connections/{visit.arg('name')}"
    visit.services.catalogue.accept(
        visit.person, visit.arg("name"), visit.said("kind"), visit.said("tool")
    )
    return visit.go(visit.back)


def refresh(visit: Visit) -> Response:
    """Look at what the upstream describes now."""
    _ = visit.person
    visit.back = f"/settings/connections/{visit.arg('name')}"
    visit.services.catalogue.refresh(visit.arg("name"))
    return visit.go(visit.back)


def policy(visit: Visit) -> Response:
    """The version in force, who published it, what the watched folder holds, and every number
    with its reason."""
    _ = visit.person
    watched = visit.services.policies.watched
    return visit.page(
        "policy.html",
        policy=visit.services.read.policy(),
        drafts=visit.services.drafts.open(),
        folder=watched.seen if watched is not None else None,
        calendars=visit.services.policies.sources(),
    )


def _get(path: str, page: Callable[[Visit], Response]) -> Pages:
    return ((path, ("GET",), page),)


def _post(path: str, page: Callable[[Visit], Response]) -> Pages:
    return ((path, ("POST",), page),)


PAGES: Pages = (
    *_get("/settings", profile),
    *_get("/settings/people", people),
    *_post("/settings/people", add_person),
    *_post("/settings/people/{id}/roles", grant_role),
    *_post("/settings/people/{id}/roles/end", end_role),
    *_post("/settings/people/{id}/leave", leave),
    *_get("/settings/agents", agents),
    *_post("/settings/agents", add_agent),
    *_post("/settings/agents/{id}/keys", issue_key),
    *_post("/settings/agents/{id}/keys/rotation", rotate_key),
    *_post("/settings/agents/{id}/keys/revocation", revoke_key),
    *_post("/settings/agents/{id}/scope", set_scope),
    *_post("/settings/agents/{id}/suspension", suspend),
    *_get("/settings/clients", clients),
    *_post("/settings/clients", set_client),
    *_post("/settings/clients/{id}/agreement", agree_client),
    *_post("/settings/clients/{id}/withdrawal", withdraw_client),
    *_get("/settings/connections", connections),
    *_get("/settings/connections/{name}", connection),
    *_post("/settings/connections/{name}/acceptance", accept),
    *_post("/settings/connections/{name}/refresh", refresh),
    *_get("/settings/policy", policy),
)
