"""A child process that speaks MCP over its standard input and output.

* It gets a minimal environment and the connection's secret, never Handrail's own environment.
* It leads a process group of its own, and the whole group is killed when the session ends,
  however it ends: a launcher (`npx`, `uvx`, a shell) leaves nobody behind.
* What it writes to standard error goes to the log (`connectors.stderr`).
* A message over `MAX_MESSAGE` ends the session; a line that is no message is skipped.
"""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import structlog
from anyio.abc import Process
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.stderr import captured

log = structlog.get_logger(__name__)

MAX_MESSAGE = 64 << 20  # bytes of one line
GRACE = 2.0  # seconds a child has to leave by itself after its input has ended
_TERM = 1.0  # seconds between asking the group to end and killing it
_CHUNK = 1 << 16
_LOOK = 0.01  # seconds between looks whether the child has left

Streams = tuple[Any, Any]


@asynccontextmanager
async def child(spec: ConnectionSpec) -> AsyncIterator[Streams]:
    """Start the child of *spec*; yield the read and write stream of its messages.

    Raises `OSError` when it can't be started.
    """
    secret = dict(spec.secret or {})
    with captured(spec.name, secret.values()) as errors:
        process = await anyio.open_process(
            [spec.command, *spec.args],
            env={**get_default_environment(), **secret},
            cwd=spec.cwd or None,
            stderr=errors,
            start_new_session=True,
        )
    # Nothing is awaited between the start and the `try`, or a cancellation would leak the child.
    into, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, out_of = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as pipes:
            pipes.start_soon(_reader, process, into, spec.name)
            pipes.start_soon(_writer, process, out_of, into)
            try:
                yield read, write
            finally:
                pipes.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            for stream in (into, read, write, out_of):
                stream.close()
            await _end(process)


async def _reader(process: Process, into: Any, connection: str) -> None:
    """Pass on each line as a message; end the stream when the child's output ends."""
    if process.stdout is None:
        return
    line = bytearray()
    async with into:
        with suppress(
            anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError, OSError
        ):
            while True:
                chunk = await process.stdout.receive(_CHUNK)
                *whole, rest = chunk.split(b"\n")
                for part in whole:
                    line += part
                    await _pass_on(bytes(line), into, connection)
                    line.clear()
                line += rest
                if len(line) > MAX_MESSAGE:
                    log.warning(
                        "upstream message too large", connection=connection, limit=MAX_MESSAGE
                    )
                    return


async def _pass_on(line: bytes, into: Any, connection: str) -> None:
    if not line.strip():
        return
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        # Many servers print a banner or a log line on their output by mistake.
        log.info("upstream line is no message", connection=connection, bytes=len(line))
        return
    await into.send(SessionMessage(message))


async def _writer(process: Process, out_of: Any, into: Any) -> None:
    """Write each message as a line; when that fails, the connection has ended."""
    if process.stdin is None:
        return
    try:
        async with out_of:
            async for item in out_of:
                text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                await process.stdin.send(text.encode() + b"\n")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        # The child may still live: ending the read side tells the session all the same.
        into.close()


async def _end(process: Process) -> None:
    """End the child's input, give it a moment to leave, then end its whole group."""
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        if process.stdin is not None:
            await process.stdin.aclose()
    if not await _gone(process, GRACE):
        _signal(process, signal.SIGTERM)
        await _gone(process, _TERM)
    _signal(process, signal.SIGKILL)
    if not await _gone(process, GRACE):
        log.error("upstream process can't be killed", pid=process.pid)
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        if process.stdout is not None:
            await process.stdout.aclose()
    # A descendant that left the group may hold the pipes open; the transport must not wait for it.
    transport = getattr(getattr(process, "_process", None), "_transport", None)
    if transport is not None:
        transport.close()


def _signal(process: Process, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _gone(process: Process, seconds: float) -> bool:
    """Whether the child left within *seconds*. Looks, since waiting would wait for its pipes too."""
    deadline = anyio.current_time() + seconds
    while process.returncode is None:
        if anyio.current_time() >= deadline:
            return False
        await anyio.sleep(_LOOK)
    return True
