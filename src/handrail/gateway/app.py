"""The gateway over streamable HTTP: `/mcp/{connection}`, agents by bearer key.

One server and one session manager serve every connection, since connections come and go while
Handrail runs; which connection a request speaks to is its path, and every request is checked
anew: key, agent, connection. A session belongs to the agent and connection that opened it.

A static key is outside MCP's OAuth flow, which is optional there; so a 401 names no metadata that
would start a flow that cannot end.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread
import orjson
import structlog
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from handrail.errors import HandrailError, NotSignedIn, Unavailable
from handrail.gateway.front import THREADS, Front
from handrail.identity.identity import Identity
from handrail.service import Services

log = structlog.get_logger(__name__)

_PATH = re.compile(r"/mcp/([A-Za-z0-9_-]{1,100})/?")
MAX_BODY = 4 << 20  # bytes
#: Threads that look up keys: apart from those that calls hold, so that a full house still answers.
_DOORMEN = 16


class Gateway:
    """An ASGI application for everything under `/mcp/`."""

    def __init__(
        self,
        services: Services,
        identity: Identity,
        *,
        hold: float,
        hosts: Sequence[str],
        threads: int = THREADS,
    ) -> None:
        self._services = services
        self._identity = identity
        self._doormen: anyio.CapacityLimiter | None = None
        self.front = Front(services, hold=hold, threads=threads)
        names = [*hosts, *(f"{name}:*" for name in hosts)]
        self._manager = StreamableHTTPSessionManager(
            app=self.front.server,
            security_settings=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=names,
                allowed_origins=[f"{scheme}://{n}" for n in names for scheme in ("http", "https")],
            ),
            max_request_body_size=MAX_BODY,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sessions live inside this; to be entered in the application's lifespan."""
        loop, moved = asyncio.get_running_loop(), asyncio.Event()

        def on_moved() -> None:
            # Called on whichever thread commits; a loop that has just closed hears nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(moved.set)

        async def watch() -> None:
            while True:
                await moved.wait()
                moved.clear()
                try:
                    await self.front.listeners.look()
                except Exception:
                    # A look that fails must not end the door; the next change looks again.
                    log.exception("changes not told")

        stop = self._services.catalogue.on_moved(on_moved)
        try:
            async with self._manager.run(), anyio.create_task_group() as tasks:
                tasks.start_soon(watch)
                yield
                self.front.listeners.close()
                tasks.cancel_scope.cancel()
        finally:
            stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _PATH.fullmatch(scope["path"])
        if scope["type"] != "http" or match is None:
            await _refuse(send, 404, "no such connection", "The path is /mcp/ and its name.")
            return
        if self._doormen is None:
            self._doormen = anyio.CapacityLimiter(_DOORMEN)
        try:
            key = _bearer(scope)
            agent = await anyio.to_thread.run_sync(
                self._identity.agent_of, key, limiter=self._doormen
            )
        except NotSignedIn as error:
            await _refuse(send, 401, error.message, error.hint)
            return
        except HandrailError as error:
            log.warning("gateway cannot look up keys", why=error.message)
            await _refuse(send, 503, error.message, Unavailable.default_hint)
            return
        connection = match.group(1)
        if connection not in agent.connections:
            hint = "Ask the agent's sponsor to add the connection to the agent."
            await _refuse(send, 404, "no such connection for this agent", hint)
            return
        # The SDK ties a session to this identity; the token itself goes nowhere.
        owner = AccessToken(token="", client_id=f"{agent.id}/{connection}", scopes=[])
        scope = {
            **scope,
            "user": AuthenticatedUser(owner),
            "handrail.agent": agent,
            "handrail.connection": connection,
        }
        await self._manager.handle_request(scope, receive, send)


def _bearer(scope: Scope) -> str:
    """The key of the request. Raises `NotSignedIn` when there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].decode("latin-1").strip())
    raise NotSignedIn("no key was sent", hint="Send it as Authorization: Bearer hr_…")


async def _refuse(send: Send, status: int, title: str, hint: str) -> None:
    problem = {"type": "about:blank", "title": title, "status": status, "hint": hint}
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/problem+json")]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="handrail"'))
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": orjson.dumps(problem)})
