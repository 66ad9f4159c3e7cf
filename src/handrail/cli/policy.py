"""`handrail init`, `check` and `classify`: policy without a server (DOORS).

Each command is a plain function that returns what it found, and a thin command around it that
prints and sets the exit code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from handrail.cli.offline import Line, classified, understood
from handrail.core.policy import Policy, load
from handrail.errors import BadInput, Conflict, HandrailError, NotFound, PolicyInvalid

MAX_FILES = 2_000
MAX_FOLDER = 20_000_000  # bytes in all
_ENDINGS = (".yaml", ".yml")


def read_folder(folder: Path) -> dict[str, str]:
    """The policy files of *folder*: relative path → text. Raises `NotFound` and `BadInput`."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", hint="Make one with `handrail init`.")
    found: dict[str, str] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix not in _ENDINGS or not path.is_file():
            continue
        size += path.stat().st_size
        if len(found) >= MAX_FILES or size > MAX_FOLDER:
            raise BadInput(f"{folder} is too large for a policy", hint="Name the policy's folder.")
        found[path.relative_to(folder).as_posix()] = path.read_text("utf-8", errors="replace")
    return found


def starter() -> dict[str, str]:
    """The files of the starter policy."""
    found: dict[str, str] = {}

    def walk(here: Traversable, prefix: str) -> None:
        for item in sorted(here.iterdir(), key=lambda i: i.name):
            if item.is_dir():
                walk(item, f"{prefix}{item.name}/")
            else:
                found[prefix + item.name] = item.read_text("utf-8")

    walk(files("handrail.core") / "starter", "")
    return found


def init(folder: Path) -> list[Path]:
    """Write the starter policy into *folder*; return what was written.

    Raises `Conflict`, and writes nothing, when a file of it is there already.
    """
    texts = starter()
    there = [name for name in texts if (folder / name).exists()]
    if there:
        raise Conflict(
            f"{folder / there[0]} exists already; nothing was written",
            hint="Name an empty or new folder.",
        )
    written = []
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def check(folder: Path) -> Policy:
    """Compile *folder*. Raises `PolicyInvalid` with every problem."""
    return load(read_folder(folder))


@dataclass(frozen=True, slots=True)
class Answered:
    """One line's answer: the JSON object, and whether the line could be understood."""

    number: int
    answer: Mapping[str, Any]
    failed: bool = False


def classify_lines(lines: Iterable[bytes], policy: Policy) -> Iterator[Answered]:
    """Classify each line of a JSON Lines file. A line that cannot be understood answers tier 3
    with its error: nothing is skipped, and nothing unknown gets a lower tier."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            line: Line = understood(raw)
            answer = classified(line, policy)
        except HandrailError as error:
            yield Answered(number, _not_understood(number, error, policy), failed=True)
            continue
        yield Answered(number, answer)


def _not_understood(number: int, error: HandrailError, policy: Policy) -> dict[str, Any]:
    return {
        "tier": 3,
        "reasons": [{"code": "bad-input", "tier": 3, "text": f"Line {number}: {error.message}"}],
        "policy": policy.digest,
        "error": {"code": error.code, "message": error.message, "hint": error.hint},
    }


# --- commands -----------------------------------------------------------------------------------

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("init")
def init_command(folder: Annotated[Path, typer.Argument(metavar="DIR")]) -> None:
    """Write a commented starter policy: conservative."""
    try:
        written = init(folder)
    except (HandrailError, OSError) as error:
        raise _failed(error) from error
    for path in written:
        typer.echo(path)
    typer.echo(f"Next: read {folder / 'handrail.yaml'}, then run: handrail check {folder}")


@app.command("check")
def check_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """Validate a policy: every problem with file, line and hint; exit 1 on any error."""
    try:
        policy = check(folder)
    except PolicyInvalid as invalid:
        if json:
            problems = [
                {"file": p.file, "line": p.line, "message": p.message, "hint": p.hint}
                for p in invalid.problems
            ]
            typer.echo(orjson.dumps({"ok": False, "problems": problems}).decode())
        else:
            for problem in invalid.problems:
                at = replace(problem, file=str(folder / problem.file))
                typer.echo(str(at), err=True)
            typer.echo(f"{len(invalid.problems)} problems", err=True)
        raise typer.Exit(1) from None
    except (HandrailError, OSError) as error:
        raise _failed(error) from error
    signed = sum(row.signed for row in policy.rows.values())
    drafts = len(policy.rows) - signed
    if json:
        summary = {
            "ok": True, "digest": policy.digest, "rows": signed, "drafts": drafts,
            "rules": len(policy.rules),
        }  # fmt: skip
        typer.echo(orjson.dumps(summary).decode())
        return
    typer.echo(f"{folder}: {signed} signed rows, {drafts} drafts, {len(policy.rules)} rules")
    if drafts:
        typer.echo(f"{drafts} rows are drafts: they run at tier 3 until the three roles signed.")
    typer.echo(f"digest {policy.digest}")


@app.command("classify")
def classify_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl")],
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="DIR", help="Default: the starter policy.")
    ] = None,
) -> None:
    """Classify the actions of a file, one a line, without a server."""
    try:
        compiled = load(starter()) if policy is None else check(policy)
        with file.open("rb") as lines:
            failed = 0
            for answered in classify_lines(lines, compiled):
                typer.echo(orjson.dumps(answered.answer).decode())
                failed += answered.failed
    except (HandrailError, OSError) as error:
        raise _failed(error) from error
    if failed:
        typer.echo(f"{failed} lines could not be understood: they count as tier 3", err=True)


def _failed(error: HandrailError | OSError) -> typer.Exit:
    if isinstance(error, HandrailError):
        typer.echo(f"{error.message}\n{error.hint}".strip(), err=True)
    else:
        typer.echo(f"{error.filename}: {error.strerror}", err=True)
    return typer.Exit(1)


def register(main: typer.Typer) -> None:
    """Put these commands beside the others of *main*."""
    main.command("init")(init_command)
    main.command("check")(check_command)
    main.command("classify")(classify_command)
