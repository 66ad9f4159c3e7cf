"""The MCP gateway: a door for any MCP client."""
