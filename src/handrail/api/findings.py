"""What was kept from an agent because its row did not declare it: looked at, and settled."""

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import answer
from handrail.api.door import TheDoor

router = APIRouter(tags=["findings"], route_class=body.Route)


class Settlement(body.Body):
    """What the data was, and what was changed about the row."""

    why: str = Field(min_length=1, max_length=4000)


@router.post("/actions/{id}/withheld", summary="Look at a withheld result")
def reveal(door: TheDoor, who: auth.Who, id: str) -> Response:
    """For compliance officers. That you looked is recorded before it is told."""
    return answer(door.services.findings.reveal(who, id))


@router.post("/incidents/{id}/settlement", summary="Settle a finding of undeclared data")
def settle(door: TheDoor, who: auth.Who, id: str, sent: Settlement) -> Response:
    """For compliance officers. Closes it; the row is as signed again."""
    return answer(door.services.findings.settle(who, id, sent.why))
