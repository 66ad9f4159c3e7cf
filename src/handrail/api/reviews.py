"""`/v1/reviews`: governance reviews, generated from the record, decided and signed by people."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer
from handrail.api.door import TheDoor

router = APIRouter(prefix="/reviews", tags=["reviews"], route_class=body.Route)


class Finding(body.Body):
    """What a person says to one item of the agenda."""

    item: str = Field(min_length=1, max_length=600, description="The item's `key`.")
    decision: Literal["keep", "reclassify", "action"]
    text: str = Field(min_length=1, max_length=4000)
    owner: str = Field(default="", max_length=100, description="Who does it: a person's id.")
    due: str = Field(default="", max_length=10, description="A date, for an action.")


class SignOff(body.Body):
    """A signature over what was shown."""

    summary: str = Field(min_length=1, max_length=8000)
    agenda: str = Field(pattern="^[0-9a-f]{64}$", description="The digest of the agenda.")


@router.get("", summary="Reviews", response_model=Page)
def listed(door: TheDoor, who: auth.Who) -> Response:
    """Newest first, with what is overdue."""
    return answer({"items": door.services.reviews.listed(), "next": None})


@router.get("/{id}", summary="One review")
def one(door: TheDoor, who: auth.Who, id: str) -> Response:
    """Its agenda by section, and what people said to each item."""
    return answer(door.services.reviews.one(id))


@router.post("/{id}/findings", summary="Answer an item of a review")
def finding(door: TheDoor, who: auth.Who, id: str, sent: Finding) -> Response:
    """Keep, reclassify, or an action with an owner; the newest answer counts until it is signed."""
    found = door.services.reviews.answer(
        who, id, sent.item, sent.decision, sent.text, owner=sent.owner, due=sent.due
    )
    return answer(found)


@router.post("/{id}/sign-off", summary="Sign a review")
def sign_off(door: TheDoor, who: auth.Who, id: str, sent: SignOff) -> Response:
    """Once every item has an answer. The minute is the digest of agenda, answers and summary."""
    return answer(door.services.reviews.sign(who, id, sent.summary, sent.agenda))
