"""The entry point: the command line over the programs that only the top of the house knows.

Each program is imported when it runs: `handrail check` and the stdio bridge, which an MCP client
waits for, load no web server and no database.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from handrail import cli
from handrail.cli.programs import Kept, Memory, NotHeld, Part, Programs, Say
from handrail.config import Settings
from handrail.core.reconcile import Known
from handrail.errors import BadInput, NotFound


def main() -> None:
    """Run the command line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Plain tracebacks: no local variables, which may hold what must not be logged.
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    cli.build(PROGRAMS)()


def _serve(settings: Settings, say: Say) -> None:
    from handrail.cli.policy import read_folder
    from handrail.serving import serve
    from handrail.wiring import build

    house = build(settings)

    def started() -> None:
        link = house.identity.set_up_link()
        if settings.policy is not None:
            folder = settings.policy
            seen = house.watch(lambda: read_folder(folder))
            say(f"Policy    {seen.text}")
            for problem in seen.problems:
                say(f"          {problem.severity}: {problem}")
        say(f"Console   {settings.url}")
        if link:
            say(f"Set up    {settings.url}/setup/{link}   (once: makes the first person)")
        say(f"Gateway   {settings.url}/mcp/CONNECTION")
        say(f"Data      {settings.data}")
        if settings.host not in {"127.0.0.1", "localhost", "::1"}:
            say("Warning   this listens beyond this computer: put TLS in front of it.")

    serve(house, after_start=started)


def _demo(settings: Settings, say: Say) -> None:
    from handrail.demo import demo

    demo(settings, say)


def _verify(path: Path, key: str, memory: Memory) -> Mapping[str, Any]:
    from handrail.ledger import excerpt
    from handrail.ledger.errors import LedgerError, VerificationError
    from handrail.ledger.verify import verify

    try:
        if excerpt.is_one(path):
            if memory.kept:
                raise BadInput(
                    "an excerpt is not held against a kept checkpoint",
                    hint="Leave --kept away, or verify the whole record.",
                )
            return asdict(excerpt.verify(path, key, witnesses=memory.witnesses))
        return asdict(verify(path, key, witnesses=memory.witnesses, kept=memory.kept))
    except VerificationError as error:
        raise NotHeld(str(error), where=error.where, hint=error.hint) from error
    except LedgerError as error:
        raise NotHeld(str(error), hint=error.hint) from error


