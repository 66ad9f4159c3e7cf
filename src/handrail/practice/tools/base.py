"""What a tool of the practice upstream is, and the words its schemas are made of.

A tool is a function of (one transaction, arguments); it returns what it `Said` or raises an
error of ours: `NotFound`, `Conflict` (already in that state), `Unavailable` (out of reach),
`BadInput`. It never commits: the server does, together with the audit row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from handrail.errors import Unavailable
from handrail.practice.world import Book, Row

Json = Mapping[str, Any]


class Said(NamedTuple):
    """A result: one sentence for people and models, and the data."""

    text: str
    data: Row


Run = Callable[[Book, Row], Said]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool as it is listed, and what it does. ``steps`` are what a slow tool reports."""

    name: str
    description: str
    input_schema: Json
    output_schema: Json | None = None
    annotations: Json | None = None
    steps: tuple[str, ...] = ()
    run: Run


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tools of one file, in order."""

    tools: list[Tool] = field(default_factory=list)

    def tool(
        self,
        name: str,
        description: str,
        arguments: Mapping[str, Json],
        *,
        optional: tuple[str, ...] = (),
        returns: Mapping[str, Json] | None = None,
        hints: Json | None = None,
        steps: tuple[str, ...] = (),
    ) -> Callable[[Run], Run]:
        """Put a function on the shelf as the tool *name*."""

        def put(run: Run) -> Run:
            self.tools.append(
                Tool(
                    name=name,
                    description=description,
                    input_schema={
                        "type": "object",
                        "properties": dict(arguments),
                        "required": [a for a in arguments if a not in optional],
                        "additionalProperties": False,
                    },
                    output_schema=returns
                    and {
                        "type": "object",
                        "properties": dict(returns),
                        "required": list(returns),
                    },
                    annotations=hints,
                    steps=steps,
                    run=run,
                )
            )
            return run

        return put


def text(about: str, **more: Any) -> Json:
    """A string argument."""
    return {"type": "string", "description": about, "minLength": 1, "maxLength": 400, **more}


def choice(about: str, *values: str) -> Json:
    """One of a few words."""
    return {"type": "string", "description": about, "enum": list(values)}


def number(about: str, least: int, most: int) -> Json:
    """A whole number within bounds."""
    return {"type": "integer", "description": about, "minimum": least, "maximum": most}


def flag(about: str) -> Json:
    """True or false."""
    return {"type": "boolean", "description": about}


CLIENT: Final = text("Client id, such as harbor-dental.")
USER: Final = text("Sign-in name of the user.")
DEVICE: Final = text("Device name, such as HDG-FRONT-01.")
STRING: Final = {"type": "string"}
BOOLEAN: Final = {"type": "boolean"}
ARRAY: Final = {"type": "array"}

READ: Final = {"readOnlyHint": True, "openWorldHint": False}
IDEMPOTENT: Final = {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True}
DESTRUCTIVE: Final = {"readOnlyHint": False, "destructiveHint": True}


def client(book: Book, client_id: str) -> Row:
    """A client that exists."""
    return book.one(f"client {client_id}", "SELECT * FROM client WHERE id = ?", client_id)


def user(book: Book, user_id: str, client_id: str | None = None) -> Row:
    """A user that exists, at that client where one is named, and is not deleted."""
    row = book.one(
        f"user {user_id}" + (f" at {client_id}" if client_id else ""),
        "SELECT * FROM user WHERE id = ? AND client_id = coalesce(?, client_id) AND deleted = 0",
        user_id,
        client_id,
    )
    return booleans(row, "enabled", "locked", "must_change_password", "deleted")


def device(book: Book, device_id: str) -> Row:
    """A device that exists."""
    row = book.one(f"device {device_id}", "SELECT * FROM device WHERE id = ?", device_id)
    return booleans(row, "managed", "online", "isolated", "wiped")


def reachable(book: Book, device_id: str) -> Row:
    """A device that exists and answers. Raises `Unavailable` when it does not."""
    row = device(book, device_id)
    if not row["online"]:
        raise Unavailable(
            f"{device_id} is offline; nothing was done", hint="Try again when it is online."
        )
    return row


def booleans(row: Row, *names: str) -> Row:
    """SQLite's 0 and 1 as false and true."""
    return {**row, **{name: bool(row[name]) for name in names}}
