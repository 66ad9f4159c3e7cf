"""`/v1/matrix`: the action types with tier, standing, scorecard, rationale and rollback."""

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/matrix", tags=["matrix"], route_class=body.Route)


class Reason(body.Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


@router.get("", summary="The matrix", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 500, cursor: Cursor = None) -> Response:
    """Every row of the policy in force, drafts marked as unsigned."""
    return page(door.services.read.matrix(), limit, cursor, key="type")


@router.post("/{type}/release", summary="Release a row whose notices reached nobody")
def release(door: TheDoor, who: auth.Who, type: str, sent: Reason) -> Response:
    """One person with authority, and only while a message reaches somebody of its chain."""
    return answer(door.services.standings.release(who, type, sent.reason))
