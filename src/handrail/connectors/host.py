"""The one owner of upstream connections and credentials (ARCHITECTURE).

Sessions are kept, not opened per call, and keyed by (connection, protocol era, agent, client
scope), since a stateful server would leak one agent's tenant into another's call. Everything
upstream happens on the host's own event loop; its faces are synchronous and safe from many
threads.

A call that was sent is never sent again: when its session dies, the caller hears `NoAnswer`, and
the next call opens a new session. Sessions that nobody used for a while are closed, and one
connection has at most so many of them.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup, TaskStatus
from anyio.from_thread import BlockingPortal, start_blocking_portal

from handrail.clock import Clock
from handrail.connectors.callables import Callables
from handrail.connectors.catalogue import ConnectionSpec, Offer
from handrail.connectors.eras import LEGACY
from handrail.connectors.executor import Cancel, OnProgress, Order, Quiet, Reply
from handrail.connectors.session import Session
from handrail.errors import HandrailError, NoAnswer, NotSent

log = structlog.get_logger(__name__)

#: Handrail's own session for lists: no agent's, so that a list never shows an agent's state.
LISTER = "handrail"

Key = tuple[str, str, str, str]
_LISTS = (
    ("tools/list", "tools", "tools"),
    ("resources/list", "resources", "resources"),
    ("resources/templates/list", "resourceTemplates", "resources"),
    ("prompts/list", "prompts", "prompts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many sessions are kept, and for how long."""

    idle: float = 600.0  #: seconds after which an unused session is closed
    most: int = 64  #: sessions of one connection
    sweep: float = 30.0  #: seconds between looks for idle sessions
    look: float = 0.1  #: seconds between looks at callers' wishes to stop
    calm: float = 1.0  #: seconds between two tellings that one connection's lists changed


