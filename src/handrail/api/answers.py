"""How this door writes what it answers: orjson, times as RFC 3339, lists in pages."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Query, Response
from pydantic import BaseModel, Field

from handrail.clock import rfc3339, to_us
from handrail.errors import BadInput

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before."),
]


class Page(BaseModel):
    """One page of a list."""

    items: list[dict[str, Any]]
    next: str | None = Field(description="The cursor of the page after; null on the last.")


def _more(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any) -> bytes:
    """*value* as JSON."""
    return orjson.dumps(value, _more, orjson.OPT_PASSTHROUGH_DATETIME)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """*value* as a JSON response."""
    return Response(dumps(value), status, dict(headers or {}), "application/json")


def page(
    items: Sequence[Mapping[str, Any]], limit: int, cursor: str | None = None, *, key: str = "id"
) -> Response:
    """The page of a whole list after the item whose *key* is *cursor*. Raises `BadInput` for a
    cursor that stands on nothing: the list changed, and going on could skip."""
    start = 0
    if cursor is not None:
        at = next((i for i, item in enumerate(items) if str(item[key]) == cursor), None)
        if at is None:
            raise BadInput("this cursor is at no item any more", hint="Start at the first page.")
        start = at + 1
    return cut(items[start : start + limit + 1], limit, key=key)


def cut(items: Sequence[Mapping[str, Any]], limit: int, *, key: str = "id") -> Response:
    """A page of at most *limit* out of *items*, which holds one more when there is a next."""
    shown = list(items[:limit])
    more = str(shown[-1][key]) if shown and len(items) > limit else None
    return answer({"items": shown, "next": more})


def since_us(since: datetime | None, name: str = "since") -> int | None:
    """*since* as the store counts. Raises `BadInput` when it has no zone."""
    if since is None:
        return None
    if since.tzinfo is None:
        raise BadInput(f"{name} needs its zone", hint="Such as 2026-11-02T09:00:00Z.")
    try:
        return to_us(since)
    except OverflowError:
        raise BadInput(f"{name} is out of range") from None
