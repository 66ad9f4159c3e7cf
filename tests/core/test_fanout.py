"""A call reaches as far as its arguments say, whatever its row counts (I16, I25)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.arguments import look
from handrail.core.classify import classify
from handrail.core.fanout import reach
from handrail.core.model import Effect, Snapshot, Tier
from support import policies as make


def of(arguments):
    return reach(arguments, look(arguments).texts)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({}, 0),
        ({"user_id": "a"}, 1),
        ({"user_ids": ["a", "b", "B", "c"]}, 3),
        ({"deviceIds": [1, 2, 3, 3]}, 3),
        ({"body": {"Devices": ["a", "b"]}}, 2),
        ({"devices": [{"device_id": "a"}, {"device_id": "b"}]}, 2),
        ({"computers": ["a"], "group_id": "g", "tags": ["x", "y", "z"]}, 1),
        ({"user_id": "", "text": "to all users"}, 0),
        ({"tenantFilter": "acme.example"}, 1),
    ],
)
def test_lists_are_as_many_targets(arguments, count):
    assert of(arguments).count == count
    assert not of(arguments).open


@pytest.mark.parametrize(
    "arguments",
    [
        {"user_id": "*"},
        {"tenantFilter": "AllTenants"},
        {"TENANT_FILTER": "all tenants"},
        {"devices": ["ws-*"]},
        {"user": "everyone"},
        {"filter": "department eq 'x'"},
        {"body": {"where": "1=1"}},
        {"criteria": {"os": "Windows"}},
        {"applyToAll": True},
        {"all_devices": True},
        {"userId": "＊"},
    ],
)
def test_filters_and_wildcards_reach_anybody(arguments):
    assert of(arguments).open


def tier(arguments, **row):
    policy = make.policy(make.row("rmm.restart", category="other", **row))
    return classify(make.action("rmm.restart"), arguments, make.facts(), policy, Snapshot())


def test_I25_a_list_beside_the_targets_counts_for_bounds_and_windows():
    bounded = {"bounds": ["targets.count <= 1"]}

    assert tier({"user_id": "a"}, **bounded).tier is Tier.AUTONOMOUS
    assert tier({"user_ids": ["a", "b"]}, **bounded).tier is Tier.APPROVE
    many = tier({"user_ids": [str(n) for n in range(26)]})
    assert "floor:many-targets" in many.floors


def test_I16_a_change_of_what_nobody_can_count_waits_and_a_read_does_not():
    assert "floor:open-reach" in tier({"filter": "x"}).floors
    assert tier({"filter": "x"}, effect=Effect.READ).tier is Tier.AUTONOMOUS


@given(
    st.dictionaries(
        st.sampled_from(["user_id", "user_ids", "devices", "text", "filter", "all"]),
        st.none()
        | st.booleans()
        | st.text(max_size=5)
        | st.lists(st.text(max_size=3) | st.integers(), max_size=30),
        max_size=4,
    ),
    st.lists(st.text(min_size=1, max_size=3), max_size=40),
)
def test_I17_a_longer_list_never_lowers(arguments, more):
    longer = {**arguments, "user_ids": [*(arguments.get("user_ids") or []), *more]} if isinstance(
        arguments.get("user_ids"), list) else {**arguments, "computers": more}  # fmt: skip

    assert tier(arguments).tier <= tier(longer).tier
