"""A call that waits for people, as a durable task.

A task is a view of an action: its id is the action's id, and nothing is stored for it. Two forms
of it are spoken (MCP section 2): the extension `io.modelcontextprotocol/tasks` (modern), declared
anew by each request, and the experimental tasks of 2025-11-25 (legacy), asked for by `params.task`.

A task never expires before its action is final, so that expiry can't look like a denial.
"""

from collections.abc import Callable, Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND

from handrail.clock import rfc3339
from handrail.core.action import State
from handrail.core.model import Agent
from handrail.errors import Conflict, HandrailError
from handrail.gateway import shapes
from handrail.service import Services
from handrail.service.acted import Acted

EXTENSION = "io.modelcontextprotocol/tasks"
RELATED = "io.modelcontextprotocol/related-task"
MISSING_CAPABILITY = -32021
HEADER_MISMATCH = -32020
POLL_MS = 2000
#: What a legacy server that can run calls as tasks says about itself.
LEGACY_CAPABILITY: Mapping[str, Any] = {"cancel": {}, "requests": {"tools": {"call": {}}}}
LEGACY_METHODS = frozenset({"tasks/get", "tasks/result", "tasks/cancel"})
MODERN_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})


def declared(ctx: Any) -> bool:
    """Whether this modern request's caller understands tasks: asked each time, never remembered."""
    capabilities = ctx.session.client_capabilities
    extensions = getattr(capabilities, "extensions", None) or {}
    return EXTENSION in extensions


def created(acted: Acted, *, modern: bool) -> dict[str, Any]:
    """The answer to a call that became a task. The action is durable before this is sent."""
    if modern:
        return {"resultType": "task", **_task(acted, acted.id)}
    return {"task": _legacy(acted, acted.id)}


def answer(
    ctx: Any, agent: Agent, services: Services, *, modern: bool, wait: Callable[[str], Acted]
) -> dict[str, Any]:
    """Answer a `tasks/…` request, for the owner of the action only. Blocks in `tasks/result`."""
    if ctx.method not in (MODERN_METHODS if modern else LEGACY_METHODS):
        raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
    if modern and not declared(ctx):
        raise MCPError(
            code=MISSING_CAPABILITY,
            message="this needs the tasks extension",
            data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )
    params = dict(ctx.params or {})
    task = params.get("taskId")
    if not isinstance(task, str):
        raise MCPError(code=INVALID_PARAMS, message="taskId is missing")
    # An absent header is accepted: a client of the field does not send it.
    named = ctx.request.headers.get("mcp-name")
    if modern and named is not None and named != task:
        raise MCPError(code=HEADER_MISMATCH, message="Mcp-Name is not the taskId")
    try:
        acted = services.govern.status(agent, task)
        if ctx.method == "tasks/cancel":
            return _cancel(services, agent, acted, task, modern=modern)
        if ctx.method == "tasks/update":
            return _update(services, agent, acted, params)
        if ctx.method == "tasks/result":
            return _result(wait(acted.id), task)
    except MCPError:
        raise
    except HandrailError as error:
        raise MCPError(code=INVALID_PARAMS, message=f"no task {task}") from error
    return {"resultType": "complete", **_task(acted, task)} if modern else _legacy(acted, task)


def _cancel(
    services: Services, agent: Agent, acted: Acted, task: str, *, modern: bool
) -> dict[str, Any]:
    """Take the action back while it waits. What has begun can't be taken back by an agent."""
    if not modern and acted.final:
        raise MCPError(code=INVALID_PARAMS, message=f"the action is {acted.state} already")
    if not acted.final:
        try:
            acted = services.govern.withdraw(agent, acted.id)
        except Conflict:  # it began or ended meanwhile: the next look shows it
            acted = services.govern.status(agent, acted.id)
    return {"resultType": "complete"} if modern else _legacy(acted, task)


def _update(
    services: Services, agent: Agent, acted: Acted, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Pass the agent's words on to the person who asked. Unknown keys are ignored, as specified."""
    responses = params.get("inputResponses")
    for key, response in (responses if isinstance(responses, dict) else {}).items():
        words = _words(response)
        if acted.question and key == _round(acted) and words:
            services.govern.answer_question(agent, acted.id, words)
    return {"resultType": "complete"}


def _result(acted: Acted, task: str) -> dict[str, Any]:
    result = _outcome(acted)
    if "code" in result:
        raise shapes.as_error(result)
    return {**result, "_meta": {**(result.get("_meta") or {}), RELATED: {"taskId": task}}}


def _round(acted: Acted) -> str:
    """Keys of questions are unique over the task's life: each answer makes a new version."""
    return f"question-{acted.version}"


def _outcome(acted: Acted) -> dict[str, Any]:
    """What became of a final action: a tool's result, or a JSON-RPC error (it has a `code`)."""
    if acted.reply is not None and acted.reply.error is not None:
        return dict(acted.reply.error)
    return shapes.of_acted(acted, "tools/call", aware=True)


def _status(acted: Acted) -> str:
    if acted.state is State.WITHDRAWN:
        return "cancelled"
    if not acted.final:
        return "working"
    failed = acted.reply is not None and acted.reply.error is not None
    return "failed" if failed else "completed"


def _task(acted: Acted, task: str) -> dict[str, Any]:
    """The modern form: flat, with the result or the open question in it."""
    when = rfc3339(acted.at) if acted.at else None
    shown: dict[str, Any] = {
        "taskId": task,
        "status": _status(acted),
        "statusMessage": acted.text,
        "createdAt": when,
        "lastUpdatedAt": when,
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }
    if shown["status"] == "working" and acted.question is not None:
        shown["status"] = "input_required"
        shown["inputRequests"] = {_round(acted): _elicitation(acted.question)}
    elif shown["status"] == "failed":
        shown["error"] = _outcome(acted)
    elif shown["status"] == "completed":
        shown["result"] = {"resultType": "complete", **_outcome(acted)}
    return shown


def _legacy(acted: Acted, task: str) -> dict[str, Any]:
    """The form of 2025-11-25. A person's question stands in the message, for `handrail_answer`."""
    words = acted.text
    if acted.question is not None and not acted.final:
        words += f" A person asks: {acted.question!r} Answer with handrail_answer."
    when = rfc3339(acted.at) if acted.at else None
    return {
        "taskId": task,
        "status": _status(acted),
        "statusMessage": words,
        "createdAt": when,
        "lastUpdatedAt": when,
        "ttl": None,
        "pollInterval": POLL_MS,
    }


def _elicitation(question: str) -> dict[str, Any]:
    return {
        "method": "elicitation/create",
        "params": {
            "mode": "form",
            "message": question,
            "requestedSchema": {
                "type": "object",
                "properties": {"answer": {"type": "string"}},
                "required": ["answer"],
            },
        },
    }


def _words(response: Any) -> str:
    content = response.get("content") if isinstance(response, dict) else None
    words = content.get("answer") if isinstance(content, dict) else None
    return words if isinstance(words, str) else ""
