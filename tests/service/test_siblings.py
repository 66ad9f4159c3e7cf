"""From a wrong action, the others of the same cause, each with its own reverse (SPEC 4)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.siblings import CAUSES, Cause, shared
from support.house import House, policy_files

CAUSE = st.builds(
    Cause,
    type=st.sampled_from(["a.x", "a.y"]),
    content=st.sampled_from([None, b"1", b"2"]),
    runbook=st.sampled_from(["", "patch-7"]),
    agent=st.sampled_from(["one", "two"]),
    version=st.sampled_from(["1", "2"]),
    trigger=st.sampled_from(["", "ticket:1"]),
    at=st.sampled_from([0, 3_600_000_000, 3_600_000_001]),
)


@settings(max_examples=200)
@given(CAUSE, CAUSE)
def test_a_shared_cause_is_shared_both_ways_and_needs_something_to_share(
    one: Cause, other: Cause
) -> None:
    found = shared(one, other)
    assert found == shared(other, one)
    assert set(found) <= set(CAUSES)
    assert ("content" in found) is (
        one.content is not None and (one.type, one.content) == (other.type, other.content)
    )
    assert ("hour" in found) is (
        abs(one.at - other.at) <= 3_600_000_000
        and (one.agent, one.version) == (other.agent, other.version)
    )


def test_siblings_are_found_by_cause_and_each_can_be_reversed(house: House) -> None:
    wrong = house.act("assign_licence", sku="E3")
    same_hour = house.act("assign_licence", sku="E5")
    house.act("get_user", user_id="u1")  # it only reads
    house.sweep(hours=3)
    same_ticket = house.act("assign_licence", sku="E7")
    other = house.act("assign_licence", sku="E7", client="harbor", agent="agt_two")

    found = {s["id"]: s for s in house.s.read.siblings(wrong.id)}
    assert set(found) == {same_hour.id, same_ticket.id}
    assert found[same_hour.id]["why"] == [
        "The same agent, within an hour",
        "For the same ticket or alert",
    ]
    assert found[same_ticket.id]["why"] == ["For the same ticket or alert"]
    assert other.id not in found
    assert all(s["reversible"] for s in found.values())

    house.s.reversals.reverse(house.who("per_ben"), same_hour.id)
    again = {s["id"]: s for s in house.s.read.siblings(wrong.id)}[same_hour.id]
    assert (again["reversible"], again["reversal"]) == (False, "done")


def test_the_same_change_elsewhere_is_a_sibling_days_later(house: House) -> None:
    files = policy_files()
    files["matrix/all.yaml"] = files["matrix/all.yaml"].replace(
        'content: "[]"' if 'content: "[]"' in files["matrix/all.yaml"] else "content: []",
        "content: [sku]",
    )
    house.s.policies.publish(house.who("per_dan"), files, second=house.who("per_anna"))
    wrong = house.act("assign_licence", sku="E3")
    house.sweep(days=3)
    elsewhere = house.act("assign_licence", sku="E3", client="harbor", agent="agt_two")
    house.act("assign_licence", sku="E5", client="harbor", agent="agt_two")

    found = {s["id"]: s["why"] for s in house.s.read.siblings(wrong.id)}
    assert found == {elsewhere.id: ["The same change"]}
