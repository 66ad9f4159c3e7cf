"""`/v1/matrix`: the action types with tier, standing, scorecard, rationale and rollback."""

from fastapi import APIRouter, Response

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/matrix", tags=["matrix"], route_class=body.Route)


@router.get("", summary="The matrix", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 500, cursor: Cursor = None) -> Response:
    """Every row of the policy in force, drafts marked as unsigned."""
    return page(door.services.read.matrix(), limit, cursor, key="type")
