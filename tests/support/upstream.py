"""An upstream that remembers what reached it: the executor and catalogue contracts, in memory.

It ships no rules of its own. Its log is what the tests judge by: every call in the order in which
it arrived, whatever the caller was told. Faults are set per call, so that a test can lose an
answer, refuse a connection or die in the middle.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handrail.connectors.catalogue import ConnectionSpec, Offer
from handrail.connectors.executor import Cancel, OnProgress, Order, Reply
from handrail.errors import NoAnswer, NotSent

SCHEMA = {"type": "object", "properties": {}, "additionalProperties": True}


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"{name} of the test upstream",
        "inputSchema": SCHEMA,
        **more,
    }


TOOLS = (
    tool("restart_service"),
    tool("assign_licence"),
    tool("remove_licence"),
    tool("add_firewall_rule"),
    tool("get_user"),
    tool("get_licences"),
    tool("wipe_device"),
    tool("unsigned_thing"),
)


@dataclass
class Upstream:
    """State: who has which licence, and which rules stand. ``calls`` is everything that arrived.

    ``fault`` is asked before each call: it returns None, or one of ``not sent``, ``lost``
    (acted, answer lost), ``silent`` (did not act, no answer), ``failed`` (says it failed).
    """

    tools: Sequence[Mapping[str, Any]] = TOOLS
    fault: Callable[[Order], str | None] = lambda order: None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    licences: dict[str, set[str]] = field(default_factory=dict)
    specs: dict[str, ConnectionSpec] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    # Catalogue

    def connect(self, spec: ConnectionSpec) -> None:
        self.specs[spec.name] = spec

    def forget(self, name: str) -> None:
        self.specs.pop(name, None)

    def offer(self, name: str) -> Offer:
        return Offer(hello={"serverInfo": {"name": "test"}}, tools=list(self.tools))

    def health(self) -> Mapping[str, str]:
        return dict.fromkeys(self.specs, "up")

    # Executor

    def execute(
        self, order: Order, *, on_progress: OnProgress | None = None, cancel: Cancel | None = None
    ) -> Reply:
        fault = self.fault(order)
        if fault == "not sent":
            raise NotSent("refused connection")
        if fault == "silent":
            raise NoAnswer("no answer")
        name, arguments = order.params["name"], dict(order.params["arguments"])
        with self.lock:
            self.calls.append((name, arguments))
            reply = self._act(name, arguments)
        if fault == "lost":
            raise NoAnswer("answer lost")
        if fault == "failed":
            return Reply(result={"content": [{"type": "text", "text": "broken"}], "isError": True})
        return reply

    def _act(self, name: str, arguments: dict[str, Any]) -> Reply:
        if name in self.answers:
            return structured(self.answers[name])
        user = str(arguments.get("user_id") or arguments.get("n", ""))
        if name == "get_user":
            klass = "admin" if user.startswith("adm") else "standard"
            return structured({"user_id": user, "user_class": klass, "client": "acme"})
        if name == "get_licences":
            return structured({"licences": sorted(self.licences.get(user, set()))})
        if name == "assign_licence":
            self.licences.setdefault(user, set()).add(str(arguments.get("sku", "")))
        if name == "remove_licence":
            self.licences.setdefault(user, set()).discard(str(arguments.get("sku", "")))
        return structured({"ok": True})

    @property
    def acts(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls that change something."""
        return [c for c in self.calls if not c[0].startswith("get_")]


def structured(value: dict[str, Any]) -> Reply:
    return Reply(
        result={"content": [{"type": "text", "text": str(value)}], "structuredContent": value}
    )
