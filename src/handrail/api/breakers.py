"""`/v1/breakers`: they open by themselves and are closed by people."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/breakers", tags=["breakers"], route_class=body.Route)


class Found(body.Body):
    """What was found when a breaker was looked into."""

    cause: str = Field(min_length=1, max_length=2000)
    remedy: str = Field(min_length=1, max_length=2000)


class Reason(body.Body):
    """How its probation went."""

    reason: str = Field(min_length=1, max_length=2000)


@router.get("", summary="Breakers", response_model=Page)
def listed(
    door: TheDoor,
    who: auth.Who,
    closed: Annotated[bool, Query(description="Closed ones too.")] = False,
) -> Response:
    """Those that are open or on probation, newest first."""
    return answer({"items": door.services.read.breakers(closed=closed), "next": None})


@router.get("/points", summary="Penalty points", response_model=Page)
def points(door: TheDoor, who: auth.Who) -> Response:
    """What each breaker counts now, and where it would open."""
    read, evidence = door.services.read, door.services.evidence
    return answer({"items": read.points(evidence.points()), "next": None})


@router.post("/{id}/probation", summary="Put a breaker on probation")
def probation(door: TheDoor, who: auth.Who, id: str, sent: Found) -> Response:
    """One person with authority, the global one two; its scope still runs at tier 3."""
    return answer(door.services.breakers.probation(who, id, sent.cause, sent.remedy))


@router.post("/{id}/close", summary="Close a breaker")
def close(door: TheDoor, who: auth.Who, id: str, sent: Reason) -> Response:
    """After its probation. Two people for the global one, and where people decided on little
    meanwhile: the first call proposes it (`waits_for_second`)."""
    return answer(door.services.breakers.close(who, id, sent.reason))
