"""`/v1/shadow`: where calls pass as they would without Handrail, from–until."""

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/shadow", tags=["shadow"], route_class=body.Route)


class Shadow(body.Body):
    """A scope to open."""

    connection: str = Field(max_length=100)
    agent: str = Field(default="", max_length=100, description="Only this agent's calls.")
    client: str = Field(
        default="", max_length=100, description="Only calls that concern this client alone."
    )
    days: int = Field(default=14, ge=1, le=30)
    reason: str = Field(min_length=1, max_length=2000)


class Longer(body.Body):
    """A later end."""

    days: int = Field(ge=1, le=30, description="From now on.")


@router.get("", summary="Shadow scopes", response_model=Page)
def listed(door: TheDoor, who: auth.Who) -> Response:
    """Every one there was, newest first; `state` says which are live."""
    return answer({"items": door.services.shadows.all(), "next": None})


@router.post("", summary="Put a connection into shadow", status_code=201)
def opened(door: TheDoor, who: auth.Who, sent: Shadow) -> Response:
    """One person may for a connection that was never enforced (201). Anything else lowers
    oversight: it is proposed (202), and a second person agrees."""
    found = door.services.shadows.open(
        who, sent.connection, sent.reason, agent=sent.agent, client=sent.client, days=sent.days
    )
    return answer(found, 202 if found["waits_for_second"] else 201)


@router.get("/{id}", summary="One shadow scope")
def shown(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Its dates, who opened it, and whether it waits for a second person."""
    return answer(door.services.shadows.show(id))


@router.get("/{id}/report", summary="What enforcing a shadow scope would mean")
def report(door: TheDoor, who: auth.Who, id: str) -> Response:
    """The tiers that its calls would have had, the questions a day for each preset, what decided,
    and the newest ten calls that would have waited."""
    return answer(door.services.shadows.report(id))


@router.post("/{id}/agreement", summary="Agree to a shadow scope")
def agreed(door: TheDoor, who: auth.Who, id: str) -> Response:
    """As the second person, to the scope or to its later end."""
    return answer(door.services.shadows.agree(who, id))


@router.post("/{id}/extension", summary="Propose a later end", status_code=202)
def extended(door: TheDoor, who: auth.Who, id: str, sent: Longer) -> Response:
    """A second person agrees; until then the former end stands."""
    return answer(door.services.shadows.extend(who, id, sent.days), 202)


@router.post("/{id}/end", summary="Enforce now")
def ended(door: TheDoor, who: auth.Who, id: str) -> Response:
    """One person. Nothing passes in it after this entry."""
    return answer(door.services.shadows.end(who, id))
