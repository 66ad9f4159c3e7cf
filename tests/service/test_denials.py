"""A denial sticks, and asking has limits (SPEC 5, SPEC 12): no shopping, no flood."""

from datetime import timedelta

import pytest

from handrail.errors import NotAllowed, TooMany
from support.house import SIGNED, House, policy_files, row

RULE = "add_firewall_rule"


def ask(house: House, *, agent: str = "agt_one", target: str = "FW-1", **arguments: object):
    """A tier 3 call on one target; the sweep asks its first step."""
    acted = house.act(RULE, agent=agent, n=target, **arguments)
    house.sweep()
    return acted


def package(house: House, proposal: str) -> dict:
    return house.s.read.package(proposal, None, house.who("per_anna"))["document"]


def deny(house: House, acted, person: str = "per_ben", **more: str) -> None:
    more = {"reason": "wrong-target", "note": "That firewall is not theirs.", **more}
    house.answer(person, acted.proposal, "deny", **more)


def test_a_second_ask_shows_the_denial_first_and_the_third_is_refused(house: House) -> None:
    first = ask(house, port=443)
    deny(house, first)

    second = ask(house, port=8443)
    denied = package(house, second.proposal)["denied"]
    assert (denied["action"], denied["by"]) == (first.id, "Ben")
    assert denied["reason"] == "Wrong target"
    assert denied["note"] == "That firewall is not theirs."

    third = ask(house, port=9443)
    assert (third.state, third.proposal) == ("refused", None)
    assert "That firewall is not theirs." in third.text
    assert any(
        e["type"] == "handrail:action:refused" and e["facts"]["why"] == "denied-before"
        for e in house.entries()
    )


def test_another_agent_asking_the_same_is_no_way_round(house: House) -> None:
    deny(house, ask(house))
    second = ask(house, agent="agt_two", port=1)
    assert package(house, second.proposal)["denied"]
    assert ask(house, port=2).state == "refused"


def test_an_overlapping_target_or_client_counts_as_the_same(house: House) -> None:
    deny(house, ask(house, target="FW-1"))
    assert package(house, ask(house, target="FW-2").proposal)["denied"] is None
    assert package(house, ask(house, target="FW-1", client="harbor").proposal)["denied"] is None
    assert package(house, ask(house, target="FW-1", port=5).proposal)["denied"]


def test_without_a_known_target_what_would_change_stands_for_it(house: House) -> None:
    text = row(f"up.{RULE}", 3, targets="").replace("    targets: \n", "")
    rows = {"matrix/all.yaml": SIGNED + "rows:\n" + text.replace("    content: []\n", "")}
    house.s.policies.publish(
        house.who("per_anna"), policy_files(**rows), second=house.who("per_dan")
    )
    deny(house, ask(house, port=443))
    assert package(house, ask(house, port=8443).proposal)["denied"] is None
    assert package(house, ask(house, port=443).proposal)["denied"]


def test_a_second_ask_reaches_no_lower_authority(house: House) -> None:
    first = ask(house)
    house.sweep(minutes=61)  # the second step is asked: Ben, on call
    deny(house, first, "per_ben")

    second = ask(house, port=2)
    page = house.s.read.package(second.proposal, None, house.who("per_anna"))
    assert [step["role"] for step in page["chain"]] == ["on-call-senior", "service-desk-manager"]


def test_someone_below_the_role_that_denied_may_not_answer_the_second_ask(house: House) -> None:
    first = ask(house)
    house.sweep(minutes=200)
    deny(house, first, "per_dan")  # service desk manager, the last step

    second = ask(house, port=2)
    with pytest.raises(NotAllowed):
        house.answer("per_ben", second.proposal)


def test_an_approval_of_the_second_ask_lifts_the_denial(house: House) -> None:
    deny(house, ask(house))
    second = ask(house, port=2)
    house.answer("per_ben", second.proposal)
    house.sweep(seconds=11)
    assert house.state(second.id) == "done"
    third = ask(house, port=3)
    assert package(house, third.proposal)["denied"] is None


def test_a_second_denial_sticks_anew_and_the_next_ask_is_refused(house: House) -> None:
    deny(house, ask(house))
    deny(house, ask(house, port=2), note="Still not theirs.")
    third = ask(house, port=3)
    assert third.state == "refused"
    assert "Still not theirs." in third.text


def test_a_denial_wears_off_after_the_policys_span(house: House) -> None:
    deny(house, ask(house))
    house.clock.advance(timedelta(days=7, seconds=1))
    assert package(house, ask(house, port=2).proposal)["denied"] is None


def test_it_sticks_through_a_restart(house: House) -> None:
    deny(house, ask(house))
    house.start()
    assert package(house, ask(house, port=2).proposal)["denied"]
    house.start()
    assert ask(house, port=3).state == "refused"


def test_asking_the_open_proposal_again_is_no_second_ask(house: House) -> None:
    deny(house, ask(house, port=1))
    second = ask(house, port=2)
    again = ask(house, port=2)
    assert again.proposal == second.proposal


def test_I25_a_list_longer_than_is_remembered_apart_sticks_as_a_whole(house: House) -> None:
    rows = {"matrix/all.yaml": SIGNED + "rows:\n" + row(f"up.{RULE}", 3, targets='"args.all"')}
    house.s.policies.publish(
        house.who("per_anna"), policy_files(**rows), second=house.who("per_dan")
    )
    many = [f"FW-{n}" for n in range(300)]

    deny(house, ask(house, all=[*many, "a"]))
    assert package(house, ask(house, all=[*many, "b"]).proposal)["denied"] is None
    assert package(house, ask(house, all=["a", *many]).proposal)["denied"]


# --- limits --------------------------------------------------------------------------------


@pytest.fixture
def strict(house: House) -> House:
    files = policy_files()
    files["handrail.yaml"] = files["handrail.yaml"].replace(
        "asks_per_hour: 100000", "asks_per_hour: 2"
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    return house


def test_asking_people_has_a_limit_with_when_to_come_back(strict: House) -> None:
    ask(strict, target="A")
    ask(strict, target="B")
    with pytest.raises(TooMany, match="asked people 2 times") as full:
        ask(strict, target="C")
    assert full.value.retry_after > 0
    assert ask(strict, agent="agt_two", target="C").proposal  # another agent's own
    assert strict.act("restart_service").state == "done"  # nobody is asked for that

    strict.sweep(minutes=61)
    assert ask(strict, target="D").proposal


def test_a_full_limit_is_one_finding_for_its_sponsor(strict: House) -> None:
    ask(strict, target="A")
    ask(strict, target="B")
    for n in range(5):
        with pytest.raises(TooMany):
            ask(strict, target=f"C{n}")

    assert [e["facts"]["agent"] for e in strict.entries() if "limited" in e["type"]] == ["agt_one"]
    told = [(to, m.title) for to, m in strict.mail.got if m.kind == "finding"]
    assert told == [("per_dan", "one is asking for too much")]


def test_I26_the_limit_counts_from_the_record_after_a_restart(strict: House) -> None:
    ask(strict, target="A")
    ask(strict, target="B")
    strict.start()
    with pytest.raises(TooMany):
        ask(strict, target="C")
