"""`/v1/matrix`: the action types with tier, standing, scorecard, rationale and rollback; what they
have earned, and people's acts on it."""

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/matrix", tags=["matrix"], route_class=body.Route)


class Reason(body.Body):
    """Why."""

    reason: str = Field(min_length=1, max_length=2000)


class Scoped(Reason):
    """Why, and for which client."""

    client: str = Field(default="", max_length=100, description="Only for this client.")


class Promotion(body.Body):
    """A promotion, on the evidence as it was seen."""

    evidence: str = Field(
        pattern="^[0-9a-f]{64}$", description="The digest of the nomination's evidence, whole."
    )
    rationale: str = Field(min_length=1, max_length=2000)


@router.get("", summary="The matrix", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 500, cursor: Cursor = None) -> Response:
    """Every row of the policy in force, drafts marked as unsigned."""
    return page(door.services.read.matrix(), limit, cursor, key="type")


@router.get("/nominations", summary="Promotions to decide on", response_model=Page)
def nominations(door: TheDoor, who: auth.Who) -> Response:
    """What the evidence allows now. Handrail nominates; people decide."""
    return answer({"items": door.services.read.nominations(), "next": None})


@router.get("/{type}/evidence", summary="What an action type has earned")
def evidence(door: TheDoor, who: auth.Who, type: str) -> Response:
    """Each criterion with number, threshold and sentence, what is missing first; the standings;
    and the nominations so far, with the digest that a promotion names."""
    read = door.services.read
    return answer(
        {
            **door.services.evidence.about(type),
            "standings": read.standings_of(type),
            "nominations": read.nominations(type),
        }
    )


@router.post("/{type}/promotion", summary="Promote an action type")
def promote(door: TheDoor, who: auth.Who, type: str, sent: Promotion) -> Response:
    """One tier, on an open nomination. Where the scorecard suggests tier 3 the first call proposes
    it, and another person's does it. Not by whoever gave too much of the evidence."""
    return answer(door.services.standings.promote(who, type, sent.evidence, sent.rationale))


@router.post("/{type}/dismissal", summary="Dismiss a nomination")
def dismiss(door: TheDoor, who: auth.Who, type: str, sent: Reason) -> Response:
    """Not now; it comes again when the evidence has changed."""
    return answer(door.services.standings.dismiss(who, type, sent.reason))


@router.post("/{type}/demotion", summary="Demote an action type")
def demote(door: TheDoor, who: auth.Who, type: str, sent: Scoped) -> Response:
    """Anyone signed in, at once: no tier 1 or 2 action of it begins after its position."""
    return answer(door.services.standings.demote(who, type, sent.reason, sent.client))


@router.post("/{type}/release", summary="Let a demoted action type go on")
def release(door: TheDoor, who: auth.Who, type: str, sent: Scoped) -> Response:
    """One person with authority, after a review: to where the row starts. Not while a significant
    incident of it is open, nor while its notices reach nobody."""
    return answer(door.services.standings.release(who, type, sent.reason, sent.client))
