"""One kept session with one upstream MCP server, raw on both sides (MCP section 1).

Raw messages are passed on, not rebuilt from typed models, which drop what they do not know. The
upstream's own requests (sampling, elicitation, roots) are refused; its log lines are dropped,
since a dispatcher can't tell which call one belongs to; `list_changed` is told on.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import structlog
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp_types import CONNECTION_CLOSED, METHOD_NOT_FOUND, REQUEST_TIMEOUT

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.executor import OnProgress, Reply
from handrail.connectors.stderr import captured
from handrail.errors import NoAnswer, NotSent

log = structlog.get_logger(__name__)

PROTOCOL = "2025-11-25"
HANDSHAKE = 30.0  # seconds
HTTP_TIMEOUT = 30.0  # seconds to connect and to write; reading waits as long as the call may
_LOST = frozenset({CONNECTION_CLOSED, REQUEST_TIMEOUT})


class Session:
    """Runs in its own task on the host's loop: `run` owns it, `call` uses it."""

    def __init__(self, spec: ConnectionSpec, on_changed: Callable[[str], None]) -> None:
        self.spec = spec
        self.hello: Mapping[str, Any] = {}
        self.used = 0.0
        self.calls = 0
        self._on_changed = on_changed
        self._dispatcher: Any = None
        self._ready = anyio.Event()
        self._stop = anyio.Event()
        self._failed: BaseException | None = None
        self.over = False

    async def run(self) -> None:
        """Connect, shake hands, and stay until closed or the upstream is gone."""
        try:
            async with self._streams() as (read, write):
                dispatcher: Any = JSONRPCDispatcher(read, write)
                async with anyio.create_task_group() as tasks:
                    await tasks.start(dispatcher.run, self._asked, self._told)
                    self.hello = await _handshake(dispatcher)
                    self._dispatcher = dispatcher
                    self._ready.set()
                    tasks.start_soon(self._watch, dispatcher, tasks.cancel_scope)
                    await self._stop.wait()
                    tasks.cancel_scope.cancel()
        except BaseException as error:
            self._failed = error
            if not isinstance(error, Exception | BaseExceptionGroup):
                raise
            if not self._ready.is_set():
                log.warning("upstream not reached", connection=self.spec.name, why=_plain(error))
        finally:
            self.over = True
            self._ready.set()

    async def ready(self) -> None:
        """Wait until calls can be made. Raises `NotSent` when it can't be reached."""
        await self._ready.wait()
        if self.over or self._dispatcher is None:
            why = _plain(self._failed) if self._failed else "it closed the connection"
            raise NotSent(f"{self.spec.name} cannot be reached: {why}")

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        timeout: float,
        on_progress: OnProgress | None = None,
    ) -> Reply:
        """Send one request, once. Raises `NoAnswer` when it may have been acted on."""
        options: dict[str, Any] = {"timeout": timeout}
        if on_progress is not None:

            async def told(done: float, total: float | None, message: str | None) -> None:
                on_progress(done, total, message)

            options["on_progress"] = told
        self.calls += 1
        try:
            result = await self._dispatcher.send_raw_request(method, dict(params), options)
        except MCPError as error:
            if error.error.code in _LOST:
                raise NoAnswer(f"{self.spec.name} gave no answer: {error.error.message}") from error
            return Reply(error=error.error.model_dump(by_alias=True, exclude_none=True))
        finally:
            self.calls -= 1
        return Reply(result=result)

    def close(self) -> None:
        """End the session; what is under way gets no answer."""
        self._stop.set()

    # --- inside -----------------------------------------------------------------------------

    async def _watch(self, dispatcher: Any, scope: anyio.CancelScope) -> None:
        """End the session when the upstream has closed its side."""
        while not self._stop.is_set():
            if dispatcher._closed:  # noqa: SLF001 - the dispatcher has no public way to tell
                self.over = True
                scope.cancel()
                return
            with anyio.move_on_after(0.25):
                await self._stop.wait()

    async def _asked(self, context: Any, method: str, params: Any) -> dict[str, Any]:
        if method == "ping":
            return {}
        log.info("upstream request refused", connection=self.spec.name, method=method)
        raise MCPError(code=METHOD_NOT_FOUND, message=f"{method} is off")

    async def _told(self, context: Any, method: str, params: Any) -> None:
        if method.endswith("/list_changed"):
            self._on_changed(self.spec.name)

    @asynccontextmanager
    async def _streams(self) -> AsyncIterator[Any]:
        spec = self.spec
        if spec.kind == "mcp-stdio":
            with captured(spec.name) as errors:
                server = StdioServerParameters(
                    command=spec.command, args=list(spec.args), env=dict(spec.secret or {}),
                    cwd=spec.cwd or None,
                )
                async with stdio_client(server, errlog=errors) as streams:
                    yield streams
        else:
            timeout = httpx2.Timeout(HTTP_TIMEOUT, read=None)
            async with (
                httpx2.AsyncClient(headers=dict(spec.secret or {}), timeout=timeout) as http,
                streamable_http_client(
                    spec.url, http_client=http, max_sse_event_size=None
                ) as streams,
            ):
                yield streams[0], streams[1]


async def _handshake(dispatcher: Any) -> Mapping[str, Any]:
    hello = await dispatcher.send_raw_request(
        "initialize",
        {
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": {"name": "handrail", "version": "0.1.0"},
        },
        {"timeout": HANDSHAKE, "cancel_on_abandon": False},
    )
    await dispatcher.notify("notifications/initialized", None)
    return dict(hello)


def _plain(error: BaseException) -> str:
    """The innermost reason, in one line, without what may hold a secret."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
