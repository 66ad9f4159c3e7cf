"""Outside memory: `witness` and `mirror`, for a machine or an account that is not the log's."""

import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from handrail.cli import talk
from handrail.cli.programs import NotHeld, Programs
from handrail.cli.remote import connected
from handrail.cli.run import Json, fetch, origin_of, told
from handrail.errors import BadInput


def witness(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Its key, and what it saw.")],
    log: Annotated[
        list[str], typer.Option("--log", metavar="VKEY", help="A log's public key; once for each.")
    ],
    name: Annotated[
        str, typer.Option("--name", help="The name that its key bears, made at the first start.")
    ] = "handrail.witness",
    new: Annotated[
        bool, typer.Option("--new", help="These logs were never seen here; only the first time.")
    ] = False,
    host: Annotated[str, typer.Option("--host")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8791,
) -> None:
    """Cosign a log's checkpoints, and never two that disagree; on another machine than the log's."""
    programs: Programs = ctx.obj
    programs.witness(folder, name, log, new, host, port, talk.say)


def mirror(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="PATH_OR_URL", help="A published record, or a server.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The copy that is held.")],
    key: Annotated[str, typer.Option("--key", help="The log's public key, NAME+HASH+KEY.")],
    json: Json = False,
) -> None:
    """Hold a copy of a record that grows with it and refuses a rewrite: exit 1, nothing taken."""
    programs: Programs = ctx.obj
    try:
        if urlsplit(source).scheme in {"http", "https"}:
            with tempfile.TemporaryDirectory() as there, connected(origin_of(source)) as remote:
                fetch(remote, source.rstrip("/"), Path(there), programs)
                found = programs.mirror(out, Path(there), key)
        elif Path(source).is_dir():
            found = programs.mirror(out, Path(source), key)
        else:
            raise BadInput(f"there is no folder {source}", hint="Name a published record.")
    except NotHeld as broken:
        if json:
            talk.print_json({"ok": False, "where": broken.where, "problem": broken.message})
        else:
            talk.note(f"{told(broken)}\nNothing was taken; {out} holds what it held.")
        raise typer.Exit(talk.NOT_HELD) from None
    if json:
        talk.print_json({"ok": True, **found})
    else:
        talk.say(f"{found['entries']} entries of {found['origin']} in {out / 'log'}.")


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*."""
    app.command()(witness)
    app.command()(mirror)
