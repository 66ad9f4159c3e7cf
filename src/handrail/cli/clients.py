"""MCP clients' configurations on this computer: where they lie, and which servers they name.

Read as they are, and written so that nothing else in them moves: key order, indentation and the
last newline stay. A file that is no plain JSON (comments, for instance) is left alone.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handrail.errors import BadInput

#: Client, and where its configuration lies: under the home folder, or (``.``) in this folder.
PLACES: tuple[tuple[str, str], ...] = (
    ("Claude Desktop", "~/.config/Claude/claude_desktop_config.json"),
    ("Claude Desktop", "~/Library/Application Support/Claude/claude_desktop_config.json"),
    ("Claude Code", "~/.claude.json"),
    ("Claude Code", "./.mcp.json"),
    ("Cursor", "~/.cursor/mcp.json"),
    ("Cursor", "./.cursor/mcp.json"),
    ("VS Code", "~/.config/Code/User/mcp.json"),
    ("VS Code", "~/Library/Application Support/Code/User/mcp.json"),
    ("VS Code", "./.vscode/mcp.json"),
)
_FIELDS = ("mcpServers", "servers")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server as a configuration names it. ``path`` leads to it in the document."""

    name: str
    path: tuple[str, ...]
    raw: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """Whether Handrail stands in between already."""
        command = Path(str(self.raw.get("command", ""))).name
        arguments = self.raw.get("args")
        return command == "handrail" and isinstance(arguments, list) and "gateway" in arguments

    def connection(self) -> dict[str, Any]:
        """The server as a connection's kind, way and secret. Raises `BadInput` saying why not."""
        raw = self.raw
        if raw.get("url"):
            if raw.get("type") == "sse":
                raise BadInput("it speaks the old SSE transport, which Handrail does not")
            return {
                "kind": "mcp-http",
                "url": _expanded(raw["url"]),
                "secret": _expanded_all(raw.get("headers")),
            }
        if not raw.get("command"):
            raise BadInput("it names neither a command nor a url")
        arguments = raw.get("args") or []
        if not isinstance(arguments, list):
            raise BadInput("its args are no list")
        return {
            "kind": "mcp-stdio",
            "command": _expanded(raw["command"]),
            "args": [_expanded(a) for a in arguments],
            "cwd": _expanded(raw.get("cwd") or ""),
            "secret": _expanded_all(raw.get("env")),
        }


class Configuration:
    """One file of one client."""

    def __init__(self, client: str, path: Path) -> None:
        self.client = client
        self.path = path
        self.before = path.read_bytes()
        try:
            document = json.loads(self.before)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise BadInput(f"{path} is no plain JSON and is left alone")
        self._document = document

    @property
    def servers(self) -> list[Server]:
        """Every server that it names, in its order."""
        found = [s for f in _FIELDS for s in _servers(self._document.get(f), (f,))]
        projects = self._document.get("projects")
        for project, value in (projects if isinstance(projects, dict) else {}).items():
            inner = value.get(_FIELDS[0]) if isinstance(value, dict) else None
            found += _servers(inner, ("projects", project, _FIELDS[0]))
        return found

    def replace(self, server: Server, raw: Mapping[str, Any]) -> None:
        """Put *raw* where *server* stood."""
        here = self._document
        for step in server.path[:-1]:
            here = here[step]
        here[server.path[-1]] = dict(raw)

    @property
    def after(self) -> bytes:
        """The file as it will be."""
        text = self.before.decode()
        indented = re.search(r"\n([ \t]+)\S", text)
        dumped = json.dumps(
            self._document, indent=indented[1] if indented else None, ensure_ascii=False
        )
        return (dumped + ("\n" if text.endswith("\n") else "")).encode()


def found(home: Path, here: Path) -> Iterator[tuple[str, Path]]:
    """The configurations that are there: client and path, each once."""
    seen: set[Path] = set()
    for client, place in PLACES:
        path = home / place[2:] if place.startswith("~/") else here / place[2:]
        if path.is_file() and path.resolve() not in seen:
            seen.add(path.resolve())
            yield client, path


def _servers(value: Any, path: tuple[str, ...]) -> list[Server]:
    if not isinstance(value, dict):
        return []
    return [
        Server(name=name, path=(*path, name), raw=raw)
        for name, raw in value.items()
        if isinstance(raw, dict)
    ]


def _expanded(value: Any) -> str:
    """*value* with the environment variables that it names. Raises `BadInput` for one that is
    not set, and for what only the client itself can ask for."""
    text = str(value)

    def one(match: re.Match[str]) -> str:
        here = os.environ.get(match[1], match[2])
        if here is None:
            raise BadInput(f"it needs {match[1]}, which is not set here")
        return here

    text = _VARIABLE.sub(one, text)
    if "${" in text:
        raise BadInput("it needs something that its client asks for")
    return text


def _expanded_all(value: Any) -> dict[str, str]:
    return {str(k): _expanded(v) for k, v in value.items()} if isinstance(value, dict) else {}
