"""`/v1/escalations` and `/v1/notes`: an agent raises its hand, or says what it did not do."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Limit, Page, answer, cut
from handrail.api.asked import AskedTrigger
from handrail.api.door import Door, TheDoor
from handrail.core.events import EventType
from handrail.core.model import Trigger

router = APIRouter(tags=["escalations"], route_class=body.Route)


class Escalation(body.Body):
    """What needs a human."""

    kind: Literal["data subject request", "suspected incident", "out of scope", "other"]
    text: str = Field(min_length=1, max_length=4000)
    trigger: AskedTrigger | None = None


class Note(body.Body):
    """What was weighed and not done."""

    text: str = Field(min_length=1, max_length=4000)
    trigger: AskedTrigger | None = None


Position = Annotated[int | None, Query(ge=0, lt=1 << 53, description="`next` of the page before.")]


@router.get("/escalations", summary="List escalations", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 50, cursor: Position = None) -> Response:
    """Newest first; `words` is what the agent said."""
    return _said(door, EventType.AGENT_ESCALATED, limit, cursor)


@router.get("/notes", summary="List notes", response_model=Page)
def noted(door: TheDoor, who: auth.Who, limit: Limit = 50, cursor: Position = None) -> Response:
    """Newest first; `words` is what the agent weighed and did not do."""
    return _said(door, EventType.ACTION_NOTED, limit, cursor)


def _said(door: Door, type: EventType, limit: int, cursor: int | None) -> Response:
    found = door.services.read.said(type, before=cursor, limit=limit + 1)
    return cut(found, limit, key="seq")


@router.post("/escalations", summary="An agent raises its hand", status_code=201)
def escalate(door: TheDoor, agent: auth.Asking, sent: Escalation) -> Response:
    """*This needs a human.* It is recorded and listed; nothing stops by itself yet."""
    found = door.services.govern.escalate(agent, sent.kind, _trigger(sent.trigger), sent.text)
    return answer(found, 201)


@router.post("/notes", summary="An agent notes what it weighed", status_code=201)
def note(door: TheDoor, agent: auth.Asking, sent: Note) -> Response:
    """For decision points that end in no call."""
    return answer(door.services.govern.note(agent, sent.text, _trigger(sent.trigger)), 201)


def _trigger(said: AskedTrigger | None) -> Trigger:
    return Trigger(said.kind, said.ref) if said else Trigger()
