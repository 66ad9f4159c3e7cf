"""Conditions: what is unknown holds, words are compared without regard to case and form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.conditions import (
    ATTRIBUTES,
    MAX_TEXT,
    ConditionError,
    condition,
    expression,
    folded,
    scope,
    together,
)
from handrail.core.twins import folded_text

VALUES = {
    "args": {"name": "Print Spooler", "n": 3, "list": ["a", "B"], "deep": {"Key": "V"}, "no": None},
    "user.class": "Standard",
    "client.regimes": ["HIPAA"],
    "targets.count": 1,
    "targets.list": ["WS-12"],
    "fact": {"client": "acme"},
    "trigger.ref": "T-1",
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("targets.count == 1", True),
        ("targets.count > 1", False),
        ('user.class == "standard"', True),
        ('"hipaa" in client.regimes', True),
        ("args.n == 3", True),
        ('has(args.missing) && args.missing == "x"', False),
        ("args.no == null", True),
    ],
)
def test_a_condition_is_its_value(text, holds):
    assert condition(text).holds(scope(VALUES)).holds is holds


@pytest.mark.parametrize(
    "text",
    [
        'args.missing == "x"',
        'device.role == "workstation"',
        'fact["other"] == "x"',
        "args.list[9] == 1",
        "args.name > 3",
        "args.n",
        'args.name.matches("(")',
    ],
)
def test_I16_a_condition_that_errs_holds_and_is_never_true(text):
    held = condition(text).holds(scope(VALUES))

    assert held.holds
    assert held.error
    assert not condition(text).true(scope(VALUES))


def test_I16_values_that_CEL_cannot_take_hold_too():
    for value in (10**30, -(2**64), "\ud800", object()):
        assert condition("args.x == 1").holds(scope({"args": {"x": value}})).holds
        with pytest.raises(ConditionError):
            expression("args.x + 1").value(scope({"args": {"x": value}}))


@pytest.mark.parametrize(
    "text",
    [
        'args.name == "PRINT SPOOLER"',
        'args.NAME == "Print Spooler"',
        'args["Name"].startsWith("PRINT")',
        'args.name.matches("^print\\\\D+$")',
        '"ws-12" in targets.list',
        'targets.list.exists(t, t == "Ws-12")',
        'trigger . ref == "t-1"',
    ],
)
def test_a_rule_holds_in_any_case(text):
    assert not condition(text).true(scope(VALUES))
    assert condition(text, twin="either").true(scope(VALUES))


def test_a_bound_holds_only_for_the_words_as_they_stand():
    bound = condition('args.name in ["Print Spooler"]', twin="both")

    assert bound.true(scope(VALUES))
    assert not bound.true(scope({"args": {"name": "print spooler"}}))


@given(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.booleans())
def test_another_unicode_form_is_the_same_word(form, upper):
    word = unicodedata.normalize(form, "Büroöffnung ﬁle")
    values = {"args": {"name": word.upper() if upper else word}}

    assert condition('args.name == "Büroöffnung ﬁle"', twin="either").true(scope(values))


def test_a_zero_width_character_hides_nothing():
    values = {"args": {"name": "Domain\u200b Admins"}}

    assert condition('args.name == "Domain Admins"', twin="either").true(scope(values))


def test_patterns_keep_their_letters_when_folded():
    assert folded_text('args.x.matches("\\\\D")') == 'folded.args.x.matches("(?i)\\\\D")'


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("args.Foo.size() > 1", "folded.args.foo.size() > 1"),
        ("myargs.x", "myargs.x"),
        ('"\\"A\\nB" == "x"', '"\\"a\\nb" == "x"'),
        ("b'AB' == b'AB'", "b'AB' == b'AB'"),
        ('"a\\?B\\u00C9\\x41\\101\\t" == args.x', '"a?béaa\\t" == folded.args.x'),
        ("r'\\D' == args.x", '"\\\\d" == folded.args.x'),
    ],
)
def test_the_folded_text_of_an_expression(text, folded):
    assert folded_text(text) == folded


def test_folding_reaches_everything():
    deep = {"A": [{"É": "Ü"}, 1, None, True], "b": ("X",)}

    assert folded(deep) == {"a": [{"é": "ü"}, 1, None, True], "b": ("X",)}
    assert folded({"A": [2**70, "B"]}) == {"a": [2**70, "b"]}


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ('user.clas == "x"', "undeclared reference to 'user.clas'", "Did you mean user.class?"),
        ("zzz == 1", "undeclared reference", "Known names: action.type"),
        ('"a" + 1 == "b"', "no matching overload", "attributes and their types"),
        ("args.", "Syntax error", ""),
        ("targets.count", "gives an int, not true or false", "Compare it"),
        ("user.class", "gives a string", "Compare it"),
        ("x" * (MAX_TEXT + 1), "over 2000 characters", "Split it."),
        ("args.x == 1 // (", "", ""),
    ],
)
def test_what_cannot_be_compiled_is_said(text, says, hint):
    if "//" in text:
        assert condition(text, twin="either").text == text  # a comment does no harm
        return
    with pytest.raises(ConditionError) as error:
        condition(text)
    assert says in error.value.message
    assert hint in error.value.hint


def test_what_has_no_folded_twin_is_refused():
    with pytest.raises(ConditionError) as error:
        condition('args.x == """A', twin="either")
    assert error.value.message
    for text in ("args.In == 1", f'args.x == "{"ﷺ" * 900}"'):
        assert condition(text)
        with pytest.raises(ConditionError, match="without regard to case"):
            condition(text, twin="either")


