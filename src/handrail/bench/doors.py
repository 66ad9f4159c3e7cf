"""The doors: HTTP against a bare FastAPI route, the MCP gateway against the server itself.

Server, client and upstream are processes of their own, as they are in use.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import orjson
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from handrail.bench.measure import quantile
from handrail.errors import Unavailable

CALLERS = 64
_WAIT = 30.0


def http(say: Callable[[str], None]) -> dict[str, Any]:
    """Durable governed actions over HTTP, against a bare route of the same framework."""
    with (
        tempfile.TemporaryDirectory(prefix="handrail-bench-") as name,
        _server(Path(name)) as (port, key),
    ):
        load = Path(name) / "load.json"
        rates: dict[str, list[float]] = {"bare": [], "action": []}
        late: dict[str, list[float]] = {"bare": [], "action": []}
        for _ in range(3):
            for what in ("bare", "action"):
                subprocess.run(  # noqa: S603 - our own module
                    [sys.executable, "-m", "handrail.bench.load", str(port), what, str(CALLERS),
                     "3", str(load)],
                    env={**os.environ, "HANDRAIL_KEY": key}, check=True,
                )  # fmt: skip
                result = orjson.loads(load.read_bytes())
                rates[what].append(result["per_second"])
                late[what] += result["spans"]
    bare, action = (sorted(rates[w])[1] for w in ("bare", "action"))
    say(f"HTTP: POST with {CALLERS} callers, server and client as two processes")
    say(f"  a bare FastAPI route       {bare:8.0f} a second")
    say(
        f"  a durable governed action  {action:8.0f} a second   {action / bare:5.2f} of bare   "
        f"p50 {quantile(late['action'], 0.5) * 1e3:.1f} ms, "
        f"p99 {quantile(late['action'], 0.99) * 1e3:.1f} ms"
    )
    return {"bare_per_second": bare, "action_per_second": action, "ratio": action / bare}


def gateway(say: Callable[[str], None]) -> dict[str, Any]:
    """One tool call through the gateway, against the same call to the server itself."""
    with (
        tempfile.TemporaryDirectory(prefix="handrail-bench-") as name,
        _server(Path(name)) as (port, key),
    ):
        direct, through = anyio.run(_calls, port, key)
    median, governed = quantile(direct, 0.5), quantile(through, 0.5)
    say("Gateway: one call, in turn (client and gateway over HTTP, upstream over stdio)")
    say(f"  direct, over stdio         {median * 1e3:8.2f} ms")
    say(
        f"  through the gateway        {governed * 1e3:8.2f} ms   "
        f"direct + {(governed - median) * 1e3:.2f} ms   p95 {quantile(through, 0.95) * 1e3:.2f} ms"
    )
    return {"direct_ms": median * 1e3, "gateway_ms": governed * 1e3}


async def _calls(port: int, key: str) -> tuple[list[float], list[float]]:
    headers = {"Authorization": f"Bearer {key}"}
    echo = StdioServerParameters(command=sys.executable, args=["-m", "handrail.bench.echo"])
    direct: list[float] = []
    through: list[float] = []
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as client,
        Client(stdio_client(echo)) as bare,
        Client(
            streamable_http_client(f"http://127.0.0.1:{port}/mcp/echo", http_client=client)
        ) as governed,
    ):
        for n in range(220):
            for session, spans in ((bare, direct), (governed, through)):
                begun = time.perf_counter()
                await session.call_tool("echo", {"text": f"hello {n}"})
                if n >= 20:
                    spans.append(time.perf_counter() - begun)
    return direct, through


@contextmanager
def _server(folder: Path) -> Iterator[tuple[int, str]]:
    """A serving house with a bare route beside its doors; gives its port and an agent's key."""
    ready = folder / "ready.json"
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "handrail.bench.server", str(folder), str(ready)],
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + _WAIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable("the measured server did not start")
            time.sleep(0.05)
        found = orjson.loads(ready.read_bytes())
        yield found["port"], found["key"]
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stderr is not None:
            process.stderr.close()
