"""Starting and inspecting: `serve`, `demo`, `verify`, `export`, `doctor`, `backtest`, `bench`.

These work on a store on this computer. None of them decides anything for people.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from handrail.cli import talk
from handrail.cli.policy import read_folder
from handrail.cli.programs import Memory, NotHeld, Part, Programs
from handrail.cli.remote import Remote, connected
from handrail.config import load
from handrail.core.backtest import lines
from handrail.errors import BadInput

MAX_ENTRIES = 1 << 40  # more than any log has: a server that claims more is not believed

Database = Annotated[
    str | None,
    typer.Option(
        "--database", help="sqlite:///PATH or postgresql://HOST/NAME; else a file of --data."
    ),
]
Data = Annotated[Path | None, typer.Option("--data", help="Folder of database and keys.")]
Policy = Annotated[
    Path | None, typer.Option("--policy", metavar="DIR", help="Publish this policy at the start.")
]
Host = Annotated[str | None, typer.Option("--host")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535)]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Since = Annotated[datetime | None, typer.Option("--since", help="Only from this day on (UTC).")]
Until = Annotated[datetime | None, typer.Option("--until", help="Only before this day (UTC).")]


class Table(StrEnum):
    """How the table beside an export is written."""

    JSONL = "jsonl"
    CSV = "csv"


def serve(
    ctx: typer.Context,
    database: Database = None,
    data: Data = None,
    policy: Policy = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """The server: API, console and gateway. Makes its database at the first start."""
    settings = load(data=data, database=database, policy=policy, host=host, port=port)
    _programs(ctx).serve(settings, talk.say)


def demo(
    ctx: typer.Context,
    database: Database = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """The same with a practice MSP, sample people and policy, and an agent at work."""
    settings = load(data=data or _demo_folder(), database=database, host=host, port=port)
    _programs(ctx).demo(settings, talk.say)


def verify(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="PATH_OR_URL", help="A published record, or a server.")
    ] = "",
    key: Annotated[str, typer.Option("--key", help="The log's public key, NAME+HASH+KEY.")] = "",
    data: Data = None,
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", metavar="VKEY", help="A witness that counts; once for each."),
    ] = None,
    kept: Annotated[
        list[Path] | None,
        typer.Option("--kept", metavar="FILE", help="A checkpoint or proof you kept earlier."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a record offline: exit 0 only when everything holds."""
    settings = load(data=data)
    memory = Memory(tuple(witness or ()), tuple(_kept(path) for path in kept or ()))
    key = key or _programs(ctx).key(settings)
    if not key:
        raise BadInput(
            "by which key?", hint="Add --key NAME+HASH+KEY, as `handrail export` printed it."
        )
    try:
        if urlsplit(source).scheme in {"http", "https"}:
            with tempfile.TemporaryDirectory() as copy, connected(origin_of(source)) as there:
                fetch(there, source.rstrip("/"), Path(copy), _programs(ctx))
                found = _programs(ctx).verify(Path(copy), key, memory)
        else:
            path = Path(source) if source else settings.data / "ledger"
            if not path.is_dir():
                raise BadInput(f"there is no folder {path}", hint="Name a published record.")
            found = _programs(ctx).verify(path, key, memory)
    except NotHeld as broken:
        if json:
            talk.print_json({"ok": False, "where": broken.where, "problem": broken.message})
        else:
            talk.note(told(broken))
        raise typer.Exit(talk.NOT_HELD) from None
    if json:
        talk.print_json({"ok": True, **found})
    else:
        talk.say(f"Everything holds: {found['entries']} entries of {found['origin']}.")
        if "client" in found:
            talk.say(_of_client(found))
        talk.say(f"root  {found['root']}")
        talk.say(f"level {found['level']}")
        if memory.kept:
            talk.say(f"kept  it continues {len(memory.kept)} that you kept from earlier")


