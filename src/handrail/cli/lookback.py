"""`handrail look-back`: what an agent's recorded calls would have met; no server is needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import talk
from handrail.cli.policy import read_folder
from handrail.core.lookback import LookBack, lines
from handrail.core.policy import load
from handrail.core.starter_policy import starter
from handrail.core.transcripts import calls
from handrail.errors import NotFound

_ENDINGS = (".jsonl", ".json", ".log", ".ndjson")


def look_back(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="Transcripts or traces: Claude Code and Claude Desktop logs, OpenTelemetry GenAI, "
            "LangSmith, OpenAI exports, or lines with server, tool and arguments. A folder: all of "
            "them in it.",
        ),
    ],
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="DIR", help="By default the starter policy.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """What your agent did, and what would have waited: before anything is connected.

    Reads files and counts; nothing is sent, stored or run."""
    found = LookBack(load(read_folder(policy) if policy is not None else starter()))
    for path in _files(paths):
        try:
            with path.open("rb") as file:
                for call in calls(_lines(file.read(1), file)):
                    found.add(call)
        except OSError as error:
            raise NotFound(f"{path} cannot be read: {error.strerror}", hint="Check it.") from None
        if talk.interactive():
            talk.note(f"{path}: {found.calls} calls so far")
    report = found.report()
    if json:
        talk.print_json(report)
        return
    for line in lines(report):
        talk.say(line)


def _lines(first: bytes, file: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a file; a file that is one JSON document over many lines is one."""
    begun = first + next(file, b"")
    if first in {b"[", b"{"} and not begun.rstrip().endswith((b"}", b"]")):
        yield begun + b"".join(file)
        return
    yield begun
    yield from file


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in _ENDINGS and p.is_file())
        elif path.exists():
            yield path
        else:
            raise NotFound(f"there is no file {path}", hint="Name transcripts or a folder of them.")


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command(name="look-back")(look_back)
