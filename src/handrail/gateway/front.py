"""The front of the gateway: one middleware that answers every MCP request, raw (MCP section 1).

What an agent sends goes upstream only through `govern.act`; a method that is not governed is not
offered and not forwarded (I30). Lists are the pinned definitions. Sampling and elicitation from
upstream are off, so nothing here asks the caller anything.
"""

import asyncio
import functools
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import anyio.to_thread
import orjson
import structlog
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND
from mcp_types import methods as mcp_methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from handrail.core.action import State
from handrail.core.model import Agent, Request
from handrail.errors import BadInput, HandrailError, NotFound, TooMany, Unavailable, Unsure
from handrail.gateway import facts, own, tasks
from handrail.service import Services
from handrail.service.acted import Acted
from handrail.service.catalogue import Served

log = structlog.get_logger(__name__)

#: Calls that may be under way at a time; each holds one thread while its upstream works.
THREADS = 256
_BEAT = 1.0  # seconds between beats while a call is held
_LISTS = {
    "tools/list": ("tools", "tools"),
    "resources/list": ("resources", "resources"),
    "resources/templates/list": ("resourceTemplates", "templates"),
    "prompts/list": ("prompts", "prompts"),
}
_GOVERNED = frozenset({"tools/call", "resources/read", "prompts/get"})


