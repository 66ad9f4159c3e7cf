"""A small stateful MSP behind an MCP server, and an agent that works through its tickets."""
