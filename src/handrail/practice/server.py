"""The practice upstream: a real MCP server over stdio.

    python -m handrail.practice.server --world FILE [--seed N] [--queue N] [--step SECONDS]

It serves the tools of `practice.tools`, runbooks and client documents as resources, and one
prompt. Every call, of any kind, is written into the world's own log with its effect in one
transaction, so a test can judge what reached it. Killed at any point and started again on the
same file, it goes on where it was.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import jsonschema
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from handrail.errors import BadInput, HandrailError, NotFound
from handrail.practice.seed import fill
from handrail.practice.tools import TOOLS, Said, Tool
from handrail.practice.world import Book, World

T = TypeVar("T")
Context = ServerRequestContext[Any]

_PAGE: Final = 25
_QUEUE: Final = 6
_STEP_SECONDS: Final = 0.3
_VALIDATORS: Final = {
    name: jsonschema.Draft202012Validator(dict(tool.input_schema)) for name, tool in TOOLS.items()
}


class Upstream:
    """The handlers of the server, over one world."""

    def __init__(self, world: World, *, step: float) -> None:
        self._world = world
        self._step = step

    async def list_tools(
        self, _: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        """The tools, a page at a time, as the field's larger servers list them."""
        start = _offset(params)
        page = list(TOOLS.values())[start : start + _PAGE]
        end = start + len(page)
        return types.ListToolsResult(
            tools=[_described(tool) for tool in page],
            next_cursor=str(end) if end < len(TOOLS) else None,
        )

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Run one tool. What went wrong on purpose is an error *result*, as the protocol asks."""
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"unknown tool: {params.name}")
        arguments = params.arguments or {}
        for number, step in enumerate(tool.steps):
            await ctx.session.report_progress(number, len(tool.steps), step)
            await anyio.sleep(self._step)

        def act(book: Book) -> Said:
            _check(tool, arguments)
            return tool.run(book, arguments)

        try:
            said = await self._logged(tool.name, arguments, ctx, act)
        except HandrailError as error:
            return _failed(error)
        return types.CallToolResult(
            content=[types.TextContent(text=said.text)], structured_content=said.data
        )

    async def list_resources(
        self, ctx: Context, _: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        """The runbooks, and the index of client documents."""
        rows = await self._read("SELECT id, title FROM document WHERE kind = 'runbook' ORDER BY id")
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    name=row["title"], uri=f"runbook://{row['id']}", mime_type="text/plain"
                )
                for row in rows
            ]
            + [
                types.Resource(
                    name="Client documents",
                    uri="documents://index",
                    mime_type="application/json",
                    description="Which documents there are, by client.",
                )
            ]
        )

    async def list_templates(
        self, _ctx: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Client documents by client and kind."""
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    name="Client document",
                    uri_template="document://{client_id}/{kind}",
                    mime_type="text/plain",
                    description="A client's sheet, network notes or backup notes.",
                )
            ]
        )

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """Read one document."""
        uri = str(params.uri)
        try:
            kind, text = await self._logged(
                "resources/read", {"uri": uri}, ctx, lambda book: _resource(book, uri)
            )
        except HandrailError as error:
            raise MCPError(types.INVALID_PARAMS, error.message) from error
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=text)]
        )

    async def list_prompts(
        self, _ctx: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        """One prompt: how to take up a ticket."""
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name="triage",
                    description="Take up a ticket: what to read first and what to write down.",
                    arguments=[types.PromptArgument(name="ticket_id", required=True)],
                )
            ]
        )

    async def get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        """Fill the prompt from the ticket."""
        if params.name != "triage":
            raise MCPError(types.INVALID_PARAMS, f"unknown prompt: {params.name}")
        ticket_id = (params.arguments or {}).get("ticket_id", "")
        try:
            row = await self._logged(
                "prompts/get",
                {"name": params.name, "arguments": params.arguments or {}},
                ctx,
                lambda book: book.one(
                    f"ticket {ticket_id}", "SELECT * FROM ticket WHERE id = ?", ticket_id
                ),
            )
        except HandrailError as error:
            raise MCPError(types.INVALID_PARAMS, error.message) from error
        text = (
            f"Take up ticket {row['id']}: {row['subject']}. Read the ticket, the requester's"
            " account and the device first. Note what you saw, choose the runbook, then act."
        )
        return types.GetPromptResult(
            messages=[types.PromptMessage(role="user", content=types.TextContent(text=text))]
        )

    async def _logged(
        self, tool: str, arguments: Mapping[str, Any], ctx: Context, act: Callable[[Book], T]
    ) -> T:
        # Shielded: once it is in the thread, the transaction ends as a whole, also when the
        # caller cancels meanwhile. A cancellation that comes earlier leaves no trace.
        call = partial(
            self._world.call,
            uuid.uuid4().hex,
            tool,
            arguments,
            dict(ctx.meta or {}),
            datetime.now(UTC),
            act,
        )
        return await anyio.to_thread.run_sync(call)

    async def _read(self, sql: str) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            with self._world.book(datetime.now(UTC)) as book:
                return book.all(sql)

        return await anyio.to_thread.run_sync(read)


