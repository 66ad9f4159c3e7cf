"""The two protocol eras toward an upstream: how to greet it, and what each request carries.

*Legacy* (2025-11-25 and older) shakes hands once. *Modern* (2026-07-28) has no handshake: each
request carries its own envelope in `_meta`, and over HTTP some headers. An upstream is met in the
caller's era where it speaks it, since some answer both and behave differently (MCP section 1).

No capability is declared to an upstream in either era: sampling, elicitation and roots are off.
"""

from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION

from handrail.connectors.web import how_it_failed

LEGACY, MODERN = "legacy", "modern"
_WAYS = frozenset({"not sent", "no answer"})
PATIENCE = 30.0  # seconds for one step of the greeting, the start of a child included
_PROBE = 10.0  # seconds for the question that an upstream of the other era may never answer
_SELF = {"name": "handrail", "version": "0.1.0"}


async def greet(dispatcher: Any, era: str, *, http: bool) -> tuple[str, Mapping[str, Any]]:
    """Greet an upstream, first in *era*. Return the era it speaks and how it described itself,
    in the shape of an `initialize` result. Raises `MCPError` when it speaks neither."""
    if era == MODERN:
        try:
            return MODERN, await _discover(dispatcher, http=http, patience=_PROBE)
        except MCPError as error:
            # A failed way is no word about the era; anything the upstream says itself is.
            if how_it_failed(error.error.code, error.error.message, error.error.data) in _WAYS:
                raise
    try:
        return LEGACY, await _initialize(dispatcher)
    except MCPError as error:
        # It speaks modern only, or was slow to answer the probe and has settled on modern since.
        if error.error.code != UNSUPPORTED_PROTOCOL_VERSION:
            raise
        return MODERN, await _discover(dispatcher, http=http, patience=PATIENCE)


async def _initialize(dispatcher: Any) -> Mapping[str, Any]:
    params = {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": _SELF,
    }
    options = {"timeout": PATIENCE, "cancel_on_abandon": False}
    hello = await dispatcher.send_raw_request("initialize", params, options)
    await dispatcher.notify("notifications/initialized", None)
    return dict(hello)


async def _discover(dispatcher: Any, *, http: bool, patience: float) -> Mapping[str, Any]:
    params, headers = enveloped("server/discover", {}, http=http)
    options: dict[str, Any] = {"timeout": patience}
    if headers:
        options["headers"] = headers
    hello = dict(await dispatcher.send_raw_request("server/discover", params, options))
    if LATEST_MODERN_VERSION not in (hello.get("supportedVersions") or ()):
        raise MCPError(code=UNSUPPORTED_PROTOCOL_VERSION, message="it speaks no modern revision")
    stamp = (hello.get("_meta") or {}).get(SERVER_INFO_META_KEY)
    if stamp and "serverInfo" not in hello:
        hello["serverInfo"] = stamp
    return hello


def enveloped(
    method: str,
    params: Mapping[str, Any],
    *,
    http: bool,
    param_headers: Mapping[tuple[str, ...], str] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """A modern request: its parameters with the envelope, and its HTTP headers."""
    meta = {
        **(params.get("_meta") or {}),
        PROTOCOL_VERSION_META_KEY: LATEST_MODERN_VERSION,
        CLIENT_INFO_META_KEY: _SELF,
        CLIENT_CAPABILITIES_META_KEY: {},
    }
    headers: dict[str, str] = {}
    if http:
        headers = {MCP_PROTOCOL_VERSION_HEADER: LATEST_MODERN_VERSION, MCP_METHOD_HEADER: method}
        name = params.get(NAME_BEARING_METHODS.get(method, ""))
        if isinstance(name, str):
            headers[MCP_NAME_HEADER] = encode_header_value(name)
        if param_headers:
            headers |= mcp_param_headers(param_headers, params.get("arguments") or {})
    return {**params, "_meta": meta}, headers


def headers_of(tool: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Which arguments of a tool a modern request over HTTP repeats as headers."""
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict) or find_invalid_x_mcp_header(schema) is not None:
        return {}
    return x_mcp_header_map(schema)
