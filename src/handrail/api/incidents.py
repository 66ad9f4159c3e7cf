"""`/v1/incidents`: recorded harm, linked to actions."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Limit, Page, answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/incidents", tags=["incidents"], route_class=body.Route)


class Incident(body.Body):
    """A harm to record."""

    severity: Literal["minor", "significant", "major"]
    title: body.Name
    text: body.Text = ""
    action: body.Id | None = None
    client: str = Field(default="", max_length=100)


class Closing(body.Body):
    """What caused it, and what helps."""

    cause: str = Field(min_length=1, max_length=4000)
    remedy: str = Field(min_length=1, max_length=4000)


@router.get("", summary="List incidents", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 50) -> Response:
    """Newest first."""
    return answer({"items": door.services.read.incidents(limit), "next": None})


@router.post("", summary="Open an incident", status_code=201)
def opened(door: TheDoor, who: auth.Who, sent: Incident) -> Response:
    """Anyone signed in may."""
    found = door.services.incidents.open(
        who,
        action=sent.action,
        client=sent.client,
        severity=sent.severity,
        title=sent.title,
        text=sent.text,
    )
    return answer(found, 201)


@router.post("/{id}/closing", summary="Close an incident")
def close(door: TheDoor, who: auth.Who, id: str, sent: Closing) -> Response:
    """With its cause and its remedy, on the record."""
    return answer(door.services.incidents.close(who, id, sent.cause, sent.remedy))
