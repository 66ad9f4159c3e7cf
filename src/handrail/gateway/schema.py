"""How a language model sends governance facts: one optional `handrail` argument, added to a
tool's schema where that changes no verdict about the tool's own arguments (MCP section 3).

It is added as the last of the root's properties, never required, and nothing else is touched. It
is left out, so that facts travel by `_meta` only, wherever a subschema that sees the root object
closes or counts it, wherever the root is reached again by recursion, and where the tool owns a
property of that name.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

ARGUMENT = "handrail"
#: What the argument looks like in a tool's schema: short, since every tool list pays for it.
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": (
        "Why you do this: reasoning, confidence (0 to 1), ticket, client, evidence, data_classes."
    ),
    "properties": {
        "reasoning": {"type": "string"},
        "confidence": {"type": "number"},
        "ticket": {"type": "string"},
        "client": {"type": "string"},
        "evidence": {"type": "array"},
        "data_classes": {"type": "array", "items": {"type": "string"}},
    },
}
#: Keywords that close or count an object, or send the reader elsewhere.
_CLOSERS = (
    "propertyNames",
    "maxProperties",
    "not",
    "enum",
    "const",
    "patternProperties",
    "$dynamicRef",
    "$recursiveRef",
)
#: Keywords whose subschemas see the same object as their parent.
_LISTS = ("oneOf", "anyOf", "allOf")
_SINGLES = ("if", "then", "else")


def with_argument(tool: Mapping[str, Any]) -> dict[str, Any]:
    """*tool* as it is listed: with the argument where its schema can take one."""
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict) or not can_take(schema):
        return dict(tool)
    changed = copy.deepcopy(schema)
    changed.setdefault("properties", {})[ARGUMENT] = copy.deepcopy(dict(SCHEMA))
    return {**tool, "inputSchema": changed}


def owns(tool: Mapping[str, Any]) -> bool:
    """Whether the tool itself has an argument of that name, which then is not ours to take."""
    schema = tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return isinstance(properties, dict) and ARGUMENT in properties


def can_take(schema: Mapping[str, Any]) -> bool:
    """Whether one more optional property changes no verdict on the tool's own arguments."""
    properties = schema.get("properties", {})
    if not isinstance(properties, dict) or ARGUMENT in properties:
        return False
    if any(key in schema for key in _CLOSERS) or _recurs(schema):
        return False
    if any(_closes(part) for part in _beside(schema)):
        return False
    reference = schema.get("$ref")
    if reference is None:
        return True
    target = _local(schema, str(reference))
    return target is not None and not _closes(target)


def _beside(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The subschemas that see the same object as *schema*."""
    for key in _LISTS:
        yield from schema.get(key) or ()
    for key in _SINGLES:
        if key in schema:
            yield schema[key]
    yield from (schema.get("dependentSchemas") or {}).values()


def _closes(part: Any) -> bool:
    """Whether a subschema that sees the root object closes or counts it."""
    if not isinstance(part, dict):
        return part is False
    if any(key in part for key in (*_CLOSERS, "$ref")):
        return True
    if any(
        key in part and part[key] is not True
        for key in ("additionalProperties", "unevaluatedProperties")
    ):
        return True
    return any(_closes(deeper) for deeper in _beside(part))


def _recurs(schema: Mapping[str, Any]) -> bool:
    """Whether anything inside refers back to the root: nested objects would allow it too, and
    only the outermost is taken out again."""
    left: list[Any] = [schema]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            reference = here.get("$ref")
            if isinstance(reference, str) and reference in {"#", "#/", schema.get("$id")}:
                return True
            left += here.values()
        elif isinstance(here, list):
            left += here
    return False


def _local(schema: Mapping[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        return None
    here: Any = schema
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        here = here.get(name) if isinstance(here, dict) else None
    return here
