"""Rehearsing rollbacks: `rehearse`."""

from typing import Annotated, Any

import typer

from handrail.cli import talk
from handrail.cli.remote import connected
from handrail.errors import BadInput, HandrailError

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]


def rehearse(
    types: Annotated[
        list[str] | None, typer.Argument(metavar="[TYPE]...", help="Action types.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every row that declares a safe target.")
    ] = False,
    json: Json = False,
) -> None:
    """Run rollbacks on the safe targets that rows declare: act, check, undo, check."""
    with connected() as there:
        wanted = list(types or ())
        if every:
            wanted = list(there.get("rehearsals")["types"])
        if not wanted:
            raise BadInput("what is to be rehearsed?", hint="Name action types, or --all.")
        found: list[dict[str, Any]] = []
        for type in wanted:
            try:
                found.append(there.post("rehearsals", {"type": type}))
            except HandrailError as error:
                if not every:
                    raise
                found.append({"type": type, "state": "failed", "text": error.message})
    if json:
        talk.print_json({"items": found})
    else:
        for one in found:
            text = one["text"] or "It goes on by itself; ask again when its check was due."
            talk.say(f"{one['type']}: {one['state']}. {text}")
    if any(one["state"] in {"failed", "unknown"} for one in found):
        raise typer.Exit(talk.NOT_HELD)


def register(main: typer.Typer) -> None:
    """Add the command."""
    main.command("rehearse")(rehearse)
