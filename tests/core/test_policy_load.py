"""Loading a policy folder: everything wrong is said, with file, line and hint; nothing crashes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.conditions import scope
from handrail.core.model import Effect, Tier
from handrail.core.policy import load
from handrail.core.policy_load import drafted_row
from handrail.core.starter_policy import starter
from handrail.errors import PolicyInvalid
from support.policy_text import MAIN, READ, ROW, RULE, SIGNATURES


def folder(**files):
    """A sound folder with *files* changed; `main` is handrail.yaml."""
    found = {
        "handrail.yaml": files.pop("main", MAIN),
        "matrix/a.yaml": SIGNATURES + ROW,
        "rules/a.yaml": RULE,
    }
    return found | {name.replace("__", "/") + ".yaml": text for name, text in files.items()}


def problems(files):
    with pytest.raises(PolicyInvalid) as invalid:
        load(files)
    return invalid.value.problems


def main(old, new):
    assert old in MAIN
    return folder(main=MAIN.replace(old, new))


def more(text):
    return folder(main=MAIN + text)


def matrix(old, new):
    assert old in ROW
    return folder(matrix__a=SIGNATURES + ROW.replace(old, new))


def extra(text):
    return folder(matrix__a=SIGNATURES + ROW + text)


def rules(old, new):
    assert old in RULE
    return folder(rules__a=RULE.replace(old, new))


def test_a_sound_folder_becomes_a_policy():
    policy = load(folder())

    row = policy.row("psa.add_note")
    assert row.signed
    assert (row.tier, row.effect, row.category) == (Tier.AUTONOMOUS, Effect.CHANGE, "ticketing")
    assert policy.rules[0].name == "r"
    assert policy.roles["lead"].backups == policy.backups("lead") == ("boss",)
    assert policy.backups("nobody") == ()
    assert policy.row("psa.none") is None


ERRORS = [
    # (folder, file, line, part of the message, part of the hint)
    ({}, "handrail.yaml", 1, "the file is missing", "handrail init"),
    (main("version: 1", "version: 2"), "handrail.yaml", 1, "version is 2", "version 1"),
    (main("version: 1", "version: true"), "handrail.yaml", 1, "version is True", "version 1"),
    (main("organisation: {name: Test}\n", ""), "handrail.yaml", 1, "missing key", "organisation:"),
    (main("organisation: {name: Test}", "organisation: x"), "handrail.yaml", 2, "a mapping", ""),
    (more("colour: red\n"), "handrail.yaml", 11, "unknown key 'colour'", "Known"),
    (more("setings: {}\n"), "handrail.yaml", 11, "unknown key 'setings'", "'settings'"),
    (more("version: 1\n"), "handrail.yaml", 11, "stands twice", ""),
    (more("settings: {undo_window: 31s}\n"), "handrail.yaml", 11, "longer than 30 s", "30s"),
    (more("settings: {undo_window: soon}\n"), "handrail.yaml", 11, "no span of time", "15m"),
    (more("settings: {overdue_outcome: 0s}\n"), "handrail.yaml", 11, "too short", ""),
    (more("settings: {max_clients: many}\n"), "handrail.yaml", 11, "whole number", ""),
    (more("settings: {max_clients: 0}\n"), "handrail.yaml", 11, "a number from 1", ""),
    (more("settings: {max_clients: true}\n"), "handrail.yaml", 11, "a number from 1", ""),
    (more("settings: {max_client: 3}\n"), "handrail.yaml", 11, "unknown key", "'max_clients'"),
    (more("settings: {personal_reads: 1}\n"), "handrail.yaml", 11, "2 or 3", "mail"),
    (more("settings: {approval_valid: 1s}\n"), "handrail.yaml", 11, "longer than undo", "begin"),
    (more("settings: {windows: {urgent: 1m}}\n"), "handrail.yaml", 11, "unknown key", "Known"),
    (more("settings: [1]\n"), "handrail.yaml", 11, "a mapping", "key: value"),
    (main("backups: [boss]", "backups: [bos]"), "handrail.yaml", 4, "'bos'", "'boss'"),
    (main("backups: [boss]", "backups: [lead]"), "handrail.yaml", 4, "backs up itself", "another"),
    (main("per_client: true", "per_client: 1"), "handrail.yaml", 5, "true or false", ""),
    (main("{says: Answers for it, per_client: true}", "x"), "handrail.yaml", 5, "a mapping", ""),
    (main("all: [lead, boss]", "all: [leed]"), "handrail.yaml", 7, "'leed'", "'lead'"),
    (main("all: [lead, boss]", "all: []"), "handrail.yaml", 7, "is empty", "one role"),
    (main("all: [lead, boss]", "all: [lead, lead]"), "handrail.yaml", 7, "twice", "once"),
    (main("all: [lead, boss]", "all: lead"), "handrail.yaml", 7, "a list", "[one, two]"),
    (main("  - {chain: all}\n", ""), "handrail.yaml", 9, "has a condition", "always"),
    (main("- {chain: all}", "- {chain: nil}"), "handrail.yaml", 10, "'nil'", "Known: all"),
    (
        main("- {chain: all}", "- {chain: all, when: nope > 1}"),
        "handrail.yaml",
        10,
        "nope",
        "Known",
    ),
    (main("- {chain: all}", "- {chain: all}\n  - {chain: all}"), "handrail.yaml", 11, "never", ""),
    (main("categories: [security]", "categories: []"), "handrail.yaml", 9, "empty", "Leave"),
    (main("categories: [security]", "categories: [secure]"), "handrail.yaml", 9, "'secure'", "sec"),
    (
        main(
            "routing:\n  - {chain: all, categories: [security]}\n  - {chain: all}\n",
            "routing: []\n",
        ),
        "handrail.yaml",
        8,
        "has a condition",
        "always",
    ),
    (main("roles:\n", "roles: {}\nold:\n"), "handrail.yaml", 3, "no roles", "at least one"),
    (more("own_ground: [{pattern: '*', why: x}]\n"), "handrail.yaml", 11, "everything", "about"),
    (more("own_ground: [{pattern: a}]\n"), "handrail.yaml", 11, "missing key 'why'", "why:"),
    (more("own_ground: [a]\n"), "handrail.yaml", 11, "expected a mapping", ""),
    (more("prohibited: [{type: a.b}]\n"), "handrail.yaml", 11, "'because'", ""),
    (more("beside: [{role: x, data_classes: [health]}]\n"), "handrail.yaml", 11, "'x'", "Known"),
    (more("beside: [{role: lead, data_classes: [pii]}]\n"), "handrail.yaml", 11, "'pii'", ""),
    (more("facts: x\n"), "handrail.yaml", 11, "a list", ""),
    (more("facts: [x, {read: 7}]\n"), "handrail.yaml", 11, "a mapping", ""),
    (more("four_eyes: [add]\n"), "handrail.yaml", 11, "no action type", "connection.tool"),
    (
        more("freezes: [{name: x, from: 2026-12-24, until: z, because: y}]\n"),
        "handrail.yaml",
        11,
        "no instant",
        "T12:00",
    ),
    (
        more(
            "freezes: [{name: x, from: '2026-12-24T12:00:00+01:00',"
            " until: '2026-12-24T11:00:00+01:00', because: y}]\n"
        ),
        "handrail.yaml",
        11,
        "ends before it begins",
        "from:",
    ),
    (
        more(
            "facts: [{name: user.clas, read: psa.get, arguments: {}, value: result.x, age: 1h}]\n"
        ),
        "handrail.yaml",
        11,
        "'user.clas'",
        "'user.class'",
    ),
    (
        more(
            "facts: [{name: user.class, read: psa.get, arguments: {}, value: result.x, age: 1h}]\n"
        ),
        "handrail.yaml",
        11,
        "has no row",
        "Known: psa.add_note",
    ),
    (
        more(
            "facts: [{name: fact.x, read: psa.add_note, arguments: {a: args.}, value: 1 +, age: x}]\n"
        ),
        "handrail.yaml",
        11,
        "Syntax error",
        "",
    ),
    (
        more(
            "facts: [{name: fact.x, read: psa.add_note, arguments: {}, value: result.x, age: 1h}]\n"
        ),
        "handrail.yaml",
        11,
        "effect is change",
        "only reads",
    ),
    (matrix("type: psa.add_note", "type: add_note"), "matrix/a.yaml", 6, "no action type", "conn"),
    (matrix("type: psa.add_note", "type: 7"), "matrix/a.yaml", 6, "expected a text", "quote"),
    (matrix("tier: 1", "tier: 0"), "matrix/a.yaml", 7, "the tier is 0", "prohibited"),
    (matrix("tier: 1", "tier: [1]"), "matrix/a.yaml", 7, "the tier is a list", "prohibited"),
    (matrix("tier: 1", "tier: 2"), "matrix/a.yaml", 7, "needs notify", "role"),
    (matrix("ticket_id}", "ticket_id"), "matrix/a.yaml", 8, "brace stands alone", "{args.NAME}"),
    (matrix("{args.ticket_id}", "{ticket}"), "matrix/a.yaml", 8, "{ticket} is no place", "NAME"),
    (
        matrix("category: ticketing", "category: tickets"),
        "matrix/a.yaml",
        10,
        "'tickets'",
        "ticket",
    ),
    (matrix("effect: change", "effect: changes"), "matrix/a.yaml", 11, "'changes'", "'change'"),
    (
        matrix("client: args.client_id", "client: arg.x"),
        "matrix/a.yaml",
        12,
        "arg.x",
        "Did you mean args?",
    ),
    (matrix("target_kind: ticket", "target_kind: tick"), "matrix/a.yaml", 14, "'tick'", "'ticket'"),
    (matrix("[identifier]", "[identity]"), "matrix/a.yaml", 15, "'identity'", "'identifier'"),
    (matrix("level: single", "level: small"), "matrix/a.yaml", 19, "'small'", "Known"),
    (
        matrix("      frequency: {level: daily, why: x}\n", ""),
        "matrix/a.yaml",
        7,
        "(frequency is blank, which counts as rare (Seldom: each one is new): at least tier 2)",
        "Raise the tier to 2",
    ),
    (
        matrix("level: immediate", "level: permanent"),
        "matrix/a.yaml",
        7,
        "(Can't be undone): at least tier 3",
        "to 3",
    ),
    (matrix("{level: single, why: x}", "{level: single}"), "matrix/a.yaml", 19, "'why'", ""),
    (matrix("    owner: Somebody\n", ""), "matrix/a.yaml", 6, "missing key 'owner'", "owner:"),
    (extra("    needs_facts: [user.clas]\n"), "matrix/a.yaml", 24, "no attribute", "user.class"),
    (extra("    confidence_floor: 70\n"), "matrix/a.yaml", 24, "a number from 0 to 1", ""),
    (extra("    approvals: 3\n"), "matrix/a.yaml", 24, "from 1 to 2", ""),
    (extra("    approvals: 1.5\n"), "matrix/a.yaml", 24, "whole number", ""),
    (extra("    urgency: asap\n"), "matrix/a.yaml", 24, "'asap'", "Known"),
    (extra("    notify: nobody\n"), "matrix/a.yaml", 24, "'nobody'", "Known: boss, lead"),
    (extra("    velocity: {max: 3, per: x}\n"), "matrix/a.yaml", 24, "no span", "15m"),
    (extra("    bounds: [{name: a, when: 1 > 2}]\n"), "matrix/a.yaml", 24, "'because'", ""),
    (
        extra(
            "    bounds:\n"
            "      - {name: a, when: 1 < 2, because: x}\n"
            "      - {name: a, when: 1 < 2, because: x}\n"
        ),
        "matrix/a.yaml",
        26,
        "'a' stands already",
        "own name",
    ),
    (
        extra("    bounds: [{name: a, when: 'targets.count', because: x}]\n"),
        "matrix/a.yaml",
        24,
        "gives an int",
        "Compare",
    ),
    (extra("    rollback: {class: undo}\n"), "matrix/a.yaml", 24, "'undo'", "Known"),
    (extra("    rollback: {class: exact}\n"), "matrix/a.yaml", 24, "needs calls", "undoes"),
    (
        extra("    rollback: {class: snapshot, calls: [{call: a.b, arguments: {x: before.x}}]}\n"),
        "matrix/a.yaml",
        24,
        "needs before",
        "restored",
    ),
    (extra("    rollback: {text: x}\n"), "matrix/a.yaml", 24, "missing key 'class'", ""),
    (
        extra("    rollback: {class: none, calls: [{call: a.b}]}\n"),
        "matrix/a.yaml",
        24,
        "arguments",
        "",
    ),
    (extra("    check: {read: psa.get}\n"), "matrix/a.yaml", 24, "missing key 'arguments'", ""),
    (
        extra("    check: {read: psa.get, arguments: {}}\n"),
        "matrix/a.yaml",
        6,
        "it reads psa.get, which has no row",
        "psa.add_note",
    ),
    (
        extra("    check: {read: psa.add_note, arguments: {}}\n"),
        "matrix/a.yaml",
        6,
        "whose effect is change",
        "only reads",
    ),
    *(
        (more(f"freezes: [{{name: f, because: x{text}}}]\n"), "handrail.yaml", 11, message, hint)
        for text, message, hint in (
            ("", "has no time", "calendar:"),
            (", calendar: x.ics", "no calendar 'x.ics'", "folder"),
            (", calendar: 'ftp://x'", "can't be fetched", "https"),
            (", calendar: x.ics, from: '2026-12-24T12:00:00Z'", "both a span", "two"),
            (
                ", age: 1h, from: '2026-12-24T12:00:00Z', until: '2026-12-25T12:00:00Z'",
                "only a calendar has an age",
                "Leave",
            ),
            (
                ", from: '9999-12-31T23:59:59-12:00', until: '2026-12-25T12:00:00Z'",
                "no instant",
                "2026",
            ),
            (
                ", from: '2026-02-30T23:59:59Z', until: '2026-12-25T12:00:00Z'",
                "no instant",
                "2026",
            ),
        )
    ),
    (
        more(
            "freezes:\n"
            "  - {name: f, because: x, calendar: 'https://x.example/a'}\n"
            "  - {name: f, because: x, calendar: 'https://x.example/b'}\n"
        ),
        "handrail.yaml",
        13,
        "'f' stands already",
        "own name",
    ),
    (
        more("freezes: [{name: f, because: x, calendar: a.ics}]\n") | {"a.ics": "x"},
        "handrail.yaml",
        11,
        "a.ics: it is no calendar",
        "iCalendar",
    ),
    (
        more("freezes: [{name: f, because: x, calendar: b.ics}]\n") | {"a.ics": "x"},
        "handrail.yaml",
        11,
        "no calendar 'b.ics'",
        "'a.ics'",
    ),
    (extra("    signatures: null\n"), "matrix/a.yaml", 24, "expected a list", ""),
    (folder(matrix__b=ROW), "matrix/b.yaml", 2, "has a row already", "One row"),
    (folder(rules__b=RULE), "rules/b.yaml", 2, "'r' stands already", "own name"),
    (folder(matrix__b="rows: {}\n"), "matrix/b.yaml", 1, "expected a list", ""),
    (folder(matrix__b="rowz: []\n"), "matrix/b.yaml", 1, "unknown key 'rowz'", "'rows'"),
    (
        folder(matrix__a=SIGNATURES.replace("at: 2026-11-02", "at: 2026-13-02") + ROW),
        "matrix/a.yaml",
        2,
        "no date",
        "2026-11-02",
    ),
    (
        folder(matrix__a=SIGNATURES.replace("at: 2026-11-02", "at: ''") + ROW),
        "matrix/a.yaml",
        2,
        "expected a text",
        "",
    ),
    (
        folder(matrix__a=SIGNATURES.replace("senior-technician", "senior-tech") + ROW),
        "matrix/a.yaml",
        2,
        "'senior-tech'",
        "'senior-technician'",
    ),
    (folder(matrix__a=SIGNATURES.replace(", why: x", "") + ROW), "matrix/a.yaml", 2, "'why'", ""),
    (
        rules("targets.count > 3", "target.count > 3"),
        "rules/a.yaml",
        2,
        "target.count",
        "targets.count?",
    ),
    (rules("targets.count > 3", "\"'a' > 3\""), "rules/a.yaml", 2, "no matching overload", "types"),
    (rules("tier: 3", "tier: 1"), "rules/a.yaml", 2, "changes nothing", "2 or 3"),
    (rules(", because: too many", ""), "rules/a.yaml", 2, "'because'", ""),
    (
        rules('about: {types: ["psa.*"]}, when: targets.count > 3, ', ""),
        "rules/a.yaml",
        2,
        "everything",
        "about:",
    ),
    (rules('["psa.*"]', '["note"]'), "rules/a.yaml", 2, "no action type", "*"),
    (main("roles:\n", "roles: [x]\nold:\n"), "handrail.yaml", 3, "expected a mapping", ""),
    (more(f"four_eyes: [{', '.join(['a.b'] * 201)}]\n"), "handrail.yaml", 11, "more than 200", "*"),
    (
        more("settings: {max_clients: " + "9" * 5000 + "}\n"),
        "handrail.yaml",
        11,
        "whole number",
        "",
    ),
    (folder(rules__b="rules: [\n"), "rules/b.yaml", 2, "not YAML", "indentation"),
    (folder(rules__b="a: &x [1]\nb: *x\n"), "rules/b.yaml", 1, "anchors and aliases", "Write"),
    (folder(rules__b="[" * 40 + "]" * 40), "rules/b.yaml", 1, "nested deeper", ""),
    (folder(rules__b="x" * 2_000_001), "rules/b.yaml", 1, "over 2000000 bytes", "Split"),
    (folder(rules__b=""), "rules/b.yaml", 1, "is empty", "Remove"),
    (folder(rules__b="a: 1\n---\nb: 1\n"), "rules/b.yaml", 2, "not YAML", ""),
    (folder(rules__b="a: \x00"), "rules/b.yaml", 1, "not YAML", ""),
    (folder(rules__b="- 1\n"), "rules/b.yaml", 1, "expected a mapping, found a list", ""),
    (
        folder(rules__b="rules: [null]\n"),
        "rules/b.yaml",
        1,
        "expected a mapping, found nothing",
        "",
    ),
]


@pytest.mark.parametrize(("files", "file", "line", "message", "hint"), ERRORS)
def test_each_problem_is_said_with_file_line_and_hint(files, file, line, message, hint):
    found = problems(files)

    assert any(
        p.file == file and p.line == line and message in p.message and hint in p.hint for p in found
    ), "\n".join(map(str, found))


def test_all_problems_are_said_at_once_in_order():
    files = folder(
        main=MAIN.replace("version: 1", "version: 9") + "colour: x\n",
        matrix__a=ROW.replace("tier: 1", "tier: 9").replace("effect: change", "effect: x"),
        rules__a=RULE.replace("count", "kount"),
    )

    found = problems(files)

    assert [(p.file, p.line) for p in found] == [
        ("handrail.yaml", 1), ("handrail.yaml", 11), ("matrix/a.yaml", 3), ("matrix/a.yaml", 7),
        ("rules/a.yaml", 2),
    ]  # fmt: skip
    assert str(found[0]).startswith("handrail.yaml:1: version is 9\n    ")


def test_the_digest_is_over_what_is_meant():
    digest = load(folder()).digest
    commented = folder(main="# words\n" + MAIN.replace("{name: Test}", "\n  name: 'Test'"))
    moved = {"handrail.yaml": MAIN, "matrix/z.yaml": SIGNATURES + ROW, "r.yml": RULE, "x.md": "no"}
    signed_in_place = (
        ROW + "    signatures:\n" + SIGNATURES.split("\n", 1)[1].replace("  - ", "      - ")
    )

    assert load(commented).digest == digest
    assert load(moved).digest == digest
    assert load(folder(matrix__a=signed_in_place)).digest == digest
    assert load(matrix("rationale: Plain", "rationale: Other")).digest != digest
    assert load(rules("count > 3", "count > 4")).digest != digest


def test_unsigned_rows_are_drafts():
    policy = load(folder(matrix__a=ROW))

    assert policy.row("psa.add_note") is None
    assert [r.type for r in policy.matrix()] == ["psa.add_note"]
    assert not next(iter(policy.matrix())).signed


def test_every_part_of_a_row_is_read():
    text = (
        SIGNATURES + READ.replace("tier: 1", "tier: 2") + "    notify: lead\n"
        "    confidence_floor: 0.7\n    approvals: 2\n    urgency: high\n    protective: true\n"
        "    risk: Something\n    needs_facts: [user.class, fact.x]\n    velocity: {max: 5, per: 1h}\n"
        "    bounds: [{name: one, when: targets.count <= 1, because: x}]\n"
        "    check: {read: psa.get, arguments: {id: args.id, n: 3, deep: true}, when: result.ok == true, says: ok}\n"
        "    rollback:\n      class: snapshot\n      before: {read: psa.get, arguments: {}}\n"
        "      calls: [{call: psa.set, arguments: {x: before.x}}]\n"
        "      check: {read: psa.get, arguments: {}, when: after.x == before.x}\n"
        "      within: 2d\n      text: Sets it back\n"
    )
    policy = load(folder(matrix__a=text))
    row = policy.row("psa.get")

    assert (row.confidence_floor, row.approvals, row.urgency.value) == (700, 2, "high")
    assert row.velocity[0] == 5
    assert row.velocity_window.total_seconds() == 3600
    assert row.protective
    assert row.rollback.one_click
    assert row.rollback.within.days == 2
    assert row.check.arguments_for({"args": {"id": "T"}}) == {"id": "T", "n": 3, "deep": True}
    assert row.check.holds({"args": {}, "result": {"ok": True}})
    assert not row.check.holds({"args": {}, "result": {}})
    assert row.rollback.before.holds({})


def test_lookups_apply_to_the_calls_they_are_about():
    lookup = (
        "facts:\n"
        "  - {name: user.class, types: ['psa.*'], when: has(args.user), read: psa.get,"
        " arguments: {id: args.user}, value: result.class, age: 2h}\n"
        "  - {name: fact.any, read: psa.get, arguments: {id: '1'}, value: result.x, age: 2h}\n"
    )
    policy = load(folder(main=MAIN + lookup, matrix__b=SIGNATURES + READ))

    def names(type, arguments):
        return [x.name for x in policy.lookups_for(type, scope({"args": arguments}))]

    assert names("PSA.other", {"user": "u"}) == ["user.class", "fact.any"]
    assert names("psa.other", {}) == ["fact.any"]
    assert names("rmm.other", {"user": "u"}) == ["fact.any"]
    first = policy.lookups[0]
    assert first.arguments_for({"args": {"user": "u"}}) == {"id": "u"}
    assert first.value_of({"result": {"class": "vip"}}) == "vip"


def test_the_starter_policy_is_sound_and_signs_nothing():
    policy = load(starter())

    assert not any(row.signed for row in policy.matrix())
    assert {r.type for r in policy.matrix()} >= {"psa.add_ticket_note", "directory.reset_password"}
    assert policy.four_eyes("net.update_Firewall_rule")
    assert not policy.four_eyes("psa.add_ticket_note")


def test_settings_freezes_and_the_rest_are_read():
    text = (
        "settings: {undo_window: 0s, windows: {high: 1m}, max_clients: 2, personal_reads: 2}\n"
        "freezes: [{name: x, from: '2026-12-24T12:00:00+01:00', until: '2026-12-26T12:00:00+01:00',"
        " types: ['psa.*'], categories: [server], clients: [acme], because: holidays}]\n"
        "beside: [{role: boss, data_classes: [health]}]\n"
        "prohibited: [{type: '*.wipe', because: never}]\n"
    )
    policy = load(more(text))

    assert policy.settings.undo_window.total_seconds() == 0
    assert policy.settings.windows["high"].total_seconds() == 60
    assert policy.settings.windows["low"].total_seconds() == 240 * 60
    assert policy.freezes[0].clients == frozenset({"acme"})
    assert policy.prohibited_for("rmm.WIPE") == (("*.wipe", "never"),)


def test_a_rule_needs_no_condition():
    policy = load(rules("when: targets.count > 3, ", ""))

    assert policy.rules[0].when.text == "true"


def test_a_drafted_row_is_checked_like_any_other():
    with pytest.raises(PolicyInvalid):
        drafted_row({"type": "x"})


def said(compile, given):
    """The problems of *given*, empty when it is sound. Nothing else may be raised."""
    try:
        compile(given)
    except PolicyInvalid as invalid:
        return invalid.problems
    return ()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_I16_no_text_makes_the_loader_crash(text):
    for name in ("handrail.yaml", "matrix/b.yaml"):
        found = said(load, folder() | {name: text})
        assert all(p.file and p.line >= 1 and p.message for p in found)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["psa.x", "1h"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "tier", "when", "says", "rollback", "check", "level", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KEYS = (
    "type tier says category effect scorecard bounds rollback check content velocity needs_facts "
    "signatures client"
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS.split()), values, max_size=8))
def test_I16_no_row_makes_the_loader_crash(row):
    assert said(drafted_row, row)
