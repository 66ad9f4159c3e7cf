"""`handrail reconcile`: an upstream's own audit log against the record."""

import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from handrail.cli import talk
from handrail.cli.programs import Programs
from handrail.clock import rfc3339
from handrail.config import load
from handrail.core.reconcile import Act, Known, acts
from handrail.core.reconcile import reconcile as paired
from handrail.errors import BadInput

MOST = 256 << 20  # bytes of a log
SHOWN = 50


def reconcile(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option("--source", metavar="FILE_OR_URL", help="The upstream's audit log.")
    ],
    connection: Annotated[
        str, typer.Option("--connection", metavar="NAME", help="Whose log it is.")
    ],
    actor: Annotated[
        str, typer.Option(help="Only lines of this account: the one that Handrail signs in with.")
    ] = "",
    named: Annotated[
        list[str] | None,
        typer.Option("--as", metavar="OPERATION=TOOL", help="What the log calls a tool."),
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How far apart times may be.")] = 5,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of database and keys.")
    ] = None,
    database: Annotated[str | None, typer.Option("--database", help="sqlite:///PATH.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """What an upstream says was done, against what is recorded: acts that went round Handrail.

    Exits with 1 when there are such acts."""
    programs: Programs = ctx.obj
    names = dict(_pair(text) for text in named or ())
    told, problems = acts(*_read(source), actor=actor)
    if not told:
        raise BadInput("the log holds no act", hint="Look at --actor, or at the file.")
    window = timedelta(minutes=minutes)
    span = (min(a.at for a in told) - window, max(a.at for a in told) + window)
    known = programs.began(load(data=data, database=database), connection, span)
    found = paired(told, known, window=window, names=names)
    if json:
        talk.print_json(
            {
                "acts": len(told),
                "recorded": len(known),
                "paired": [[act.line, action.id] for act, action in found.paired],
                "round_handrail": [_act(act) for act in found.round_handrail],
                "unseen": [_known(action) for action in found.unseen],
                "problems": problems,
            }
        )
    else:
        talk.say(f"{len(told)} acts in the log, {len(known)} recorded; {len(found.paired)} pairs.")
        _tell("Went round Handrail", [_line(a) for a in found.round_handrail])
        _tell("Recorded, and not in the log", [f"{k.id} {k.tool}" for k in found.unseen])
        _tell("Could not be read", problems)
    if found.round_handrail:
        raise typer.Exit(talk.NOT_HELD)


def _tell(what: str, lines: list[str]) -> None:
    if lines:
        talk.say(f"{what}: {len(lines)}")
        for line in lines[:SHOWN]:
            talk.say(f"  {line}")
        if len(lines) > SHOWN:
            talk.say(f"  and {len(lines) - SHOWN} more (--json has all)")


def _line(act: Act) -> str:
    return f"line {act.line}  {rfc3339(act.at)}  {act.operation}  {' '.join(sorted(act.targets))}"


def _act(act: Act) -> dict[str, Any]:
    return {
        "line": act.line, "at": rfc3339(act.at), "operation": act.operation, "actor": act.actor,
        "targets": sorted(act.targets),
    }  # fmt: skip


def _known(action: Known) -> dict[str, Any]:
    return {"action": action.id, "at": rfc3339(action.at), "tool": action.tool}


def _pair(text: str) -> tuple[str, str]:
    operation, equals, tool = text.rpartition("=")
    if not equals or not operation or not tool:
        raise BadInput(f"--as {text!r} has no sides", hint="OPERATION=TOOL.")
    return operation, tool


def _read(source: str) -> tuple[str, str]:
    """The log's name and text."""
    parts = urlsplit(source)
    try:
        if parts.scheme in {"http", "https"}:
            with urllib.request.urlopen(source, timeout=60) as answer:  # noqa: S310 - http(s) only
                raw, name = answer.read(MOST + 1), parts.path
        else:
            with Path(source).open("rb") as file:
                raw, name = file.read(MOST + 1), source
    except (OSError, urllib.error.URLError) as error:
        raise BadInput(f"{source} cannot be read: {error}") from None
    if len(raw) > MOST:
        raise BadInput(f"{source} is larger than {MOST} bytes", hint="Export a shorter time.")
    try:
        return name, raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{source} is not UTF-8") from None


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command()(reconcile)
