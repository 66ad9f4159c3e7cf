"""The gateway over streamable HTTP: `/mcp/{connection}`, agents by bearer key.

One server and one session manager serve every connection, since connections come and go while
Handrail runs; which connection a request speaks to is its path, and every request is checked
anew. A session belongs to the agent that opened it.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
import orjson
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.types import Receive, Scope, Send

from handrail.errors import NotSignedIn
from handrail.gateway.front import Front
from handrail.identity.identity import Identity
from handrail.service import Services

_PATH = re.compile(r"/mcp/([A-Za-z0-9_-]{1,100})/?")
MAX_BODY = 4 << 20  # bytes


class Gateway:
    """An ASGI application for everything under `/mcp/`."""

    def __init__(
        self, services: Services, identity: Identity, *, hold: float, hosts: list[str]
    ) -> None:
        self._identity = identity
        self.front = Front(services, hold=hold)
        self._manager = StreamableHTTPSessionManager(
            app=self.front.server,
            security_settings=TransportSecuritySettings(
                enable_dns_rebinding_protection=True,
                allowed_hosts=[h for name in hosts for h in (name, f"{name}:*")],
                allowed_origins=[
                    o
                    for name in hosts
                    for scheme in ("http", "https")
                    for o in (f"{scheme}://{name}", f"{scheme}://{name}:*")
                ],
            ),
            max_request_body_size=MAX_BODY,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sessions live inside this; to be entered in the application's lifespan."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _PATH.fullmatch(scope["path"])
        if scope["type"] != "http" or match is None:
            await _refuse(send, 404, "no such connection")
            return
        key = _bearer(scope)
        try:
            if key is None:
                raise NotSignedIn("no key was sent", hint="Authorization: Bearer hr_…")
            agent = await anyio.to_thread.run_sync(self._identity.agent_of, key)
        except NotSignedIn as error:
            await _refuse(send, 401, f"{error.message}. {error.hint}")
            return
        if match.group(1) not in agent.connections:
            await _refuse(send, 404, "no such connection for this agent")
            return
        token = AccessToken(token="", client_id=agent.id, scopes=[])  # noqa: S106 - never sent on
        scope = {
            **scope,
            "user": AuthenticatedUser(token),
            "handrail.agent": agent,
            "handrail.connection": match.group(1),
        }
        await self._manager.handle_request(scope, receive, send)


def _bearer(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return str(value[7:].decode("latin-1").strip())
    return None


async def _refuse(send: Send, status: int, text: str) -> None:
    body = orjson.dumps({"title": text, "status": status})
    headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/problem+json")]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="handrail"'))
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
