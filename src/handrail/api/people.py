"""`/v1/people`, `/v1/roles`: who may say yes."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import Door, TheDoor
from handrail.errors import BadInput

router = APIRouter(tags=["people"], route_class=body.Route)


class Held(body.Body):
    """A role, for one client or for all."""

    role: body.Name
    client: body.Id | None = None


class Person(body.Body):
    """A person to add."""

    name: str = Field(min_length=1, max_length=120)
    email: str = Field(min_length=3, max_length=255)
    roles: list[Held] = Field(default_factory=list, max_length=50)


class Grant(Held):
    """A role to give to a person."""

    person: body.Id


@router.get("/people", summary="List people", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """By name, with their roles and whether they are away."""
    return page(door.services.read.people(), limit, cursor)


@router.post("/people", summary="Add a person", status_code=201)
def add(door: TheDoor, who: auth.Who, sent: Person) -> Response:
    """Answers with a one-time link by which they choose a password."""
    for held in sent.roles:
        _known(door, held.role)
    found = door.services.directory.add_person(
        who, sent.name, sent.email, [(h.role, h.client) for h in sent.roles]
    )
    return answer(found, 201, {"Cache-Control": "no-store"})


@router.post("/people/{id}/departure", summary="Someone leaves", status_code=204)
def leave(door: TheDoor, who: auth.Who, id: str) -> Response:
    """No sign-in, no session and no authority from this moment on."""
    door.services.directory.deactivate(who, id)
    return Response(status_code=204)


@router.get("/roles", summary="List roles", response_model=Page)
def roles(door: TheDoor, who: auth.Who) -> Response:
    """The roles that the policy names, who backs them up and who holds them."""
    people = door.services.read.people()
    found = [
        {
            "id": kind.name,
            "says": kind.says,
            "per_client": kind.per_client,
            "backups": list(kind.backups),
            "held_by": [
                {"person": p["id"], "name": p["name"], "client": r["client"], "away": p["away"]}
                for p in people
                if p["active"]
                for r in p["roles"]
                if r["role"] == kind.name
            ],
        }
        for kind in door.services.policies.current().roles.values()
    ]
    return answer({"items": found, "next": None})


@router.post("/roles", summary="Give a role", status_code=204)
def grant(door: TheDoor, who: auth.Who, sent: Grant) -> Response:
    """Nobody gives a role to themselves."""
    _known(door, sent.role)
    door.services.directory.grant_role(who, sent.person, sent.role, sent.client)
    return Response(status_code=204)


@router.delete("/roles", summary="Take a role away", status_code=204)
def end(
    door: TheDoor,
    who: auth.Who,
    person: Annotated[str, Query(max_length=100)],
    role: Annotated[str, Query(max_length=200)],
    client: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Approvals that rested on it do not begin: authority is read again at begin."""
    door.services.directory.end_role(who, person, role, client)
    return Response(status_code=204)


def _known(door: Door, role: str) -> None:
    roles = door.services.policies.current().roles
    if role not in roles:
        raise BadInput(f"the policy has no role {role!r}", hint=f"One of: {', '.join(roles)}.")
