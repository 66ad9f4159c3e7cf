"""The schema for editors and the loader say the same about structure (I16): two descriptions of
one file format would be two formats."""

import orjson
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from handrail.core import policy_shape as shape
from handrail.core.policy_load import MAIN, understand
from handrail.core.policy_schema import header, schema, shapes
from support.policy_text import MAIN as MAIN_TEXT
from support.policy_text import ROW, RULE, SIGNATURES

OF_MAIN = Draft202012Validator(schema("handrail.yaml"))
OF_ROWS = Draft202012Validator(schema("rows"))
OF_ANY = Draft202012Validator(schema("any"))

#: A value of each kind that fits it, or nearly does. Small pools: what matters is which fits where.
TEXTS = st.sampled_from(
    [
        "x", "", " ", "1h", "0s", "90s", "07d", "1w", "2026-11-02", "2026-13-40", "2026-1-2",
        "2026-12-24T12:00:00+01:00", "2026-12-24T12:00:00", "2026-99-24T12:00:00Z", "a.b", "a.b\n",
        "a", "*", "*.*", "lead", "boss", "all", "user.class", "fact.x", "fact.", "{targets}",
        "{target}", "{", "{args.x} }", "1 < 2", "args.x", "1 <", "* ?", "identity", "change",
        "calendar.ics", "https://calendar.example/x.ics", "ftp://x", "none", "x" * 2001, "\u0663h",
    ]
)  # fmt: skip
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 4),
    st.sampled_from([0.5, -0.5, 1.5, 10**6, 10**6 + 1]),
    TEXTS,
    st.lists(TEXTS, max_size=2),
    st.dictionaries(st.sampled_from(["x", "level", "why", "read"]), TEXTS, max_size=2),
)


def fitting(kind):
    """Values that fit *kind*, for the most part."""
    if isinstance(kind, shape.Shape):
        must = {k: of(m.kind) for k, m in kind.members.items() if m.required}
        may = {k: of(m.kind) for k, m in kind.members.items() if not m.required}
        return st.fixed_dictionaries(must, optional=may)
    if isinstance(kind, shape.Listing):
        return st.lists(of(kind.item), min_size=kind.least, max_size=2)
    if isinstance(kind, shape.Named):
        return st.dictionaries(
            st.sampled_from(["lead", "boss", "all"]), of(kind.item), min_size=kind.least, max_size=2
        )
    if isinstance(kind, shape.One):
        return st.sampled_from(kind.of)
    if isinstance(kind, shape.Number):
        return st.integers(kind.low, min(kind.high, 3)) if kind.whole else st.just(0.5)
    if isinstance(kind, shape.Either):
        return st.booleans() | st.integers(0, 3) | TEXTS
    return st.sampled_from(list(kind.words)) | TEXTS if kind.words else TEXTS


def of(kind):
    """Mostly what fits; now and then something else."""
    return st.integers(0, 30).flatmap(lambda n: ODD if n == 0 else fitting(kind))


def structural(files, name):
    """Whether the loader finds the structure of file *name* wrong."""
    return any(
        p.code in {"structure", "yaml"} and p.file == name for p in understand(files).problems
    )


def agree(name, document, validator):
    text = orjson.dumps(document).decode()
    files = {MAIN: MAIN_TEXT, "matrix/a.yaml": SIGNATURES + ROW} | {name: text}
    refused = [e.message for e in validator.iter_errors(document)]
    problems = [p for p in understand(files).problems if p.file == name]
    assert bool(refused) == structural(files, name), (refused, [str(p) for p in problems])


@settings(max_examples=200, deadline=None)
@given(of(shape.MAIN))
def test_schema_and_loader_agree_about_the_main_file(document):
    agree(MAIN, document, OF_MAIN)


@settings(max_examples=200, deadline=None)
@given(of(shape.ROWS))
@example({"rules": [{"name": "x", "tier": 2, "because": "x", "about": {}}]})
def test_schema_and_loader_agree_about_the_other_files(document):
    agree("rules/b.yaml", document, OF_ROWS)


#: Each mapping by itself, nested where it stands, so that deep ones are met often.
ALONE = [s for s in shapes() if s.name not in {shape.MAIN.name, shape.ROWS.name}]


def planted(wanted, value):
    """A document of either file with *value* where a mapping of the shape *wanted* stands."""

    def within(kind):
        if kind is wanted:
            return value
        if isinstance(kind, shape.Listing):
            inner = within(kind.item)
            return None if inner is None else [inner]
        if isinstance(kind, shape.Named):
            inner = within(kind.item)
            return None if inner is None else {"lead": inner}
        if isinstance(kind, shape.Shape):
            for name, member in kind.members.items():
                inner = within(member.kind)
                if inner is not None:
                    return {name: inner}
        return None

    found = within(shape.ROWS)
    return ("rules/b.yaml", found) if found is not None else (MAIN, within(shape.MAIN))


@pytest.mark.parametrize("alone", ALONE, ids=lambda s: s.name.replace(" ", "-"))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_schema_and_loader_agree_about_each_mapping(alone, data):
    """What the schema says about one mapping, the loader says too, at its place."""
    value = data.draw(fitting(alone))
    name, document = planted(alone, value)
    definition = {**schema("any"), "$ref": f"#/$defs/{alone.name.replace(' ', '_')}"}
    for key in ("if", "then", "else"):
        del definition[key]
    refused = [e.message for e in Draft202012Validator(definition).iter_errors(value)]
    around = [e.message for e in (OF_MAIN if name == MAIN else OF_ROWS).iter_errors(document)]

    if refused:
        assert around
    agree(name, document, OF_MAIN if name == MAIN else OF_ROWS)


def test_the_schemas_are_schemas_and_describe_every_key():
    for validator in (OF_MAIN, OF_ROWS, OF_ANY):
        Draft202012Validator.check_schema(validator.schema)
    for definition in schema("any")["$defs"].values():
        assert definition["description"]
        assert all(p["description"] for p in definition["properties"].values())


def test_sound_files_pass():
    assert OF_MAIN.is_valid(yaml.safe_load(MAIN_TEXT))
    rows = yaml.safe_load((SIGNATURES + ROW + RULE).replace("2026-11-02", "'2026-11-02'"))
    assert [e.message for e in OF_ROWS.iter_errors(rows)] == []
    assert OF_ANY.is_valid(rows)
    assert not OF_ANY.is_valid({"version": 1})


def test_a_key_that_is_not_described_does_not_load():
    for file in (shape.MAIN, shape.ROWS):
        assert "colour" not in file.members
    assert structural({MAIN: MAIN_TEXT + "colour: red\n"}, MAIN)


def test_each_file_names_its_schema():
    assert header("handrail.yaml") == "# yaml-language-server: $schema=.schema/handrail.json\n"
    assert header("matrix/a.yaml") == "# yaml-language-server: $schema=../.schema/rows.json\n"
