"""`/v1/incidents`: recorded harm, linked to actions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, cut
from handrail.api.door import TheDoor
from handrail.service.incident import due_date

router = APIRouter(prefix="/incidents", tags=["incidents"], route_class=body.Route)


class Incident(body.Body):
    """A harm to record."""

    severity: Literal["minor", "significant", "major"]
    title: body.Name
    text: body.Text = ""
    action: body.Id | None = None
    client: str = Field(default="", max_length=100)
    hit: bool | None = Field(default=None, description="Whether the client was hit, when known.")


class Closing(body.Body):
    """What caused it, and what helps."""

    cause: str = Field(min_length=1, max_length=4000)
    remedy: str = Field(min_length=1, max_length=4000)


class Link(body.Body):
    """An action that belongs to it, or does not, and why."""

    action: body.Id
    reason: str = Field(min_length=1, max_length=2000)


class FollowUp(body.Body):
    """What is to be done, by whom, by when."""

    text: str = Field(min_length=1, max_length=2000)
    owner: body.Id
    due: str = Field(max_length=40, description="A day, or an RFC 3339 time.")


class Done(body.Body):
    """What was done."""

    note: str = Field(min_length=1, max_length=2000)


@router.get("", summary="List incidents", response_model=Page)
def listed(
    door: TheDoor,
    who: auth.Who,
    state: Annotated[Literal["open", "closed"] | None, Query()] = None,
    severity: Annotated[Literal["minor", "significant", "major"] | None, Query()] = None,
    client: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Newest first."""
    found = door.services.read.incidents(
        limit + 1, action=action, client=client, severity=severity, state=state, before=cursor
    )
    return cut(found, limit)


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
        hit=sent.hit,
    )
    return answer(found, 201)


@router.get("/follow-ups", summary="List follow-ups", response_model=Page)
def to_do(
    door: TheDoor,
    who: auth.Who,
    owner: Annotated[str | None, Query(max_length=100)] = None,
    done: Annotated[bool, Query(description="Done ones too.")] = False,
    overdue: Annotated[bool, Query(description="Only what is late.")] = False,
) -> Response:
    """What is to be done after incidents, by due date."""
    found = door.services.read.follow_ups(owner=owner, open_only=not done, overdue=overdue)
    return answer({"items": found, "next": None})


@router.post("/follow-ups/{id}/done", summary="Finish a follow-up")
def finish(door: TheDoor, who: auth.Who, id: str, sent: Done) -> Response:
    """Its owner, or who deals with its incident."""
    return answer(door.services.incidents.finish(who, id, sent.note))


@router.get("/{id}", summary="An incident")
def one(door: TheDoor, who: auth.Who, id: str) -> Response:
    """With its linked actions, follow-ups, and the timeline of all entries concerned."""
    return answer(door.services.read.incident(id))


@router.post("/{id}/closing", summary="Close an incident")
def close(door: TheDoor, who: auth.Who, id: str, sent: Closing) -> Response:
    """With its cause and its remedy, on the record."""
    return answer(door.services.incidents.close(who, id, sent.cause, sent.remedy))


@router.post("/{id}/links", summary="Link an action to an incident")
def link(door: TheDoor, who: auth.Who, id: str, sent: Link) -> Response:
    """Say why it belongs to it."""
    return answer(door.services.incidents.link(who, id, sent.action, sent.reason))


@router.post("/{id}/unlinking", summary="Take an action off an incident")
def unlink(door: TheDoor, who: auth.Who, id: str, sent: Link) -> Response:
    """Say why it does not belong to it."""
    return answer(door.services.incidents.unlink(who, id, sent.action, sent.reason))


@router.post("/{id}/follow-ups", summary="Add a follow-up", status_code=201)
def follow_up(door: TheDoor, who: auth.Who, id: str, sent: FollowUp) -> Response:
    """Something to do after it, with an owner and a due date."""
    due = due_date(sent.due)
    return answer(door.services.incidents.follow_up(who, id, sent.text, sent.owner, due), 201)
