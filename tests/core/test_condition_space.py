"""What is said of a condition by trying every case is true of any case (a slow twin: random ones).

Nothing here lowers or raises a tier; it is what `handrail check` may say, and it must be certain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.core.condition_space import compared, implies, odd_words, parts, verdict
from handrail.core.conditions import condition, scope


def made(text, twin="either"):
    return condition(text, twin=twin)


@pytest.mark.parametrize(
    ("text", "always", "usual"),
    [
        ("1 > 2", False, False),
        ("1 < 2", True, False),
        ("targets.count > 3 && targets.count < 2", False, False),
        ("targets.count >= 0", True, False),
        ("time.hour > 23", False, False),
        ("time.weekday >= 1", True, False),
        ("confidence > 1.5", False, False),
        ('client.risk == "hgih"', False, False),
        ('client.risk in ["low", "normal", "high"]', True, False),
        ('user.class == "foo"', False, True),
        ('user.class == "admin" && user.class == "vip"', False, False),
        ('client.id == "a" && client.id == "b"', False, False),
        ('"x" in client.regimes && !("x" in client.regimes)', False, False),
        ('args.x == 1 && action.effect == "read" && action.effect == "change"', False, False),
        ("has(args.x) || true", True, False),
        ("time.business_hours && !time.business_hours", False, False),
    ],
)
def test_what_is_certain_is_said(text, always, usual):
    told = verdict(made(text), {})

    assert told is not None
    assert (told.always, told.usual) == (always, usual)


@pytest.mark.parametrize(
    "text",
    [
        "targets.count > 3",
        'action.type.startsWith("psa.")',
        "args.x == 1 && args.x == 2",
        "targets.count + 1 > 0",
        "clients.count < targets.count",
        'targets.list.exists(t, t == "x")',
        "size(client.regimes) < 0",
        "confidence > 0.4 && confidence < 0.5",
        'client.id == "acme" && client.risk == "high"',
        'client.id == "ACME" && client.id != "acme"',
        'fact["x"] == "y"',
        'client.id < "A"',
        '"A" > client.id',
        "device.managed == true || device.managed == false",
        " && ".join(f'"r{n}" in client.regimes' for n in range(9)),
        'client.id == "a\\u0041" && client.id == "b"',
        'targets.count in [1, "a"] && targets.count > 5',
        # more cases than are tried
        "time.hour == 1 && time.weekday == 1 && "
        + " && ".join(f'client.id != "{n}"' for n in range(80))
        + ' && action.category == "server" && client.risk == "low" && time.hour == 2',
    ],
)
def test_what_is_not_certain_is_not_said(text):
    assert verdict(made(text), {}) is None


def test_what_a_rule_is_about_narrows_its_cases():
    about = {"action.category": ["identity"]}

    assert verdict(made('action.category == "server"'), {}) is None
    assert not verdict(made('action.category == "server"'), about).always
    assert verdict(made('action.category == "identity"'), about).always


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("targets.count > 5", "targets.count > 3", True),
        ("targets.count > 3", "targets.count > 5", False),
        ("args.x == 1 && targets.count > 3", "targets.count > 3", True),
        ("args.x == 1", "args.x == 1 || targets.count > 3", True),
        ("args.x == 1", "args.x == 2", False),
        ('user.class == "admin"', 'user.class in ["admin", "vip"]', True),
        ('client.risk == "high"', 'client.risk != "low"', True),
        ('client.risk == "high"', '"hipaa" in client.regimes', False),
        ("args.x == 1 || args.y == 2", "args.x == 1", False),
        ("has(args.x)", "has(args.x)", True),
        (None, "targets.count >= 0", True),
        (None, "targets.count > 3", False),
        ("targets.count > 3", None, True),
        # what only looks alike
        ("args.x == 1", "args.y == 9 // || args.x == 1", False),
        ("args.y == 9 // && args.x == 1", "args.x == 1", False),
        ('args.x == "a  b"', 'args.x == "a b"', False),
        ("args.x == 1", 'args.y == """ || args.x == 1 || """', False),
        ('client.id != "b"', 'client.id > "a" || client.id == "a"', False),
    ],
)
def test_implication(first, second, expected):
    one, two = (None if t is None else made(t) for t in (first, second))

    assert implies(one, two, {}) is expected


def test_what_takes_too_many_cases_is_not_said_to_follow():
    many = " && ".join(f'client.id != "{n}"' for n in range(70))
    text = f'({many} || time.hour == 1) && time.weekday == 1 || client.risk == "low"'

    assert not implies(made(f"({text}) && clients.count > 3"), made(f"{text} || true == false"), {})


def test_parts_know_brackets_literals_and_what_binds_less():
    assert parts('a && (b || c) && "x && y" == d', "&&") == ["a", "(b || c)", '"x && y" == d']
    assert parts("a && b || c", "&&") == ["a && b || c"]
    assert parts("a && b || c", "||") == ["a && b", "c"]
    assert parts("a ? b : c && d", "&&") == ["a ? b : c && d"]
    assert parts(" a && b // && c", "&&") == ["a && b // && c"]


def test_words_that_an_attribute_never_has():
    text = 'user.class == "admn" && action.effect != "chnage" && "x" in data.classes'

    assert {(n, w, closed) for n, w, _, closed in odd_words(text)} == {
        ("action.effect", "chnage", True),
        ("user.class", "admn", False),
        ("data.classes", "x", False),
    }


def test_how_an_attribute_is_used():
    assert compared("targets.count > 3 && 5 >= targets.count", "targets.count").literals == (3, 5)
    assert not compared("targets.count > -1", "targets.count").only
    assert not compared("targets.count * 2 > 1", "targets.count").only
    assert compared('client.id in ["a", "b"]', "client.id").literals == ("a", "b")


# --- the slow twin --------------------------------------------------------------------------------

WORDS = ["admin", "ADMIN", "vip", "acme", "x"]
atoms = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["targets.count", "clients.count", "time.hour"]),
        st.sampled_from(["<", "<=", "==", "!=", ">", ">="]),
        st.integers(0, 4),
    ),
    st.builds(
        '{} {} "{}"'.format,
        st.sampled_from(["user.class", "client.id", "action.type"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(WORDS),
    ),
    st.builds('"{}" in client.regimes'.format, st.sampled_from(WORDS)),
    st.builds('client.id in ["{}", "{}"]'.format, st.sampled_from(WORDS), st.sampled_from(WORDS)),
    st.sampled_from(["time.business_hours", "device.managed", "args.x == 1", "has(args.y)"]),
    st.sampled_from(['client.id.startsWith("a")', "targets.count % 2 == 0", "1 < 2"]),
)
texts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("{} && {}".format, inner, inner),
    ),
    max_leaves=5,
)
scopes = st.fixed_dictionaries(
    {
        "targets.count": st.integers(0, 6),
        "action.type": st.sampled_from(WORDS),
        "args": st.fixed_dictionaries(
            {}, optional={"x": st.integers(0, 2), "y": st.sampled_from(WORDS)}
        ),
    },
    optional={
        "clients.count": st.integers(0, 6),
        "time.hour": st.integers(0, 23),
        "user.class": st.sampled_from(["standard", "admin", "service", "vip", "odd"]),
        "client.id": st.sampled_from([*WORDS, "Acme", "other"]),
        "client.regimes": st.lists(st.sampled_from(WORDS), max_size=3),
        "time.business_hours": st.booleans(),
        "device.managed": st.booleans(),
    },
)


@settings(max_examples=300, deadline=None)
@given(texts, st.lists(scopes, min_size=8, max_size=8), st.sampled_from(["either", "both"]))
def test_a_verdict_is_true_of_any_case(text, cases, twin):
    one = made(text, twin)
    told = verdict(one, {})
    if told is None or told.usual:
        return
    for case in cases:
        held = one.holds(scope(case))
        assert held.holds is told.always or held.error is not None, (text, case)


@settings(max_examples=300, deadline=None)
@given(atoms, texts, st.sampled_from(["{0} && {1}", "{1}"]), st.lists(scopes, min_size=10))
def test_an_implication_is_true_of_any_case(second, rest, form, cases):
    """Where the first holds, or can't be worked out, so does the second: nothing that was shadowed
    would have decided."""
    first = form.format(second, rest)
    one, two = made(first), made(second)
    if not implies(one, two, {}):
        return
    for case in cases:
        prepared = scope(case)
        assert not one.holds(prepared).holds or two.holds(prepared).holds, (first, second, case)
