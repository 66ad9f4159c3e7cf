"""Notices stay read: similar ones become one card, messages are bounded, nothing is lost, and a
row whose notices reach nobody is demoted until a person releases it (SPEC 4, I19)."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.action import State
from handrail.core.model import Tier
from handrail.core.notice import Told, card_for, joins, urgent
from handrail.core.policy import load
from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound
from handrail.service.drafts import digest
from support.checker import check
from support.house import PEOPLE, House, policy_files, row


def told(house: House) -> Counter[str]:
    return Counter(person for person, _ in house.mail.got)


def states(house: House) -> Counter[str]:
    with house.store.read() as reader:
        return Counter(n["state"] for n in reader.notices(limit=1000))


def test_I19_similar_notices_become_one_card_with_a_count(house: House) -> None:
    acted = [house.act("assign_licence", sku="E3") for _ in range(8)]
    house.sweep()

    assert sum(told(house).values()) == 1
    (card,) = house.s.read.feed("look")
    assert card["count"] == 8
    assert {m["action"] for m in card["members"]} | {card["action"]} == {a.id for a in acted}
    joined = [e for e in house.entries() if e["type"] == "handrail:notice:joined"]
    assert len(joined) == 7  # each has its own entry: it was told of, and how
    check(house.entries())


def test_I19_similar_ones_share_a_card_also_where_nobody_is_designated(house: House) -> None:
    """A team that nothing has reached yet: the chain is walked, and not with a message each."""
    for person in PEOPLE:
        house.change("person", (person,), reached_at=None)
    for _ in range(40):
        house.act("assign_licence", sku="E3")

    house.sweep(seconds=1)

    with house.store.read() as reader:
        assert {n["state"] for n in reader.notices(limit=100)} == {"sent"}
    assert len(house.mail.got) == 1


def test_I19_a_call_that_only_a_rule_raised_to_tier_2_reaches_the_chain(house: House) -> None:
    """Its row is tier 1 and names nobody to tell; the notice goes along the chain (SPEC 4)."""
    text = row("up.restart_service", 1).replace("    notify: on-call-senior\n", "")
    rule = """
rules:
  - {name: told, when: 'action.type == "up.restart_service"', tier: 2, because: people look at it}