def test_expressions_afterwards_see_what_was_read():
    check = condition("after.enabled == before.enabled && result.ok", afterwards=True)
    values = {
        **VALUES,
        "before": {"enabled": True},
        "after": {"enabled": True},
        "result": {"ok": 1},
    }

    assert not check.true(scope(values))  # 1 is not true
    assert condition("after.enabled == before.enabled", afterwards=True).true(scope(values))
    assert expression("[args.name, before.enabled]", afterwards=True).value(scope(values)) == [
        "Print Spooler",
        True,
    ]
    with pytest.raises(ConditionError, match=r"Known names|undeclared"):
        condition("result.ok")


def test_an_expression_without_its_value_raises():
    with pytest.raises(ConditionError, match=r"args\.missing"):
        expression("args.missing").value(scope(VALUES))
    with pytest.raises(ConditionError):
        expression("result.x", afterwards=True).value(scope(VALUES))


def test_a_scope_gives_what_was_not_expected():
    prepared = scope(VALUES, focus=frozenset({"targets.count"}))

    assert condition("targets.count == 1").true(prepared)
    assert condition('args.name == "PRINT SPOOLER"', twin="either").true(prepared)
    assert condition('user.class == "standard"').true(prepared)


def test_many_conditions_are_asked_at_once():
    texts = [f"targets.count == {n}" for n in range(2, 40)]
    groups = list(together([condition(t) for t in texts]))

    assert [len(g.conditions) for g in groups] == [16, 16, 6]
    assert all(g.quiet(scope(VALUES)) for g in groups)
    loud = next(together([condition("targets.count == 7"), condition("args.missing == 1")]))
    assert not loud.quiet(scope(VALUES))
    assert not loud.quiet(scope({"args": {"x": "\ud800"}}))


def test_conditions_too_large_together_are_asked_one_by_one():
    """One letter that folds into eighteen makes the folded twin long."""
    long = [condition(f'args.x == "{"ﷺ" * 400}{n}"', twin="either") for n in range(16)]
    (group,) = together(long)

    assert not group.quiet(scope({"args": {"x": "a"}}))
    assert not long[0].true(scope({"args": {"x": "a"}}))
    assert long[0].true(scope({"args": {"x": "ﷺ" * 400 + "0"}}))


def test_every_attribute_has_a_type_and_a_meaning():
    for name, attribute in ATTRIBUTES.items():
        assert attribute.doc
        assert expression(name).text == name
