"""An OpenAPI 3 description → tool definitions, one an operation, for drafting rows.

What an operation's name does not say, its HTTP method does: whatever is not GET or HEAD is taken
to change something. References within the document are followed, others are not.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from handrail.core.importing import MOST_TOOLS, definition
from handrail.core.model import ToolDefinition
from handrail.errors import BadInput

_METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_READS = frozenset({"get", "head", "options"})
_VERBS = {"get": "get", "head": "check", "post": "create", "put": "replace", "patch": "update",
          "delete": "delete", "options": "list", "trace": "trace"}  # fmt: skip
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_ROOT = "urn:handrail:openapi"


def tools(connection: str, document: Any) -> list[ToolDefinition]:
    """The operations of *document* as tools. Raises `BadInput` for what is no OpenAPI 3."""
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(version, str) or not version.startswith("3."):
        raise BadInput(
            "this is no OpenAPI 3 description",
            hint="Its first key is openapi: 3.x; convert a Swagger 2 file first.",
        )
    paths = document.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise BadInput("the description has no paths")
    reader = _Reader(document)
    found: dict[str, ToolDefinition] = {}
    for path, item in paths.items():
        for method, operation, shared in reader.operations(item):
            name = _name(operation, method, str(path))
            while name in found:
                name += "_2"
            found[name] = reader.tool(connection, name, method, str(path), operation, shared)
            if len(found) > MOST_TOOLS:
                raise BadInput(f"the description has more than {MOST_TOOLS} operations")
    if not found:
        raise BadInput("the description has no operations")
    return list(found.values())


class _Reader:
    """Follows references within one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        resource = DRAFT202012.create_resource(document)
        self._resolver = Registry().with_resource(_ROOT, resource).resolver(_ROOT)

    def operations(self, item: Any) -> Iterator[tuple[str, Mapping[str, Any], list[Any]]]:
        item = self.followed(item)
        if not isinstance(item, dict):
            return
        shared = item.get("parameters")
        for method in _METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                yield method, operation, shared if isinstance(shared, list) else []

    def tool(
        self,
        connection: str,
        name: str,
        method: str,
        path: str,
        operation: Mapping[str, Any],
        shared: list[Any],
    ) -> ToolDefinition:
        properties: dict[str, Any] = {}
        required: list[str] = []
        own = operation.get("parameters")
        for raw in [*shared, *(own if isinstance(own, list) else [])]:
            parameter = self.followed(raw)
            if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
                continue
            if parameter.get("in") in {"header", "cookie"}:
                continue
            properties[parameter["name"]] = self.followed(parameter.get("schema")) or {}
            if parameter.get("required") is True and parameter["name"] not in required:
                required.append(parameter["name"])
        body = self._body(operation)
        fields = body.get("properties")
        if isinstance(fields, dict):
            properties |= {str(k): self.followed(v) for k, v in fields.items()}
            needed = body.get("required")
            required += [r for r in (needed if isinstance(needed, list) else []) if r in fields]
        elif body:
            properties["body"] = body
        summary, told = operation.get("summary"), operation.get("description")
        words = ". ".join(t.strip().rstrip(".") for t in (summary, told) if isinstance(t, str))
        return definition(
            connection,
            name,
            description=words or f"{method.upper()} {path}",
            schema={"type": "object", "properties": properties, "required": required},
            # A word in the name may read; a method that changes something raises it all the same.
            annotations={} if method in _READS else {"readOnlyHint": False},
            raw={"method": method, "path": path, "operation": dict(operation)},
        )

    def _body(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        body = self.followed(operation.get("requestBody"))
        content = body.get("content") if isinstance(body, dict) else None
        for kind in content.values() if isinstance(content, dict) else ():
            schema = self.followed(kind.get("schema")) if isinstance(kind, dict) else None
            if isinstance(schema, dict):
                return self._merged(schema)
        return {}

    def _merged(self, schema: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
        """*schema* with the parts of `allOf` put together: their fields are all fields of it."""
        parts = schema.get("allOf")
        if not isinstance(parts, list) or depth > 8:
            return schema
        fields: dict[str, Any] = dict(schema.get("properties") or {})
        required: list[Any] = list(schema.get("required") or [])
        for part in parts:
            found = self.followed(part)
            if isinstance(found, dict):
                whole = self._merged(found, depth + 1)
                fields |= whole.get("properties") or {}
                required += whole.get("required") or []
        return {**schema, "properties": fields, "required": required}

    def followed(self, value: Any) -> Any:
        """What *value* refers to, through at most a few references within the document."""
        for _ in range(8):
            ref = value.get("$ref") if isinstance(value, dict) else None
            if not isinstance(ref, str):
                return value
            if not ref.startswith("#/"):
                return {}  # nothing outside the document is fetched
            try:
                value = self._resolver.lookup(_ROOT + ref).contents
            except Unresolvable:
                return {}
        return {}


def _name(operation: Mapping[str, Any], method: str, path: str) -> str:
    given = operation.get("operationId")
    if isinstance(given, str) and _WORDS.sub("", given):
        return _WORDS.sub("_", given).strip("_")[:200]
    words = [w for w in _WORDS.split(re.sub(r"\{[^}]*\}", " ", path)) if w]
    return "_".join([_VERBS[method], *words])[:200]
