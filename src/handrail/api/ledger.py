"""`/v1/ledger`: the record. The checkpoint and the tiles are files that any static host could
serve; the entries are the same with a sentence each, for people."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from handrail.api import auth, body
from handrail.api.answers import Limit, Page, Since, answer, cut, since_us
from handrail.api.door import TheDoor
from handrail.errors import BadInput

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


@router.get("/entries", summary="List entries", response_model=Page)
def entries(
    door: TheDoor,
    who: auth.Who,
    limit: Limit = 100,
    cursor: Annotated[int | None, Query(ge=0, lt=1 << 53)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    client: Annotated[str | None, Query(max_length=100)] = None,
    type: Annotated[list[str] | None, Query(max_length=50)] = None,
    since: Since = None,
) -> Response:
    """Newest first, each with its sentence and its bytes as they stand in the record."""
    rows = door.services.read.entries(
        action=action,
        client=client,
        types=tuple(type or ()),
        since=since_us(since),
        before=cursor,
        limit=limit + 1,
    )
    return cut(rows, limit, key="seq")


@router.get("/entries/{seq}", summary="One entry")
def entry(door: TheDoor, who: auth.Who, seq: int) -> Response:
    """By its position."""
    # A position past 64 bits is no entry; the store could not even ask for it.
    return answer(door.services.read.entry(seq if 0 <= seq < 1 << 53 else -1))
