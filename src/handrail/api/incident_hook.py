"""`POST /hooks/incidents`: a ticket system reports harm. Signed; the same message is taken once.

It opens an incident and does nothing else: it closes none, links nothing later, decides nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from fastapi import FastAPI, Request, Response
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool

from handrail.api import body
from handrail.api.answers import answer
from handrail.clock import Clock
from handrail.errors import BadInput
from handrail.service import Services
from handrail.service.incident import Report

PATH = "/hooks/incidents"
_MOST = 65_536  # bytes of a report


class Signed(Protocol):
    """Says who sent a report."""

    def verified(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> tuple[str, str]: ...


class Harm(body.Body):
    """What is reported."""

    severity: Literal["minor", "significant", "major"]
    title: body.Name
    text: body.Text = ""
    action: body.Id | None = None
    client: str = Field(default="", max_length=100)
    ticket: str = Field(default="", max_length=200)
    hit: bool | None = None


def mount(app: FastAPI, signed: Signed, services: Services, clock: Clock) -> None:
    """Put the endpoint on *app*."""

    async def hook(request: Request) -> Response:
        sent = await request.body()
        if len(sent) > _MOST:
            raise BadInput("this report is too long", hint=f"At most {_MOST} bytes.")
        source, id = signed.verified(request.headers, sent, clock.now())
        found = await run_in_threadpool(services.incidents.report, _report(source, id, sent))
        return answer({"id": found["id"]}, 200 if found["again"] else 201)

    app.add_api_route(PATH, hook, methods=["POST"], include_in_schema=False)


def _report(source: str, id: str, sent: bytes) -> Report:
    try:
        harm = Harm.model_validate(body.shallow(body.parse(sent)))
    except ValidationError as error:
        raise BadInput(
            "this report can't be read", hint="severity and title are needed; see the how-to."
        ) from error
    return Report(source=source, message=id, **harm.model_dump())
