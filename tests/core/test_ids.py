"""Ids sort by time, say what they are, and never repeat."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core import ids

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)).map(  # noqa: DTZ001
    lambda d: d.replace(tzinfo=UTC)
)
randoms = st.binary(min_size=10, max_size=10)


def slow(at: datetime, random: bytes) -> str:
    """The ULID specification, word for word: 48 bits of milliseconds, 80 random ones."""
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    number = (milliseconds << 80) | int.from_bytes(random, "big")
    letters = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        letters.append(ALPHABET[digit])
    return "".join(reversed(letters))


@given(moments, randoms)
def test_an_id_is_its_prefix_and_the_ulid(at: datetime, random: bytes) -> None:
    assert ids.new("act", at, random) == "act_" + slow(at, random)


@given(moments, moments, randoms, randoms)
def test_ids_sort_by_time(one: datetime, other: datetime, a: bytes, b: bytes) -> None:
    if other - one >= timedelta(milliseconds=1):
        assert ids.new("act", one, a) < ids.new("act", other, b)


def test_an_id_takes_ten_random_bytes() -> None:
    with pytest.raises(ValueError, match="ten"):
        ids.new("act", datetime(2026, 1, 1, tzinfo=UTC), b"few")
