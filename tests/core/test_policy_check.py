"""What `handrail check` finds beyond what keeps a policy from loading (SPEC 2, I16): each finding
with file, line, hint and severity, and nothing said that is not so."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.model import Client, Person, Role
from handrail.core.policy_check import check
from handrail.core.starter_policy import starter
from support.policy_text import MAIN, ROW, RULE, SIGNATURES

LIMITED = ROW + "    velocity: {max: 9, per: 1h}\n    notify: lead\n"
SOUND = MAIN.replace("says: Answers for it", "says: Answers for it, backups: [lead]")


def rules(*lines):
    return "rules:\n" + "".join(f"  - {{{line}}}\n" for line in lines)


def folder(*, main=SOUND, row=LIMITED, rule="", more=""):
    files = {"handrail.yaml": main + more, "matrix/a.yaml": SIGNATURES + row}
    return files | ({"rules/a.yaml": rule} if rule else {})


def found(files, **given):
    policy, problems = check(files, **given)
    assert policy is not None, [str(p) for p in problems]
    return [(p.severity, p.code, p.file, p.line, p.message, p.hint) for p in problems]


def test_a_sound_policy_has_no_findings():
    assert found(folder(rule=RULE)) == []


R = "name: r, tier: 3, because: x"
CASES = [
    # (rules, severity, code, part of the message, part of the hint)
    ([f"{R}, when: '1 > 2'"], "error", "never", "'r' can never hold", "Correct"),
    ([f"{R}, when: 'targets.count > 3 && targets.count < 2'"], "error", "never", "never hold", ""),
    (
        [f"{R}, when: 'client.risk == \"hgih\"'"],
        "error", "never", "except where client.risk is not known", "Did you mean 'high'?",
    ),
    (
        [f"{R}, when: 'user.class == \"foo\"'"],
        "warning", "never", "as long as lookups give the usual words", "user.class is never 'foo'",
    ),
    (
        [f"{R}, about: {{categories: [server]}}, when: 'action.category == \"identity\"'"],
        "error", "never", "can never hold", "",
    ),
    (
        [f"{R}, about: {{effect: read}}, when: 'action.effect == \"change\"'"],
        "error", "never", "can never hold", "",
    ),
    ([f"{R}, when: 'targets.count >= 0'"], "warning", "always", "when: says nothing", "leave it"),
    (
        [f"{R}, when: 'user.class == \"admn\" || targets.count > 3'"],
        "warning", "unknown-word", "compares user.class with 'admn'", "'admin'",
    ),
    (
        [f"{R}, when: 'action.effect == \"chnage\" || targets.count > 3'"],
        "error", "unknown-word", "none of its words", "'change'",
    ),
    (
        [f"{R}, when: '\"hippa\" in client.regimes'"],
        "warning", "unknown-word", "the regime 'hippa'", "'hipaa'",
    ),
    (
        [f"{R}, when: 'action.type == \"psa.add_nite\"'"],
        "warning", "unknown-name", "psa.add_nite has no row", "'psa.add_note'",
    ),
    (
        [f"{R}, about: {{types: [psa.add_nite]}}"],
        "warning", "unknown-name", "psa.add_nite has no row", "'psa.add_note'",
    ),
    (
        [f"{R}, about: {{types: ['pssa.*']}}"],
        "warning", "unknown-name", "of the connection 'pssa'", "'psa'",
    ),
    (
        [f"{R}, about: {{types: ['psa.*'], categories: [server]}}"],
        "warning", "never", "is about no row", "about:",
    ),
    (
        [f"{R}, about: {{types: ['psa.*']}}", "name: s, tier: 2, because: x, when: 'true', about: {types: [psa.add_note]}"],
        "warning", "shadowed", "'s' never decides: 'r' asks for tier 3", "narrow",
    ),
    (
        [f"{R}, when: targets.count > 3", "name: s, tier: 3, because: x, when: targets.count > 5"],
        "warning", "shadowed", "'s' never decides", "",
    ),
    (
        [f"{R}, when: args.x == 1", "name: s, tier: prohibited, because: x, when: args.x == 1"],
        "warning", "shadowed", "'r' never decides: 's' asks for tier prohibited", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "severity", "code", "message", "hint"), CASES)
def test_rules(lines, severity, code, message, hint):
    problems = found(folder(rule=rules(*lines)))

    assert any(
        p[:3] == (severity, code, "rules/a.yaml") and message in p[4] and hint in p[5]
        for p in problems
    ), problems


@pytest.mark.parametrize(
    "lines",
    [
        [f"{R}, when: targets.count > 3", "name: s, tier: 3, because: x, when: targets.count < 2"],
        [f"{R}, when: targets.count > 3", "name: s, tier: 2, because: x, when: clients.count > 3"],
        [f"{R}, when: args.x == 1", "name: s, tier: 3, because: x, when: args.x == 2"],
        [f"{R}, about: {{categories: [server]}}", "name: s, tier: 3, because: x, about: {effect: read}"],
        [f"{R}, when: 'client.id == \"acme\"'"],
        [f"{R}, about: {{types: ['*.wipe*']}}"],
        [f"{R}, when: '\"house-rules\" in client.regimes'"],
        [f"{R}, when: 'action.type == \"psa.add_note\" && targets.count > 3'"],
    ],
)  # fmt: skip
def test_rules_that_may_decide_are_left_alone(lines):
    assert found(folder(rule=rules(*lines))) == []


def test_two_rules_that_say_the_same_are_said_once():
    lines = [
        f"{R}, when: targets.count > 3",
        "name: s, tier: 3, because: x, when: targets.count > 3",
    ]

    assert [p[4][:27] for p in found(folder(rule=rules(*lines)))] == ["the rule 's' never decides:"]


def routing(*lines):
    routes = "".join(f"  - {{chain: all{line}}}\n" for line in lines)
    return SOUND[: SOUND.index("routing:")] + "routing:\n" + routes


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ((", categories: [server]", ", when: targets.count > 3, categories: [server]", ""), 10),
        ((", categories: [server, data]", ", categories: [data]", ""), 10),
        (
            (", categories: [server]", ", categories: [data]", ", categories: [data, server]", ""),
            11,
        ),
        ((", when: targets.count > 3", ", when: targets.count > 5, categories: [data]", ""), 10),
    ],
)
def test_routes_that_no_call_reaches(lines, line):
    problems = found(folder(main=routing(*lines)))

    assert [(p[1], p[3]) for p in problems] == [("unreachable", line)]


def test_routes_that_some_call_reaches_are_left_alone():
    lines = (
        ", categories: [server]",
        ", when: targets.count > 3",
        ", categories: [server, data]",
        "",
    )

    assert found(folder(main=routing(*lines))) == []


ROWS = [
    ("    needs_facts: [user.class]\n", "no-lookup", "needs user.class", "types: [psa.add_note]"),
    ("    bounds: [{name: b, when: '1 > 2', because: x}]\n", "never", "'b' is never true", ""),
    ("    bounds: [{name: b, when: '1 < 2', because: x}]\n", "always", "it bounds nothing", ""),
    (
        "    rollback: {class: exact, calls: [{call: psa.del_note, arguments: {}}]}\n",
        "unknown-name", "calls psa.del_note, which has no row", "psa.add_note",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "message", "hint"), ROWS)
def test_rows(text, code, message, hint):
    (problem,) = found(folder(row=LIMITED + text))

    assert problem[:2] == ("warning", code)
    assert problem[2] == "matrix/a.yaml"
    assert message in problem[4]
    assert hint in problem[5]


def test_a_row_without_content_and_limit_and_one_with_a_blank_factor():
    blank = ROW.replace("      reversibility: {level: immediate, why: x}\n", "").replace(
        "tier: 1", "tier: 3"
    )

    assert [p[1] for p in found(folder(row=ROW))] == ["no-limit"]
    assert [p[4] for p in found(folder(row=blank))] == [
        "psa.add_note: reversibility is blank, and counts at its worst"
    ]


def test_names_of_types_in_the_main_file():
    more = "four_eyes: [psa.add_nite]\nprohibited: [{type: psa.nope, because: x}]\n"
    more += "beside: [{role: lead, data_classes: []}]\n"

    problems = found(folder(more=more))

    assert [(p[1], p[3]) for p in problems] == [
        ("unknown-name", 11), ("unknown-name", 12), ("never", 13),
    ]  # fmt: skip


# --- people ---------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ACME = Client(id="acme", name="Acme")


def person(name, *roles, **more):
    held = frozenset(
        Role(r, c) for r, _, c in ((x.partition("@")) for x in roles) for c in [c or None]
    )
    return Person(id=name, name=name, email=f"{name}@x.example", roles=held, **more)


def codes(files, people, clients=()):
    return [(p[0], p[1]) for p in found(files, people=people, clients=clients)]


def test_roles_without_backup_and_chains_on_one_role():
    assert [p[1] for p in found(folder(main=MAIN))] == ["no-backup"]
    alone = MAIN.replace("[lead, boss]", "[boss]")
    assert sorted(p[1] for p in found(folder(main=alone))) == ["may-be-empty", "no-backup"]


def test_roles_with_nobody_and_chains_that_are_empty():
    files = folder()

    assert codes(files, [person("a", "lead"), person("b", "boss")]) == []
    assert codes(files, [person("a", "lead")]) == [("warning", "nobody")]
    assert ("error", "empty") in codes(files, [])
    assert ("error", "empty") in codes(files, [person("a", "lead", active=False)])
    two = folder(row=LIMITED + "    approvals: 2\n")
    assert ("warning", "too-few") in codes(two, [person("a", "lead", "boss")])


def test_a_role_held_for_one_client_leaves_the_others_empty():
    people = [person("a", "boss@other")]

    assert ("error", "empty") in codes(folder(), people, [ACME])
    engineer = replace(ACME, account_engineer="a")
    assert ("error", "empty") not in codes(folder(), people, [engineer])


def test_a_policy_that_does_not_load_says_why():
    policy, problems = check({"handrail.yaml": "x: 1\n"})

    assert policy is None
    assert all(p.severity == "error" for p in problems)


def test_the_starter_policy_has_no_errors():
    policy, problems = check(starter())

    assert policy is not None
    assert [str(p) for p in problems if p.severity == "error"] == []


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20))
def test_I16_no_condition_and_no_type_makes_check_crash(when, type):
    """Only findings come out of it, whatever stands in a rule."""
    text = "rules:\n  - {name: r, tier: 3, because: x, when: %s, about: {types: [%s]}}\n"
    quoted = [repr(x.replace("'", "")) for x in (when, type)]

    _, problems = check(folder(rule=text % (quoted[0], quoted[1])))

    assert all(p.line >= 1 and p.message for p in problems)


def test_I19_a_row_that_a_rule_raises_to_tier_2_names_who_is_told():
    rule = """rules:
  - {name: told, when: 'confidence < 0.5', tier: 2, because: people look at it}
"""
    unnamed = LIMITED.replace("    notify: lead\n", "")

    (problem,) = [p for p in found(folder(row=unnamed, rule=rule)) if p[1] == "no-notify"]
    assert "'told' can raise psa.add_note to tier 2" in problem[4]
    assert "notify:" in problem[5]
    named = found(folder(row=LIMITED, rule=rule))
    assert "no-notify" not in [p[1] for p in named]
