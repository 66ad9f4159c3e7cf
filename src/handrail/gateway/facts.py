"""Governance facts beside a call: where they travel, what they may be, and how a model sends them
(DOORS, MCP section 3).

Programs send them in `_meta["handrail"]`; a language model can't, so tools that change things
get one optional `handrail` argument, which is stripped before anything is digested or sent.
"""

import copy
from collections.abc import Mapping
from typing import Any

from handrail.core.model import Evidence, Trigger
from handrail.errors import BadInput

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
_KNOWN = frozenset(
    {
        "client", "clients", "targets", "reasoning", "confidence", "ticket", "trigger",
        "evidence", "data_classes", "legal_basis", "urgency", "idempotency_key",
    }
)
_TEXT = 20_000
_LISTED = 100


def of_call(meta: Mapping[str, Any] | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of one call. `_meta` wins; a key said differently in both places is refused."""
    first = (meta or {}).get(ARGUMENT)
    second = arguments.get(ARGUMENT)
    for said in (first, second):
        if said is not None and not isinstance(said, dict):
            raise BadInput("the handrail facts are no object", hint="Send an object or nothing.")
    mine, theirs = dict(first or {}), dict(second or {})
    clash = [k for k in mine.keys() & theirs.keys() if mine[k] != theirs[k]]
    if clash:
        raise BadInput(
            f"{clash[0]} differs between _meta and the argument", hint="Say it in one place."
        )
    return {**theirs, **mine}


def understood(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as keyword arguments of `Request`. Raises `BadInput` saying what to correct."""
    unknown = sorted(set(facts) - _KNOWN)
    if unknown:
        raise BadInput(f"unknown fact {unknown[0]!r}", hint=f"Known: {', '.join(sorted(_KNOWN))}.")
    found: dict[str, Any] = {}
    if "confidence" in facts and facts["confidence"] is not None:
        found["confidence"] = per_mille(facts["confidence"])
    for name in ("reasoning", "legal_basis", "urgency", "idempotency_key"):
        if facts.get(name) is not None:
            found[name] = _text(name, facts[name])
    clients = facts.get("clients", facts.get("client"))
    if clients is not None:
        listed = clients if isinstance(clients, list) else [clients]
        found["clients"] = tuple(_text("client", c) for c in listed[:_LISTED])
    if facts.get("targets") is not None:
        found["targets"] = tuple(_text("target", t) for t in _list("targets", facts["targets"]))
    if facts.get("data_classes") is not None:
        listed = _list("data_classes", facts["data_classes"])
        found["data_classes"] = frozenset(_text("data class", c) for c in listed)
    if facts.get("evidence") is not None:
        found["evidence"] = tuple(_evidence(e) for e in _list("evidence", facts["evidence"]))
    found["trigger"] = _trigger(facts)
    return found


def per_mille(value: Any) -> int:
    """A confidence from 0 to 1 as whole per mille."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadInput(f"confidence is {value!r}", hint="Send a number from 0 to 1.")
    return round(value * 1000)


def with_argument(tool: Mapping[str, Any]) -> dict[str, Any]:
    """*tool* as it is listed: with the argument where its schema can take one."""
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict) or not can_take(schema):
        return dict(tool)
    changed = copy.deepcopy(schema)
    changed.setdefault("properties", {})[ARGUMENT] = dict(SCHEMA)
    return {**tool, "inputSchema": changed}


_COMBINERS = ("oneOf", "anyOf", "allOf")
_CLOSERS = (
    "propertyNames", "maxProperties", "not", "enum", "const", "$dynamicRef", "$recursiveRef",
)


def can_take(schema: Mapping[str, Any]) -> bool:
    """Whether one more optional property changes no verdict on the original instances."""
    if ARGUMENT in (schema.get("properties") or {}):
        return False
    if any(key in schema for key in _CLOSERS):
        return False
    if any(_matches(p) for p in schema.get("patternProperties") or {}):
        return False
    for key in (*_COMBINERS, "if", "then", "else", "dependentSchemas"):
        part = schema.get(key)
        parts = part if isinstance(part, list) else list((part or {}).values()) if (
            key == "dependentSchemas"
        ) else [part]
        if any(_closes(p) for p in parts):
            return False
    reference = schema.get("$ref")
    if reference is None:
        return True
    target = _local(schema, str(reference))
    return target is not None and target is not schema and not _closes(target)


def _closes(part: Any) -> bool:
    """Whether a subschema that sees the root object closes or counts it."""
    if not isinstance(part, dict):
        return part is False
    if any(key in part for key in (*_CLOSERS, "$ref", "patternProperties")):
        return True
    if any(part.get(k) is False for k in ("additionalProperties", "unevaluatedProperties")):
        return True
    return any(_closes(p) for key in _COMBINERS for p in part.get(key) or ())


def _local(schema: Mapping[str, Any], reference: str) -> Any:
    if not reference.startswith("#/"):
        return None
    here: Any = schema
    for step in reference[2:].split("/"):
        here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here


def _matches(pattern: str) -> bool:
    # Whether the upstream's own pattern covers our name can't be decided safely: say it does.
    return bool(pattern)


def _trigger(facts: Mapping[str, Any]) -> Trigger:
    said = facts.get("trigger")
    if isinstance(said, dict):
        return Trigger(_text("trigger kind", said.get("kind", "other"))[:32],
                       _text("trigger ref", said.get("ref", ""))[:200])
    if facts.get("ticket") is not None:
        return Trigger("ticket", _text("ticket", facts["ticket"])[:200])
    return Trigger()


def _evidence(said: Any) -> Evidence:
    if isinstance(said, str):
        return Evidence(_text("evidence", said))
    if not isinstance(said, dict):
        raise BadInput("a piece of evidence is a text or an object", hint="Send {text, source}.")
    entry = said.get("entry")
    if entry is not None and (isinstance(entry, bool) or not isinstance(entry, int) or entry < 0):
        raise BadInput("evidence.entry is a ledger position", hint="Leave it out otherwise.")
    return Evidence(
        _text("evidence text", said.get("text", "")),
        _text("evidence source", said.get("source", "")),
        entry,
    )


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _LISTED:
        raise BadInput(f"{name} is a list of at most {_LISTED}")
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool | int | float):
        value = str(value)
    if not isinstance(value, str) or len(value) > _TEXT:
        raise BadInput(f"{name} is a text of at most {_TEXT} characters")
    return value
