"""`/v1/rehearsals`: rollbacks run on safe targets before they are relied on."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/rehearsals", tags=["rehearsals"], route_class=body.Route)


class Rehearsal(body.Body):
    """What to rehearse."""

    type: str = Field(min_length=3, max_length=600, description="An action type.")


@router.get("", summary="Past rehearsals")
def listed(
    door: TheDoor, who: auth.Who, type: Annotated[str, Query(max_length=600)] = ""
) -> Response:
    """Of one action type, newest first; without one, `types`: those that can be rehearsed."""
    rehearsals = door.services.rehearsals
    if not type:
        return answer({"items": [], "types": rehearsals.types(), "next": None})
    return answer({"items": list(rehearsals.past(type)), "types": [type], "next": None})


@router.post("", summary="Rehearse a rollback", status_code=201)
def run(door: TheDoor, who: auth.Who, sent: Rehearsal) -> Response:
    """Act, check, undo, check, on the safe target that the row declares. Answers where it stands;
    it goes on by itself."""
    return answer(door.services.rehearsals.run(who, sent.type), 201)


@router.get("/{id}", summary="One rehearsal")
def one(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Where it stands."""
    return answer(door.services.rehearsals.one(id))
