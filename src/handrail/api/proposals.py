"""`/v1/proposals`: what waits for people, the decision package, and what they say to it."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/proposals", tags=["proposals"], route_class=body.Route)


class Tab(StrEnum):
    """Which proposals a list is of."""

    MINE = "mine"  #: asked of me, unanswered by me
    TEAM = "team"  #: asked of others
    ASKED = "asked"  #: with a question to the agent
    TODAY = "today"  #: ended in the last day
    ALL = "all"  #: every open one


class Answer(body.Body):
    """What a person says to the version they were shown."""

    answer: str = Field(
        max_length=20,
        description="`approve`, `approve_modified`, `deny`, `ask`, `hand_over` or `abstain`.",
    )
    package_digest: str = Field(
        max_length=200, description="Of the package that was shown, whole: 64 characters."
    )
    reason: str = Field(default="", max_length=100, description="`deny`: a reason code.")
    note: str = Field(default="", max_length=4000, description="`ask`: the question.")
    to: str = Field(default="", max_length=100, description="`hand_over`: a person.")
    arguments: dict[str, Any] | None = Field(
        default=None, description="`approve_modified`: the whole object as it should run."
    )


class Revocation(body.Body):
    """Why an approval is taken back."""

    reason: str = Field(default="", max_length=2000)


class Opening(body.Body):
    """Which version was opened."""

    version: int = Field(ge=1, lt=1 << 31)


Version = Annotated[int | None, Query(ge=1, lt=1 << 31)]


@router.get("", summary="List proposals", response_model=Page)
def listed(
    door: TheDoor,
    who: auth.Who,
    tab: Tab = Tab.MINE,
    client: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """By the time they are due, soonest first."""
    found = door.services.read.inbox(who, tab.value)
    return page([p for p in found if client in {None, p["client"]}], limit, cursor)


@router.get("/{id}", summary="The decision package")
def shown(door: TheDoor, who: auth.Who, id: str, version: Version = None) -> Response:
    """What an approver sees of one version, with the `package_digest` that an answer carries,
    where it stands, and whether you may decide it."""
    return answer(door.services.read.package(id, version, who))


@router.get("/{id}/difference", summary="What changed between two versions")
def difference(
    door: TheDoor,
    who: auth.Who,
    id: str,
    then: Annotated[int, Query(ge=1, lt=1 << 31)],
    now: Annotated[int, Query(ge=1, lt=1 << 31)],
) -> Response:
    """One line for each thing that differs."""
    return answer({"items": door.services.read.compare(id, then, now)})


@router.post("/{id}/openings", summary="Record that you opened a package", status_code=204)
def opened(door: TheDoor, who: auth.Who, id: str, sent: Opening) -> Response:
    """Part of the story; changes nothing about where the proposal stands."""
    door.services.answers.opened(who, id, sent.version)
    return Response(status_code=204)


@router.post("/{id}/answers", summary="Answer a proposal")
def give(door: TheDoor, who: auth.Who, id: str, sent: Answer) -> Response:
    """403 with the reason when you may not; 403 `step-up-needed` when you signed in too long ago;
    409 `stale` with the difference when another version waits, `closed` when it has ended."""
    return answer(
        door.services.answers.give(
            who,
            id,
            sent.answer,
            sent.package_digest,
            reason=sent.reason,
            note=sent.note,
            to=sent.to,
            arguments=sent.arguments,
        )
    )


@router.post("/{id}/revocation", summary="Revoke an approval")
def revoke(door: TheDoor, who: auth.Who, id: str, sent: Revocation | None = None) -> Response:
    """Before it begins; afterwards there is reversal."""
    return answer(door.services.answers.revoke(who, id, sent.reason if sent else ""))
