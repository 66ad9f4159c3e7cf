"""What changes between two policies, in words, by action type and client (I27, I17)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.conditions import scope
from handrail.core.model import Client, Effect, Risk, Tier
from handrail.core.policy import laxer, load
from handrail.core.policy_difference import compare
from support.policy_text import MAIN, ROW, SIGNATURES

ACME = Client(id="acme", name="Acme", risk=Risk.HIGH)
BIRCH = Client(id="birch", name="Birch", regimes=frozenset({"hipaa"}))
CEDAR = Client(id="cedar", name="Cedar")
ALL = [ACME, BIRCH, CEDAR]


def rows(*changes):
    """One row for each (name, old text, new text) of ROW."""
    found = "rows:\n"
    for name, old, new in changes:
        assert old in ROW
        found += ROW.replace("rows:\n", "").replace("add_note", name).replace(old, new)
    return found


SAME = ("owner: Somebody", "owner: Somebody")
FIVE = [(n, *SAME) for n in ("a", "b", "c", "d", "e")]


def policy(changes=FIVE, rules=(), main=""):
    files = {"handrail.yaml": MAIN + main, "matrix/a.yaml": SIGNATURES + rows(*changes)}
    if rules:
        files["rules/a.yaml"] = "rules:\n" + "".join(f"  - {{{r}}}\n" for r in rules)
    return load(files)


def tiers(**by):
    """FIVE with other tiers."""
    notify = "\n    notify: lead"
    return [(n, "tier: 1", f"tier: {by[n]}{notify}") if n in by else (n, o, w) for n, o, w in FIVE]


ACME_RULE = (
    "name: acme, tier: 3, because: x, when: 'client.id == \"acme\"', about: {types: [psa.e]}"
)


def test_the_example_of_the_issue():
    old = policy(rules=[ACME_RULE])
    new = policy(tiers(a=2, b=2, c=3, d="prohibited"))

    found = compare(old, new, ALL)

    assert found.sentence == "4 action types become stricter, 1 laxer for one client."
    (last,) = (t for t in found.types if t.type == "psa.e")
    assert last.laxer == ("Acme",)
    assert last.stricter is None
    assert last.why == ("no longer tier 3 by the rule acme",)
    assert found.laxer == ("the rule acme is gone",)


def test_nothing_changed():
    assert compare(policy(), policy()).sentence == "No action type changes."
    other = policy([(n, "rationale: Plain", "rationale: Other") for n, _, _ in FIVE])
    assert compare(policy(), other).types == ()
    assert compare(policy(), other).laxer == ()


def test_without_clients_those_that_conditions_name_stand_for_all():
    found = compare(policy(), policy(rules=[ACME_RULE]))

    assert found.sentence == "1 action type becomes stricter for one client."
    assert found.types[0].stricter == ("acme",)


RULES = [
    # (old rules, new rules, sentence)
    (["when: targets.count > 5"], ["when: targets.count > 3"], "5 action types become stricter."),
    (["when: targets.count > 3"], ["when: targets.count > 5"], "5 action types become laxer."),
    (
        ["when: 'client.risk == \"high\"'"], [],
        "5 action types become laxer for one client.",
    ),
    (
        ["when: '\"hipaa\" in client.regimes'"], ["when: 'client.risk == \"high\"'"],
        "5 action types become stricter for one client, 5 laxer for one client.",
    ),
    (
        ["when: 'client.id != \"cedar\"'"], [],
        "5 action types become laxer for 2 clients.",
    ),
    (["when: args.x == 1"], ["when: 'args.x == 1 || args.y == 2'"], "5 action types become stricter."),
    (["about: {types: [psa.a]}"], ["about: {types: ['psa.*']}"], "4 action types become stricter."),
    (["about: {categories: [server]}"], [], "No action type changes; elsewhere 1 that can lower oversight."),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "sentence"), RULES)
def test_rules(before, after, sentence):
    old, new = (
        policy(rules=[f"name: r{n}, tier: 3, because: x, {r}" for n, r in enumerate(given)])
        for given in (before, after)
    )

    assert compare(old, new, ALL).sentence == sentence


def test_a_rule_under_another_name_that_asks_for_as_much_lowers_nothing():
    old = policy(rules=["name: r, tier: 2, because: x, when: targets.count > 5"])
    new = policy(rules=["name: s, tier: 3, because: x, when: targets.count > 3"])

    assert laxer(old, new) == ()
    assert laxer(new, old) == ("the rule s is gone",)


FREEZE = (
    "freezes: [{name: f, from: '2026-12-24T00:00:00Z', until: '2026-12-27T00:00:00Z',"
    " because: x, clients: [acme]}]\n"
)


def test_freezes_settings_and_the_rest():
    added = compare(policy(), policy(main=FREEZE), ALL)
    gone = compare(policy(main=FREEZE), policy(), ALL)
    numbers = compare(policy(), policy(main="settings: {max_clients: 1, undo_window: 5s}\n"))

    assert added.sentence.startswith("5 action types become stricter for one client")
    assert added.laxer == ()
    assert gone.types[0].laxer == ("Acme",)
    assert gone.laxer == ("freezes changed",)
    assert numbers.sentence == (
        "No action type changes; elsewhere 1 stricter and 1 that can lower oversight."
    )


def test_a_freeze_under_another_name_and_a_rule_instead_of_it():
    other = FREEZE.replace("name: f", "name: g")
    wider = ["name: r, tier: 3, because: x, about: {types: ['psa.*']}, when: 'true'"]

    assert compare(policy(main=FREEZE), policy(main=other), ALL).types == ()
    later = other.replace("12-27", "12-28")
    assert compare(policy(main=FREEZE), policy(main=later), ALL).types[0].laxer == ("Acme",)
    assert all(
        t.laxer is None for t in compare(policy(main=FREEZE), policy(rules=wider), ALL).types
    )
    rules = compare(policy(rules=wider), policy(main=FREEZE), ALL)
    assert all(t.laxer == () for t in rules.types)


def test_what_has_no_plain_direction_counts_as_laxer_only():
    other = [("a", "category: ticketing", "category: other"), *FIVE[1:]]

    found = compare(policy(), policy(other))

    assert found.sentence == "1 action type becomes laxer."
    assert found.types[0].stricter is None


def test_the_first_policy():
    assert compare(None, policy()).laxer == ("there was no policy before this one",)
    assert "elsewhere 1 that can lower oversight" in compare(None, policy()).sentence


CALENDAR = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{}END:VCALENDAR\n"


def test_I27_another_calendar_under_the_same_name_counts_as_laxer():
    def build(text):
        main = MAIN + "freezes: [{name: f, calendar: x.ics, because: x}]\n"
        files = {"handrail.yaml": main, "x.ics": CALENDAR.format(text)}
        return load(files | {"matrix/a.yaml": SIGNATURES + rows(*FIVE)})

    event = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nDTSTART:20261224\nEND:VEVENT\n"
    assert build("").digest != build(event).digest
    assert laxer(build(event), build("")) == ("the calendar x.ics changed",)
    assert laxer(build(event), build(event)) == ()


# --- never said laxer where the tier falls: a slow twin by classifying calls ----------------------

CONDITIONS = [
    "targets.count > 2", "targets.count > 4", 'client.id == "acme"', 'client.risk == "high"',
    '"hipaa" in client.regimes', 'user.class != "standard"', "time.business_hours", "args.x == 1",
    'client.risk == "high" && targets.count > 2', 'client.id == "acme" || targets.count > 4',
]  # fmt: skip
rule = st.builds(
    "tier: {}, because: x, about: {{types: [{}]}}, when: '{}'".format,
    st.sampled_from([2, 3, "prohibited"]),
    st.sampled_from(["'psa.*'", "psa.a", "psa.b"]),
    st.sampled_from(CONDITIONS),
)
calls = st.fixed_dictionaries(
    {
        "client": st.sampled_from(ALL),
        "targets.count": st.integers(1, 6),
        "user.class": st.sampled_from(["standard", "admin"]),
        "time.business_hours": st.booleans(),
        "args": st.fixed_dictionaries({}, optional={"x": st.integers(0, 2)}),
        "type": st.sampled_from(["psa.a", "psa.b"]),
    }
)


def tier_of(policy, call):
    """The tier by row and rules alone, asked plainly."""
    client = call["client"]
    values = {k: v for k, v in call.items() if k not in {"client", "type"}} | {
        "action.type": call["type"],
        "client.id": client.id,
        "client.risk": client.risk.value,
        "client.regimes": sorted(client.regimes),
    }
    row = policy.row(call["type"])
    asked = [row.tier if row else Tier.APPROVE]
    rules = policy.rules_for(call["type"], "ticketing", Effect.CHANGE)
    return max([*asked, *(r.tier for r in rules if r.when.holds(scope(values)).holds)])


@settings(max_examples=120, deadline=None)
@given(
    st.lists(rule, max_size=3),
    st.lists(rule, max_size=3),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 3]),
    st.lists(calls, min_size=12),
)
def test_I27_where_a_call_gets_less_oversight_it_is_said(before, after, was, now, asked):
    old, new = (
        policy(
            [("a", "tier: 1", f"tier: {tier}"), ("b", *SAME)],
            [f"name: r{n}, {text}" for n, text in enumerate(rules)],
        )
        for rules, tier in ((before, was), (after, now))
    )
    found = {t.type: t for t in compare(old, new, ALL).types}
    sentences = laxer(old, new)

    for call in asked:
        then, later = tier_of(old, call), tier_of(new, call)
        change = found.get(call["type"])
        if later < then:
            assert sentences, call
            assert change is not None
            assert change.laxer is not None
            assert change.laxer == () or call["client"].name in change.laxer
        if later > then:
            assert change is not None
            assert change.stricter is not None
            assert change.stricter == () or call["client"].name in change.stricter
