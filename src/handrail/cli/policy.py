"""`handrail init`, `check` and `classify`: policy without a server (DOORS).

Each command is a plain function that returns what it found, and a thin command around it that
prints and sets the exit code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from handrail.cli.offline import Line, classified, understood
from handrail.cli.programs import Kept, Programs
from handrail.config import load as load_settings
from handrail.core import policy_schema
from handrail.core.policy import Policy, load
from handrail.core.policy_check import check as check_files
from handrail.core.policy_difference import Comparison, TypeChange, compare
from handrail.core.starter_policy import starter
from handrail.errors import BadInput, Conflict, HandrailError, NotFound, Problem
from handrail.service import ground

MAX_FILES = 2_000
MAX_FOLDER = 20_000_000  # bytes in all
_ENDINGS = (".yaml", ".yml", ".ics")


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


def init(folder: Path) -> list[Path]:
    """Write the starter policy into *folder*; return what was written.

    Raises `Conflict`, and writes nothing, when a file of it is there already.
    """
    settings = load_settings()
    made = ground.grounded(ground.here(settings.data, settings.url))
    texts = {name: _headed(name, text) for name, text in made.items()}
    for of in ("handrail.yaml", "rows"):
        packed = orjson.dumps(policy_schema.schema(of), option=orjson.OPT_INDENT_2)
        texts[policy_schema.WRITTEN[of]] = packed.decode() + "\n"
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


def _headed(name: str, text: str) -> str:
    """*text* with the line by which an editor finds the schema of its file."""
    return policy_schema.header(name) + text if name.endswith(_ENDINGS[:2]) else text


def check(folder: Path) -> Policy:
    """Compile *folder*. Raises `PolicyInvalid` with every problem."""
    return load(read_folder(folder))


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What `check` found in a folder: the policy where it loads, problems, and what changes."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    difference: Comparison | None

    def count(self, severity: str) -> int:
        return sum(p.severity == severity for p in self.problems)

    def shown(self) -> dict[str, Any]:
        """The same for machines."""
        made: dict[str, Any] = {
            "ok": not self.count("error"),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "problems": [asdict(p) for p in self.problems],
        }
        if self.policy is not None:
            signed = sum(row.signed for row in self.policy.rows.values())
            made |= {
                "digest": self.policy.digest,
                "rows": signed,
                "drafts": len(self.policy.rows) - signed,
                "rules": len(self.policy.rules),
                "scorecards": {
                    row.type: {
                        "tier": row.tier.wire,
                        "least": row.scorecard.least.wire,
                        "factors": row.scorecard_shown(),
                    }
                    for row in self.policy.matrix()
                },
            }
        if self.difference is not None:
            made["difference"] = {
                "sentence": self.difference.sentence,
                "two_people": bool(self.difference.laxer),
                **asdict(self.difference),
            }
        return made


def _other(against: str, kept: Kept | None) -> Mapping[str, str]:
    """The files of the folder or version *against*."""
    if Path(against).is_dir():
        return read_folder(Path(against))
    if kept is None or kept.files is None:
        raise NotFound(
            f"there is no folder and no version {against!r}",
            hint="Name a folder, a version's number, its digest, or current.",
        )
    return kept.files


def examine(folder: Path, *, against: str = "", kept: Kept | None = None) -> Examined:
    """Check *folder*, and compare it with the folder or version *against*.

    Raises `NotFound`, `BadInput`, and `PolicyInvalid` when what it is compared with does not load.
    """
    people, clients = (kept.people, kept.clients) if kept else (None, ())
    policy, problems = check_files(read_folder(folder), people=people, clients=clients)
    difference = None
    if against and policy is not None:
        difference = compare(load(_other(against, kept)), policy, clients)
    return Examined(policy=policy, problems=problems, difference=difference)


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
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The policy's folder.")
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="DIR|VERSION",
            help="Say what changes from another folder, or from a published version (its number, "
            "its digest, or current).",
        ),
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings too.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a policy's files instead.")
    ] = False,
    database: Annotated[
        str | None, typer.Option("--database", help="Look at the people of this store too.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The same, by its folder of database and keys.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result.")] = False,
) -> None:
    """Validate a policy: every problem with file, line and hint; exit 1 on any error."""
    if schema:
        typer.echo(orjson.dumps(policy_schema.schema("any"), option=orjson.OPT_INDENT_2).decode())
        return
    try:
        if folder is None:
            raise BadInput("which folder?", hint="handrail check DIR")
        kept = _kept(ctx, database, data, against)
        found = examine(folder, against=against, kept=kept)
    except (HandrailError, OSError) as error:
        raise _failed(error) from error
    if json:
        typer.echo(orjson.dumps(found.shown()).decode())
    else:
        _say(folder, found)
    if found.count("error") or (strict and found.count("warning")):
        raise typer.Exit(1)


def _kept(ctx: typer.Context, database: str | None, data: Path | None, against: str) -> Kept | None:
    """What a store on this computer knows, where one was named or a version is asked for."""
    if database is None and data is None and (not against or Path(against).is_dir()):
        return None
    programs: Programs = ctx.obj
    return programs.kept(load_settings(database=database, data=data), against)


def _say(folder: Path, found: Examined) -> None:
    for problem in found.problems:
        told = replace(
            problem,
            file=str(folder / problem.file),
            message=f"{problem.severity}: {problem.message}",
        )
        typer.echo(str(told), err=True)
    if found.policy is not None:
        rows = found.policy.rows.values()
        signed = sum(row.signed for row in rows)
        drafts = len(rows) - signed
        typer.echo(
            f"{folder}: {signed} signed rows, {drafts} drafts, {len(found.policy.rules)} rules"
        )
        if drafts:
            typer.echo(
                f"{drafts} rows are drafts: they run at tier 3 until the three roles signed."
            )
        typer.echo(f"digest {found.policy.digest}")
    if found.difference is not None:
        typer.echo(found.difference.sentence)
        for change in found.difference.types:
            typer.echo(f"  {change.type}: {_whose(change)}: {'; '.join(change.why)}")
        for text in found.difference.stricter:
            typer.echo(f"  stricter: {text}")
        if found.difference.laxer:
            typer.echo("Publishing it takes two people, since it can lower oversight:")
            for text in found.difference.laxer:
                typer.echo(f"  {text}")
    counts = [
        f"{n} {word}{'' if n == 1 else 's'}"
        for word in ("error", "warning")
        if (n := found.count(word))
    ]
    if counts:
        typer.echo(", ".join(counts), err=True)


def _whose(change: TypeChange) -> str:
    said = []
    for word, clients in (("stricter", change.stricter), ("laxer", change.laxer)):
        if clients is not None:
            said.append(f"{word} for {', '.join(clients)}" if clients else word)
    return ", ".join(said)


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
