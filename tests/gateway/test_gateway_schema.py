"""The `handrail` argument changes no verdict on a tool's own arguments (MCP section 3)."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from handrail.gateway.schema import ARGUMENT, can_take, owns, with_argument

TAKES: dict[str, Any] = {
    "plain": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    "without properties": {"type": "object"},
    "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
    "typed rest": {"type": "object", "additionalProperties": {"type": "integer"}},
    "open oneOf": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "open allOf": {"allOf": [{"properties": {"a": {"type": "string"}}}]},
    "open if": {
        "if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {},
    },
    "unevaluated at the root": {
        "allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False,
    },
    "root $ref to open": {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"a": {}}}}},
    "closed inside": {
        "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False}}
    },
    "dependentRequired": {"properties": {"a": {}}, "dependentRequired": {"a": ["b"]}},
    "minProperties": {"properties": {"a": {}}, "minProperties": 1},
}  # fmt: skip
LEAVES: dict[str, Any] = {
    "closed in allOf": {"allOf": [{"properties": {"a": {}}, "additionalProperties": False}]},
    "unevaluated in anyOf": {"anyOf": [{"properties": {"a": {}}, "unevaluatedProperties": False}]},
    "closed in oneOf in allOf": {"allOf": [{"oneOf": [{"additionalProperties": False}]}]},
    "closed $ref": {"$ref": "#/$defs/t", "$defs": {"t": {"additionalProperties": False}}},
    "typed rest in allOf": {"allOf": [{"additionalProperties": {"type": "integer"}}]},
    "closed then": {"if": {}, "then": {"additionalProperties": False}},
    "closed dependentSchemas": {"dependentSchemas": {"a": {"additionalProperties": False}}},
    "propertyNames": {"propertyNames": {"maxLength": 3}},
    "maxProperties": {"properties": {"a": {}}, "maxProperties": 1},
    "patternProperties": {"patternProperties": {"^h": {"type": "integer"}}},
    "not": {"not": {"required": ["handrail"]}},
    "enum": {"enum": [{"a": 1}]},
    "const": {"const": {"a": 1}},
    "remote $ref": {"$ref": "https://x.example/schema"},
    "dynamic $ref": {"$dynamicRef": "#node"},
    "recursion": {"properties": {"child": {"$ref": "#"}}},
    "recursion by id": {"$id": "urn:t", "properties": {"child": {"$ref": "urn:t"}}},
    "own property": {"properties": {"handrail": {"type": "string"}}},
    "false in allOf": {"allOf": [False]},
    "properties is no object": {"properties": []},
}  # fmt: skip

INSTANCES = st.dictionaries(
    st.sampled_from(["a", "b", "handlebar", "child", "zz"]),
    st.one_of(st.integers(0, 2), st.text(max_size=3), st.dictionaries(st.just("x"), st.none())),
    max_size=3,
)


@pytest.mark.parametrize("which", TAKES)
@given(instance=INSTANCES)
def test_a_schema_that_takes_it_says_the_same_with_and_without(
    which: str, instance: dict[str, Any]
) -> None:
    tool = {"name": "t", "inputSchema": TAKES[which]}
    before = copy.deepcopy(tool)

    changed = with_argument(tool)["inputSchema"]

    assert tool == before, "the pinned definition stays as it is"
    assert list(changed["properties"])[-1] == ARGUMENT
    original, extended = Draft202012Validator(TAKES[which]), Draft202012Validator(changed)
    assert extended.is_valid(instance) == original.is_valid(instance)
    with_facts = {**instance, ARGUMENT: {"reasoning": "so"}}
    if original.is_valid(instance):
        assert extended.is_valid(with_facts)


@pytest.mark.parametrize("which", LEAVES)
def test_a_schema_that_cannot_take_it_is_left_alone(which: str) -> None:
    tool = {"name": "t", "inputSchema": LEAVES[which]}

    assert not can_take(LEAVES[which])
    assert with_argument(tool) == tool


def test_a_tool_without_a_schema_is_left_alone() -> None:
    for tool in (
        {"name": "t"},
        {"name": "t", "inputSchema": None},
        {"name": "t", "inputSchema": []},
    ):
        assert with_argument(tool) == tool
        assert not owns(tool)


def test_an_argument_of_the_tools_own_is_not_ours() -> None:
    assert owns({"name": "t", "inputSchema": LEAVES["own property"]})
    assert not owns({"name": "t", "inputSchema": TAKES["plain"]})