class Front:
    """Answers MCP requests of authenticated agents."""

    def __init__(self, services: Services, *, hold: float) -> None:
        self._services = services
        self._hold = hold
        self._limiter: anyio.CapacityLimiter | None = None
        self._fronts: dict[str, weakref.WeakSet[Any]] = {}
        self.server: Server[Any] = Server("handrail")
        self.server.middleware.append(self._answer)

    async def changed(self, connection: str) -> None:
        """Tell whoever is connected that the lists of *connection* changed."""
        for peer in list(self._fronts.get(connection, ())):
            try:
                await peer.send_tool_list_changed()
            except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                self._fronts[connection].discard(peer)

    # --- the one middleware -----------------------------------------------------------------

    async def _answer(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        if ctx.request_id is None or ctx.method == "ping":
            return await call_next(ctx)
        agent, connection = _who(ctx)
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if ctx.method in {"initialize", "server/discover"}:
            served = await self._thread(self._services.catalogue.served, agent, connection)
            self._fronts.setdefault(connection, weakref.WeakSet()).add(_peer(ctx))
            return _hello(await call_next(ctx), served)
        if not modern and not _peer(ctx).initialize_accepted:
            return await call_next(ctx)
        if ctx.method.startswith("tasks/"):
            return await self._task(ctx, agent)
        if ctx.method not in _LISTS and ctx.method not in _GOVERNED:
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
        _valid(ctx)
        try:
            if ctx.method in _LISTS:
                result = await self._list(ctx, agent, connection)
            else:
                result = await self._call(ctx, agent, connection)
        except BadInput as error:
            raise MCPError(code=INVALID_PARAMS, message=_said(error)) from error
        except NotFound as error:
            if ctx.method == "tools/call":
                return _shaped(_text(_said(error), error=True), modern)
            raise MCPError(code=INVALID_PARAMS, message=_said(error)) from error
        except HandrailError as error:
            if ctx.method != "tools/call":
                raise MCPError(code=INVALID_PARAMS, message=_said(error)) from error
            result = _text(_said(error), error=True, handrail={"state": error.code})
        return _shaped(result, modern, listed=ctx.method in _LISTS)

    async def _list(self, ctx: Any, agent: Agent, connection: str) -> dict[str, Any]:
        served: Served = await self._thread(self._services.catalogue.served, agent, connection)
        field, attribute = _LISTS[ctx.method]
        listed = [dict(d) for d in getattr(served, attribute)]
        if ctx.method == "tools/list":
            policy = self._services.policies.current()
            listed = [
                t if (row := policy.row(f"{connection}.{t['name']}")) and row.effect == "read"
                else facts.with_argument(t)
                for t in listed
            ]
            listed += [dict(t) for t in own.TOOLS]
        return {field: listed}

    async def _call(self, ctx: Any, agent: Agent, connection: str) -> dict[str, Any]:
        params: Mapping[str, Any] = ctx.params or {}
        if ctx.method == "tools/call" and params["name"] in own.NAMES:
            answered = await self._thread(
                own.call, self._services, agent, params["name"], params.get("arguments") or {}
            )
            if isinstance(answered, Acted):
                return _result(answered, aware=True)
            return _text(orjson.dumps(answered).decode())
        request, meta, aware = await self._thread(
            self._understand, agent, connection, ctx.method, params
        )
        acted = await self._act(ctx, agent, request, meta)
        if acted.state is State.WAITING:
            if tasks.declared(ctx):
                return tasks.created(acted)
            acted = await self._held(ctx, agent, acted)
        return _result(acted, aware=aware)

    def _understand(
        self, agent: Agent, connection: str, method: str, params: Mapping[str, Any]
    ) -> tuple[Request, dict[str, Any], bool]:
        """The call as a `Request`, and what of its `_meta` goes on to the upstream."""
        meta = dict(params.get("_meta") or {})
        arguments = dict(params.get("arguments") or {})
        if method == "resources/read":
            kind, name = self._resource(agent, connection, params["uri"])
            tool, arguments = f"resource:{name}", {"uri": params["uri"]}
        elif method == "prompts/get":
            kind, tool = "prompt", f"prompt:{params['name']}"
        else:
            kind, tool = "tool", str(params["name"])
        reads = method == "resources/read"
        said = facts.of_call(meta, {} if reads else arguments)
        aware = facts.ARGUMENT in meta
        meta.pop(facts.ARGUMENT, None)
        meta.pop("progressToken", None)
        meta = {k: v for k, v in meta.items() if not k.startswith("io.modelcontextprotocol/")}
        if not reads and isinstance(arguments.get(facts.ARGUMENT), dict):
            arguments.pop(facts.ARGUMENT)
        try:
            body = orjson.dumps(arguments)
        except TypeError as error:
            raise BadInput(f"the arguments can't be sent: {error}") from error
        request = Request(
            connection=connection, tool=tool, kind=kind, arguments=body, **facts.understood(said)
        )
        return request, meta, aware

    def _resource(self, agent: Agent, connection: str, uri: str) -> tuple[str, str]:
        """The pinned definition that *uri* falls under: itself, or its template."""
        served = self._services.catalogue.served(agent, connection)
        if any(r.get("uri") == uri for r in served.resources):
            return "resource", uri
        for template in served.templates:
            head = str(template.get("uriTemplate", "")).partition("{")[0]
            if head and uri.startswith(head):
                return "resource_template", str(template["uriTemplate"])
        raise NotFound(f"no resource {uri!r} for this agent")

    async def _act(
        self, ctx: Any, agent: Agent, request: Request, meta: dict[str, Any]
    ) -> Acted:
        loop, cancel = asyncio.get_running_loop(), threading.Event()

        def on_progress(done: float, total: float | None, message: str | None) -> None:
            # Called on the host's loop; the caller's session lives on this one.
            asyncio.run_coroutine_threadsafe(
                ctx.session.report_progress(done, total, message), loop
            )

        try:
            acted: Acted = await self._thread(
                self._services.govern.act, agent, request,
                meta=meta, on_progress=on_progress, cancel=cancel,
            )
            return acted
        finally:
            cancel.set()  # only heard when the caller is gone before the upstream answered

    async def _held(self, ctx: Any, agent: Agent, acted: Acted) -> Acted:
        """Hold the call while people decide, with a beat a second, up to the hold."""
        deadline, beats = time.monotonic() + self._hold, 0
        while not acted.final and (left := deadline - time.monotonic()) > 0:
            acted = await self._thread(
                self._services.govern.wait, agent, acted.id, min(_BEAT, left)
            )
            beats += 1
            await ctx.session.report_progress(beats, None, "waiting for a person")
        return acted

    async def _task(self, ctx: Any, agent: Agent) -> dict[str, Any]:
        try:
            answered: dict[str, Any] = await self._thread(
                tasks.answer, ctx, agent, self._services
            )
            return answered
        except BadInput as error:
            raise MCPError(code=INVALID_PARAMS, message=_said(error)) from error
        except HandrailError as error:
            raise MCPError(code=INVALID_PARAMS, message=_said(error)) from error

    async def _thread(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        return await anyio.to_thread.run_sync(
            functools.partial(work, *args, **kwargs),
            limiter=self._limiter,
            abandon_on_cancel=True,
        )


# --- shapes -------------------------------------------------------------------------------------


def _result(acted: Acted, *, aware: bool) -> dict[str, Any]:
    """What the caller gets: the upstream's own answer untouched, or why there is none."""
    said = {"state": acted.state.value, "action": acted.id}
    if acted.entry is not None:
        said["entry"] = acted.entry  # type: ignore[assignment]
    if acted.reply is not None:
        if acted.reply.error is not None:
            error = acted.reply.error
            raise MCPError(
                code=int(error.get("code", -32603)), message=str(error.get("message", "")),
                data=error.get("data"),
            )
        result = dict(acted.reply.result or {})
        if aware or acted.state is not State.DONE:
            result["_meta"] = {**(result.get("_meta") or {}), facts.ARGUMENT: said}
        return result
    if acted.proposal is not None:
        said["proposal"] = acted.proposal
    text = acted.text
    if acted.question:
        text += f" A person asks: {acted.question!r}. Answer with handrail_answer."
    return _text(text, error=True, handrail=said)


def _text(text: str, *, error: bool = False, handrail: Mapping[str, Any] | None = None) -> dict[str, Any]:
    result: dict[str, Any] = {"content": [{"type": "text", "text": text}], "isError": error}
    if handrail is not None:
        result["_meta"] = {facts.ARGUMENT: dict(handrail)}
    return result


def _said(error: HandrailError) -> str:
    text = error.message.rstrip(".") + "."
    if isinstance(error, TooMany):
        text += f" Retry-After: {error.retry_after} s."
    if isinstance(error, Unavailable | Unsure):
        text += " Nothing is known to have been done."
    return f"{text} {error.hint}".strip()


def _shaped(result: dict[str, Any], modern: bool, *, listed: bool = False) -> dict[str, Any]:
    """The envelope that the caller's protocol era asks for."""
    if not modern:
        return {k: v for k, v in result.items() if k not in {"resultType", "ttlMs", "cacheScope"}}
    shaped = {"resultType": "complete", **result}
    if listed:
        shaped |= {"ttlMs": 0, "cacheScope": "private"}
    return shaped


def _hello(result: Any, served: Served) -> dict[str, Any]:
    """The handshake's answer: the upstream's identity, and what is governed of its abilities."""
    hello = dict(result)
    upstream = served.hello
    capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
    if served.resources or served.templates:
        capabilities["resources"] = {"listChanged": True}
    if served.prompts:
        capabilities["prompts"] = {"listChanged": True}
    capabilities["extensions"] = {tasks.EXTENSION: {}}
    hello["capabilities"] = capabilities
    if upstream.get("instructions"):
        hello["instructions"] = upstream["instructions"]
    if "serverInfo" in hello and upstream.get("serverInfo"):
        hello["serverInfo"] = upstream["serverInfo"]
    return hello


def _who(ctx: Any) -> tuple[Agent, str]:
    """The agent and the connection of a request, as the door put them into its scope."""
    scope = ctx.request.scope
    return scope["handrail.agent"], scope["handrail.connection"]


def _peer(ctx: Any) -> Any:
    return ctx.session._connection  # noqa: SLF001 - the SDK has no public per-connection key


def _valid(ctx: Any) -> None:
    """What the middleware skips must be done here: the protocol's own validation."""
    try:
        mcp_methods.validate_client_request(ctx.method, ctx.protocol_version, ctx.params)
    except KeyError:
        raise MCPError(
            code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise MCPError(code=INVALID_PARAMS, message=f"{where}: {first['msg']}") from None
