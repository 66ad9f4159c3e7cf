"""Handrail's own tools, beside those of the upstream (DOORS, MCP)."""

from collections.abc import Mapping
from typing import Any

from handrail.core.model import Agent, Trigger
from handrail.errors import BadInput
from handrail.gateway import shapes
from handrail.service import Services

CALL = "tools/call"

_ACTION = {"action": {"type": "string", "description": "The id, act_…"}}
_TICKET = {"ticket": {"type": "string", "description": "The ticket this is about"}}


def _tool(name: str, text: str, properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": text,
        "inputSchema": {
            "type": "object",
            "properties": dict(properties),
            "required": list(required),
        },
    }


TOOLS: tuple[Mapping[str, Any], ...] = (
    _tool(
        "handrail_status",
        "Where an action stands that waited for people; delivers its result once it has run.",
        _ACTION,
        "action",
    ),
    _tool("handrail_withdraw", "Take back an action that still waits.", _ACTION, "action"),
    _tool(
        "handrail_answer",
        "Answer the question that a person asked about a waiting action.",
        {**_ACTION, "text": {"type": "string"}},
        "action",
        "text",
    ),
    _tool(
        "handrail_escalate",
        "Stop and hand over to a person: this needs a human.",
        {
            "kind": {
                "type": "string",
                "enum": ["data subject request", "suspected incident", "out of scope", "other"],
            },
            "text": {"type": "string"},
            **_TICKET,
        },
        "kind",
        "text",
    ),
    _tool(
        "handrail_note",
        "Record what you weighed and decided not to do.",
        {"text": {"type": "string"}, **_TICKET},
        "text",
    ),
)
NAMES = frozenset(str(t["name"]) for t in TOOLS)


def call(
    services: Services, agent: Agent, name: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Call one of them; return its result. Raises Handrail's errors; `BadInput` names a missing
    argument."""
    govern = services.govern
    if name == "handrail_status":
        return shapes.of_acted(govern.status(agent, _text(arguments, "action")), CALL, aware=True)
    if name == "handrail_withdraw":
        acted = govern.withdraw(agent, _text(arguments, "action"))
        return _done("Withdrawn; it will not run.", {"state": acted.state, "action": acted.id})
    if name == "handrail_answer":
        words = _text(arguments, "text")
        acted = govern.answer_question(agent, _text(arguments, "action"), words)
        said = {"state": acted.state, "action": acted.id, "proposal": acted.proposal}
        return _done(f"The person has your answer; it waits on as {acted.id}.", said)
    ticket = str(arguments.get("ticket") or "")[:200]
    trigger = Trigger("ticket", ticket) if ticket else Trigger()
    if name == "handrail_escalate":
        kind, words = _text(arguments, "kind"), _text(arguments, "text")
        said = govern.escalate(agent, kind, trigger, words)
    else:
        said = govern.note(agent, _text(arguments, "text"), trigger)
    return _done(str(said["text"]), said)


def _done(words: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return shapes.text(words, handrail=said)


def _text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} is missing", hint=f"Send {name} as a text.")
    return value
