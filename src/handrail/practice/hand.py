"""The agent's hand: one call of a tool through a real MCP client, and what the answer means.

Works against Handrail's gateway and, for tests, against the bare practice server, which has none
of the ``handrail_…`` tools and never says *waiting*.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

import mcp_types as types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from handrail.practice.casework import Call, Case, Reply

#: The id of an action, wherever it stands in a text.
ACTION: Final = re.compile(r"act_[0-9A-HJKMNP-TV-Z]{26}")
#: How the answers begin that are not the upstream's own, where no ``_meta`` says it.
_OPENINGS: Final = (
    ("Not executed", "waiting"),
    ("Approved by a person", "approved"),
    ("Refused", "refused"),
    ("A person denied it", "denied"),
    ("Nobody answered", "lapsed"),
    ("The approval was revoked", "revoked"),
    ("The action is ", ""),
)
#: Where an action can still move on.
OPEN: Final = frozenset({"waiting", "approved", "begun", "classified"})
_LOST: Final = frozenset({types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT})


class LostError(Exception):
    """The server is gone, for now. What was asked may or may not have been done."""


class Hand:
    """Calls tools for cases over one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._own: dict[str, dict[str, Any]] = {}  # schemas of the handrail_… tools

    async def learn(self) -> None:
        """Read the list of tools: which of Handrail's own there are."""
        cursor: str | None = None
        while True:
            listed = await self._client.list_tools(cursor=cursor)
            for tool in listed.tools:
                if tool.name.startswith("handrail_"):
                    self._own[tool.name] = tool.input_schema
            cursor = listed.next_cursor
            if cursor is None:
                return

    async def call(self, case: Case, call: Call, key: str) -> Reply:
        """Make one call for *case*. Raises `LostError` when the connection died; the same call with
        the same key may then be made again."""
        if call.tool.startswith("handrail_"):
            return await self.own(call.tool, {**call.arguments, "ticket": case.id})
        meta: dict[str, Any] = {"ticket": case.id}
        if call.change:
            meta |= {
                "client": case.client,
                "reasoning": call.reasoning,
                "confidence": call.confidence,
                "evidence": [
                    {k: v for k, v in seen._asdict().items() if v is not None}
                    for seen in call.evidence
                ],
                "idempotency_key": key,
            }
        return await self._send(call.tool, call.arguments, {"handrail": meta})

    async def status(self, action: str) -> Reply:
        """Where a proposal stands."""
        return await self.own("handrail_status", {"id": action})

    async def own(self, tool: str, values: Mapping[str, str]) -> Reply:
        """Call one of Handrail's own tools, filling the arguments that it names."""
        schema = self._own.get(tool)
        if schema is None:
            return Reply(state="error", text=f"{tool} is not offered here")
        names = {
            "id": ("id", "action", "action_id", "proposal"),
            "ticket": ("ticket", "trigger", "ref"),
            "text": ("text", "note", "reason", "answer", "reasoning"),
            "kind": ("kind",),
        }
        offered = schema.get("properties", {})
        arguments = {
            name: value
            for key, value in values.items()
            for name in [next((n for n in names[key] if n in offered), None)]
            if name is not None
        }
        return await self._send(tool, arguments, {})

    async def _send(self, tool: str, arguments: dict[str, Any], meta: dict[str, Any]) -> Reply:
        try:
            result = await self._client.call_tool(
                tool, arguments, meta=cast("types.RequestParamsMeta", meta) if meta else None
            )
        except MCPError as error:
            if error.code in _LOST:
                raise LostError(str(error)) from error
            return Reply(state="error", text=str(error))
        return understand(result)


def understand(result: types.CallToolResult) -> Reply:
    """What a result says: Handrail's ``_meta`` where there is one, else its words, else the
    upstream's own answer."""
    text = " ".join(c.text for c in result.content if isinstance(c, types.TextContent))
    data = result.structured_content if isinstance(result.structured_content, dict) else {}
    said = (result.meta or {}).get("handrail")
    said = said if isinstance(said, dict) else {}
    entry = said.get("entry") if isinstance(said.get("entry"), int) else None
    if said.get("state") not in {None, "done"}:
        action = str(said.get("action") or said.get("id") or "")
        return Reply(state=str(said["state"]), text=text, data=data, action=action, entry=entry)
    found = ACTION.search(text)
    action = found[0] if found else ""
    for opening, state in _OPENINGS:
        if text.startswith(opening) and (result.is_error or action):
            word = state or text.removeprefix(opening).split(".")[0].strip()
            return Reply(state=word, text=text, action=action)
    state = "error" if result.is_error else "done"
    return Reply(state=state, text=text, data=data, action=action, entry=entry)