@dataclass(slots=True, eq=False)
class _Call:
    """One call under way: whether it was sent, and whether its caller wants it stopped."""

    cancel: Cancel
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Host:
    """Implements the executor and catalogue contracts over MCP and in-process callables."""

    def __init__(
        self, clock: Clock, callables: Callables | None = None, limits: Limits | None = None
    ) -> None:
        self._clock = clock
        self._callables = callables or Callables()
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._specs: dict[str, ConnectionSpec] = {}
        self._down: dict[str, str] = {}
        self._listeners: list[Callable[[str], Any]] = []
        self._portal: BlockingPortal | None = None
        self._context: AbstractContextManager[BlockingPortal] | None = None
        # What follows is touched on the loop only.
        self._sessions: dict[Key, Session] = {}
        self._calls: set[_Call] = set()
        self._called: anyio.Event
        self._moved: dict[str, anyio.Event] = {}
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
        self._portal.call(self._stop)
        self._main.result()
        self._portal = None
        self._context.__exit__(None, None, None)

    def on_changed(self, listener: Callable[[str], Any]) -> None:
        """Call *listener* with a connection's name when it says that its lists changed.

        It is called in a thread, one at a time for each connection, and may read lists. What it
        raises of ours is logged.
        """
        self._listeners.append(listener)

    # --- catalogue --------------------------------------------------------------------------

    def connect(self, spec: ConnectionSpec) -> None:
        with self._lock:
            old = self._specs.get(spec.name)
            self._specs[spec.name] = spec
        # Whole specs are compared: a new secret has the digest of the old one.
        if old is not None and old != spec:
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

    def sessions(self, name: str) -> int:
        """How many sessions of that connection are open."""
        return sum(key[0] == name and not s.over for key, s in list(self._sessions.items()))

    # --- executor ---------------------------------------------------------------------------

    def execute(
        self, order: Order, *, on_progress: OnProgress | None = None, cancel: Cancel | None = None
    ) -> Reply:
        spec = self._spec(order.connection)
        if cancel is not None and cancel.is_set():
            raise NotSent("the caller cancelled before anything was sent")
        if spec.kind == "callable":
            return self._callables.call(spec.target, order)
        reply: Reply = self._run(self._execute, spec, order, on_progress, cancel).result()
        return reply

    # --- on the loop ------------------------------------------------------------------------

    async def _execute(
        self,
        spec: ConnectionSpec,
        order: Order,
        on_progress: OnProgress | None,
        cancel: Cancel | None,
    ) -> Reply:
        sent: list[bool] = []
        key = (spec.name, order.era, order.agent, order.client)
        call = _Call(cancel or Quiet())
        self._calls.add(call)
        self._called.set()
        try:
            with call.scope, self._leased(spec, key) as session:
                await self._greeted(session, key)
                return await session.call(
                    order.method,
                    order.params,
                    patience=order.timeout,
                    on_progress=on_progress,
                    on_send=lambda: sent.append(True),
                )
        finally:
            self._calls.discard(call)
        # Only a caller's wish to stop leads here; the session has told the upstream.
        if sent:
            raise NoAnswer("the caller cancelled the call; whether it stopped, nobody knows")
        raise NotSent("the caller cancelled before anything was sent")

    async def _offer(self, spec: ConnectionSpec) -> Offer:
        key = (spec.name, LEGACY, LISTER, "")
        with self._leased(spec, key) as session:
            await self._greeted(session, key)
            capabilities = session.hello.get("capabilities") or {}
            found = {
                name: await session.listed(method, name) if capability in capabilities else []
                for method, name, capability in _LISTS
            }
        return Offer(
            hello=session.hello,
            tools=found["tools"],
            resources=found["resources"],
            templates=found["resourceTemplates"],
            prompts=found["prompts"],
        )

    @contextmanager
    def _leased(self, spec: ConnectionSpec, key: Key) -> Iterator[Session]:
        """The live session of *key*, opened if there is none, kept while in use."""
        session = self._sessions.get(key)
        if session is None or session.over or session.spec != spec:
            if session is not None:
                session.close()
                del self._sessions[key]
            self._make_room(spec.name)
            session = self._sessions[key] = Session(spec, key[1], self._changed)
            self._tasks.start_soon(session.run)
        session.calls += 1
        try:
            yield session
        finally:
            session.calls -= 1
            session.used = self._clock.monotonic()

    async def _greeted(self, session: Session, key: Key) -> None:
        try:
            await session.ready()
        except NotSent:
            if self._sessions.get(key) is session:
                del self._sessions[key]
            with self._lock:
                self._down[key[0]] = session.why
            raise
        with self._lock:
            self._down.pop(key[0], None)

    def _make_room(self, name: str) -> None:
        """Make place for one more session of *name*: the longest unused one goes first."""
        mine = [k for k in self._sessions if k[0] == name]
        if len(mine) < self._limits.most:
            return
        free = [k for k in mine if self._sessions[k].calls == 0]
        if not free:
            raise NotSent(f"all {len(mine)} sessions of {name} are busy")
        oldest = min(free, key=lambda k: self._sessions[k].used)
        self._sessions.pop(oldest).close()

    def _sweep(self) -> None:
        """Let go of sessions that are over, and close those that nobody used for a while."""
        now = self._clock.monotonic()
        for key, session in list(self._sessions.items()):
            unused = session.calls == 0 and now - session.used >= self._limits.idle
            if unused or session.over:
                session.close()
                del self._sessions[key]

    async def _look(self) -> None:
        """Look at every caller's wish to stop, while there are callers."""
        while True:
            await self._called.wait()
            for call in self._calls:
                if call.cancel.is_set():
                    call.scope.cancel()
            if not self._calls:
                self._called = anyio.Event()
            await anyio.sleep(self._limits.look)

    async def _tidy(self) -> None:
        while True:
            await anyio.sleep(self._limits.sweep)
            self._sweep()

    async def _live(self, *, task_status: TaskStatus[None]) -> None:
        """Own every session's task, until `close`."""
        self._end, self._called = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._look)
            self._tasks.start_soon(self._tidy)
            task_status.started()
            await self._end.wait()
            self._tasks.cancel_scope.cancel()
        self._sessions.clear()

    async def _stop(self) -> None:
        self._end.set()

    async def _close_some(self, name: str) -> None:
        for key in [k for k in self._sessions if k[0] == name]:
            self._sessions.pop(key).close()

    # --- changes ----------------------------------------------------------------------------

    def _changed(self, name: str) -> None:
        """Have the listeners told, once for many tellings of the upstream."""
        moved = self._moved.get(name)
        if moved is None:
            moved = self._moved[name] = anyio.Event()
            self._tasks.start_soon(self._tell, name)
        moved.set()

    async def _tell(self, name: str) -> None:
        while self._moved[name].is_set():
            self._moved[name] = anyio.Event()
            for listener in self._listeners:
                try:
                    await anyio.to_thread.run_sync(partial(listener, name), abandon_on_cancel=True)
                except HandrailError as error:
                    log.warning("change not taken up", connection=name, why=error.message)
                except Exception:
                    # A listener's fault must not end the host; the next change tries again.
                    log.exception("change not taken up", connection=name)
            await anyio.sleep(self._limits.calm)
        del self._moved[name]

    # --- inside -----------------------------------------------------------------------------

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
