"""What goes out: the upstream's own answer untouched, or why there is none, in the caller's era.

Results are raw dicts. A crossing of eras adds or drops the envelope only (MCP section 1).
"""

from collections.abc import Mapping
from typing import Any

import orjson
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, SERVER_INFO_META_KEY

from handrail.core.action import State
from handrail.errors import BadInput, HandrailError, NotFound, TooMany, Unavailable, Unsure
from handrail.gateway.schema import ARGUMENT
from handrail.service.acted import Acted

#: A resource or prompt that was not read: these have no result that could say so. A code of
#: ours, outside the range that JSON-RPC and MCP keep for themselves.
NOT_EXECUTED = 8640
_NO_RESOURCE = -32002  # legacy; modern says invalid parameters
_ENVELOPE = frozenset({"resultType", "ttlMs", "cacheScope"})
_CACHED = frozenset(
    {"tools/list", "resources/list", "resources/templates/list", "prompts/list", "resources/read"}
)


def of_acted(acted: Acted, method: str, *, aware: bool) -> dict[str, Any]:
    """The answer to a governed call. *aware* callers are told its state in `_meta` as well."""
    said: dict[str, Any] = {"state": acted.state.value, "action": acted.id}
    if acted.entry is not None:
        said["entry"] = acted.entry
    if acted.proposal is not None:
        said["proposal"] = acted.proposal
    if acted.reply is None or acted.state is State.REVERSED:
        return _instead(acted, method, said)
    if acted.reply.error is not None:
        raise as_error(acted.reply.error)
    result = dict(acted.reply.result or {})
    if method == "tools/call":
        result = of_tool(result)
    # Where Handrail's check contradicts the tool's own word, everybody is told.
    contradicted = acted.state not in {State.DONE, State.PASSED_IN_SHADOW} and not result.get(
        "isError"
    )
    if contradicted:
        said["text"] = acted.text
    if aware or contradicted:
        result["_meta"] = {**(result.get("_meta") or {}), ARGUMENT: said}
    return result


def _instead(acted: Acted, method: str, said: dict[str, Any]) -> dict[str, Any]:
    words = acted.text
    if acted.state is State.REVERSED:
        words = f"It ran, and a person has reversed it since. {words}"
    if acted.state is State.WAITING and acted.proposal is not None:
        words += f" The proposal is {acted.proposal}."
    if acted.question:
        words += f" A person asks: {acted.question!r} Answer with handrail_answer."
    if words.startswith("Not executed, incomplete"):
        words += f" It belongs in the {ARGUMENT} argument, or in _meta[{ARGUMENT!r}]."
    if method != "tools/call":
        raise MCPError(code=NOT_EXECUTED, message=words, data={ARGUMENT: said})
    return text(words, error=True, handrail=said)


def of_tool(result: Mapping[str, Any]) -> dict[str, Any]:
    """A stored result as a tool's: `handrail_status` delivers resources and prompts too."""
    if "contents" in result:
        parts = [{"type": "resource", "resource": c} for c in result["contents"]]
        return {"content": parts, "isError": False}
    if "messages" in result:
        words = orjson.dumps(result["messages"]).decode()
        return {"content": [{"type": "text", "text": words}], "isError": False}
    return dict(result)


def text(
    words: str, *, error: bool = False, handrail: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A tool's result of one text."""
    result: dict[str, Any] = {"content": [{"type": "text", "text": words}], "isError": error}
    if handrail is not None:
        result["_meta"] = {ARGUMENT: dict(handrail)}
    return result


def as_error(error: Mapping[str, Any]) -> MCPError:
    """The upstream's own JSON-RPC error."""
    return MCPError(
        code=int(error.get("code", INTERNAL_ERROR)),
        message=str(error.get("message", "")),
        data=error.get("data"),
    )


def refused(error: HandrailError, method: str) -> dict[str, Any]:
    """One of our errors as the answer: as text where a model reads it, else as an error."""
    if isinstance(error, BadInput):
        raise MCPError(code=INVALID_PARAMS, message=words_of(error)) from error
    said: dict[str, Any] = {"state": error.code}
    if isinstance(error, TooMany):
        said["retry_after"] = error.retry_after
    if method == "tools/call":
        return text(words_of(error), error=True, handrail=said)
    code = INVALID_PARAMS if isinstance(error, NotFound) else NOT_EXECUTED
    raise MCPError(code=code, message=words_of(error), data={ARGUMENT: said}) from error


def words_of(error: HandrailError) -> str:
    """What went wrong and what to do, for a model or a person."""
    words = error.message.rstrip(".") + "."
    if isinstance(error, TooMany):
        words = f"Not executed: {words} Retry-After: {error.retry_after} s."
    elif isinstance(error, Unavailable):
        words = f"Not executed: {words}"
    elif isinstance(error, Unsure):
        words += " Whether it was taken on is not known; do not repeat it without its key."
    elif not isinstance(error, BadInput):
        words = f"Refused: {words}"
    return f"{words} {error.hint}".strip()


def enveloped(
    result: Mapping[str, Any], method: str, identity: Mapping[str, Any] | None, *, modern: bool
) -> dict[str, Any]:
    """*result* with the envelope of the caller's era. *identity* is the upstream's own."""
    if not modern:
        bare = {k: v for k, v in result.items() if k not in _ENVELOPE}
        meta = bare.get("_meta")
        if isinstance(meta, dict) and SERVER_INFO_META_KEY in meta:
            bare["_meta"] = {k: v for k, v in meta.items() if k != SERVER_INFO_META_KEY}
            if not bare["_meta"]:
                del bare["_meta"]
        return bare
    shaped: dict[str, Any] = {"resultType": "complete", **result}
    if method in _CACHED:
        shaped = {"ttlMs": 0, "cacheScope": "private", **shaped}
    if identity:
        shaped["_meta"] = {SERVER_INFO_META_KEY: dict(identity), **(shaped.get("_meta") or {})}
    return shaped


def crossed(error: MCPError, *, modern: bool) -> MCPError:
    """An upstream's error with the code that the caller's era has for it."""
    if modern and error.error.code == _NO_RESOURCE:
        return MCPError(code=INVALID_PARAMS, message=error.error.message, data=error.error.data)
    return error
