"""The direction of a change is computed; what can't be told counts as laxer (I27)."""

import pytest

from handrail.core.policy import laxer, load
from support.policy_text import MAIN, ROW, RULE, SIGNATURES


def build(main=MAIN, row=ROW, rule=RULE, signatures=SIGNATURES):
    files = {"handrail.yaml": main, "matrix/a.yaml": signatures + row}
    return load(files | ({"rules/a.yaml": rule} if rule else {}))


BASE = {
    "main": MAIN
    + "settings: {max_clients: 3, undo_window: 10s, check_delay: 30s}\n"
    + "own_ground: [{pattern: a, why: x}]\n"
    + "four_eyes: ['a.b']\n",
    "row": ROW.replace("tier: 1", "tier: 2")
    + "    notify: lead\n    confidence_floor: 0.5\n    approvals: 1\n    protective: true\n"
    + "    velocity: {max: 5, per: 1h}\n    needs_facts: [user.class]\n"
    + "    bounds: [{name: a, when: targets.count < 9, because: x}]\n",
    "rule": RULE,
}

#: (part, old text, new text, words of the sentence; None: it lowers nothing)
CHANGES = [
    ("row", "tier: 2", "tier: 1", "goes from tier 2 to 1"),
    ("row", "tier: 2", "tier: 3", None),
    ("row", "tier: 2", "tier: prohibited", None),
    ("row", "0.5", "0.6", None),
    ("row", "0.5", "0.4", "confidence floor changed"),
    ("row", "    confidence_floor: 0.5\n", "", "confidence floor changed"),
    ("row", "approvals: 1", "approvals: 2", None),
    ("row", "protective: true", "protective: false", "protective changed"),
    ("row", "max: 5", "max: 4", None),
    ("row", "max: 5", "max: 6", "velocity changed"),
    ("row", "per: 1h", "per: 30m", "velocity changed"),
    ("row", "    approvals: 1\n", "    approvals: 1\n    urgency: high\n", "urgency changed"),
    ("row", "    velocity: {max: 5, per: 1h}\n", "", "velocity changed"),
    ("row", "[user.class]", "[user.class, device.role]", None),
    ("row", "[user.class]", "[]", "needs facts changed"),
    ("row", "count < 9", "count < 10", "bounds changed"),
    ("row", "because: x}]", "because: x}, {name: b, when: 1 < 2, because: x}]", None),
    ("row", "[identifier]", "[identifier, personal]", None),
    ("row", "[identifier]", "[]", "data classes changed"),
    ("row", "    data_classes: [identifier]\n", "", None),
    ("row", "category: ticketing", "category: other", "category changed"),
    ("row", "effect: change", "effect: read", "effect changed"),
    ("row", "rationale: Plain", "rationale: Plainly", None),
    ("row", "Add a note", "Read a note", "says changed"),
    ("row", "client: args.client_id", "client: args.other", "client changed"),
    ("row", "reversibility: {level: immediate", "reversibility: {level: recoverable", None),
    ("row", "compliance: {level: identifier", "compliance: {level: none", "scorecard changed"),
    ("row", "notify: lead", "notify: boss", "notify changed"),
    ("rule", RULE, "", "the rule r is gone"),
    ("rule", "tier: 3", "tier: prohibited", None),
    ("rule", "tier: 3", "tier: 2", "the rule r changed"),
    ("rule", "count > 3", "count > 4", "the rule r changed"),
    ("rule", "when: targets.count > 3, ", "", None),
    ("rule", 'about: {types: ["psa.*"]}, ', "", None),
    ("rule", '["psa.*"]', '["psa.*", "rmm.*"]', None),
    ("rule", '["psa.*"]', '["rmm.*"]', "the rule r changed"),
    ("rule", '{types: ["psa.*"]}', '{types: ["psa.*"], effect: change}', "the rule r changed"),
    ("rule", '{types: ["psa.*"]}', '{types: ["psa.*"], categories: [data]}', "the rule r changed"),
    ("rule", "because: too many", "because: other words", None),
    ("main", "max_clients: 3", "max_clients: 2", None),
    ("main", "max_clients: 3", "max_clients: 4", "the setting max_clients changed"),
    ("main", "undo_window: 10s", "undo_window: 20s", None),
    ("main", "undo_window: 10s", "undo_window: 5s", "the setting undo_window changed"),
    ("main", "check_delay: 30s", "check_delay: 31s", "the setting check_delay changed"),
    ("main", "[{pattern: a, why: x}]", "[{pattern: a, why: x}, {pattern: b, why: x}]", None),
    ("main", "pattern: a", "pattern: b", "own ground changed"),
    ("main", "four_eyes: ['a.b']\n", "", "four eyes changed"),
    ("main", "all: [lead, boss]", "all: [boss]", "chains changed"),
    ("main", "name: Test", "name: Other", None),
    ("main", "four_eyes:", "prohibited: [{type: a.b, because: x}]\nfour_eyes:", None),
]


