"""An upstream's own log against what is recorded."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.reconcile import Act, Known, acts, reconcile
from handrail.errors import BadInput

T = datetime(2026, 3, 2, 9, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def act(line, minutes=0.0, operation="reset_password", target="u1", actor="svc"):
    return Act(line, T + timedelta(minutes=minutes), operation, actor, frozenset({target}))


def known(id, minutes=0.0, tool="reset_password", target="u1"):
    return Known(id, T + timedelta(minutes=minutes), tool, frozenset({target}))


def test_what_went_round_is_told_and_what_went_through_is_not():
    found = reconcile(
        [act(1), act(2, target="u2"), act(3, minutes=30), act(4, operation="Disable user")],
        [known("act_1", 0.1), known("act_2", 40)],
        window=FIVE,
    )

    assert [(a.line, k.id) for a, k in found.paired] == [(1, "act_1")]
    assert [a.line for a in found.round_handrail] == [2, 3, 4]
    assert [k.id for k in found.unseen] == ["act_2"]


def test_each_action_covers_one_act_and_the_nearest():
    """Done twice past Handrail is not hidden by once through it."""
    found = reconcile([act(1, 2), act(2, 0.5), act(3, 3)], [known("act_1")], window=FIVE)

    assert [(a.line, k.id) for a, k in found.paired] == [(2, "act_1")]
    assert len(found.round_handrail) == 2


def test_the_same_operation_goes_before_a_nearer_other_one():
    found = reconcile(
        [act(1, operation="Reset user password")],
        [known("act_near", 0, tool="unlock"), known("act_right", 4)],
        window=FIVE,
        names={"reset user password": "reset_password"},
    )

    assert found.paired[0][1].id == "act_right"


CSV = "Time,Operation,Actor,Target\n2026-03-02T09:00:00Z,Reset,svc,U1\n,Reset,svc,U1\n"
NESTED = json.dumps(
    {
        "value": [
            {
                "activityDateTime": "2026-03-02T09:00:00+00:00",
                "activityDisplayName": "Reset",
                "initiatedBy": {"app": {"displayName": "svc"}},
                "targetResources": [{"id": "1", "userPrincipalName": "U1"}],
            },
            "no record",
        ]
    }
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.csv", CSV),
        ("log.csv", CSV.replace(",", ";")),
        ("log.json", NESTED),
        ("log.jsonl", '{"timestamp": "2026-03-02T09:00:00", "tool": "Reset", "user": "SVC", "host": "u1"}'),
    ],
)  # fmt: skip
def test_logs_as_systems_write_them(name, text):
    found, problems = acts(name, text, actor="svc")

    assert [(a.at, a.operation) for a in found] == [(T, "Reset")]
    assert "u1" in found[0].targets
    assert acts(name, text, actor="somebody else")[0] == []
    assert problems == (["line 2 has no time"] if name == "log.csv" else [])


@pytest.mark.parametrize("text", ["", "x", "[]", "[1]", '{"a": 1}', "[" * 10_000])
def test_what_is_no_log_is_refused_or_empty(text):
    for name in ("a.csv", "a.json", "a.jsonl", "a.txt"):
        with suppress(BadInput):
            assert acts(name, text)[0] == []


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.sampled_from("xy")), max_size=8),
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.sampled_from("xy")), max_size=8),
)  # fmt: skip
def test_nothing_is_lost_and_nothing_pairs_twice(done, recorded):
    told = [act(n, m, tool, target) for n, (m, tool, target) in enumerate(done)]
    there = [known(f"act_{n}", m, tool, target) for n, (m, tool, target) in enumerate(recorded)]

    found = reconcile(told, there, window=FIVE)

    assert sorted([a.line for a, _ in found.paired] + [a.line for a in found.round_handrail]) == [
        a.line for a in told
    ]
    assert {k.id for _, k in found.paired} | {k.id for k in found.unseen} == {k.id for k in there}
    assert len({k.id for _, k in found.paired}) == len(found.paired)
    for a, k in found.paired:
        assert abs(a.at - k.at) <= FIVE
        assert a.targets & k.targets
    for a in found.round_handrail:  # nothing that could still be paired stays over
        assert not any(abs(a.at - k.at) <= FIVE and a.targets & k.targets for k in found.unseen)
