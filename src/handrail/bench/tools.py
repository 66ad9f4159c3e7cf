"""An MCP server over stdio that offers as many tools as a large product: to measure `import`."""

import sys
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp_types import ListToolsResult, Tool

VERBS = ("get", "list", "search", "create", "update", "set", "delete", "enable", "disable",
         "assign", "unassign", "restart")  # fmt: skip
NOUNS = ("ticket", "user", "device", "mailbox", "licence", "firewall_rule", "backup_job", "invoice",
         "contact", "group", "site", "alert", "asset", "note", "contract", "password", "service",
         "policy", "domain", "certificate")  # fmt: skip


def tools() -> list[Tool]:
    """Every verb with every noun: 240 tools."""
    found = []
    for noun in NOUNS:
        for verb in VERBS:
            schema: dict[str, Any] = {
                "type": "object",
                "properties": {
                    "client_id": {"type": "string"},
                    f"{noun}_id": {"type": "string", "description": f"Which {noun}."},
                    "value": {"type": "string"},
                },
                "required": ["client_id", f"{noun}_id"],
            }
            found.append(
                Tool(
                    name=f"{verb}_{noun}",
                    description=f"{verb.capitalize()} a {noun} of one client.",
                    input_schema=schema,
                )
            )
    return found


async def _listed(ctx: Any, params: Any) -> ListToolsResult:
    return ListToolsResult(tools=tools())


async def _serve() -> None:
    server: Server[Any] = Server("bench-tools", on_list_tools=_listed)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    anyio.run(_serve)
    sys.exit(0)