def _kept(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None


def _of_client(found: Mapping[str, Any]) -> str:
    """What of a client's chain an excerpt holds."""
    if found["places"] is None:
        return f"client {found['client']}: nothing in that time"
    first, last = found["places"]
    return f"client {found['client']}: places {first} to {last} of its chain, until {found['last']}"


def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")],
    client: Annotated[
        str, typer.Option(help="Only this client's entries, each with its proof.")
    ] = "",
    since: Since = None,
    until: Until = None,
    format: Annotated[
        Table | None, typer.Option("--format", help="A table of sentences beside the evidence.")
    ] = None,
    database: Database = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write the record as files that `handrail verify`, or anyone's tool, can check."""
    if (since or until) and not client and format is None:
        raise BadInput(
            "the whole record has no beginning and no end",
            hint="Add --client for a part that can be verified, or --format for a table.",
        )
    wanted = Part(client, _utc(since), _utc(until), format.value if format else "")
    found = _programs(ctx).export(load(data=data, database=database), out, wanted)
    if json:
        talk.print_json(dict(found))
    else:
        talk.say(f"{found['size']} entries in {out}.")
        talk.say(f"Check: handrail verify {out} --key {found['key']}")
        talk.say(f"Tables: {found['compared']}.")
        for line in found["told"]:
            talk.say(f"  {line}")
    if not found["agrees"]:
        talk.note("The evidence is whole; what pages show was changed beside it. Find out by whom.")
        raise typer.Exit(talk.NOT_HELD)


def backup(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder.")],
    database: Database = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """A verified copy of database and keys, also while the server runs. Guard it: it opens what
    is sealed. What signs the record is not in it."""
    settings = load(data=data, database=database)
    found = _programs(ctx).backup(settings, out, talk.note)
    if json:
        talk.print_json(dict(found))
    else:
        talk.say(f"{found['size']} entries of {found['origin']} in {out}, verified.")


def restore(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="DIR", help="What `handrail backup` wrote.")],
    database: Database = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of a database that is gone.

    Nothing begins on it until two people have accepted what came after it: `handrail ledger
    reopen`."""
    settings = load(data=data, database=database)
    found = _programs(ctx).restore(source, settings, talk.note)
    if json:
        talk.print_json(dict(found))
    else:
        talk.say(f"Restored as of {found['at']}: {found['size']} entries.")
        talk.say("Start the server. Nothing begins until two people: handrail ledger reopen.")


def copy(
    ctx: typer.Context,
    source: Annotated[str, typer.Argument(metavar="FROM", help="sqlite:///PATH")],
    target: Annotated[str, typer.Argument(metavar="TO", help="postgresql://HOST/NAME, empty.")],
    json: Json = False,
) -> None:
    """Everything of a SQLite database into an empty PostgreSQL one, or nothing: the record is
    added up before and after. Stop the server first; keys and signer stay in the data folder."""
    found = _programs(ctx).copy(source, target, talk.note)
    if json:
        talk.print_json(dict(found))
    else:
        talk.say(f"Copied {found['rows']} rows; {found['entries']} entries hold in both.")
        talk.say(f"root  {found['root']}")


def doctor(
    ctx: typer.Context, database: Database = None, data: Data = None, json: Json = False
) -> None:
    """Look at durability, clock, keys, channels and roles with nobody; exit 1 on trouble."""
    found = list(_programs(ctx).doctor(load(data=data, database=database)))
    if json:
        talk.print_json([asdict(f) for f in found])
    else:
        for finding in found:
            talk.say(f"{'ok     ' if finding.ok else 'TROUBLE'}  {finding.name}: {finding.text}")
            if finding.hint and not finding.ok:
                talk.say(f"         {finding.hint}")
    if not all(f.ok for f in found):
        raise typer.Exit(talk.NOT_HELD)


def backtest(
    ctx: typer.Context,
    policy: Annotated[Path, typer.Option("--policy", metavar="DIR", help="The other policy.")],
    since: Since = None,
    until: Until = None,
    database: Database = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Another policy over the recorded past: what changes tier, and how often people are asked.

    Reads and counts; nothing is stored, sent or run."""
    settings = load(data=data, database=database)

    def progress(seen: int) -> None:
        if talk.interactive() and seen % 10_000 == 0:
            talk.note(f"{seen} actions")

    found = _programs(ctx).backtest(
        settings, read_folder(policy), _utc(since), _utc(until), progress
    )
    if json:
        talk.print_json(dict(found))
        return
    for line in lines(found):
        talk.say(line)


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def bench(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which one; by default all.")] = None,
    entries: Annotated[
        int, typer.Option(min=10_000, help="How long a record `ledger` is measured on.")
    ] = 200_000,
    json: Json = False,
) -> None:
    """Benchmarks, as ratios to baselines of the same run."""
    found = _programs(ctx).bench(name, talk.note if json else talk.say, entries)
    if json:
        talk.print_json(dict(found))


def _demo_folder() -> Path:
    """The demo keeps its data apart, so that it can be thrown away."""
    found = load().data
    return found if os.environ.get("HANDRAIL_DATA") else found.with_name("handrail-demo")


def origin_of(url: str) -> str:
    """The server of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def fetch(there: Remote, url: str, copy: Path, programs: Programs) -> None:
    """Fetch the published record at *url* (a static host, or a Handrail server) into *copy*."""
    base = f"{url}/v1/ledger"
    try:
        note = there.file(f"{base}/checkpoint")
    except talk.Told as told:
        if told.status != 404:
            raise
        base = url
        note = there.file(f"{base}/checkpoint")
    lines = note.split(b"\n", 2)
    if len(lines) < 3 or not lines[1].isdigit() or len(lines[1]) > 13:
        raise NotHeld("it is no checkpoint", where="checkpoint")
    size = int(lines[1])
    if size > MAX_ENTRIES:
        raise NotHeld(f"it claims {size} entries", where="checkpoint")
    (copy / "checkpoint").write_bytes(note)
    for name in programs.tiles(size):
        path = copy / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(there.file(f"{base}/{name}"))


def told(broken: NotHeld) -> str:
    """What is broken, with its place once."""
    placed = not broken.where or broken.message.startswith(broken.where)
    return broken.message if placed else f"{broken.where}: {broken.message}"


def _programs(ctx: typer.Context) -> Programs:
    found: Programs = ctx.obj
    return found


def register(app: typer.Typer) -> None:
    """Put these commands beside the others of *app*; their context holds the `Programs`."""
    for command in (serve, demo, verify, export, backup, restore, copy, doctor, backtest, bench):
        app.command()(command)
