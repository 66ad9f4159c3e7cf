"""Ids: a prefix that says what it is, and 26 characters that sort by time (ULID, Crockford)."""

from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new(prefix: str, at: datetime, random: bytes) -> str:
    """Return `prefix_` and the ULID of *at* (milliseconds) and ten *random* bytes."""
    if len(random) != 10:
        raise ValueError("an id takes ten random bytes")
    delta = at - _EPOCH
    milliseconds = (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
    number = (milliseconds << 80) | int.from_bytes(random, "big")
    text = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5))
    return f"{prefix}_{text}"
