"""The front of the gateway: one middleware that answers every MCP request, raw (MCP section 1).

What an agent sends goes upstream only through `govern.act`; a method that is not governed is not
offered and not forwarded (I30). Lists are the pinned definitions. Sampling and elicitation from
upstream are off, so nothing here asks the caller anything.
"""

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import progress_token_from_params
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_INFO_META_KEY,
)
from mcp_types import methods as mcp_methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from handrail.core.action import State
from handrail.core.model import Agent, Effect
from handrail.errors import HandrailError
from handrail.gateway import calls, own, shapes, tasks
from handrail.gateway.listeners import Listeners
from handrail.gateway.schema import with_argument
from handrail.service import Services
from handrail.service.acted import Acted
from handrail.service.catalogue import Served

#: Calls that may be under way at a time; each holds one thread while its upstream works.
THREADS = 256
BEAT = 1.0  # seconds between beats while a call is held
_LISTS = {
    "tools/list": ("tools", "tools"),
    "resources/list": ("resources", "resources"),
    "resources/templates/list": ("resourceTemplates", "templates"),
    "prompts/list": ("prompts", "prompts"),
}
_LATE = 2.0  # seconds that the last words of progress may take to go out


class Front:
    """Answers MCP requests of authenticated agents."""

    def __init__(self, services: Services, *, hold: float, threads: int = THREADS) -> None:
        self._services = services
        self._hold = hold
        self._threads = threads
        self._limiter: anyio.CapacityLimiter | None = None
        self._identities: dict[str, Mapping[str, Any]] = {}
        self.listeners = Listeners(services)
        self.server: Server[Any] = Server("handrail")
        self.server.middleware.append(self._answer)

    # --- the one middleware -----------------------------------------------------------------

    async def _answer(self, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        if ctx.request_id is None or ctx.method == "ping":
            return await call_next(ctx)
        agent, connection = _who(ctx)
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if ctx.method in {"initialize", "server/discover"}:
            result = dict(await call_next(ctx))
            return await self._greet(ctx, agent, connection, result)
        if not modern and not _peer(ctx).initialize_accepted:
            return await call_next(ctx)  # the SDK's own refusal
        try:
            result = await self._serve(ctx, agent, connection, modern=modern)
        except HandrailError as error:
            result = shapes.refused(error, ctx.method)
        except MCPError as error:
            raise shapes.crossed(error, modern=modern) from error
        if result.get("resultType") == "task":
            return result
        return shapes.enveloped(result, ctx.method, self._identities.get(connection), modern=modern)

    async def _serve(
        self, ctx: Any, agent: Agent, connection: str, *, modern: bool
    ) -> dict[str, Any]:
        if ctx.method.startswith("tasks/"):
            return await self._task(ctx, agent, modern=modern)
        listening = modern and ctx.method == "subscriptions/listen"
        if not listening and ctx.method not in _LISTS and ctx.method not in calls.GOVERNED:
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
        _valid(ctx)
        if listening:
            return await self.listeners.listen(ctx, agent, connection)
        if ctx.method in _LISTS:
            return await self._list(ctx, agent, connection, modern=modern)
        return await self._call(ctx, agent, connection, modern=modern)

    # --- lists ------------------------------------------------------------------------------

    async def _greet(
        self, ctx: Any, agent: Agent, connection: str, result: dict[str, Any]
    ) -> dict[str, Any]:
        """The upstream's identity and instructions, and what is governed of its abilities."""
        try:
            served = await self._served(agent, connection)
        except HandrailError as error:
            raise MCPError(code=INTERNAL_ERROR, message=shapes.words_of(error)) from error
        legacy = ctx.method == "initialize"
        capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
        if served.resources or served.templates:
            capabilities["resources"] = {"listChanged": True}
        if served.prompts:
            capabilities["prompts"] = {"listChanged": True}
        if legacy:
            capabilities["tasks"] = dict(tasks.LEGACY_CAPABILITY)
            await self.listeners.joined(agent, connection, _peer(ctx))
        else:
            capabilities["extensions"] = {tasks.EXTENSION: {}}
        result["capabilities"] = capabilities
        if served.hello.get("instructions"):
            result["instructions"] = served.hello["instructions"]
        identity = self._identities.get(connection)
        if identity:
            if legacy:
                result["serverInfo"] = dict(identity)
            else:
                stamped = {**(result.get("_meta") or {}), SERVER_INFO_META_KEY: dict(identity)}
                result["_meta"] = stamped
        return result

    async def _list(
        self, ctx: Any, agent: Agent, connection: str, *, modern: bool
    ) -> dict[str, Any]:
        served = await self._served(agent, connection)
        field, attribute = _LISTS[ctx.method]
        listed = [dict(d) for d in getattr(served, attribute)]
        if ctx.method == "tools/list":
            policy = self._services.policies.current()
            shown = []
            for tool in listed:
                if tool.get("name") in own.NAMES:
                    continue  # a name of ours means ours
                row = policy.row(f"{connection}.{tool.get('name')}")
                changes = row is None or row.effect is not Effect.READ
                offered = with_argument(tool) if changes else tool
                if changes and not modern:
                    execution = {**(offered.get("execution") or {}), "taskSupport": "optional"}
                    offered = {**offered, "execution": execution}
                shown.append(offered)
            listed = [*shown, *(dict(t) for t in own.TOOLS)]
        return {field: listed}

    async def _served(self, agent: Agent, connection: str) -> Served:
        served: Served = await self._thread(self._services.catalogue.served, agent, connection)
        if isinstance(info := served.hello.get("serverInfo"), Mapping):
            self._identities[connection] = info
        return served

    # --- calls ------------------------------------------------------------------------------

    async def _call(
        self, ctx: Any, agent: Agent, connection: str, *, modern: bool
    ) -> dict[str, Any]:
        params: Mapping[str, Any] = ctx.params or {}
        if ctx.method == "tools/call" and params["name"] in own.NAMES:
            answered: dict[str, Any] = await self._thread(
                own.call, self._services, agent, params["name"], params.get("arguments") or {}
            )
            return answered
        acted, aware = await self._act(ctx, agent, connection, modern=modern)
        tool = ctx.method == "tools/call"
        if tool and not modern and isinstance(params.get("task"), dict):
            return tasks.created(acted, modern=False)
        if not acted.final and acted.reply is None:
            if tool and modern and tasks.declared(ctx) and acted.state is State.WAITING:
                return tasks.created(acted, modern=True)
            acted = await self._held(ctx, agent, acted)
        return shapes.of_acted(acted, ctx.method, aware=aware)

    async def _act(
        self, ctx: Any, agent: Agent, connection: str, *, modern: bool
    ) -> tuple[Acted, bool]:
        """Understand the call and have it governed, both in one thread. Also says whether the
        caller knows of Handrail."""
        loop, cancel = asyncio.get_running_loop(), threading.Event()
        words: list[Future[None]] = []
        wanted = progress_token_from_params(ctx.params) is not None

        def on_progress(done: float, total: float | None, message: str | None) -> None:
            # Called on the host's loop; the caller's session lives on this one.
            said = ctx.session.report_progress(done, total, message)
            words.append(asyncio.run_coroutine_threadsafe(said, loop))

        def act() -> tuple[Acted, bool]:
            call = calls.understand(self._services, agent, connection, ctx.method, ctx.params or {})
            acted = self._services.govern.act(
                agent,
                call.request,
                meta=call.meta,
                era="modern" if modern else "legacy",
                # Nobody who did not ask for progress has the upstream asked for it.
                on_progress=on_progress if wanted else None,
                cancel=cancel,
            )
            return acted, call.aware

        try:
            acted: tuple[Acted, bool] = await self._thread(act)
        finally:
            cancel.set()  # only heard when the caller is gone before the upstream answered
        if words:
            # What the upstream said before its result goes out before its result.
            await asyncio.wait([asyncio.wrap_future(w) for w in words], timeout=_LATE)
        return acted

    async def _held(self, ctx: Any, agent: Agent, acted: Acted) -> Acted:
        """Hold the call while people decide, with a beat a second, up to the hold. When the
        caller leaves, only the waiting ends: the proposal does not hang on the call."""
        deadline, beats = anyio.current_time() + self._hold, 0
        while not acted.final and (left := deadline - anyio.current_time()) > 0:
            acted = await self._thread(self._services.govern.wait, agent, acted.id, min(BEAT, left))
            beats += 1
            await ctx.session.report_progress(beats, None, "waiting for a person")
        return acted

    async def _task(self, ctx: Any, agent: Agent, *, modern: bool) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        gone = threading.Event()

        def wait(action: str) -> Acted:
            """Until it is final, with a beat a second; ends early when the caller has left."""
            acted, beats = self._services.govern.wait(agent, action, BEAT), 0
            while not acted.final and not gone.is_set():
                beats += 1
                told = ctx.session.report_progress(beats, None, "waiting for a person")
                asyncio.run_coroutine_threadsafe(told, loop)
                acted = self._services.govern.wait(agent, acted.id, BEAT)
            return acted

        try:
            answered: dict[str, Any] = await self._thread(
                tasks.answer, ctx, agent, self._services, modern=modern, wait=wait
            )
        finally:
            gone.set()
        return answered

    async def _thread(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._threads)
        return await anyio.to_thread.run_sync(
            functools.partial(work, *args, **kwargs),
            limiter=self._limiter,
            abandon_on_cancel=True,
        )


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
        raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise MCPError(code=INVALID_PARAMS, message=f"{where}: {first['msg']}") from None
