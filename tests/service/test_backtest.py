"""Another policy over the recorded past: exact where it can be, bounds where it cannot (I22)."""

from datetime import timedelta

import pytest

from handrail.core.backtest import lines
from handrail.errors import PolicyInvalid
from support.house import House, policy_files


def lived(house: House) -> None:
    """Three days: two restarts and a licence a day, one denied and one approved rule, a harm."""
    for day in range(3):
        for _ in range(2):
            house.act("restart_service")
        house.act("assign_licence", sku="E3")
        rule = house.act("add_firewall_rule", n=f"FW-{day}")
        house.sweep()
        if day == 0:
            house.answer("per_ben", rule.proposal, "deny", reason="would-harm")
        else:
            house.answer("per_ben", rule.proposal)
            house.sweep(seconds=11)
        house.sweep(hours=24)


def with_tiers(**tiers: int) -> dict[str, str]:
    files = policy_files()
    text = files["matrix/all.yaml"]
    for type, tier in tiers.items():
        start = text.index(f"type: up.{type}\n")
        head, rest = text[:start], text[start:]
        number = rest.index("tier: ") + len("tier: ")
        text = head + rest[:number] + str(tier) + rest[number + 1 :]
    return {**files, "matrix/all.yaml": text}


def test_the_policy_in_force_changes_nothing(house: House) -> None:
    lived(house)
    found = house.s.backtest.run(policy_files())
    assert found["actions"] == 12
    assert found["exact"]["moved"] == []
    assert found["exact"]["asks_a_day"]["was"] == found["exact"]["asks_a_day"]["now"]


def test_stricter_counts_the_questions_more(house: House) -> None:
    lived(house)
    found = house.s.backtest.run(with_tiers(restart_service=3))
    assert found["exact"]["moved"] == [{"was": 1, "now": 3, "count": 6}]
    assert found["exact"]["asks_a_day"]["was"]["p50"] == 1
    assert found["exact"]["asks_a_day"]["now"]["p50"] == 3
    assert found["exact"]["asked_first"] == {"account-engineer": 9}
    (kind,) = found["exact"]["types"]
    assert (kind["type"], kind["stricter"], kind["laxer"]) == ("up.restart_service", 6, 0)
    assert "0 less" in found["sentence"]


def test_harm_that_ran_alone_would_have_been_looked_at_first(house: House) -> None:
    lived(house)
    done = house.act("restart_service")
    house.s.incidents.open(
        house.who("per_ben"), severity="minor", title="It was the wrong one", action=done.id
    )
    found = house.s.backtest.run(with_tiers(restart_service=3))
    assert found["stricter"]["looked_at_first"] == 1
    assert "not known" in found["stricter"]["text"]


def test_laxer_is_bounded_and_never_a_point(house: House) -> None:
    files = policy_files()
    # The floor of network changes holds whatever the row says: a workstation's row can be lowered.
    house.s.policies.publish(
        house.who("per_anna"), with_tiers(assign_licence=3), second=house.who("per_dan")
    )
    for n in range(4):
        asked = house.act("assign_licence", sku="E3")
        house.sweep()
        if n == 0:
            house.answer("per_ben", asked.proposal, "deny", reason="preference")
        else:
            house.answer("per_ben", asked.proposal)
            house.sweep(seconds=11)
    found = house.s.backtest.run(files)
    assert found["exact"]["moved"] == [{"was": 3, "now": 2, "count": 4}]
    laxer = found["laxer"]
    assert (laxer["ran"], laxer["denied"], laxer["harmful"]) == (3, 1, 0)
    assert (laxer["least"], laxer["most"]) == (0.0, 0.25)


def test_I15_a_floor_holds_in_a_backtest_too(house: House) -> None:
    lived(house)
    found = house.s.backtest.run(with_tiers(add_firewall_rule=1))
    assert found["exact"]["moved"] == []


def test_I22_nothing_is_stored_or_sent(house: House) -> None:
    lived(house)
    size, acts = len(house.entries()), len(house.upstream.acts)
    house.s.backtest.run(with_tiers(restart_service=3))
    assert (len(house.entries()), len(house.upstream.acts)) == (size, acts)


def test_a_part_of_the_past(house: House) -> None:
    begun = house.clock.now()
    lived(house)
    run = house.s.backtest.run
    assert run(policy_files(), since=begun + timedelta(days=1))["actions"] == 8
    assert run(policy_files(), until=begun + timedelta(days=1))["actions"] == 4
    assert run(policy_files(), most=5)["actions"] == 5
    assert run(policy_files(), since=begun + timedelta(days=90))["sentence"].startswith(
        "There is no"
    )


def test_versions_of_one_proposal_are_one_question(house: House) -> None:
    asked = house.act("add_firewall_rule")
    house.sweep()
    house.answer("per_ben", asked.proposal, "ask", note="Which port?")
    house.s.govern.answer_question(house.agent(), asked.id, "443")
    assert house.s.backtest.run(policy_files())["actions"] == 1


def test_what_was_erased_is_counted_and_not_guessed(house: House) -> None:
    from handrail.store.contract import Drop, Rows

    lived(house)
    with house.store.read() as reader:
        gone = reader.actions(limit=1)[0]["id"]
    house.store.commit(lambda view: Rows((Drop("sealed", (f"{gone}:request",)),), ()))
    found = house.s.backtest.run(policy_files())
    assert (found["actions"], found["unreadable"]) == (11, 1)


def test_a_bad_policy_is_said(house: House) -> None:
    with pytest.raises(PolicyInvalid):
        house.s.backtest.run({"handrail.yaml": "version: 7"})


def test_it_reads_well_on_a_terminal(house: House) -> None:
    lived(house)
    text = "\n".join(lines(house.s.backtest.run(with_tiers(restart_service=3))))
    assert "6 would have had more oversight" in text
    assert "asked first: account-engineer" in text
    assert "     6  from tier 1 to 3" in text
