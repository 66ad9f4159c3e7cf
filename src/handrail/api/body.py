"""Bodies: how they are read, and what is refused before anything is understood.

* At most 1 MiB, counted as it arrives; nested at most 64 levels; strict JSON (orjson), so that
  `NaN`, lone surrogates and trailing commas are refused and not repaired.
* An integer that 64 bits cannot hold would be rounded on its way to the upstream: it is refused,
  since the bytes that people approve must be the bytes that were meant (I9).
* Unknown fields are refused: a misspelt one would silently lose what its sender meant.
"""

import json
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from handrail.errors import BadInput, TooLarge

MAX_BODY = 1 << 20  # bytes
MAX_DEPTH = 64  # levels
_LONG_NUMBER = re.compile(rb"[0-9]{19}")


def parse(raw: bytes) -> Any:
    """The JSON value of *raw*. Raises `BadInput`."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error}") from None
    if _LONG_NUMBER.search(raw):
        # Only where a long run of digits occurs at all is the slow look worth its time; it
        # recurses, so depth comes first.
        shallow(value)
        json.loads(raw, parse_int=_fits)
    return value


def _fits(digits: str) -> int:
    number = int(digits) if len(digits) <= 20 else 1 << 64
    if not -(1 << 63) <= number < 1 << 64:
        raise BadInput(
            f"the number {digits[:30]} does not fit in 64 bits",
            hint="It would be rounded. Send it as a string.",
        )
    return number


def shallow(value: Any) -> Any:
    """*value*, when it is nested at most `MAX_DEPTH` levels. Raises `TooLarge`."""
    here, level = [value], 0
    while here:
        level += 1
        if level > MAX_DEPTH + 2:  # the body and its field stand around what was sent
            raise TooLarge(f"the body is nested deeper than {MAX_DEPTH} levels")
        here = [
            child
            for item in here
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    return value


async def read(request: Request) -> bytes:
    """The body of *request*. Raises `BadInput` when its sender went away."""
    try:
        return await request.body()
    except ClientDisconnect:
        raise BadInput("the request ended before its body did") from None


class Strict(Request):
    """A request whose JSON is read by the rules above."""

    async def json(self) -> Any:
        return shallow(parse(await self.body()))


class Route(APIRoute):
    """A route whose handler gets `Strict` requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            # FastAPI turns whatever reading a body raises into a 400 without a reason, so what
            # is ours is raised before it looks.
            strict = Strict(request.scope, request.receive)
            raw = await read(strict)
            if raw:
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind not in {"application/json", ""}:
                    raise BadInput(
                        "the body is not application/json",
                        hint="Send Content-Type: application/json.",
                    )
                await strict.json()
            return await handler(strict)

        return strictly


class Limit:
    """ASGI middleware: no body over `MAX_BODY`, whatever its headers say."""

    def __init__(self, app: ASGIApp, *, prefix: str = "/v1/") -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise TooLarge(f"the body is over {MAX_BODY} bytes", hint="Send less at once.")
            return message

        await self._app(scope, limited, send)


class Body(BaseModel):
    """Base of every body: no unknown fields, nothing coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _instant(text: str) -> str:
    instant(text)
    return text


def instant(text: str) -> datetime:
    """An RFC 3339 time, aware, in UTC. Raises `ValueError`."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-11-02T09:00:00Z")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError("this time is out of range") from None


Instant = Annotated[
    str,
    Field(max_length=40),
    AfterValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Id = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(max_length=500)]
Text = Annotated[str, Field(max_length=8000)]
