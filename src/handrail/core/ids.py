"""Ids: a prefix that says what it is, and 26 characters that sort by time (ULID, Crockford)."""

import base64
from datetime import UTC, datetime

#: From the alphabet of RFC 4648, which Python encodes with, to Crockford's, which sorts.
_CROCKFORD = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new(prefix: str, at: datetime, random: bytes) -> str:
    """Return `prefix_` and the ULID of *at* (milliseconds) and ten *random* bytes."""
    if len(random) != 10:
        raise ValueError("an id takes ten random bytes")
    delta = at - _EPOCH
    milliseconds = (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
    number = (milliseconds << 80) | int.from_bytes(random, "big")
    # 130 bits are 26 letters: shifted to the top of 20 bytes, the first 26 of 32 are these.
    text = base64.b32encode((number << 30).to_bytes(20, "big"))[:26].translate(_CROCKFORD)
    return f"{prefix}_{text.decode()}"