@pytest.mark.parametrize(("part", "old", "new", "words"), CHANGES)
def test_I27_the_direction_of_each_change(part, old, new, words):
    assert old in BASE[part]
    changed = {**BASE, part: BASE[part].replace(old, new, 1)}

    found = laxer(build(**BASE), build(**changed))

    if words is None:
        assert found == ()
    else:
        assert any(words in sentence for sentence in found), found


def test_I27_no_change_is_no_lowering_and_the_first_policy_is_one():
    assert laxer(build(**BASE), build(**BASE)) == ()
    assert laxer(None, build(**BASE)) == ("there was no policy before this one",)


def test_I27_signing_a_draft_lowers_and_taking_a_signature_back_does_not():
    signed, draft = build(**BASE), build(**BASE, signatures="")

    assert laxer(draft, signed) == ("psa.add_note goes from tier 3 to 2",)
    assert laxer(signed, draft) == ()


def test_I27_a_new_row_at_tier_3_lowers_nothing_and_one_below_does():
    other = BASE["row"].replace("rows:\n", "").replace("add_note", "other")
    three = BASE["row"] + other.replace("tier: 2", "tier: 3")

    assert laxer(build(**BASE), build(**{**BASE, "row": three})) == ()
    assert laxer(build(**BASE), build(**{**BASE, "row": BASE["row"] + other})) == (
        "psa.other goes from tier 3 to 2",
    )
    assert laxer(build(**{**BASE, "row": three}), build(**BASE)) == ()


def test_I27_leaving_prohibited_is_a_lowering():
    banned = {**BASE, "row": BASE["row"].replace("tier: 2", "tier: prohibited")}

    assert laxer(build(**banned), build(**BASE)) == ("psa.add_note goes from tier prohibited to 2",)


def test_I27_a_first_velocity_limit_is_stricter():
    without = {**BASE, "row": BASE["row"].replace("    velocity: {max: 5, per: 1h}\n", "")}

    assert laxer(build(**without), build(**BASE)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('about: {types: ["psa.*"]}', 'about: {types: ["psa.?"]}'),
        ('about: {types: ["psa.*"]}', 'about: {types: ["psa.[*]"]}'),
        ("when: args.x == 1", "when: args.y == 9 // || args.x == 1"),
        ("when: 'args.x == \"a  b\"'", "when: 'args.x == \"a b\"'"),
        ("about: {categories: [other]}, when: 'action.category == \"data\"'",
         "about: {categories: [other]}, when: 'action.category == \"data\" && 1 > 2'"),
    ],
)  # fmt: skip
def test_I27_what_only_seems_to_cover_a_rule_does_not(before, after):
    old, new = (
        build(rule=f"rules:\n  - {{name: r, tier: prohibited, because: x, {text}}}\n")
        for text in (before, after)
    )

    assert laxer(old, new) == ("the rule r changed",)
