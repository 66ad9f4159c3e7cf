"""`/v1/agents`: programs with their own credentials, registered by people."""

from datetime import timedelta

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/agents", tags=["agents"], route_class=body.Route)


class Agent(body.Body):
    """An agent to register."""

    name: str = Field(min_length=1, max_length=120)
    purpose: str = Field(min_length=1, max_length=500)
    version: body.Name = Field(description="Model and prompt version.")
    connections: list[body.Id] = Field(default_factory=list, max_length=200)
    clients: list[body.Id] = Field(
        default_factory=list, max_length=1000, description="Empty: those of its connections."
    )
    sponsor: body.Id | None = Field(default=None, description="A person's id; you, by default.")
    expires_at: body.Instant | None = None


class Key(body.Body):
    """A key to issue."""

    expires_at: body.Instant | None = None


class Rotation(body.Body):
    """How long the old key stays good."""

    overlap_hours: int = Field(default=24, ge=0, le=720)


class Scope(body.Body):
    """What an agent may reach."""

    connections: list[body.Id] = Field(max_length=200)
    clients: list[body.Id] = Field(max_length=1000, description="Empty: those of its connections.")


class Sponsor(body.Body):
    """Who answers for an agent."""

    sponsor: body.Id


class Suspension(body.Body):
    """Whether the agent is suspended."""

    suspended: bool


class Version(body.Body):
    """A new model or prompt version."""

    version: body.Name


@router.get("", summary="List agents", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """With the prefixes of their keys; never a key."""
    return page(door.services.read.agents(), limit, cursor)


@router.post("", summary="Register an agent", status_code=201)
def add(door: TheDoor, who: auth.Who, sent: Agent) -> Response:
    """You are its sponsor unless another person is named."""
    found = door.services.directory.add_agent(
        who,
        sent.name,
        purpose=sent.purpose,
        version=sent.version,
        connections=sent.connections,
        clients=sent.clients,
        sponsor=sent.sponsor,
        expires_at=body.instant(sent.expires_at) if sent.expires_at else None,
    )
    return answer(found, 201)


@router.post("/{id}/keys", summary="Issue a key", status_code=201)
def issue(door: TheDoor, who: auth.Who, id: str, sent: Key | None = None) -> Response:
    """The whole key is in this answer and nowhere else."""
    until = sent.expires_at if sent else None
    found = door.services.directory.issue_key(
        who, id, expires_at=body.instant(until) if until else None
    )
    return answer(found, 201, {"Cache-Control": "no-store"})


@router.post("/{id}/keys/{prefix}/rotation", summary="Rotate a key", status_code=201)
def rotate(
    door: TheDoor, who: auth.Who, id: str, prefix: str, sent: Rotation | None = None
) -> Response:
    """A new key, in this answer and nowhere else; the old one ends at `old_ends_at`."""
    overlap = timedelta(hours=(sent or Rotation()).overlap_hours)
    found = door.services.directory.rotate_key(who, id, prefix, overlap=overlap)
    return answer(found, 201, {"Cache-Control": "no-store"})


@router.delete("/{id}/keys/{prefix}", summary="Revoke a key", status_code=204)
def revoke(door: TheDoor, who: auth.Who, id: str, prefix: str) -> Response:
    """From this moment on the key is refused."""
    door.services.directory.revoke_key(who, id, prefix)
    return Response(status_code=204)


@router.post("/{id}/suspension", summary="Suspend an agent, or let it work again")
def suspend(door: TheDoor, who: auth.Who, id: str, sent: Suspension) -> Response:
    """A suspended agent's keys are refused; what it left waiting does not begin."""
    door.services.directory.suspend(who, id, sent.suspended)
    return answer({"id": id, "suspended": sent.suspended})


@router.post("/{id}/scope", summary="Change what an agent may reach")
def scope(door: TheDoor, who: auth.Who, id: str, sent: Scope) -> Response:
    """From this moment on every call is judged by it."""
    door.services.directory.set_scope(who, id, sent.connections, sent.clients)
    return answer({"id": id, "connections": sent.connections, "clients": sent.clients})


@router.post("/{id}/sponsor", summary="Change the sponsor of an agent")
def sponsor(door: TheDoor, who: auth.Who, id: str, sent: Sponsor) -> Response:
    """Somebody who is here; needed when a sponsor leaves."""
    door.services.directory.set_sponsor(who, id, sent.sponsor)
    return answer({"id": id, "sponsor": sent.sponsor})


@router.post("/{id}/version", summary="Register a new version of an agent")
def version(door: TheDoor, who: auth.Who, id: str, sent: Version) -> Response:
    """By a person, never by the agent; grants of the old version are void."""
    door.services.directory.set_version(who, id, sent.version)
    return answer({"id": id, "version": sent.version})