def _witness(
    folder: Path, name: str, logs: Sequence[str], new: bool, host: str, port: int, say: Say
) -> None:
    from handrail.ledger.errors import LedgerError
    from handrail.ledger.witness_server import prepared, serving

    try:
        witness = prepared(folder, name, logs, new=new)
    except (LedgerError, FileExistsError) as error:
        raise BadInput(str(error), hint=getattr(error, "hint", "Leave --new away.")) from error
    server = serving(witness, host, port)
    say(f"Witness   {witness.key.verifier}")
    say(f"Address   http://{host}:{server.server_address[1]}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        server.server_close()


def _mirror(copy: Path, source: Path, key: str) -> Mapping[str, Any]:
    from handrail.ledger.errors import LedgerError
    from handrail.ledger.mirror import take

    try:
        return asdict(take(copy, source, key))
    except LedgerError as error:
        where = getattr(error, "where", "")
        raise NotHeld(str(error), where=where, hint=error.hint) from error


def _tiles(size: int) -> Iterable[str]:
    from handrail.ledger import tiles

    return tiles.paths(size)


def _key(settings: Settings) -> str:
    from handrail.ledger import custody
    from handrail.ledger.checkpoint import SignerKey

    published = settings.data / "ledger" / "checkpoint"
    origin = published.read_text().partition("\n")[0] if published.exists() else settings.origin
    path = custody.folder_of(settings.data / "signer", origin) / "key"
    return str(SignerKey.parse(path.read_text()).verifier) if path.exists() else ""


def _export(settings: Settings, out: Path, part: Part) -> Mapping[str, Any]:
    from handrail.cli import tables
    from handrail.wiring import build

    house = build(settings)
    try:
        record = house.services.record
        if part.client:
            found = record.excerpt(out, part.client, since=part.since, until=part.until)
        else:
            found = record.export(out)
        compared = record.compare()
        found |= {"agrees": compared.holds, "compared": str(compared), "told": compared.told}
        if part.table:
            told = house.services.read.told(part.client or None, part.since, part.until)
            found["table"] = str(tables.write(out / f"entries.{part.table}", told))
        return found
    finally:
        house.store.close()


def _backup(settings: Settings, out: Path, say: Say) -> Mapping[str, Any]:
    from handrail.backup import backup
    from handrail.clock import SystemClock

    return backup(settings, out, SystemClock(), say)


def _restore(source: Path, settings: Settings, say: Say) -> Mapping[str, Any]:
    from handrail.backup import restore

    return restore(source, settings, say)


def _copy(source: str, target: str, say: Say) -> Mapping[str, Any]:
    from handrail.store.copying import copy

    return copy(source, target, say)


def _doctor(settings: Settings) -> Iterable[Any]:
    from handrail import doctor

    return doctor.findings(settings)


def _kept(settings: Settings, version: str) -> Kept:
    from handrail.clock import SystemClock
    from handrail.service.known import Keeper
    from handrail.service.policies import Policies
    from handrail.store.database import open_store

    path = settings.database.removeprefix("sqlite:///")
    if path != settings.database and not Path(path).exists():
        raise NotFound(f"there is no database {path}", hint="Name one with --data or --database.")
    store = open_store(settings.database, SystemClock(), settings.origin)
    try:
        known = Keeper(store).current()
        return Kept(
            people=list(known.people.values()),
            clients=list(known.clients.values()),
            files=Policies(store).files(version) if version else None,
        )
    finally:
        store.close()


def _began(settings: Settings, connection: str, span: tuple[datetime, datetime]) -> Sequence[Known]:
    import orjson

    from handrail.clock import SystemClock, from_us, to_us
    from handrail.core.words import fold
    from handrail.store.database import open_store

    store = open_store(settings.database, SystemClock(), settings.origin)
    try:
        with store.read() as reader:
            return [
                Known(
                    id=row["id"],
                    at=from_us(row["begun_at"]),
                    tool=row["tool"],
                    targets=frozenset(map(fold, orjson.loads(row["targets"]))),
                )
                for row in reader.began(connection, *map(to_us, span))
            ]
    finally:
        store.close()


def _backtest(
    settings: Settings,
    files: Mapping[str, str],
    since: datetime | None,
    until: datetime | None,
    progress: Callable[[int], None],
) -> Mapping[str, Any]:
    from handrail.wiring import build

    house = build(settings)
    try:
        done = house.services.backtest
        return done.run(files, since=since, until=until, progress=progress)
    finally:
        house.store.close()


def _offered(
    name: str, command: Sequence[str], url: str, headers: Mapping[str, str]
) -> Sequence[Mapping[str, Any]]:
    from handrail.clock import SystemClock
    from handrail.connectors.catalogue import ConnectionSpec
    from handrail.connectors.host import Host

    host = Host(SystemClock())
    host.start()
    try:
        host.connect(
            ConnectionSpec(
                name=name,
                kind="mcp-http" if url else "mcp-stdio",
                command=command[0] if command else "",
                args=tuple(command[1:]),
                url=url,
                secret=dict(headers) if url else {},
            )
        )
        return host.offer(name).tools
    finally:
        host.close()


def _bench(name: str | None, say: Say, entries: int) -> Mapping[str, Any]:
    from handrail.bench import run

    return run(name, say, entries)


PROGRAMS = Programs(
    serve=_serve,
    demo=_demo,
    verify=_verify,
    witness=_witness,
    mirror=_mirror,
    tiles=_tiles,
    key=_key,
    export=_export,
    backup=_backup,
    restore=_restore,
    copy=_copy,
    doctor=_doctor,
    kept=_kept,
    began=_began,
    backtest=_backtest,
    offered=_offered,
    bench=_bench,
)
