"""One kept session with one upstream MCP server, raw on both sides (MCP section 1).

Raw messages are passed on, not rebuilt from typed models, which drop what they do not know. The
upstream's own requests (sampling, elicitation, roots) are refused; its log lines are dropped,
since a dispatcher can't tell which call one belongs to and another's client may be in them;
`list_changed` is told on.

A call is sent once. *Not sent* is said only when nothing can have reached the upstream.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import structlog
from anyio.abc import TaskStatus
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp_types import CONNECTION_CLOSED, METHOD_NOT_FOUND

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.eras import MODERN, PATIENCE, enveloped, greet, headers_of
from handrail.connectors.executor import OnProgress, Reply
from handrail.connectors.stdio import child
from handrail.connectors.web import how_it_failed, remote
from handrail.errors import NoAnswer, NotSent

log = structlog.get_logger(__name__)

_PAGES = 200
_OFF = -32603


class Session:
    """Runs in its own task on the host's loop: `run` owns it, `call` uses it."""

    def __init__(self, spec: ConnectionSpec, era: str, on_changed: Callable[[str], None]) -> None:
        self.spec = spec
        self.era = era  #: as asked for until `ready`, then what the upstream speaks
        self.hello: Mapping[str, Any] = {}
        self.used = 0.0  #: the host's monotonic time of the last use
        self.calls = 0  #: under way, those that wait for the greeting included
        self.over = False
        self._on_changed = on_changed
        self._dispatcher: Any = None
        self._ready = anyio.Event()
        self._stop = anyio.Event()
        self._failed: BaseException | None = None
        self._headers: dict[str, dict[tuple[str, ...], str]] | None = None

    @property
    def why(self) -> str:
        """Why the session is over, in one line."""
        return _plain(self._failed) if self._failed is not None else "it closed the connection"

    @property
    def _http(self) -> bool:
        return self.spec.kind == "mcp-http"

    async def run(self) -> None:
        """Connect, greet, and stay until closed or until the upstream is gone."""
        try:
            async with self._streams() as (read, write):
                dispatcher: Any = JSONRPCDispatcher(read, write)
                async with anyio.create_task_group() as tasks:
                    await tasks.start(self._serve, dispatcher, tasks.cancel_scope)
                    with anyio.fail_after(3 * PATIENCE):
                        self.era, self.hello = await greet(dispatcher, self.era, http=self._http)
                    self._dispatcher = dispatcher
                    self._ready.set()
                    await self._stop.wait()
                    tasks.cancel_scope.cancel()
        except BaseException as error:
            self._failed = error
            if not isinstance(error, Exception):
                raise
            log.warning("upstream lost", connection=self.spec.name, why=_plain(error))
        finally:
            self.over = True
            self._ready.set()

    async def ready(self) -> None:
        """Wait until calls can be made. Raises `NotSent` when it can't be reached."""
        await self._ready.wait()
        if self.over:
            raise NotSent(f"{self.spec.name} cannot be reached: {self.why}")

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        *,
        patience: float,
        on_progress: OnProgress | None = None,
        on_send: Callable[[], None] = lambda: None,
    ) -> Reply:
        """Send one request, once, in the upstream's era; *on_send* is called just before.

        Raises `NotSent`, or `NoAnswer` when it may have been acted on. When cancelled, the
        upstream is told.
        """
        options: dict[str, Any] = {}
        sent = dict(params)
        if self.era == MODERN:
            repeated = (
                await self._repeated(str(params.get("name"))) if method == "tools/call" else {}
            )
            sent, headers = enveloped(method, params, http=self._http, param_headers=repeated)
            if headers:
                options["headers"] = headers
        if on_progress is not None:

            async def told(done: float, total: float | None, message: str | None) -> None:
                on_progress(done, total, message)

            options["on_progress"] = told
        if self.over:
            raise NotSent(f"{self.spec.name}: {self.why}")
        on_send()
        try:
            # The time is ours, not the dispatcher's, so that its time-out can't be mistaken for
            # an error of the same code that the upstream itself sends.
            with anyio.fail_after(patience):
                result = await self._dispatcher.send_raw_request(method, sent, options)
        except TimeoutError:
            raise NoAnswer(f"{self.spec.name} gave no answer within {patience:g} s") from None
        except MCPError as error:
            return self._failure(error)
        return _complete(result)

    def close(self) -> None:
        """End the session; what is under way gets no answer."""
        self._stop.set()

    # --- inside -----------------------------------------------------------------------------

    def _failure(self, error: MCPError) -> Reply:
        """The upstream's own error as a reply; a failure of the way as an exception."""
        said = error.error
        how = how_it_failed(said.code, said.message, said.data) if self._http else None
        if how == "not sent":
            raise NotSent(f"{self.spec.name} cannot be reached: {said.message}") from error
        closed = said.code == CONNECTION_CLOSED and (self._http or self._closed)
        if how == "no answer" or closed:
            raise NoAnswer(f"{self.spec.name} gave no answer: {said.message}") from error
        shown = said.model_dump(by_alias=True, exclude_none=True)
        if how is not None:  # its HTTP front refused the message, and nothing behind it acted
            shown.pop("data", None)
        if how == "gone":
            # It started anew and forgot this session: the next call opens another.
            self.over = True
            self.close()
            shown["message"] = "the upstream has started anew; ask again"
        return Reply(error=shown)

    @property
    def _closed(self) -> bool:
        closed: bool = self._dispatcher._closed  # noqa: SLF001 - it has no public way to tell
        return closed

    async def _serve(
        self, dispatcher: Any, scope: anyio.CancelScope, *, task_status: TaskStatus[None]
    ) -> None:
        """Read until the upstream ends the connection; then the session is over."""
        await dispatcher.run(self._asked, self._told, task_status=task_status)
        self.over = True
        if not self._stop.is_set():
            log.warning("upstream closed the connection", connection=self.spec.name)
        scope.cancel()

    async def _asked(self, context: Any, method: str, params: Any) -> dict[str, Any]:
        if method == "ping":
            return {}
        log.info("upstream request refused", connection=self.spec.name, method=method)
        raise MCPError(code=METHOD_NOT_FOUND, message=f"{method} is off")

    async def _told(self, context: Any, method: str, params: Any) -> None:
        if method.endswith("/list_changed"):
            self._on_changed(self.spec.name)

    async def _repeated(self, tool: str) -> dict[tuple[str, ...], str]:
        """Which arguments of *tool* travel as headers too: over HTTP, learnt once."""
        if not self._http:
            return {}
        if self._headers is None:
            tools = await self.listed("tools/list", "tools")
            self._headers = {str(t.get("name")): headers_of(t) for t in tools}
        return self._headers.get(tool, {})

    async def listed(self, method: str, field: str) -> list[Mapping[str, Any]]:
        """Every page of a list. Raises `NotSent` when it can't be read: lists change nothing."""
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            params = {"cursor": cursor} if cursor else {}
            try:
                reply = await self.call(method, params, patience=2 * PATIENCE)
            except NoAnswer as error:
                raise NotSent(error.message) from error
            if reply.result is None:
                break  # announced and not there: nothing to serve of this kind
            found += [d for d in reply.result.get(field) or [] if isinstance(d, dict)]
            cursor = reply.result.get("nextCursor")
            if not cursor:
                break
        return found

    def _streams(self) -> AbstractAsyncContextManager[tuple[Any, Any]]:
        return remote(self.spec) if self._http else child(self.spec)


def _complete(result: dict[str, Any]) -> Reply:
    """A modern upstream may answer with something else than the result; that is off."""
    kind = result.get("resultType")
    if kind in {None, "complete"}:
        return Reply(result=result)
    message = f"the upstream answered {kind!r}, which is off: only complete results are taken"
    return Reply(error={"code": _OFF, "message": message})


def _plain(error: BaseException) -> str:
    """The innermost reason, in one line, without what may hold a secret."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error).splitlines()[0][:200] if str(error) else ""
    return f"{type(error).__name__}: {text}"
