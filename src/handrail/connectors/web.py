"""The HTTP way to an upstream, with every failure told apart by what it may have done.

The SDK's transport lets one failed POST end every call of its session. Here a failure becomes an
answer to that one request, marked with a word of this process that no upstream can guess:
*not sent* (certain), *no answer* (it may have acted), *gone* (the session is unknown there) or
*refused* (an HTTP error without a JSON-RPC body).
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
from mcp.client.streamable_http import streamable_http_client

from handrail.connectors.catalogue import ConnectionSpec

TIMEOUT = 30.0  # seconds to connect and to write; reading waits as long as the call may
MARK = secrets.token_hex(16)
_CODE = -32603
#: Nothing can have reached the upstream when connecting itself failed.
_UNSENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,
)


class _Client(httpx2.AsyncClient):
    """Answers with a marked error where the transport would raise."""

    async def send(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        try:
            response = await super().send(request, **more)
        except _UNSENT as error:
            return _answer(request, "not sent", f"{type(error).__name__}: {error}")
        except httpx2.TransportError as error:
            return _answer(request, "no answer", f"{type(error).__name__}: {error}")
        status = response.status_code
        if request.method != "POST" or status < 400:
            return response
        kind = response.headers.get("content-type", "").lower()
        if status == 404 and "mcp-session-id" in request.headers:
            how = "gone"
        elif kind.startswith("application/json"):
            return response  # most likely a JSON-RPC error, which says more
        else:
            how = "refused" if status < 500 else "no answer"
        await response.aclose()
        return _answer(request, how, f"HTTP {status}")


def _answer(request: httpx2.Request, how: str, why: str) -> httpx2.Response:
    error = {"code": _CODE, "message": why, "data": {MARK: how}}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    headers = {"content-type": "application/json"}
    return httpx2.Response(502, headers=headers, content=body, request=request)


def how_it_failed(code: int, message: str, data: Any) -> str | None:
    """What an error reply says about the way: one of the four words, or None when the upstream
    itself answered."""
    if isinstance(data, dict) and MARK in data:
        return str(data[MARK])
    # The SDK's own words for an answer that broke off or could not be read.
    own = (
        "Server returned an error response",
        "Failed to parse ",
        "SSE stream ",
        "Unexpected content",
    )
    return "no answer" if message.startswith(own) else None


@asynccontextmanager
async def remote(spec: ConnectionSpec) -> AsyncIterator[tuple[Any, Any]]:
    """The read and write stream of the messages of an upstream over streamable HTTP."""
    timeout = httpx2.Timeout(TIMEOUT, read=None)
    async with (
        _Client(headers=dict(spec.secret or {}), timeout=timeout) as http,
        streamable_http_client(spec.url, http_client=http, max_sse_event_size=None) as streams,
    ):
        yield streams[0], streams[1]
