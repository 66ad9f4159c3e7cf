"""Recorded agent transcripts and traces → the tool calls in them (SPEC 2, look-back).

Read as they come, each known by its shape and not by its file's name:

* Claude Code sessions (JSON Lines; `tool_use` blocks, MCP tools named `mcp__server__tool`);
* Claude Desktop's MCP logs (lines with `tools/call` messages);
* OpenTelemetry GenAI spans (`execute_tool`, as OTLP JSON);
* LangSmith runs (`run_type: tool`);
* OpenAI exports (`tool_calls`, `function_call`, `mcp_call`);
* plain lines with `server` (or `connection`), `tool` and `arguments`.

What is no call is passed over; what looks like one and cannot be read is counted by the caller.
Nothing here judges, and nothing is believed of what an agent says about itself.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from handrail.core.arguments import MAX_DEPTH, depth
from handrail.core.model import Json

MAX_LINE = 32 << 20  # bytes of one line
_TIMES = ("timestamp", "start_time", "startTime", "created_at", "create_time", "at", "time")
_LOGGED = re.compile(r"^(\S+) \[([^\]]{1,200})\][^{]{0,200}(?=\{)")
_JSON = json.JSONDecoder()
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One recorded tool call. ``at`` is None where the record does not say when."""

    server: str
    tool: str
    arguments: Mapping[str, Json]
    at: datetime | None


def calls(lines: Iterable[bytes]) -> Iterator[Call]:
    """The calls in the lines of one file, in its order. Raises nothing: what can't be read is
    no call."""
    for raw in lines:
        line = raw.strip()
        if not line or len(line) > MAX_LINE:
            continue
        if line[:1] in b"{[":
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if depth(value) <= MAX_DEPTH:
                yield from _within(value, None)
        elif b"tools/call" in line:
            yield from _logged(line.decode(errors="replace"))


def _within(value: Any, at: datetime | None) -> Iterator[Call]:
    """The calls in *value* and below it. *at* is the nearest time above."""
    if isinstance(value, list):
        for item in value:
            yield from _within(item, at)
        return
    if not isinstance(value, dict):
        return
    at = _time(value) or at
    found = _call(value, at)
    if found is not None:
        yield found
        return
    for child in value.values():
        if isinstance(child, dict | list):
            yield from _within(child, at)


def _call(value: Mapping[str, Any], at: datetime | None) -> Call | None:
    kind = value.get("type")  # whatever it is: compared, never hashed
    if kind == "tool_use":
        return _made(None, value.get("name"), value.get("input"), at)
    if kind == "mcp_call":
        return _made(value.get("server_label"), value.get("name"), value.get("arguments"), at)
    if kind in ("function_call", "function") and ("arguments" in value or "function" in value):
        inner = value.get("function")
        source = inner if isinstance(inner, dict) else value
        return _made(None, source.get("name"), source.get("arguments"), at)
    if value.get("run_type") == "tool":
        return _made(None, value.get("name"), value.get("inputs"), at)
    if isinstance(value.get("attributes"), list):
        return _span(value, at)
    if isinstance(value.get("tool"), str) and "arguments" in value:
        server = value.get("server") or value.get("connection")
        return _made(server, value["tool"], value["arguments"], at)
    return None


def _span(value: Mapping[str, Any], at: datetime | None) -> Call | None:
    """A span of OTLP JSON: attributes are a list of keys with typed values."""
    attributes: dict[str, Any] = {}
    for pair in value["attributes"]:
        if isinstance(pair, dict) and isinstance(pair.get("value"), dict):
            attributes[str(pair.get("key"))] = next(iter(pair["value"].values()), None)
    if attributes.get("gen_ai.operation.name") != "execute_tool":
        return None
    server = attributes.get("mcp.server.name") or attributes.get("server.address")
    given = attributes.get("gen_ai.tool.call.arguments")
    return _made(server, attributes.get("gen_ai.tool.name"), given, at)


def _logged(line: str) -> Iterator[Call]:
    match = _LOGGED.match(line)
    if match is None:
        return
    try:
        # What the log adds behind the message is not JSON.
        message, _ = _JSON.raw_decode(line, match.end())
    except (json.JSONDecodeError, RecursionError):
        return
    if not isinstance(message, dict) or message.get("method") != "tools/call":
        return
    params = message.get("params")
    if not isinstance(params, dict):
        return
    found = _made(
        match.group(2), params.get("name"), params.get("arguments"), _when(match.group(1))
    )
    if found is not None:
        yield found


def _made(server: Any, name: Any, given: Any, at: datetime | None) -> Call | None:
    if not isinstance(name, str) or not name or len(name) > 500:
        return None
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError:
            given = {"input": given}
    arguments = given if isinstance(given, dict) else {} if given is None else {"input": given}
    if depth(arguments) > MAX_DEPTH:
        return None
    if not server and name.startswith("mcp__") and "__" in name[5:]:
        server, _, name = name[5:].partition("__")
    known = server if isinstance(server, str) and 0 < len(server) <= 200 else "agent"
    return Call(server=known, tool=name, arguments=arguments, at=at)


def _time(value: Mapping[str, Any]) -> datetime | None:
    nano = value.get("startTimeUnixNano")
    if nano is not None:
        return _when(nano)
    return next((t for n in _TIMES if (t := _when(value.get(n))) is not None), None)


def _when(value: Any) -> datetime | None:
    """A time as any of these formats writes it; None where it is none."""
    try:
        if isinstance(value, str) and not value.isdecimal():
            at = datetime.fromisoformat(value)
            return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        number = float(value)
        if number > 1e17:
            number /= _NANO
        elif number > 1e11:
            number /= 1000
        return datetime.fromtimestamp(number, UTC) if number > 1e8 else None
    except (ValueError, OverflowError, OSError):
        return None
