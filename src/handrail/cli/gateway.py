"""`handrail gateway`: the gateway over stdio, for an MCP client that starts a command.

A raw bridge (`bridge`) to the server's gateway over HTTP, with the agent's key, and nothing else.
"""

import os
from pathlib import Path
from typing import Annotated

import anyio
import typer

from handrail.cli.remote import server
from handrail.cli.session import Sessions, folder
from handrail.errors import NotSignedIn

KEYS = "keys.json"


def gateway(
    connection: Annotated[
        str, typer.Option("--connection", metavar="NAME", help="Which connection to speak to.")
    ],
) -> None:
    """The gateway over stdio, for an MCP client that starts a command.

    Reaches HANDRAIL_URL with the agent's key of HANDRAIL_KEY, or with the one that
    `handrail connect` keeps for this connection.
    """
    from handrail.cli.bridge import bridge  # an SDK that no other command waits for

    url = server()
    anyio.run(bridge, f"{url}/mcp/{connection}", key_for(url, connection))


def keys() -> Sessions:
    """The keys that `handrail connect` keeps: one file, its owner's alone."""
    return Sessions(folder() / KEYS)


def key_for(url: str, connection: str) -> str:
    """The agent's key for *connection*. Raises `NotSignedIn` when there is none."""
    key = os.environ.get("HANDRAIL_KEY", "").strip()
    if key:
        return key
    path = Path(folder() / KEYS)
    try:
        return keys().token(f"{url}/mcp/{connection}")
    except NotSignedIn as error:
        if "not signed in" not in error.message:
            raise
        raise NotSignedIn(
            f"there is no key for {connection} at {url}",
            hint=f"Set HANDRAIL_KEY to an agent's key; {path} has none.",
        ) from None


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command()(gateway)
