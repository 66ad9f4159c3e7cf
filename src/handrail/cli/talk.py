"""How commands speak: plain lines, tables, questions, and errors with their hint and exit code.

What others wrote (an agent, a ticket, an upstream) goes through `clean`: a terminal obeys escape
sequences, and none of theirs may reach it.
"""

import sys
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson
import typer
from typer.core import TyperGroup

from handrail.errors import BadInput, HandrailError, NotSignedIn, StepUpNeeded

OK = 0
NOT_HELD = 1  #: refused, failed, or something that was checked does not hold
USAGE = 2  #: the command or what it was given is wrong
UNREACHABLE = 3  #: the server does not answer
NOT_SIGNED_IN = 4  #: sign in, or sign in again

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


class Unreachable(HandrailError):
    """The server does not answer."""

    code = "unreachable"


class Told(HandrailError):
    """What the server said instead of doing it, as it said it."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail") or f"the server answered {status}"),
            hint=str(problem.get("hint") or ""),
        )
        self.status = status
        self.problem = problem

    @property
    def kind(self) -> str:
        """The problem's `code`."""
        return str(self.problem.get("code", ""))


class Commands(TyperGroup):
    """The commands, with one place where errors become a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HandrailError as error:
            fail(error)


def fail(error: HandrailError) -> NoReturn:
    """Say what went wrong and what to do, and exit."""
    typer.echo(clean(error.message), err=True)
    if isinstance(error, Told):
        for line in error.problem.get("difference") or ():
            typer.echo(clean(f"  {line['label']}: {line['then']}  →  {line['now']}"), err=True)
        for fault in (error.problem.get("problems") or ())[1:]:
            typer.echo(clean(f"  {fault['where']}: {fault['message']}"), err=True)
    if error.hint:
        typer.echo(clean(error.hint), err=True)
    raise typer.Exit(exit_code(error))


def exit_code(error: HandrailError) -> int:
    """The exit code that *error* ends a command with."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    if isinstance(error, NotSignedIn | StepUpNeeded):
        return NOT_SIGNED_IN
    if isinstance(error, Told):
        if error.status == 401 or error.kind == StepUpNeeded.code:
            return NOT_SIGNED_IN
        return USAGE if error.status in {400, 413} else NOT_HELD
    return USAGE if isinstance(error, BadInput) else NOT_HELD


def clean(text: str) -> str:
    """*text* with every character that a terminal would obey, or that reorders what is read,
    shown as what it is not; line breaks stay."""
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in _HIDDEN else "\ufffd" for c in text
    )


def say(text: str = "") -> None:
    """One line for people."""
    typer.echo(clean(text))


def note(text: str) -> None:
    """One line for people that is no result: it goes beside a pipe, not into it."""
    typer.echo(clean(text), err=True)


def print_json(value: Any) -> None:
    """A result for programs."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> None:
    """Rows under their heads; the last column is never padded."""
    lines = [head, *[[clean(cell).replace("\n", " ") for cell in row] for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def interactive() -> bool:
    """Whether a person sits at this terminal."""
    return sys.stdin.isatty()


def wanted(value: str, question: str, option: str) -> str:
    """*value*, asked for when it is missing. Raises `BadInput` where nobody can be asked."""
    while not value.strip():
        if not interactive():
            raise BadInput(f"{option} is missing", hint=f"Add {option}.")
        value = str(typer.prompt(question, default="", show_default=False))
    return value.strip()


def when(text: str | None) -> str:
    """An instant as people read it here, in this computer's time zone."""
    if not text:
        return ""
    instant = datetime.fromisoformat(text)
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def left(text: str | None, now: datetime | None = None) -> str:
    """How long until an instant, in one unit."""
    if not text:
        return ""
    seconds = int((datetime.fromisoformat(text) - (now or datetime.now(UTC))).total_seconds())
    if seconds <= 0:
        return "over"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
