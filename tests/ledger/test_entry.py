"""Canonical form: `rfc8785` as the oracle, and what an entry may not hold."""

import json
import math
import unicodedata
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.ledger import entry
from handrail.ledger.errors import EntryInvalid, EntryTooLarge

LARGEST = 2**53 - 1

# The first draw of any text builds tables of Unicode, which is slow once and no fault.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

keys = st.text(st.characters(max_codepoint=127), max_size=12)
texts = st.text(max_size=30).map(lambda t: unicodedata.normalize("NFC", t))
scalars = st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | texts
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(keys, v, max_size=4), max_leaves=25
)
objects = st.dictionaries(keys, values, max_size=8)


@patient
@given(objects)
def test_the_form_is_that_of_rfc_8785_and_reads_back(fields: dict[str, Any]) -> None:
    body = entry.encode(fields)

    assert body == rfc8785.dumps(fields)
    assert entry.decode(body) == fields


@patient
@given(st.recursive(
    scalars | st.floats() | st.text(st.characters(categories=None)) | st.integers(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3),
))  # fmt: skip
def test_what_is_taken_reads_back_as_it_was_and_all_else_is_refused(value: Any) -> None:
    """No silent change: not of NaN into null, nor of anything."""
    try:
        body = entry.encode({"x": value})
    except EntryInvalid:
        return
    assert entry.decode(body) == {"x": value}
    assert body == rfc8785.dumps({"x": value})


@patient
@given(objects, st.data())
def test_every_other_spelling_of_an_entry_is_refused(fields: dict[str, Any], data: Any) -> None:
    body = entry.encode(fields)
    spelled = data.draw(
        st.sampled_from(
            [
                json.dumps(fields).encode(),
                json.dumps(fields, indent=1).encode(),
                json.dumps(fields, sort_keys=True, separators=(",", ":")).encode(),
                b" " + body,
                body + b"\n",
                b"\xef\xbb\xbf" + body,
            ]
        )
    )
    if spelled != body:
        with pytest.raises(EntryInvalid):
            entry.decode(spelled)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1,"a":1}', "canonical"),
        (b'{"a":1,"a":2}', "canonical"),
        (b'{"a":1,"\\u0061":1}', "canonical"),
        (b'{"x":{"a":1,"a":1}}', "canonical"),
        (b'{"b":1,"a":1}', "canonical"),
        (b'{"a": 1}', "canonical"),
        (b'{"a":"\\u0041"}', "canonical"),
        (b'{"a":"\\/"}', "canonical"),
        (b'{"a":"\\u001F"}', "canonical"),
        (b'{"a":-0}', "canonical"),
        (b'{"a":1E2}', "canonical"),
        (b'{"a":1.0}', "float"),
        (b'{"a":[1.5]}', "float"),
        (b'{"a":{"b":-1.5}}', "float"),
        (b'{"a":9007199254740992}', "cannot stand"),
        (b'{"a":-9007199254740992}', "cannot stand"),
        (b'{"a":18446744073709551616}', "canonical|float"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":"\\ud800"}', "not JSON"),
        (b'{"a":"\xed\xa0\x80"}', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":"\x01"}', "not JSON"),
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        ('{"é":1}'.encode(), "not ASCII"),
        ('{"a":[{"é":1}]}'.encode(), "not ASCII"),
        ('{"a":"e\u0301"}'.encode(), "normal form"),
        ('{"a":[{"b":"\u212b"}]}'.encode(), "normal form"),
    ],
)
def test_bytes_that_are_no_entry(body: bytes, why: str) -> None:
    with pytest.raises(EntryInvalid, match=why):
        entry.decode(body)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        math.nan,
        math.inf,
        2**53,
        -(2**53),
        2**64,
        "\ud800",
        b"bytes",
        UUID(int=1),
        object(),
        {1: "a"},
        {"é": 1},
        {"a": {"é": 1}},
        "e\u0301",
        ["\u212b"],
        {1, 2},
        MappingProxyType({"a": 1}),
    ],
)
def test_values_that_no_entry_holds(value: object) -> None:
    with pytest.raises(EntryInvalid):
        entry.encode({"a": value})
    with pytest.raises(EntryInvalid):
        entry.encode({"a": [{"b": value}]})


def test_values_at_the_edge_that_an_entry_holds() -> None:
    class Word(StrEnum):
        ONE = "one"

    fields = {"max": LARGEST, "min": -LARGEST, "word": Word.ONE, "pair": (1, 2), "no": False}
    assert entry.encode(fields) == (
        b'{"max":9007199254740991,"min":-9007199254740991,"no":false,"pair":[1,2],"word":"one"}'
    )


def test_a_mark_after_an_escape_is_no_other_spelling_of_a_letter() -> None:
    """The text `\\n` + U+0303 composes to ñ as text, but the string it stands for does not."""
    fields = {"a": "\n\u0303", "b": ["\x1f\u0307", 1]}
    assert entry.decode(entry.encode(fields)) == fields


def test_the_longest_entry_fits_and_the_next_does_not() -> None:
    room = entry.MAX_ENTRY - len(b'{"a":""}')
    body = entry.encode({"a": "x" * room})
    assert len(body) == 65_535
    assert entry.decode(body) == {"a": "x" * room}
    with pytest.raises(EntryTooLarge, match="at most 65535 bytes"):
        entry.encode({"a": "x" * (room + 1)})
    with pytest.raises(EntryTooLarge, match="this has 65536"):
        entry.decode(body + b" ")


@pytest.mark.parametrize("depth", [300, 2_000, 20_000])
def test_depth_is_refused_and_not_followed(depth: int) -> None:
    with pytest.raises(EntryInvalid):
        entry.decode(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    deep: Any = []
    for _ in range(depth):
        deep = [deep]
    with pytest.raises(EntryInvalid):
        entry.encode({"a": deep})


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_767_600_000_000_001, "2026-01-05T08:00:00.000001Z"),
        (1_767_600_000_999_999, "2026-01-05T08:00:00.999999Z"),
    ],
)
def test_an_instant_has_one_form(us: int, text: str) -> None:
    assert entry.stamp(us) == text
