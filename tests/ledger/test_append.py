"""Appending: positions, chains, epoch, and going back."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.ledger import entry, merkle
from handrail.ledger.append import Head, extend
from handrail.ledger.errors import ClockWentBack, EntryInvalid, EntryTooLarge


def read(body: bytes) -> dict[str, Any]:
    return entry.decode(body)


def test_an_entry_says_which_log_it_is_of_and_where() -> None:
    head = Head("handrail.example/log", epoch=4)

    added = extend(
        head,
        {}.get,
        type="handrail:action:begun",
        by="agent:agt_1",
        at=1_767_600_000_000_001,
        action="act_1",
        clients=["northwind"],
        facts={"tier": 1},
    )

    assert read(added.body) == {
        "origin": "handrail.example/log",
        "seq": 0,
        "at": "2026-01-05T08:00:00.000001Z",
        "type": "handrail:action:begun",
        "by": "agent:agt_1",
        "action": "act_1",
        "epoch": 4,
        "clients": [{"client": "northwind", "n": 0, "prev": ""}],
        "facts": {"tier": 1},
    }
    assert added.leaf == merkle.hash_leaf(added.body)
    assert added.places == (("northwind", 0),)
    assert added.head == Head("handrail.example/log", 1, (added.leaf,), 4, 1_767_600_000_000_001)
    assert added.head.root == added.leaf
    assert head.root == merkle.EMPTY_ROOT


def test_positions_are_consecutive_and_the_root_is_that_of_the_leaves(log: Any) -> None:
    log.grow(100)

    assert [read(b)["seq"] for b in log.bodies] == list(range(100))
    assert log.head.root == merkle.range_root(0, 100, lambda level, i: merkle.perfect_root(
        log.leaves[i << level : (i + 1) << level]
    ))  # fmt: skip


def test_each_clients_entries_name_the_one_before(log: Any) -> None:
    log.grow(60)
    former: dict[str, tuple[int, str]] = {}
    for body, leaf in zip(log.bodies, log.leaves, strict=True):
        for place in read(body)["clients"]:
            n, prev = former.get(place["client"], (-1, ""))
            assert (place["n"], place["prev"]) == (n + 1, prev)
            former[place["client"]] = (place["n"], leaf.hex())
    assert set(former) == {"client-0", "client-1", "client-2"}


def test_clients_stand_once_and_in_order(log: Any) -> None:
    added = log.add(clients=["b", "a", "b"])
    assert [p["client"] for p in read(added.body)["clients"]] == ["a", "b"]


def test_I11_a_control_entry_carries_the_new_epoch(log: Any) -> None:
    epochs = [read(log.add(control=c).body)["epoch"] for c in (False, True, False, True, False)]
    assert epochs == [0, 1, 1, 2, 2]
    assert log.head.epoch == 2


def test_time_may_stand_still_and_never_goes_back(log: Any) -> None:
    log.add(at=1_000)
    log.add(at=1_000)
    with pytest.raises(ClockWentBack) as refused:
        log.add(at=999)
    assert refused.value.hint
    assert log.head.size == 2


@pytest.mark.parametrize(
    ("facts", "error"),
    [({"confidence": 0.5}, EntryInvalid), ({"text": "x" * 70_000}, EntryTooLarge)],
)
def test_facts_that_cannot_be_held_change_nothing(
    log: Any, facts: dict[str, Any], error: type[Exception]
) -> None:
    log.grow(3)
    before = log.head, dict(log.chains)
    with pytest.raises(error):
        log.add(facts=facts, clients=["client-0"])
    assert (log.head, log.chains) == before


def test_no_facts_are_an_empty_object(log: Any) -> None:
    assert read(log.add(facts=None).body)["facts"] == {}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.randoms())
@settings(max_examples=30, deadline=None)
def test_keeping_the_former_head_undoes_a_batch(
    make_log: Callable[..., Any], batches: list[int], chance: Any
) -> None:
    """Whatever was appended and undone between, the log is as if it never was."""
    log, straight = make_log(), make_log()
    for count in batches:
        kept = log.head, dict(log.chains), len(log.bodies)
        log.add(by="handrail", facts={"lost": True}, clients=["client-1", "other"], control=True)
        log.grow(chance.randint(0, 3))
        log.head, log.chains = kept[0], kept[1]
        del log.bodies[kept[2] :], log.leaves[kept[2] :]
        log.grow(count)
        straight.grow(count)
    assert log.head == straight.head
    assert log.bodies == straight.bodies
