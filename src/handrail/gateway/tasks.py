"""A call that waits for people, as a durable task (extension `io.modelcontextprotocol/tasks`).

A task is a view of an action: its id is the action's id, and nothing is stored for it.
"""

from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from handrail.clock import rfc3339
from handrail.core.action import State
from handrail.core.model import Agent
from handrail.errors import BadInput, HandrailError
from handrail.service import Services
from handrail.service.acted import Acted

EXTENSION = "io.modelcontextprotocol/tasks"
MISSING_CAPABILITY = -32021
POLL_MS = 2000
_CANCELLED = frozenset({State.WITHDRAWN})


def declared(ctx: Any) -> bool:
    """Whether this request's caller understands tasks: asked each time, never remembered."""
    capabilities = ctx.session.client_capabilities
    extensions = getattr(capabilities, "extensions", None) or {}
    return EXTENSION in extensions


def created(acted: Acted) -> dict[str, Any]:
    """The answer to a call that became a task. The proposal is durable before this is sent."""
    return {"resultType": "task", **_task(acted)}


def answer(ctx: Any, agent: Agent, services: Services) -> dict[str, Any]:
    """Answer `tasks/get`, `tasks/update` and `tasks/cancel`, for the owner only."""
    if not declared(ctx):
        raise MCPError(
            code=MISSING_CAPABILITY,
            message="this needs the tasks extension",
            data={"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )
    params = dict(ctx.params or {})
    task = params.get("taskId")
    if not isinstance(task, str):
        raise BadInput("taskId is missing")
    named = ctx.request.headers.get("mcp-name") if ctx.request is not None else None
    if named is not None and named != task:
        raise MCPError(code=-32020, message="Mcp-Name is not the taskId")
    try:
        acted = services.govern.status(agent, task)
    except HandrailError as error:
        raise MCPError(code=INVALID_PARAMS, message=f"no task {task}") from error
    if ctx.method == "tasks/get":
        return {"resultType": "complete", **_task(acted), "taskId": task}
    if ctx.method == "tasks/cancel":
        if not acted.final:
            services.govern.withdraw(agent, acted.id)
        return {"resultType": "complete"}
    if ctx.method == "tasks/update":
        for key, response in (params.get("inputResponses") or {}).items():
            text = _words(response)
            if acted.question and key == f"question-{acted.version}" and text:
                services.govern.answer_question(agent, acted.id, text)
        return {"resultType": "complete"}
    raise MCPError(code=-32601, message="Method not found", data=ctx.method)


def _task(acted: Acted) -> dict[str, Any]:
    task: dict[str, Any] = {
        "taskId": acted.id,
        "status": "working",
        "statusMessage": acted.text,
        "createdAt": rfc3339(acted.at) if acted.at else None,
        "lastUpdatedAt": rfc3339(acted.at) if acted.at else None,
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }
    if acted.question is not None:
        task["status"] = "input_required"
        task["inputRequests"] = {
            f"question-{acted.version}": {
                "method": "elicitation/create",
                "params": {
                    "mode": "form",
                    "message": acted.question,
                    "requestedSchema": {
                        "type": "object",
                        "properties": {"answer": {"type": "string"}},
                        "required": ["answer"],
                    },
                },
            }
        }
    elif acted.state in _CANCELLED:
        task["status"] = "cancelled"
    elif acted.final:
        if acted.reply is not None and acted.reply.error is not None:
            task |= {"status": "failed", "error": dict(acted.reply.error)}
        elif acted.reply is not None:
            result = {"resultType": "complete", **dict(acted.reply.result or {})}
            task |= {"status": "completed", "result": result}
        else:
            text = {"content": [{"type": "text", "text": acted.text}], "isError": True}
            task |= {"status": "completed", "result": {"resultType": "complete", **text}}
    return task


def _words(response: Any) -> str:
    content = response.get("content") if isinstance(response, dict) else None
    answer_text = content.get("answer") if isinstance(content, dict) else None
    return answer_text if isinstance(answer_text, str) else ""
