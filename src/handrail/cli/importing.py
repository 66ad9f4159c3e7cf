"""`handrail import`: draft matrix rows from what a server, a description or a catalog offers."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from handrail.cli import talk
from handrail.cli.offline import described
from handrail.cli.policy import read_folder
from handrail.cli.programs import Programs
from handrail.core import importing, openapi
from handrail.core.arguments import MAX_DEPTH, depth
from handrail.core.drafting import Draft
from handrail.core.model import ToolDefinition
from handrail.core.policy_load import understand
from handrail.errors import BadInput, Conflict, HandrailError, NotFound, TooLarge

MOST = 64 << 20  # bytes of a file


class Source(StrEnum):
    """Where tools are described."""

    MCP = "mcp"
    OPENAPI = "openapi"
    CATALOG = "catalog"


class Format(StrEnum):
    """How drafts are written."""

    YAML = "yaml"
    JSONL = "jsonl"


def drafted(
    ctx: typer.Context,
    source: Annotated[
        Source,
        typer.Argument(
            help="mcp NAME -- COMMAND…, or mcp NAME --url URL: a live server. openapi FILE: an "
            "OpenAPI 3 description. catalog FILE: tools, one JSON object a line."
        ),
    ],
    what: Annotated[str, typer.Argument(metavar="NAME|FILE")],
    command: Annotated[list[str] | None, typer.Argument(metavar="-- COMMAND…")] = None,
    url: Annotated[str, typer.Option("--url", help="mcp: a server over HTTP.")] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="NAME=VALUE", help="mcp --url: sent.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(
            "--connection",
            metavar="NAME",
            help="openapi, catalog: the connection's name; by default the file's.",
        ),
    ] = "",
    format: Annotated[Format, typer.Option("--format", help="How to write them.")] = Format.YAML,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write into this policy folder, new rows only."),
    ] = None,
) -> None:
    """Draft matrix rows from tools: scorecard, tier, reasons, rollback. They run at tier 3 until
    people have signed them."""
    programs: Programs = ctx.obj
    tools = _tools(programs, source, what, command or [], url, header or [], name)
    made = importing.drafts(tools)
    if format is Format.JSONL:
        for one in made:
            talk.say(orjson.dumps(importing.line(one)).decode())
        return
    if out is None:
        for path, text in importing.files(made).items():
            talk.say(f"# --- {path}\n{text}")
        return
    _write(out, made)


def _tools(
    programs: Programs,
    source: Source,
    what: str,
    command: list[str],
    url: str,
    header: list[str],
    name: str,
) -> list[ToolDefinition]:
    if source is Source.MCP:
        if bool(command) == bool(url):
            raise BadInput(
                "how is the server reached?",
                hint="handrail import mcp NAME -- COMMAND…, or --url URL.",
            )
        headers = dict(_pair(h) for h in header)
        return importing.listed(what, programs.offered(what, command, url, headers))
    text = _read(Path(what))
    if source is Source.OPENAPI:
        try:
            document = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise BadInput(f"{what} is neither JSON nor YAML: {error}") from None
        return openapi.tools(name or Path(what).stem, document)
    return _catalog(text, name or Path(what).stem)


def _catalog(text: str, connection: str) -> list[ToolDefinition]:
    """One JSON object a line; or one JSON list, or an object with `tools`, as MCP answers."""
    found: list[ToolDefinition] = []
    for where, raw in _objects(text):
        try:
            if not isinstance(raw, dict):
                raise BadInput("not a JSON object")
            if depth(raw) > MAX_DEPTH:
                raise TooLarge(f"nested deeper than {MAX_DEPTH} levels")
            found.append(described(raw, connection))
        except HandrailError as error:
            raise BadInput(f"{where}: {error.message}", hint=error.hint) from None
    if not found:
        raise BadInput("the catalog names no tool")
    return found


def _objects(text: str) -> Iterator[tuple[str, Any]]:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        whole = None
    listed = whole.get("tools") if isinstance(whole, dict) else whole
    if isinstance(listed, list):
        yield from ((f"tool {n}", raw) for n, raw in enumerate(listed, 1))
        return
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield f"line {n}", orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadInput(f"line {n}: not JSON: {error}") from None


def _write(out: Path, made: list[Draft]) -> None:
    there = read_folder(out) if out.exists() else {}
    known = set(understand(there).rows) if there else set()
    new = importing.files(made, known)
    for path in new:
        if (out / path).exists():
            raise Conflict(
                f"{out / path} is there already",
                hint="Rename it, or sign and keep it; a file that people may have changed is "
                "never written over.",
            )
    for path, text in new.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_text(text)
    fresh = [d for d in made if d.type not in known]
    count = {t: sum(d.tier == t for d in fresh) for t in (1, 2, 3)}
    talk.say(
        f"{len(fresh)} rows drafted in {len(new)} files: {count[1]} at tier 1, {count[2]} at tier "
        f"2, {count[3]} at tier 3. {len(made) - len(fresh)} have a row already and stay."
    )
    if fresh:
        talk.say(f"Unsigned, all of them run at tier 3. Next: handrail check {out}")


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST:
            raise TooLarge(f"{path} is too large", hint=f"At most {MOST >> 20} MB.")
        return path.read_text()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", hint="Check the path.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text in UTF-8") from None


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise BadInput(f"{text!r} is no header", hint="Write NAME=VALUE.")
    return name, value


def register(app: typer.Typer) -> None:
    """Put the command beside the others of *app*."""
    app.command(name="import")(drafted)
