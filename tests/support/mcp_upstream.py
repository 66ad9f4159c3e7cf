"""A real MCP server, as a process of its own, that does what a well-behaved one rarely does.

Every call is written to its journal before it is answered: the tests judge by that file what has
reached it. Run as `python mcp_upstream.py --journal FILE [--http PORT] [--modern-only]`.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

OPEN = {"type": "object", "properties": {}, "additionalProperties": True}
NAMES = (
    "echo",
    "slow",
    "big",
    "progress",
    "die",
    "ask",
    "change",
    "log",
    "fail",
    "error",
    "env",
    "stderr",
    "spawn",
    "who",
    "strange",
    "sleepy",
)


def text(value: Any) -> dict[str, Any]:
    shown = value if isinstance(value, str) else json.dumps(value)
    return {"content": [{"type": "text", "text": shown}], "isError": False}


class Upstream:
    """Answers raw, through one middleware."""

    def __init__(self, journal: Path, *, modern_only: bool = False) -> None:
        self.journal = journal
        self.modern_only = modern_only
        self.extra: list[str] = []
        self.server: Server[Any] = Server(
            "fixture", version="1.0", instructions="Handle with care."
        )
        self.server.middleware.append(self.answer)

    def write(self, word: str, **facts: Any) -> None:
        with self.journal.open("a") as file:
            file.write(json.dumps({"word": word, "pid": os.getpid(), **facts}) + "\n")

    async def answer(self, ctx: Any, call_next: Any) -> Any:
        if ctx.request_id is None:
            return await call_next(ctx)
        modern = ctx.protocol_version == "2026-07-28"
        if self.modern_only and ctx.method == "initialize":
            supported = {"supported": ["2026-07-28"], "requested": "2025-11-25"}
            raise MCPError(code=-32022, message="Unsupported protocol version", data=supported)
        if ctx.method in {"initialize", "server/discover"}:
            hello = dict(await call_next(ctx))
            hello["capabilities"] = {
                "tools": {"listChanged": True},
                "resources": {"subscribe": True},
                "prompts": {},
                "logging": {},
                "completions": {},
            }
            return hello
        result = await self.result(ctx, ctx.method, ctx.params or {})
        if result is None:
            raise MCPError(code=-32601, message="Method not found")
        if modern:
            result = {"resultType": "complete", **result}
            if ctx.method.endswith("/list") or ctx.method == "resources/read":
                result |= {"ttlMs": 0, "cacheScope": "private"}
        return result

    async def result(self, ctx: Any, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        if method == "tools/list":
            return self.tools(params.get("cursor"))
        if method == "resources/list":
            return {"resources": [{"uri": "note://one", "name": "one", "x-kept": {"a": 1}}]}
        if method == "resources/templates/list":
            return {"resourceTemplates": [{"uriTemplate": "note://{id}", "name": "note"}]}
        if method == "prompts/list":
            return {"prompts": [{"name": "greet", "arguments": [{"name": "who"}]}]}
        if method == "resources/read":
            self.write("read", uri=params["uri"])
            if params["uri"].endswith("missing"):
                raise MCPError(
                    code=-32002, message="Resource not found", data={"uri": params["uri"]}
                )
            return {
                "contents": [{"uri": params["uri"], "text": "a note", "mimeType": "text/plain"}]
            }
        if method == "prompts/get":
            self.write("prompt", name=params["name"])
            who = (params.get("arguments") or {}).get("who", "you")
            said = {"role": "user", "content": {"type": "text", "text": f"Hello {who}"}}
            return {"messages": [said], "description": "a greeting"}
        if method == "tools/call":
            return await self.call(ctx, params)
        return None

    def tools(self, cursor: str | None) -> dict[str, Any]:
        """Two pages, so that whoever lists must turn pages."""
        every = [
            {
                "name": n,
                "description": f"{n} of the fixture",
                "inputSchema": OPEN,
                "x-vendor": {"n": n},
            }
            for n in (*NAMES, *self.extra)
        ]
        half = len(NAMES) // 2
        if cursor is None:
            return {"tools": every[:half], "nextCursor": "half"}
        return {"tools": every[half:]}

    async def call(self, ctx: Any, params: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 - one line each
        name, arguments = params["name"], params.get("arguments") or {}
        meta = {k: v for k, v in (params.get("_meta") or {}).items() if k != "progressToken"}
        self.write("call", name=name, arguments=arguments, meta=meta)
        if name == "echo":
            return {
                **text(arguments),
                "structuredContent": arguments,
                "x-kept": {"deep": [1, None]},
                "_meta": {"vendor/kept": meta.get("vendor/sent")},
            }
        if name == "who":
            return text({"pid": os.getpid(), "era": ctx.protocol_version})
        if name == "slow":
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                self.write("cancelled", name=name)
                raise
        if name == "sleepy":
            await anyio.sleep(float(arguments.get("seconds", 0.2)))
            return text("woke")
        if name == "big":
            return text("x" * int(arguments["bytes"]))
        if name == "progress":
            for n in range(1, int(arguments["steps"]) + 1):
                await ctx.session.report_progress(n, arguments["steps"], f"step {n}")
            return text("all steps")
        if name == "die":
            os._exit(3)
        if name == "ask":
            return text(await self.ask(ctx, str(arguments["what"])))
        if name == "change":
            self.extra.append(str(arguments.get("tool", "novel")))
            await ctx.session.send_tool_list_changed()
            return text("changed")
        if name == "log":
            await ctx.session._connection.notify(
                "notifications/message", {"level": "info", "data": "a secret of somebody"}
            )
            return text("logged")
        if name == "fail":
            return {**text("it broke"), "isError": True}
        if name == "error":
            raise MCPError(code=int(arguments["code"]), message="as asked", data={"kept": True})
        if name == "env":
            return text(dict(os.environ))
        if name == "stderr":
            sys.stderr.write(str(arguments["text"]) + "\n")
            sys.stderr.flush()
            return text("said")
        if name == "spawn":
            sleeper = subprocess.Popen(  # noqa: ASYNC220 - it does not block for long
                [sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL
            )
            return text({"pid": sleeper.pid})
        if name == "strange":
            return {"resultType": "input_required", "inputRequests": {}, "requestState": "s"}
        return text(f"{name} ran")

    async def ask(self, ctx: Any, what: str) -> str:
        """Ask the caller for what Handrail has off; return how that went."""
        params: dict[str, Any] = {
            "sampling/createMessage": {"messages": [], "maxTokens": 1},
            "elicitation/create": {
                "message": "?",
                "requestedSchema": {"type": "object", "properties": {}},
            },
            "roots/list": {},
        }[what]
        try:
            await ctx.session._connection.outbound.send_raw_request(what, params, {"timeout": 5})
        except MCPError as error:
            return f"refused: {error.error.code}"
        return "answered"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--http", type=int)
    parser.add_argument("--modern-only", action="store_true")
    parser.add_argument("--banner", action="store_true")
    options = parser.parse_args()
    upstream = Upstream(options.journal, modern_only=options.modern_only)
    if options.banner:
        sys.stdout.write("Welcome to the fixture!\n\n")
        sys.stdout.flush()
    upstream.write("started")
    if options.http is None:
        async with stdio_server() as (read, write):
            await upstream.server.run(read, write, upstream.server.create_initialization_options())
        return
    app = upstream.server.streamable_http_app()
    config = uvicorn.Config(app, port=options.http, log_level="error", timeout_graceful_shutdown=1)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(main())
