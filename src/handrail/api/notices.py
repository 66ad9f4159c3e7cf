"""`/v1/notices`: what was done and told, and what people say to it."""

from enum import StrEnum
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, cut
from handrail.api.door import TheDoor

router = APIRouter(prefix="/notices", tags=["notices"], route_class=body.Route)
_PAGE = 50  # notices that one look at the store gives


class Tab(StrEnum):
    """Which notices a list is of."""

    LOOK = "look"  #: nobody has looked yet
    ALL = "all"
    REVERSED = "reversed"


class Acknowledgement(body.Body):
    """What a person says to a notice."""

    verdict: Literal["looks right", "was wrong"]
    text: str = Field(default="", max_length=8000)


@router.get("", summary="List notices", response_model=Page)
def listed(
    door: TheDoor, who: auth.Who, tab: Tab = Tab.LOOK, limit: Limit = _PAGE, cursor: Cursor = None
) -> Response:
    """Newest first, at most 50 a page."""
    found = door.services.read.feed(tab.value, cursor)
    if tab is Tab.REVERSED or len(found) < _PAGE:
        return cut(found, min(limit, _PAGE))
    # The store gave a full page, so there may be more: a cursor that leads to an empty page
    # does no harm, a missing one hides notices.
    shown = found[:limit]
    return answer({"items": shown, "next": shown[-1]["id"]})


@router.post("/{id}/acknowledgement", summary="Say what you think of a notice")
def acknowledge(door: TheDoor, who: auth.Who, id: str, sent: Acknowledgement) -> Response:
    """`was wrong` opens an incident; it reverses nothing by itself."""
    return answer(door.services.notices.acknowledge(who, id, sent.verdict, sent.text))
