"""Changing a client: what can lower oversight is two people's act (I27)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.clock import FakeClock
from handrail.core.client_map import lowered
from handrail.core.model import Client, Risk
from handrail.errors import Conflict, NotAllowed
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from support.house import House

RANKS = {"low": 0, "normal": 1, "high": 2}
VALUES = st.fixed_dictionaries(
    {
        "risk": st.sampled_from(sorted(RANKS)),
        "regimes": st.sets(st.sampled_from(["hipaa", "gdpr", "their-own"])),
        "retention_days": st.sampled_from([1, 30, 400, 900]),
    }
)
ACTS = st.tuples(st.sampled_from(["set", "set", "agree", "withdraw"]), st.booleans(), VALUES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One house for every example: each begins where the last one ended."""
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    sealer = open_sealer(tmp_path_factory.mktemp("keys"))
    yield House(store, sealer, clock)
    store.close()
    sealer.close()


def of(house: House, id: str = "acme"):
    return next(c for c in house.s.read.clients() if c["id"] == id)


def weaker(old, new) -> bool:
    """Whether *new* oversees less in any way: the rule in its plainest form."""
    return (
        RANKS[new["risk"]] < RANKS[old["risk"]]
        or not set(old["regimes"]) <= set(new["regimes"])
        or new["retention_days"] < old["retention_days"]
    )


@given(st.lists(ACTS, max_size=10))
def test_I27_no_sequence_by_one_person_lowers_a_client(shared: House, acts):
    """Whatever is asked in whatever order, a client gets lower only when the person who agrees
    is another than who proposed what is now set."""
    house = shared
    for what, by_anna, values in acts:
        person = "per_anna" if by_anna else "per_dan"
        who, before = house.who(person), of(house)
        waits = before["proposed"]
        try:
            if what == "set":
                done = house.s.directory.set_client(who, "acme", "Acme", **values)
                assert done["set"] is not weaker(before, values)
            elif what == "agree":
                house.s.directory.agree_client(who, "acme", waits["digest"] if waits else "0" * 64)
            else:
                house.s.directory.withdraw_client(who, "acme")
        except (Conflict, NotAllowed):
            assert of(house) == before
        after = of(house)
        if weaker(before, after):
            assert what == "agree"
            assert waits["by"] != person
            assert {k: after[k] for k in ("risk", "regimes", "retention_days")} == {
                k: waits[k] for k in ("risk", "regimes", "retention_days")
            }


@given(VALUES, VALUES)
def test_I27_the_direction_is_computed(old, new):
    def client(v):
        return Client(
            id="a", name="A", risk=Risk(v["risk"]), regimes=frozenset(v["regimes"]),
            retention_days=v["retention_days"],
        )  # fmt: skip

    assert bool(lowered(client(old), client(new))) is weaker(old, new)


def test_I27_a_change_meanwhile_takes_the_proposal_back(house: House):
    dan, anna = house.who("per_dan"), house.who("per_anna")
    directory = house.s.directory
    directory.set_client(dan, "acme", "Acme", risk="low")
    seen = of(house)["proposed"]["digest"]
    directory.set_client(anna, "acme", "Acme", risk="high", regimes=["hipaa"])
    with pytest.raises(Conflict):
        directory.agree_client(anna, "acme", seen)
    assert (of(house)["risk"], of(house)["proposed"]) == ("high", None)


def test_I27_a_proposal_of_who_has_left_is_agreed_by_nobody(house: House):
    dan, anna = house.who("per_dan"), house.who("per_anna")
    house.s.directory.set_client(anna, "acme", "Acme", risk="low")
    seen = of(house)["proposed"]["digest"]
    house.s.directory.deactivate(dan, "per_anna")
    with pytest.raises(NotAllowed):
        house.s.directory.agree_client(dan, "acme", seen)
    house.s.directory.withdraw_client(dan, "acme")
    assert of(house)["proposed"] is None
    assert of(house)["risk"] == "normal"
