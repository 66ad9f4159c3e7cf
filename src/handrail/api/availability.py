"""`/v1/availability`, `/v1/cover`, `/v1/routing`: who is there, until when, and whom that asks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer
from handrail.api.door import TheDoor

router = APIRouter(tags=["availability"], route_class=body.Route)


class Away(body.Body):
    """Until when you are away; null: you are back."""

    until: body.Instant | None
    since: body.Instant | None = Field(default=None, description="From then on; null: from now.")
    delegate: body.Id | None = Field(
        default=None, description="Who holds your roles meanwhile: a person's id."
    )


class Days(body.Body):
    """Spans of local time for each weekday, such as `08:00-12:00, 13:00-17:00`; empty: none."""

    mon: body.Line = ""
    tue: body.Line = ""
    wed: body.Line = ""
    thu: body.Line = ""
    fri: body.Line = ""
    sat: body.Line = ""
    sun: body.Line = ""


class Hours(body.Body):
    """Working hours."""

    zone: body.Name = Field(description="An IANA time zone, such as Europe/Prague.")
    days: Days
    holidays: str = Field(default="", max_length=100, description="Holidays of the policy.")


class Lending(body.Body):
    """Roles to lend."""

    to: body.Id
    roles: list[body.Name] = Field(default_factory=list, max_length=50)
    since: body.Instant | None = None
    until: body.Instant


class Code(body.Body):
    """The code of a ring-me test."""

    code: str = Field(min_length=1, max_length=40)


@router.get("/availability", summary="Who is there", response_model=Page)
def availability(door: TheDoor, who: auth.Who) -> Response:
    """Everyone who may be asked: whether they are there for any of their roles, and why not."""
    people = {p["id"]: p for p in door.services.read.people()}
    kept = ("away", "away_from", "away_until", "reached", "reached_at", "hours")
    found = [{**p, **{k: people[p["id"]][k] for k in kept}} for p in door.services.team.people()]
    return answer({"items": found, "next": None})


@router.post("/availability", summary="Say that you are away, or back")
def away(door: TheDoor, who: auth.Who, sent: Away) -> Response:
    """A step of a chain whose holders are all away passes at once."""
    until = body.instant(sent.until) if sent.until else None
    begins = body.instant(sent.since) if sent.since else None
    found = door.services.availability.set_away(who, until, begins=begins, delegate=sent.delegate)
    return answer(found)


@router.put("/availability/hours", summary="Set your working hours")
def set_hours(door: TheDoor, who: auth.Who, sent: Hours) -> Response:
    """Outside of them, and on the holidays they name, you are not asked."""
    days = sent.days.model_dump()
    return answer(door.services.availability.set_hours(who, sent.zone, days, sent.holidays))


@router.delete("/availability/hours", summary="Be there day and night")
def clear_hours(door: TheDoor, who: auth.Who) -> Response:
    """Without working hours you are asked at any hour."""
    return answer(door.services.availability.clear_hours(who))


@router.get("/delegations", summary="What people lend each other", response_model=Page)
def delegations(door: TheDoor, who: auth.Who) -> Response:
    """Everything that has not ended, agreed or waiting for a second person."""
    return answer({"items": door.services.team.delegations(), "next": None})


@router.post("/delegations", summary="Lend your roles", status_code=201)
def lend(door: TheDoor, who: auth.Who, sent: Lending) -> Response:
    """Nobody lends what they do not hold. Where it widens authority, a second person must agree."""
    begins = body.instant(sent.since) if sent.since else door.clock.now()
    ends = body.instant(sent.until)
    return answer(door.services.availability.lend(who, sent.to, sent.roles, begins, ends), 201)


@router.post("/delegations/{id}/agreement", summary="Agree to a delegation")
def agree(door: TheDoor, who: auth.Who, id: str) -> Response:
    """A keeper of the directory who is neither of the two."""
    return answer(door.services.availability.agree(who, id))


@router.post("/delegations/{id}/end", summary="End a delegation")
def end(door: TheDoor, who: auth.Who, id: str) -> Response:
    """By the giver, by whom it was lent to, or by a keeper of the directory; at once."""
    return answer(door.services.availability.end(who, id))


@router.get("/cover", summary="Who covers which role, hour by hour")
def cover(
    door: TheDoor, who: auth.Who, hours: Annotated[int, Query(ge=1, le=168)] = 168
) -> Response:
    """Each role for the coming hours, and every hole of chains and two-person rules in words."""
    return answer(door.services.team.cover(hours))


@router.get("/routing", summary="Whom a request would ask now")
def routing(
    door: TheDoor,
    who: auth.Who,
    type: Annotated[str, Query(min_length=1, max_length=600)],
    client: Annotated[list[str] | None, Query(max_length=100)] = None,
) -> Response:
    """In order, with why each person is asked or not. Nobody is asked by looking."""
    return answer(door.services.team.try_it(type, tuple(client or ())))


@router.post("/availability/ring", summary="Ring me")
def ring(door: TheDoor, who: auth.Who) -> Response:
    """Sends you a code over your channels. 429 within a minute of the last one."""
    return answer(door.services.ring.ring(who), headers={"Cache-Control": "no-store"})


@router.post("/availability/ring/confirmation", summary="Give the code that reached you")
def confirm(door: TheDoor, who: auth.Who, sent: Code) -> Response:
    """From then on, for a month, the roles you hold are covered by you."""
    return answer(door.services.ring.confirm(who, sent.code))