"""
    files = policy_files(**{"rules/c.yaml": rule})
    (path,) = (p for p, t in files.items() if "up.restart_service" in t and p.startswith("matrix"))
    whole = row("up.restart_service", 1)
    assert whole in files[path]
    files[path] = files[path].replace(whole, text)
    done = house.s.drafts.submit(house.who("per_dan"), files, "people look at it")
    if not done["published"]:
        house.s.drafts.publish(house.who("per_anna"), done["id"], digest(files))
    acted = house.act("restart_service")
    assert acted.tier is Tier.NOTIFY
    house.sweep()
    assert states(house) == {"sent": 1}


def test_another_client_gets_its_own_card(house: House) -> None:
    house.act("assign_licence", sku="E3")
    house.act("assign_licence", client="harbor", sku="E3")
    house.sweep()

    assert sum(told(house).values()) == 2
    assert [c["count"] for c in house.s.read.feed("look")] == [1, 1]


def test_urgent_ones_never_wait_and_never_join(house: House) -> None:
    house.act("assign_licence", sku="E3")
    house.upstream.fault = lambda order: "silent"
    house.act("assign_licence", sku="E3")
    house.sweep()

    assert [m.title.partition(":")[0] for _, m in house.mail.got] == ["Done", "Outcome unknown"]


def test_looks_right_is_about_the_whole_card_and_was_wrong_about_one_action(house: House) -> None:
    for _ in range(3):
        house.act("assign_licence", sku="E3")
    house.sweep()
    (card,) = house.s.read.feed("look")
    one = card["members"][0]["id"]
    house.s.notices.acknowledge(house.who("per_ben"), one, "was wrong", "not this one")

    (card,) = house.s.read.feed("look")
    done = house.s.notices.acknowledge(house.who("per_ben"), card["id"], "looks right")
    assert done["count"] == 2
    assert (
        house.s.notices.acknowledge(house.who("per_ben"), card["id"], "looks right")["count"] == 1
    )
    assert states(house) == Counter({"looks right": 2, "was wrong": 1})
    assert house.s.read.feed("look") == []
    with pytest.raises(Closed):
        house.s.notices.acknowledge(house.who("per_anna"), card["id"], "was wrong")


def test_what_joined_a_card_is_not_lost_when_the_cards_own_action_is_answered(house: House) -> None:
    acted = [house.act("assign_licence", sku="E3") for _ in range(3)]
    house.sweep()
    (card,) = house.s.read.feed("look")
    house.s.reversals.reverse(house.who("per_ben"), card["action"])

    left = house.s.read.feed("look")
    assert {c["action"] for c in left} == {a.id for a in acted} - {card["action"]}


def test_messages_of_a_shift_are_bounded_and_go_on_to_the_next_person(house: House) -> None:
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "max_clients: 100000", "notices_per_shift: 2, max_clients: 100000"
    )
    both = {"second": house.who("per_anna")}
    house.s.policies.publish(house.who("per_dan"), files, **both)
    for round_ in range(12):
        for client in ("acme", "harbor"):
            house.act("assign_licence", sku="E3", client=client)
        house.sweep()
        if round_ % 3 == 2:  # somebody looks, so that the next one needs a message again
            for card in house.s.read.feed("look"):
                house.s.notices.acknowledge(house.who("per_ben"), card["id"], "looks right")

    assert told(house)["per_ben"] <= 2
    assert all(n <= 2 for n in told(house).values())
    assert len(told(house)) > 1  # it went on to somebody who still reads
    assert states(house)["undelivered"] == 0


def test_a_shift_later_there_is_room_again(house: House) -> None:
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "max_clients: 100000", "notices_per_shift: 1, max_clients: 100000"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    house.act("assign_licence", sku="E3")
    house.sweep()
    house.sweep(hours=9)
    house.act("assign_licence", sku="E3")
    house.sweep()
    assert told(house)["per_ben"] == 2


def test_I19_cards_nobody_looked_at_go_to_the_next_person_in_one_message(house: House) -> None:
    for _ in range(5):
        house.act("assign_licence", sku="E3")
    house.sweep()
    house.mail.got.clear()
    house.sweep(minutes=61)

    assert states(house) == Counter({"escalated": 5})
    ((person, message),) = house.mail.got
    assert person != "per_ben"
    assert "And 4 more like it, on the same card" in message.lines
    house.s.notices.acknowledge(
        house.who("per_anna"), house.s.read.feed("look")[0]["id"], "looks right"
    )
    assert states(house) == Counter({"looks right": 5})


def test_I19_all_channels_down_demotes_and_a_person_releases_when_delivery_works(
    house: House,
) -> None:
    house.mail.open = False
    house.act("assign_licence", sku="E3")
    for _ in range(9):
        house.sweep(seconds=15)
    assert states(house) == Counter({"undelivered": 1})  # within its window
    assert house.act("assign_licence", sku="E5").state is State.WAITING

    release = house.s.standings.release
    with pytest.raises(NotAllowed):
        release(house.who("per_eve"), "up.assign_licence", "seen")
    with pytest.raises(BadInput):
        release(house.who("per_dan"), "up.assign_licence", " ")
    with pytest.raises(Conflict, match="still reach nobody"):
        release(house.who("per_dan"), "up.assign_licence", "seen")
    house.mail.open = True
    with pytest.raises(NotFound):
        release(house.who("per_dan"), "up.restart_service", "seen")
    assert house.act("assign_licence", sku="E6").state is State.WAITING  # nobody released it
    assert release(house.who("per_dan"), "up.assign_licence", "mail was down")["tier"] == 2

    assert house.act("assign_licence", sku="E7").state is State.DONE
    with pytest.raises(NotFound):
        release(house.who("per_dan"), "up.assign_licence", "again")


def test_I19_a_practice_month_stays_under_the_bound_and_nothing_goes_unseen(house: House) -> None:
    """Twenty working days, two clients, bursts: at most 30 messages per person and shift; each
    notice is looked at or escalated."""
    for day in range(20):
        for burst in range(6):
            for n in range(1 + (day + burst) % 4):
                house.act("assign_licence", sku="E3", client=("acme", "harbor")[n % 2])
            house.sweep(minutes=50)
            if burst % 2:
                for card in house.s.read.feed("look")[:3]:
                    house.s.notices.acknowledge(house.who("per_ben"), card["id"], "looks right")
        for person, count in told(house).items():
            assert count <= 30, (day, person)
        house.mail.got.clear()
        house.sweep(hours=18)
    assert set(states(house)) <= {"looks right", "escalated"}
    check(house.entries())


# --- the rules -----------------------------------------------------------------------------------

TOLD = st.builds(
    Told,
    type=st.sampled_from(["a.x", "a.y"]),
    client=st.sampled_from(["c1", "c2"]),
    trigger=st.sampled_from(["", "ticket:1", "ticket:2"]),
)


@settings(max_examples=200)
@given(TOLD, TOLD, st.integers(1, 40), st.integers(0, 40))
def test_a_card_only_ever_grows_wider_as_messages_run_out(
    one: Told, card: Told, most: int, sent: int
) -> None:
    if joins(one, card, sent, most):
        assert joins(one, card, sent + 1, most)
    if one.type == card.type and one.client == card.client:
        assert joins(one, card, sent, most)
    if one.type != card.type:
        assert joins(one, card, sent, most) is (sent >= most)


@settings(max_examples=100)
@given(TOLD, st.lists(TOLD, max_size=5), st.integers(0, 5))
def test_the_closest_card_is_taken_before_a_wider_one(
    one: Told, cards: list[Told], sent: int
) -> None:
    listed = [(str(n), card) for n, card in enumerate(cards)]
    found = card_for(one, listed, sent, 5)
    close = [id for id, card in listed if joins(one, card, 0, 5)]

    assert found == (close[0] if close else found)
    assert (found is None) is not any(joins(one, card, sent, 5) for card in cards)


def test_what_is_urgent() -> None:
    rows = load(policy_files()).rows
    row = rows["up.assign_licence"]
    assert urgent(row, State.FAILED, 1000)
    assert urgent(None, State.DONE, 1000)
    assert not urgent(row, State.DONE, None)
