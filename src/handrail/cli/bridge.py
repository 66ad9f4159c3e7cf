"""The bridge behind `handrail gateway`: messages between standard input and output and the gateway.

It holds no upstream, decides nothing and keeps nothing. Messages pass in both directions as they
are; both protocol eras work, since a modern message carries its own envelope and a legacy one its
session. Standard output carries protocol messages only. What goes wrong on the way to the server
becomes the answer to the request that it concerns, so that the client shows it to its person.
"""

from collections.abc import Mapping
from typing import Any

import anyio
import httpx2
import orjson
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
)
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
)

from handrail.errors import BadInput

#: Seconds that answers may still take after the client has ended its side.
GRACE = 2.0
_CONNECT = 30.0  # seconds to connect and to write; reading waits as long as the call may
_TASKS = "tasks/"


async def bridge(url: str, key: str) -> None:
    """Pass messages between standard input and output and the gateway at *url* until the client
    ends its side."""
    if not key.isascii() or not key.isprintable():
        raise BadInput("the key is no key", hint="It starts with hr_.")
    timeout = httpx2.Timeout(_CONNECT, read=None)
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        _Client(headers=headers, timeout=timeout) as http,
        streamable_http_client(url, http_client=http, max_sse_event_size=None) as remote,
        stdio_server() as local,
    ):
        await _Bridge(local, remote).run()


class _Bridge:
    """The two directions, and which requests still have no answer."""

    def __init__(self, local: tuple[Any, Any], remote: tuple[Any, Any]) -> None:
        self._from_client, self._to_client = local
        self._from_server, self._to_server = remote
        self._open: set[str | int] = set()
        self._settled = anyio.Event()
        self._greeting: str | int | None = None
        self._version: str | None = None

    async def run(self) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._down)
            await self._up()
            with anyio.move_on_after(GRACE):
                while self._open:
                    self._settled = anyio.Event()
                    await self._settled.wait()
            tasks.cancel_scope.cancel()
        # The SDK's stdio ends when both of its streams are closed.
        await self._to_client.aclose()
        await self._from_client.aclose()

    async def _up(self) -> None:
        async for item in self._from_client:
            if isinstance(item, Exception):
                error = ErrorData(code=PARSE_ERROR, message="Parse error")
                refusal = JSONRPCError(jsonrpc="2.0", id=None, error=error)
                await self._to_client.send(SessionMessage(refusal))
                continue
            message = item.message
            if isinstance(message, JSONRPCRequest):
                self._open.add(message.id)
                if message.method == "initialize":
                    self._greeting, self._version = message.id, None
            headers = _headers(message, self._version)
            metadata = ClientMessageMetadata(headers=headers) if headers else None
            await self._to_server.send(SessionMessage(message, metadata=metadata))

    async def _down(self) -> None:
        async for item in self._from_server:
            if isinstance(item, Exception):
                continue  # a stream that carries no request's answer broke off; it is opened anew
            message = item.message
            if isinstance(message, JSONRPCResponse) and message.id == self._greeting:
                self._version = str(message.result.get("protocolVersion") or "") or None
            await self._to_client.send(SessionMessage(message))
            if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
                self._open.discard(message.id)
                self._settled.set()


def _headers(message: Any, version: str | None) -> dict[str, str]:
    """The HTTP headers of one message: its revision, and for a modern request what it is about."""
    params: Mapping[str, Any] = getattr(message, "params", None) or {}
    meta = params.get("_meta")
    modern = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
    if not isinstance(modern, str):
        return {MCP_PROTOCOL_VERSION_HEADER: version} if version else {}
    headers = {MCP_PROTOCOL_VERSION_HEADER: modern, MCP_METHOD_HEADER: message.method}
    field = (
        "taskId" if message.method.startswith(_TASKS) else NAME_BEARING_METHODS.get(message.method)
    )
    name = params.get(field or "")
    if isinstance(name, str):
        headers[MCP_NAME_HEADER] = encode_header_value(name)
    return headers


class _Client(httpx2.AsyncClient):
    """Turns what is no answer of the gateway into a JSON-RPC error with what to do."""

    async def send(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        try:
            response = await super().send(request, **more)
        except httpx2.TransportError as error:
            words = f"Handrail does not answer ({type(error).__name__}). Is it running?"
            return _answer(request, 502, words)
        kind = response.headers.get("content-type", "")
        if request.method != "POST" or response.status_code < 400:
            return response
        if kind.startswith("application/json"):
            return response
        body = await response.aread()
        await response.aclose()
        return _answer(request, response.status_code, _words(response.status_code, body))


def _words(status: int, body: bytes) -> str:
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    title, hint = problem.get("title"), problem.get("hint")
    return f"Handrail: {title or f'HTTP {status}'}. {hint or ''}".strip()


def _answer(request: httpx2.Request, status: int, words: str) -> httpx2.Response:
    error = {"code": INTERNAL_ERROR, "message": words}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    headers = {"content-type": "application/json"}
    return httpx2.Response(status, headers=headers, content=body, request=request)
