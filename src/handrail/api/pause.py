"""`/v1/pause`: stopping takes one person and a sentence; going back takes two."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/pause", tags=["pause"], route_class=body.Route)

Scope = Literal["all", "agent", "client", "type"]


class Pause(body.Body):
    """A pause to set."""

    scope: Scope
    ref: str = Field(
        default="", max_length=300, description="Which agent, client or type; empty for all."
    )
    degree: Literal["restrict", "stop"] = Field(
        description="`restrict`: everything is tier 3. `stop`: nothing begins but reversals."
    )
    reason: str = Field(min_length=1, max_length=2000)


class Reason(body.Body):
    """Why it is eased or ended."""

    reason: str = Field(min_length=1, max_length=2000)


@router.get("", summary="Pauses in force", response_model=Page)
def listed(door: TheDoor, who: auth.Who) -> Response:
    """Newest first; `resume_by` names who has proposed to resume."""
    return answer({"items": door.services.read.pauses(), "next": None})


@router.get("/effect", summary="What a pause would touch now")
def effect(
    door: TheDoor,
    who: auth.Who,
    scope: Annotated[Scope, Query()],
    ref: Annotated[str, Query(max_length=300)] = "",
) -> Response:
    """Counts of what is running, waiting and approved in that scope."""
    return answer(door.services.read.effect_of_pause(scope, ref))


@router.post("", summary="Pause", status_code=201)
def pause(door: TheDoor, who: auth.Who, sent: Pause) -> Response:
    """Anyone signed in may. In force with this answer: no tier 1 or 2 action in scope begins
    after its position in the ledger."""
    found = door.services.pauses.pause(who, sent.scope, sent.ref, sent.degree, sent.reason)
    return answer(found, 201)


@router.post("/{id}/ease", summary="Ease a stop to a restriction")
def ease(door: TheDoor, who: auth.Who, id: str, sent: Reason) -> Response:
    """One person with authority."""
    return answer(door.services.pauses.ease(who, id, sent.reason))


@router.post("/{id}/resume", summary="Resume")
def resume(door: TheDoor, who: auth.Who, id: str, sent: Reason) -> Response:
    """The first call proposes it (`waits_for_second`), the second, by another person, does it."""
    return answer(door.services.pauses.resume(who, id, sent.reason))
