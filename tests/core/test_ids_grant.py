"""Ids that sort by time, and the digest that an approval and a begin are bound to (I9)."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from handrail.core import grant, ids
from support.approvals import START

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
instants = st.datetimes(datetime(1970, 1, 1), datetime(5000, 1, 1)).map(  # noqa: DTZ001
    lambda t: t.replace(tzinfo=UTC)
)
tens = st.binary(min_size=10, max_size=10)


def test_an_id_is_the_ulid_of_the_specification():
    # The example of github.com/ulid/spec: 01ARZ3NDEKTSV4RRFFQ69G5FAV
    milliseconds, random = 1469922850259, bytes.fromhex("d6764c61efb99302bd5b")
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)

    assert ids.new("act", at, random) == "act_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@for_all(instants, tens, instants, tens)
def test_ids_sort_by_time_and_then_by_chance(a, random_a, b, random_b):
    one, other = ids.new("act", a, random_a), ids.new("act", b, random_b)
    ms = [int((t - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) for t in (a, b)]

    assert len(one) == 30
    assert set(one[4:]) <= set(_CROCKFORD)
    assert (one < other) == ((ms[0], random_a) < (ms[1], random_b))


@pytest.mark.parametrize("length", [0, 9, 11])
def test_an_id_takes_ten_random_bytes(length):
    with pytest.raises(ValueError, match="ten"):
        ids.new("act", START, bytes(length))


PARTS = {
    "agent": "agt_1",
    "agent_version": "1",
    "type": "up.reset",
    "connection_digest": "c",
    "tool_digest": "t",
    "content_digests": ("x",),
    "clients": ("acme",),
    "targets": ("u1", "u2"),
    "arguments": b"{}",
    "nonce": bytes(16),
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
lists = st.lists(texts, max_size=3).map(tuple)
bodies = st.fixed_dictionaries(
    {
        **dict.fromkeys(["agent", "agent_version", "type", "connection_digest"], texts),
        "tool_digest": texts,
        **dict.fromkeys(["content_digests", "clients", "targets"], lists),
        **dict.fromkeys(["arguments", "nonce"], st.binary(max_size=6)),
    }
)


@for_all(bodies, bodies)
def test_I9_digests_are_equal_only_for_equal_actions(one, other):
    assert (grant.digest(**one) == grant.digest(**other)) == (one == other)
    assert len(grant.digest(**one)) == 32


@pytest.mark.parametrize("part", PARTS)
def test_I9_every_part_changes_the_digest(part):
    other = {
        "arguments": b"{ }",
        "nonce": bytes(15) + b"\1",
        "content_digests": ("x", ""),
        "clients": ("acme", "harbor"),
        "targets": ("u1u2",),
    }.get(part, PARTS[part] + "x" if isinstance(PARTS[part], str) else None)

    assert grant.digest(**{**PARTS, part: other}) != grant.digest(**PARTS)


def test_I9_what_moves_from_one_part_to_the_next_is_not_the_same():
    moved = {**PARTS, "clients": ("acme", "u1"), "targets": ("u2",)}

    assert grant.digest(**moved) != grant.digest(**PARTS)


def test_the_digest_is_the_sha256_of_length_prefixed_parts():
    """The slow twin: written out by hand, so that nobody changes the encoding unseen."""

    def part(data):
        return len(data).to_bytes(8, "big") + data

    def several(values):
        return part(len(values).to_bytes(4, "big")) + b"".join(part(v.encode()) for v in values)

    whole = part(b"handrail-action-1")
    for name in ("agent", "agent_version", "type", "connection_digest", "tool_digest"):
        whole += part(PARTS[name].encode())
    for name in ("content_digests", "clients", "targets"):
        whole += several(PARTS[name])
    whole += part(PARTS["arguments"]) + part(PARTS["nonce"])

    assert grant.digest(**PARTS) == hashlib.sha256(whole).digest()


def test_the_same_call_again_is_the_same_whatever_its_nonce():
    same = {k: PARTS[k] for k in ("agent", "type", "clients", "targets", "arguments")}

    assert grant.same(**same) == grant.same(**same)
    for part, other in (
        ("agent", "agt_2"),
        ("type", "up.set"),
        ("clients", ()),
        ("targets", ("u1",)),
        ("arguments", b"{} "),
    ):
        assert grant.same(**{**same, part: other}) != grant.same(**same)
