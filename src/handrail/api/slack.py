"""`/slack/interactivity`: what Slack sends when somebody presses a button. POST only, signed.

*Deny* opens a form; what the form sends is the answer, for the version that the message was about.
There is no way to approve here: `SignedIn` is as old as can be, and approving takes a recent sign-in.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs

import orjson
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from handrail.clock import Clock
from handrail.core import approval
from handrail.core.model import SignedIn
from handrail.errors import BadInput, HandrailError, NotAllowed
from handrail.service import Services

PATH = "/slack/interactivity"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # nobody signed in here
_MOST = 100_000  # bytes of a request


class Chat(Protocol):
    """The chat that calls back."""

    def verified(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None: ...
    def email_of(self, user: str) -> str: ...
    def ask_why(self, trigger: str, value: str, reasons: Mapping[str, str]) -> None: ...


def mount(app: FastAPI, chat: Chat, services: Services, clock: Clock) -> None:
    """Put the endpoint on *app*."""

    async def interactivity(request: Request) -> Response:
        body = await request.body()
        try:
            if len(body) > _MOST:
                raise BadInput("this is too long")
            chat.verified(request.headers, body, clock.now())
            answer = await run_in_threadpool(_taken, chat, services, body)
        except NotAllowed as error:
            return Response(error.message, status_code=401, media_type="text/plain")
        except BadInput as error:
            return Response(error.message, status_code=400, media_type="text/plain")
        return Response(orjson.dumps(answer), media_type="application/json")

    app.add_api_route(PATH, interactivity, methods=["POST"], include_in_schema=False)


def _taken(chat: Chat, services: Services, body: bytes) -> dict[str, Any]:
    try:
        sent = orjson.loads(parse_qs(body.decode())["payload"][0])
        kind, user = str(sent["type"]), str(sent["user"]["id"])
        if kind == "block_actions":
            pressed = sent["actions"][0]
            if pressed["action_id"] == "deny":
                _of(chat, services, user)
                chat.ask_why(str(sent["trigger_id"]), str(pressed["value"]), approval.DENY_REASONS)
            return {}
        if kind != "view_submission" or sent["view"]["callback_id"] != "deny":
            return {}
        said = sent["view"]["state"]["values"]
        ref, _, digest = str(sent["view"]["private_metadata"]).split(":")
        reason = str(said["reason"]["reason"]["selected_option"]["value"])
        note = str(said["note"]["note"]["value"] or "")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BadInput("this is nothing that Slack sends") from error
    try:
        who = _of(chat, services, user)
        services.answers.give(who, ref, "deny", digest, reason=reason, note=note)
    except HandrailError as error:
        # Beside the field, in the form that is still open: nothing was denied.
        return {"response_action": "errors", "errors": {"note": error.message[:200]}}
    return {"response_action": "clear"}


def _of(chat: Chat, services: Services, user: str) -> SignedIn:
    """The person behind a Slack user id. Raises `NotAllowed` for anybody else."""
    email = chat.email_of(user)
    people = [p for p in services.read.people() if p["active"] and p["email"].casefold() == email]
    if not email or len(people) != 1:
        raise NotAllowed("this Slack user is nobody here")
    person = people[0]
    return SignedIn(person=person["id"], name=person["name"], signed_in_at=_NEVER, via="slack")
