"""The one owner of upstream connections and credentials (ARCHITECTURE).

Sessions are kept, not opened per call, and keyed by (connection, agent, client scope), since a
stateful server would leak one agent's tenant into another's call. Everything upstream happens on
the host's own event loop; its faces are synchronous and safe from many threads.

A call that was sent is never sent again: when its session dies, the caller hears `NoAnswer`, and
the next call opens a new session.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import AbstractContextManager
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus
import structlog
from anyio.from_thread import BlockingPortal, start_blocking_portal

from handrail.clock import Clock
from handrail.connectors.callables import Callables
from handrail.connectors.catalogue import ConnectionSpec, Offer
from handrail.connectors.executor import Cancel, OnProgress, Order, Reply
from handrail.connectors.session import Session
from handrail.errors import NoAnswer, NotSent

log = structlog.get_logger(__name__)

IDLE = 600.0  # seconds after which an unused session is closed
MOST = 64  # sessions of one connection
PAGES = 200  # of one list; an upstream that never ends is cut off
_LOOK = 0.2  # seconds between looks at a caller's wish to stop

Key = tuple[str, str, str]
_LISTS = (
    ("tools/list", "tools", "tools"),
    ("resources/list", "resources", "resources"),
    ("resources/templates/list", "resourceTemplates", "resources"),
    ("prompts/list", "prompts", "prompts"),
)


class Host:
    """Implements the executor and catalogue contracts over MCP and in-process callables."""

    def __init__(self, clock: Clock, callables: Callables | None = None) -> None:
        self._clock = clock
        self._callables = callables or Callables()
        self._lock = threading.Lock()
        self._specs: dict[str, ConnectionSpec] = {}
        self._down: dict[str, str] = {}
        self._sessions: dict[Key, Session] = {}  # touched on the loop only
        self._opening: dict[Key, anyio.Lock] = {}
        self._portal: BlockingPortal | None = None
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._listeners: list[Callable[[str], None]] = []
        self._main: Future[Any]
        self._tasks: TaskGroup
        self._end: anyio.Event

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the loop. Nothing is reached yet."""
        self._context = start_blocking_portal("asyncio")
        self._portal = self._context.__enter__()
        self._main, _ = self._portal.start_task(self._live)

    def close(self) -> None:
        """Close every session and the loop; what is under way gets no answer."""
        if self._portal is None or self._context is None:
            return
        self._portal.call(self._close_all)
        self._main.result()
        self._portal = None
        self._context.__exit__(None, None, None)

    def on_changed(self, listener: Callable[[str], None]) -> None:
        """Call *listener* with a connection's name when it says that its lists changed."""
        self._listeners.append(listener)

    # --- catalogue --------------------------------------------------------------------------

    def connect(self, spec: ConnectionSpec) -> None:
        with self._lock:
            old = self._specs.get(spec.name)
            self._specs[spec.name] = spec
        if old is not None and old.digest != spec.digest:
            self._drop(spec.name)

    def forget(self, name: str) -> None:
        with self._lock:
            self._specs.pop(name, None)
            self._down.pop(name, None)
        self._drop(name)

    def offer(self, name: str) -> Offer:
        spec = self._spec(name)
        if spec.kind == "callable":
            return self._callables.offer(spec.target)
        offer: Offer = self._run(self._offer, spec).result()
        return offer

    def health(self) -> Mapping[str, str]:
        with self._lock:
            names, down = list(self._specs), dict(self._down)
        live = {key[0] for key, session in list(self._sessions.items()) if not session.over}
        return {
            n: f"down: {down[n]}" if n in down else ("up" if n in live else "idle") for n in names
        }

    # --- executor ---------------------------------------------------------------------------

    def execute(
        self, order: Order, *, on_progress: OnProgress | None = None, cancel: Cancel | None = None
    ) -> Reply:
        spec = self._spec(order.connection)
        if spec.kind == "callable":
            return self._callables.call(spec.target, order)
        future = self._run(self._execute, spec, order, on_progress)
        while True:
            try:
                reply: Reply = future.result(timeout=_LOOK if cancel is not None else None)
            except FutureTimeout:
                if cancel is not None and cancel.is_set():
                    # The session tells the upstream; whether it stopped, nobody knows.
                    future.cancel()
                    raise NoAnswer("the caller cancelled the call") from None
            except CancelledError:
                raise NoAnswer("the call was cancelled") from None
            return reply

    # --- on the loop ------------------------------------------------------------------------

    async def _execute(
        self, spec: ConnectionSpec, order: Order, on_progress: OnProgress | None
    ) -> Reply:
        session = await self._session(spec, (spec.name, order.agent, order.client))
        return await session.call(
            order.method, order.params, timeout=order.timeout, on_progress=on_progress
        )

    async def _offer(self, spec: ConnectionSpec) -> Offer:
        session = await self._session(spec, (spec.name, "handrail", ""))
        found: dict[str, list[Mapping[str, Any]]] = {}
        capabilities = session.hello.get("capabilities") or {}
        for method, field, capability in _LISTS:
            found[field] = []
            cursor: str | None = None
            for _ in range(PAGES if capability in capabilities else 0):
                params = {"cursor": cursor} if cursor else {}
                try:
                    reply = await session.call(method, params, timeout=60.0)
                except NoAnswer as error:
                    raise NotSent(error.message) from error
                if reply.result is None:
                    break  # announced and not there: nothing to serve of this kind
                found[field] += [d for d in reply.result.get(field) or [] if isinstance(d, dict)]
                cursor = reply.result.get("nextCursor")
                if not cursor:
                    break
        return Offer(
            hello=session.hello,
            tools=found["tools"],
            resources=found["resources"],
            templates=found["resourceTemplates"],
            prompts=found["prompts"],
        )

    async def _session(self, spec: ConnectionSpec, key: Key) -> Session:
        """The live session of *key*, opened if there is none. Raises `NotSent`."""
        lock = self._opening.setdefault(key, anyio.Lock())
        async with lock:
            session = self._sessions.get(key)
            if session is None or session.over or session.spec.digest != spec.digest:
                if session is not None:
                    session.close()
                self._make_room(spec.name)
                session = Session(spec, self._changed)
                self._sessions[key] = session
                self._tasks.start_soon(session.run)
            try:
                await session.ready()
            except NotSent as error:
                self._sessions.pop(key, None)
                with self._lock:
                    self._down[spec.name] = error.message
                raise
            with self._lock:
                self._down.pop(spec.name, None)
            session.used = self._clock.monotonic()
            return session

    def _make_room(self, name: str) -> None:
        now = self._clock.monotonic()
        mine = sorted(
            ((s.used, k) for k, s in self._sessions.items() if k[0] == name), key=lambda x: x[0]
        )
        for n, (used, key) in enumerate(mine):
            session = self._sessions[key]
            crowded = len(mine) - n >= MOST
            if session.calls == 0 and (session.over or crowded or now - used > IDLE):
                session.close()
                del self._sessions[key]

    async def _live(self, *, task_status: TaskStatus[None]) -> None:
        """Own every session's task, until `close`."""
        self._end = anyio.Event()
        async with anyio.create_task_group() as self._tasks:
            task_status.started()
            await self._end.wait()
            self._tasks.cancel_scope.cancel()

    async def _close_all(self) -> None:
        for session in self._sessions.values():
            session.close()
        with anyio.move_on_after(5):
            while any(not s.over for s in self._sessions.values()):
                await anyio.sleep(0.02)
        self._sessions.clear()
        self._end.set()

    async def _close_some(self, name: str) -> None:
        for key in [k for k in self._sessions if k[0] == name]:
            self._sessions.pop(key).close()

    # --- inside -----------------------------------------------------------------------------

    def _changed(self, name: str) -> None:
        for listener in self._listeners:
            listener(name)

    def _drop(self, name: str) -> None:
        if self._portal is not None:
            self._portal.call(self._close_some, name)

    def _spec(self, name: str) -> ConnectionSpec:
        with self._lock:
            spec = self._specs.get(name)
        if spec is None:
            raise NotSent(f"no connection {name!r} is known")
        return spec

    def _run(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        if self._portal is None:
            raise NotSent("the host is not running")
        return self._portal.start_task_soon(work, *args)


