"""An entry as bytes: strict, canonical JSON, one form for one meaning.

RFC 8785 (JSON Canonicalization Scheme), restricted so that no two readers can differ:

* one object, UTF-8, keys sorted, no space; at most `MAX_ENTRY` bytes;
* keys are ASCII, so that sorting by bytes, code points and UTF-16 units is the same;
* strings are Unicode in normal form C, without lone surrogates;
* numbers are integers within ±(2^53 - 1); there are no floats (confidence is in per mille);
* no key twice.

Bytes are stored and hashed as they are. Nothing here is ever used to hash an old entry again:
`decode` encodes what it read and compares, which is how a key that stands twice, a space, another
escape or another order is found.

What the fields mean and how they are checked against each other is `append`'s and `verify`'s.
"""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from .errors import EntryInvalid, EntryTooLarge

#: The length of an entry is written in 16 bits (C2SP tlog-tiles, entry bundles).
MAX_ENTRY = 65_535  # bytes

_CANONICAL = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER  # within ±(2^53 - 1)
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


def encode(fields: Mapping[str, Any]) -> bytes:
    """Return the one canonical form of *fields*. Raises `EntryInvalid`, `EntryTooLarge`."""
    try:
        body = orjson.dumps(fields, option=_CANONICAL)
    except TypeError as e:  # orjson's own error is one
        raise EntryInvalid(f"this cannot stand in an entry: {e}") from e
    if len(body) > MAX_ENTRY:
        raise EntryTooLarge(f"an entry holds at most {MAX_ENTRY} bytes; this has {len(body)}")
    _check(fields, body)
    return body


def decode(body: bytes) -> dict[str, Any]:
    """Return the fields of the entry *body*. Raises `EntryInvalid`, `EntryTooLarge`."""
    if len(body) > MAX_ENTRY:
        raise EntryTooLarge(f"an entry holds at most {MAX_ENTRY} bytes; this has {len(body)}")
    try:
        fields = orjson.loads(body)
    except ValueError as e:
        raise EntryInvalid(f"not JSON: {e}") from e
    if type(fields) is not dict:
        raise EntryInvalid("not an object")
    try:
        again = orjson.dumps(fields, option=_CANONICAL)
    except TypeError as e:
        raise EntryInvalid(f"this cannot stand in an entry: {e}") from e
    if again != body:
        raise EntryInvalid("not in canonical form: a key twice, another order, space or escape")
    _check(fields, body)
    return fields


def _check(fields: Mapping[str, Any], body: bytes) -> None:
    """Refuse what JSON can say and an entry may not. *body* is the encoded form of *fields*."""
    pending: list[Any] = [fields]
    for container in pending:  # grows while it is walked
        values = container.values() if type(container) is dict else container
        for value in values:
            kind = type(value)
            if kind is str or kind is int:
                continue
            if kind is dict or kind is list or kind is tuple:
                pending.append(value)
            elif value is not None and not isinstance(value, str | int):  # bool, enumerations
                raise EntryInvalid(f"a {kind.__name__} cannot stand in an entry")
    if not body.isascii():
        _check_text(body, fields)


def _check_text(body: bytes, fields: Mapping[str, Any]) -> None:
    # Normal form is closed under cutting: when the whole text has it, so has each string. The
    # reverse fails where a combining mark follows an escape, so "no" is looked into.
    normal = unicodedata.is_normalized("NFC", body.decode())
    pending: list[Any] = [fields]
    for value in pending:
        if isinstance(value, dict):
            if not all(key.isascii() for key in value):
                raise EntryInvalid("a key is not ASCII")
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value
        elif not normal and isinstance(value, str) and not unicodedata.is_normalized("NFC", value):
            raise EntryInvalid("a string is not in Unicode normal form C")


def stamp(us: int) -> str:
    """Return the instant *us* microseconds after 1970 as an entry states it."""
    second, fraction = divmod(us, 1_000_000)
    return f"{_second(second)}.{fraction:06d}Z"


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    # Years below 1000 would need padding that strftime does not give; no host's clock is there.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