def _check(tool: Tool, arguments: dict[str, Any]) -> None:
    problems = sorted(_VALIDATORS[tool.name].iter_errors(arguments), key=lambda e: list(e.path))
    if problems:
        first = problems[0]
        where = ".".join(str(part) for part in first.path)
        raise BadInput(
            f"{tool.name}: {where + ': ' if where else ''}{first.message[:300]}",
            hint="See the tool's input schema.",
        )


def _failed(error: HandrailError) -> types.CallToolResult:
    # The hints that our errors have by default speak of Handrail; this is another system.
    hint = "" if error.hint == error.default_hint else error.hint
    text = f"{error.message}. {hint}".strip()
    return types.CallToolResult(
        content=[types.TextContent(text=text)],
        structured_content={"error": {"code": error.code, "message": error.message}},
        is_error=True,
    )


def _resource(book: Book, uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition("://")
    if uri == "documents://index":
        rows = book.all("SELECT id, client_id, kind, title FROM document ORDER BY id")
        return "application/json", json.dumps(rows, ensure_ascii=False)
    if scheme == "runbook":
        row = book.one(uri, "SELECT text FROM document WHERE id = ? AND kind = 'runbook'", rest)
        return "text/plain", str(row["text"])
    client_id, _, kind = rest.partition("/")
    if scheme == "document":
        row = book.one(
            uri,
            "SELECT text FROM document WHERE client_id = ? AND kind = ?",
            client_id,
            kind.replace("-", " "),
        )
        return "text/plain", str(row["text"])
    raise NotFound(f"{uri} does not exist")


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.input_schema),
        output_schema=None if tool.output_schema is None else dict(tool.output_schema),
        annotations=None
        if tool.annotations is None
        else types.ToolAnnotations.model_validate(dict(tool.annotations)),
    )


def _offset(params: types.PaginatedRequestParams | None) -> int:
    cursor = params.cursor if params else None
    if cursor is None:
        return 0
    if not cursor.isdecimal():
        raise MCPError(types.INVALID_PARAMS, "unknown cursor")
    return int(cursor)


def server(world: World, *, step: float = _STEP_SECONDS) -> Server[Any]:
    """The MCP server over *world*."""
    upstream = Upstream(world, step=step)
    return Server(
        "northgate-practice",
        version="1.0.0",
        title="Northgate practice systems",
        instructions="Tickets, accounts, devices, network, backups and documents of six clients.",
        on_list_tools=upstream.list_tools,
        on_call_tool=upstream.call_tool,
        on_list_resources=upstream.list_resources,
        on_list_resource_templates=upstream.list_templates,
        on_read_resource=upstream.read_resource,
        on_list_prompts=upstream.list_prompts,
        on_get_prompt=upstream.get_prompt,
    )


def open_world(path: Path, *, seed: int = 1, queue: int = _QUEUE) -> World:
    """Open the world at *path*, made by *seed* where there is none yet."""
    now = datetime.now(UTC)
    world = World.create(path, fill(seed), now)
    with world.book(now) as book:
        book.set("queue", queue)
    return world


async def _serve(world: World, step: float) -> None:
    app = server(world, step=step)
    async with stdio_server() as (read, write):
        await app.run(read, write, app.create_initialization_options())


def main(argv: list[str] | None = None) -> int:
    """Serve one world over stdin and stdout until stdin closes."""
    parser = argparse.ArgumentParser(prog="python -m handrail.practice.server")
    parser.add_argument("--world", type=Path, required=True, help="the world's SQLite file")
    parser.add_argument("--seed", type=int, default=1, help="seed of a world that is made now")
    parser.add_argument("--queue", type=int, default=_QUEUE, help="new tickets kept waiting")
    parser.add_argument(
        "--step", type=float, default=_STEP_SECONDS, help="seconds per step of a slow tool"
    )
    args = parser.parse_args(argv)
    world = open_world(args.world, seed=args.seed, queue=args.queue)
    try:
        anyio.run(_serve, world, args.step)
    finally:
        world.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
