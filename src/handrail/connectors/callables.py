"""In-process Python callables as a connection: what `govern` wraps (DOORS, Python)."""

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
    """Named sets of callables. A set is one connection; each callable is one tool."""

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
                "inputSchema": {
                    "type": "object",
                    "properties": {p: {} for p in inspect.signature(tool).parameters},
                },
            }
            for name, tool in sorted(self.sets[target].items())
        ]
        hello = {"serverInfo": {"name": target, "version": "0"}, "capabilities": {"tools": {}}}
        return Offer(hello=hello, tools=tools)

    def call(self, target: str, order: Order) -> Reply:
        """Call one. What it raises is a failed result, as a tool would report it."""
        tool = self.sets.get(target, {}).get(str(order.params.get("name")))
        if tool is None:
            raise NotSent(f"{order.params.get('name')} is not registered")
        arguments: Mapping[str, Any] = order.params.get("arguments") or {}
        try:
            value = tool(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever it raises is its own failure
            text = f"{type(error).__name__}: {error}"
            return Reply(result={"content": [{"type": "text", "text": text}], "isError": True})
        shown = value if isinstance(value, dict) else {"value": value}
        text = orjson.dumps(shown, default=str).decode()
        return Reply(
            result={
                "content": [{"type": "text", "text": text}],
                "structuredContent": orjson.loads(text),
            }
        )
