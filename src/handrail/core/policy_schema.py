"""The JSON Schema (2020-12) of a policy's files, made of their one description (`policy_shape`).

Editors use it to complete and check while somebody writes. It says what structure says: that a
name exists elsewhere, that a condition compiles, that a tier is not below its scorecard, only
`handrail check` can tell. One thing is beyond JSON: there 1.0 is the whole number 1.
"""

from collections.abc import Iterator
from typing import Any, Literal

from handrail.core.policy_kinds import Either, Kind, Listing, Named, Number, One, Shape, Text
from handrail.core.policy_shape import MAIN, ROWS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Where `handrail init` writes each schema, for the first line of each file. Hidden: no policy.
WRITTEN = {"handrail.yaml": ".schema/handrail.json", "rows": ".schema/rows.json"}


def schema(of: Literal["handrail.yaml", "rows", "any"]) -> dict[str, Any]:
    """The schema of the main file, of the other files, or of either by whether it has a version."""
    definitions = {_key(s): _mapping(s) for s in _shapes(MAIN, ROWS)}
    main, rows = ({"$ref": f"#/$defs/{_key(s)}"} for s in (MAIN, ROWS))
    found: dict[str, Any] = {"$schema": DIALECT, "title": f"Handrail policy: {of}"}
    if of == "any":
        found |= {"if": {"required": ["version"]}, "then": main, "else": rows}
    else:
        found |= main if of == "handrail.yaml" else rows
        wanted = {_key(s) for s in _shapes(MAIN if of == "handrail.yaml" else ROWS)}
        definitions = {k: v for k, v in definitions.items() if k in wanted}
    return {**found, "$defs": definitions}


def header(file: str) -> str:
    """The first line of a policy file, by which an editor finds its schema."""
    up = "../" * file.count("/")
    return f"# yaml-language-server: $schema={up}{WRITTEN.get(file, WRITTEN['rows'])}\n"


def shapes() -> list[Shape]:
    """Every mapping of a policy's files, the files first, each once."""
    return list(_shapes(MAIN, ROWS))


def _shapes(*roots: Kind) -> Iterator[Shape]:
    """The mappings reached from *roots*, breadth first."""
    seen: set[str] = set()
    waiting: list[Kind] = list(roots)
    while waiting:
        kind = waiting.pop(0)
        if isinstance(kind, Listing | Named):
            waiting.append(kind.item)
        elif isinstance(kind, Shape) and kind.name not in seen:
            seen.add(kind.name)
            yield kind
            waiting += [member.kind for member in kind.members.values()]


def _key(shape: Shape) -> str:
    return shape.name.replace(" ", "_")


def _mapping(shape: Shape) -> dict[str, Any]:
    required = shape.keys[0]
    made: dict[str, Any] = {
        "type": "object",
        "description": shape.doc,
        "properties": {
            name: {**_schema(member.kind), "description": member.doc}
            for name, member in shape.members.items()
        },
        "additionalProperties": False,
    }
    if required:
        made["required"] = list(required)
    if shape.rules:
        made["allOf"] = [dict(rule) for rule in shape.rules]
    return made


def _schema(kind: Kind) -> dict[str, Any]:
    if isinstance(kind, Shape):
        return {"$ref": f"#/$defs/{_key(kind)}"}
    if isinstance(kind, Text):
        return _text(kind)
    if isinstance(kind, Number):
        return {
            "type": "integer" if kind.whole else "number",
            "minimum": kind.low,
            "maximum": kind.high,
        }
    if isinstance(kind, One):
        return {"enum": list(kind.of)}
    if isinstance(kind, Either):
        return {"anyOf": [{"type": ["number", "boolean"]}, _text(kind.text)]}
    if isinstance(kind, Named):
        return {
            "type": "object",
            "additionalProperties": _schema(kind.item),
            **({"minProperties": kind.least} if kind.least else {}),
        }
    return {
        "type": "array",
        "items": _schema(kind.item),
        **({"minItems": kind.least} if kind.least else {}),
        **({"maxItems": kind.most} if kind.most is not None else {}),
        **({"uniqueItems": True} if kind.once else {}),
    }


def _text(kind: Text) -> dict[str, Any]:
    if kind.words and kind.open:
        return {"anyOf": [{"enum": list(kind.words)}, {"type": "string", "pattern": kind.pattern}]}
    if kind.words:
        return {"enum": list(kind.words)}
    made: dict[str, Any] = {"type": "string", "pattern": r"\S"}
    if kind.longest is not None:
        made["maxLength"] = kind.longest
    if kind.pattern:
        made["allOf"] = [{"pattern": kind.pattern}]
    return made
