"""`/v1/clients`: the customers of the organisation."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Cursor, Limit, Page, answer, page
from handrail.api.door import TheDoor

router = APIRouter(prefix="/clients", tags=["clients"], route_class=body.Route)


class Client(body.Body):
    """A client to add, or to change when its id is there."""

    id: str = Field(max_length=63, description="Small letters, digits and -; never changes.")
    name: body.Name
    risk: Literal["low", "normal", "high"] = "normal"
    timezone: str = Field(default="UTC", max_length=64, description="Such as `Europe/Prague`.")
    account_engineer: body.Id | None = Field(default=None, description="A person's id.")
    regimes: list[body.Name] = Field(
        default_factory=list, max_length=20, description="`soc2`, `hipaa`, `gdpr`, …"
    )
    retention_days: int = Field(default=400, ge=1, le=36_500)


class Seen(body.Body):
    """What of a proposed change a person saw."""

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="`proposed.digest` of the client.")


@router.get("", summary="List clients", response_model=Page)
def listed(door: TheDoor, who: auth.Who, limit: Limit = 200, cursor: Cursor = None) -> Response:
    """By name; `proposed` is a change that waits for a second person."""
    return page(door.services.read.clients(), limit, cursor)


@router.post("", summary="Add or change a client")
def add(door: TheDoor, who: auth.Who, sent: Client) -> Response:
    """For keepers of the directory. A lower risk, a regime less or a shorter retention of a client
    that is there is answered 202: it waits until another person agrees."""
    done = door.services.directory.set_client(
        who,
        sent.id,
        sent.name,
        risk=sent.risk,
        timezone=sent.timezone,
        account_engineer=sent.account_engineer,
        regimes=sent.regimes,
        retention_days=sent.retention_days,
    )
    return answer(done, status=200 if done["set"] else 202)


@router.post("/{id}/agreement", summary="Agree to a change of a client")
def agree(door: TheDoor, who: auth.Who, id: str, sent: Seen) -> Response:
    """As the second person, in a session of their own."""
    return answer(door.services.directory.agree_client(who, id, sent.digest))


@router.post("/{id}/withdrawal", summary="Withdraw a change of a client", status_code=204)
def withdraw(door: TheDoor, who: auth.Who, id: str) -> Response:
    """What was proposed is dropped; the client stays as it is."""
    door.services.directory.withdraw_client(who, id)
    return Response(status_code=204)
