"""In-process Python callables as a connection: what `govern` wraps (DOORS, Python).

A set is one connection, each callable in it one tool. They run in the calling thread; what one
raises is its own failure, reported as a tool would report it.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from handrail.connectors.catalogue import Offer
from handrail.connectors.executor import Order, Reply
from handrail.errors import NotSent

Tool = Callable[..., Any]


@dataclass(slots=True)
class Callables:
    """Named sets of callables, plain or async."""

    sets: dict[str, dict[str, Tool]] = field(default_factory=dict)

    def register(self, target: str, name: str, tool: Tool) -> None:
        """Make *tool* callable as *name* of the set *target*."""
        self.sets.setdefault(target, {})[name] = tool

    def offer(self, target: str) -> Offer:
        """Describe the set: names, docstrings and parameters."""
        if target not in self.sets:
            raise NotSent(f"no callables are registered under {target!r}")
        tools = [
            {
                "name": name,
                "description": inspect.getdoc(tool) or "",
                "inputSchema": _schema(tool),
            }
            for name, tool in sorted(self.sets[target].items())
        ]
        hello = {"serverInfo": {"name": target, "version": "0"}, "capabilities": {"tools": {}}}
        return Offer(hello=hello, tools=tools)

    def call(self, target: str, order: Order) -> Reply:
        """Call one, once. Raises `NotSent` when there is none of that name."""
        tool = self.sets.get(target, {}).get(str(order.params.get("name")))
        if tool is None:
            raise NotSent(f"{order.params.get('name')} is not registered")
        arguments: Mapping[str, Any] = order.params.get("arguments") or {}
        try:
            value = tool(**arguments)
            if inspect.iscoroutine(value):
                value = asyncio.run(value)
        except Exception as error:  # noqa: BLE001 - whatever it raises is its own failure
            text = f"{type(error).__name__}: {error}"
            return Reply(result={"content": [{"type": "text", "text": text}], "isError": True})
        shown = value if isinstance(value, dict) else {"value": value}
        try:
            text = orjson.dumps(shown, default=str).decode()
        except TypeError:  # it acted; only its value can't be written as JSON
            text = orjson.dumps({"value": repr(value)}).decode()
        return Reply(
            result={
                "content": [{"type": "text", "text": text}],
                "structuredContent": orjson.loads(text),
            }
        )


def _schema(tool: Tool) -> dict[str, Any]:
    """The parameters as a JSON Schema: their names, and which must be given."""
    parameters = inspect.signature(tool).parameters.values()
    named = [p for p in parameters if p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL}]
    return {
        "type": "object",
        "properties": {p.name: {} for p in named},
        "required": [p.name for p in named if p.default is p.empty],
        "additionalProperties": any(p.kind is p.VAR_KEYWORD for p in parameters),
    }
