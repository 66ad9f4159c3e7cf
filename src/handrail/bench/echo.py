"""An upstream that says what it hears: the least that an MCP server can do."""

import anyio
from mcp.server.mcpserver import MCPServer

server = MCPServer("echo")


@server.tool()
def echo(text: str) -> str:
    """Say what was heard."""
    return text


if __name__ == "__main__":
    anyio.run(server.run_stdio_async)
