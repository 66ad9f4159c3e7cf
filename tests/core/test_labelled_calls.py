"""Calls labelled before the rules met them: what no hand-made row stands behind (SPEC 2).

`tests/support/labelled_calls.jsonl` holds 220 calls of invented products with real arguments and
contexts. `expected` names the tiers that are acceptable, two or more where honest people differ.

At first sight the rules accepted 206 of them, 8 over and 6 under, four of which accept tier 3 only.
The lexicon was then changed after looking at these misses, so what this test holds is a floor
against regressions, not an estimate for tools never seen.
"""

import json
from collections import Counter
from pathlib import Path

from handrail.cli.offline import classified, understood
from handrail.core.policy import load
from support.house import policy_files

LINES = (Path(__file__).parents[1] / "support/labelled_calls.jsonl").read_bytes().splitlines()


def rowless():
    """A policy with roles and a chain, and no row for anything."""
    files = policy_files()
    main = files["handrail.yaml"].partition("prohibited:")[0]
    return load({"handrail.yaml": main})


def test_calls_without_a_row_are_drafted_as_people_labelled_them():
    policy, found, missed = rowless(), Counter(), []
    for raw in LINES:
        call = json.loads(raw)
        tier = classified(understood(raw), policy)["tier"]
        accepted = call["expected"]
        if tier in accepted:
            found["accepted"] += 1
        elif tier == "prohibited" or tier > max(accepted):
            found["over"] += 1
        else:
            found["under"] += 1
            missed.append((call["tool"], tier, accepted))
    assert len(LINES) >= 200
    assert found["accepted"] >= 0.9 * len(LINES), found
    assert found["over"] <= 0.1 * len(LINES), found
    assert found["under"] <= 1, missed
    assert not [m for m in missed if m[2] == [3]]


def test_the_labels_are_of_both_kinds_and_of_every_tier():
    labels = Counter(tuple(json.loads(raw)["expected"]) for raw in LINES)
    assert {(1,), (2,), (3,)} <= labels.keys()
    assert sum(n for tiers, n in labels.items() if len(tiers) > 1) >= 20
