"""`/v1/ledger`: the record. The checkpoint and the tiles are files that any static host could
serve; the entries are the same with a sentence each, for people."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from handrail.api import auth, body
from handrail.api.answers import Page, answer, dumps, since_us
from handrail.api.door import TheDoor
from handrail.core.action import State
from handrail.core.events import EventType
from handrail.errors import BadInput
from handrail.store.contract import Find

router = APIRouter(prefix="/ledger", tags=["ledger"], route_class=body.Route)

_FULL_TILE = "public, max-age=31536000, immutable"  # a full tile never changes
_PARTIAL = ".p/"


@router.get("", summary="How the record stands")
def status(door: TheDoor, who: auth.Who) -> Response:
    """Its size, what of it is signed, the public key that verifies it, and what is wrong."""
    return answer(door.services.record.status())


@router.get(
    "/checkpoint",
    summary="The signed checkpoint",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def checkpoint(door: TheDoor) -> Response:
    """C2SP signed note. Open to everyone: witnesses fetch it, and it holds a size and a hash."""
    note = door.services.record.file("checkpoint")
    return Response(note, 200, {"Cache-Control": "no-cache"}, "text/plain; charset=utf-8")


@router.get(
    "/tile/{path:path}",
    summary="A tile of the record",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def tile(door: TheDoor, who: auth.Who, path: str) -> Response:
    """C2SP tlog-tiles: `tile/<level>/<n>` with hashes, `tile/entries/<n>` with entries."""
    data = door.services.record.file(f"tile/{path}")
    cache = "no-cache" if _PARTIAL in path else _FULL_TILE
    return Response(data, 200, {"Cache-Control": cache}, "application/octet-stream")


@router.get(
    "/proof",
    summary="A proof about the record",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def proof(
    door: TheDoor,
    who: auth.Who,
    seq: Annotated[int | None, Query(ge=0, lt=1 << 53)] = None,
    old: Annotated[int | None, Query(ge=0, lt=1 << 53)] = None,
) -> Response:
    """With `seq`, that this entry is in the record (C2SP tlog-proof); with `old`, that the record
    continues its first so many entries (as C2SP tlog-witness has it)."""
    record = door.services.record
    if seq is not None and old is None:
        found = record.inclusion(seq)
    elif old is not None and seq is None:
        found = record.consistency(old)
    else:
        raise BadInput("a proof of what?", hint="Give seq or old, and not both.")
    return Response(found, 200, {"Cache-Control": "no-cache"}, "text/plain; charset=utf-8")


Word = Annotated[str | None, Field(max_length=100)]


class Reopening(body.Body):
    """Why people go on from a record that was put back."""

    reason: str = Field(min_length=1, max_length=500)


class Rotation(Reopening):
    """Why another key signs from now on."""

    stolen: bool = Field(default=False, description="The key that signs now signs no more.")


@router.post(
    "/reopening",
    summary="Go on from a restored record",
    responses={202: {"description": "Accepted by one person; a second one is needed."}},
)
def reopening(door: TheDoor, who: auth.Who, sent: Reopening) -> Response:
    """Two people accept what is missing, each in a session of their own. The record goes on under
    another name; its first entry says what was signed under the former one."""
    found = door.services.reopen.reopen(who, sent.reason)
    return answer(found, 200 if found["state"] == "reopened" else 202)


@router.post("/key", summary="Let a new key sign the record")
def key(door: TheDoor, who: auth.Who, sent: Rotation) -> Response:
    """The entry names both keys; until the next rotation both sign."""
    return answer(door.services.reopen.rotate(who, sent.reason, stolen=sent.stolen))


class Sought(BaseModel):
    """What is sought in the record."""

    limit: int = Field(default=100, ge=1, le=500, description="How many at most.")
    cursor: int | None = Field(
        default=None, ge=0, lt=1 << 53, description="`next` of the page before."
    )
    action: Word = None
    client: Word = None
    agent: Word = None
    person: Word = None
    regime: Word = None
    text: Word = None
    type: list[EventType] = Field(default_factory=list)
    tier: list[Annotated[int, Field(ge=1, le=4)]] = Field(
        default_factory=list, max_length=4, description="4: prohibited."
    )
    state: list[State] = Field(default_factory=list)
    since: datetime | None = Field(default=None, description="At or after this time (RFC 3339).")
    until: datetime | None = Field(default=None, description="Before this time (RFC 3339).")
    lines: bool = Field(default=False, description="JSON Lines; a `Link` leads to the next page.")


@router.get("/entries", summary="Search the entries", response_model=Page)
def entries(
    door: TheDoor, who: auth.Who, request: Request, only: Annotated[Sought, Query()]
) -> Response:
    """Newest first, each with its sentence and its bytes as they stand in the record.

    Everything that is given must hold. `tier`, `state`, `agent` and `regime` are of the action
    that an entry is about. A search that no index serves looks at 50,000 entries at a time: a
    page may hold few or none and still have a `next`.
    """
    found, older = door.services.read.entries(
        Find(
            action=only.action,
            client=only.client,
            agent=only.agent,
            person=f"person:{only.person}" if only.person else None,
            regime=only.regime,
            text=only.text or None,
            types=tuple(only.type),
            tiers=tuple(only.tier),
            states=tuple(only.state),
            since=since_us(only.since),
            until=since_us(only.until, "until"),
            before=only.cursor,
            limit=only.limit,
        )
    )
    if not only.lines:
        return answer({"items": found, "next": None if older is None else str(older)})
    onward = request.url.include_query_params(cursor=older)
    headers = {} if older is None else {"Link": f'<{onward}>; rel="next"'}
    body = b"".join(dumps(entry) + b"\n" for entry in found)
    return Response(body, 200, headers, "application/jsonl")


@router.get("/entries/{seq}", summary="One entry")
def entry(door: TheDoor, who: auth.Who, seq: int) -> Response:
    """By its position."""
    # A position past 64 bits is no entry; the store could not even ask for it.
    return answer(door.services.read.entry(seq if 0 <= seq < 1 << 53 else -1))
