"""What the record costs: appending, verifying, proving, searching, opening it again; at a length
that the reader chooses, and beside a short one."""

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handrail.bench.decision import resident
from handrail.bench.measure import in_turn, quantile, together
from handrail.clock import SystemClock, to_us
from handrail.ledger import checkpoint, proof, publish
from handrail.ledger.checkpoint import Checkpoint, SignerKey
from handrail.ledger.tiles import Folder
from handrail.ledger.verify import bundles, verify
from handrail.store.contract import Event, Find, Rows, Store, Unit
from handrail.store.database import open_store

ENTRIES = 200_000
SHORT = 1_000
BATCH = 256
CLIENTS = 40
ORIGIN = "bench.example/log"
_SECONDS = 3.0
_FACTS = {
    "type": "bench.restart", "effect": "change", "mode": "execute", "digest": "d" * 64,
    "agent_version": "1", "confidence": 930, "trigger": ["ticket", "T-10231"], "targets": 1,
    "known": {"client.risk": "normal", "clients.count": 1, "targets.count": 1, "time.hour": 10},
    "tier": 1, "judged": [["row", 1]], "reasons": [["row", 1]], "policy": "p" * 64,
    "sealed": {"request": "s" * 64},
}  # fmt: skip


def run(say: Callable[[str], None], entries: int = ENTRIES) -> dict[str, Any]:
    """Measure on a record of *entries*, and print; return the figures."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        folder = Path(name)
        say(f"Ledger: a record of {entries:,} entries, {CLIENTS} clients, on SQLite FULL")
        short, long = _store(folder / "short.db", SHORT), _store(folder / "long.db", entries)
        try:
            found = _appends(say, folder, short, long, entries)
            found |= _searches(say, long)
            found |= _files(say, folder / "files", long)
        finally:
            short.close()
            long.close()
        begun = time.perf_counter()
        open_store(f"sqlite:///{folder / 'long.db'}", SystemClock(), ORIGIN).close()
        found["opening_s"] = time.perf_counter() - begun
    say(f"  opening it again           {found['opening_s']:9.2f} s")
    return found


def _store(path: Path, entries: int) -> Store:
    store = open_store(f"sqlite:///{path}", SystemClock(), ORIGIN)
    for start in range(1, entries, BATCH * 16):
        store.commit(_unit(start, min(BATCH * 16, entries - start)))
    return store


def _unit(start: int, count: int = 1) -> Unit:
    events = tuple(
        Event(
            "handrail:action:begun",
            "agent:agt_bench",
            f"act_{n:026d}",
            (f"client-{n % CLIENTS}",),
            _FACTS,
        )
        for n in range(start, start + count)
    )
    return lambda view: Rows(events=events)


def _appends(
    say: Callable[[str], None], folder: Path, short: Store, long: Store, entries: int
) -> dict[str, Any]:
    one, many = _unit(10**9), _unit(10**9, BATCH)
    with long.read() as reader:
        body = bytes(reader.entries(Find(limit=1)).rows[0]["body"])
    times = in_turn(
        {
            "bare": _bare(folder / "bare.db", len(body)),
            "alone": lambda: long.commit(one),
            "short": lambda: short.commit(many),
            "long": lambda: long.commit(many),
        },
        times=12,
    )
    rate, _ = together(lambda: short.commit(one), callers=BATCH, seconds=_SECONDS)
    ratio = times["long"] / times["short"]
    say(f"  a bare SQLite commit       {times['bare'] * 1e3:9.2f} ms   {len(body)} bytes")
    say(
        f"  one append alone           {times['alone'] * 1e3:9.2f} ms   "
        f"{times['alone'] / times['bare']:5.2f} x a bare commit"
    )
    say(f"  {BATCH} in one commit         {BATCH / times['short']:9.0f} a second")
    say(f"  {BATCH} callers               {rate:9.0f} a second")
    say(f"  at {entries:,} entries       {ratio:9.2f} x the cost at {SHORT:,}")
    return {
        "entry_bytes": len(body),
        "bare_commit_ms": times["bare"] * 1e3,
        "alone_ms": times["alone"] * 1e3,
        "alone_ratio": times["alone"] / times["bare"],
        "batch_per_second": BATCH / times["short"],
        "callers_per_second": rate,
        "long_to_short": ratio,
    }


def _bare(path: Path, size: int) -> Callable[[], object]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t (body) VALUES (?)", (b"x" * size,))
        connection.execute("COMMIT")

    return commit


def _searches(say: Callable[[str], None], store: Store) -> dict[str, Any]:
    draw = random.Random(1)  # noqa: S311 - the same searches each time
    with store.read() as reader:
        size = reader.head()["size"]
        first, last = (reader.row("entry", seq)["at"] for seq in (1, size - 1))  # type: ignore[index]
    before, spans = resident(), []
    for n in range(200):
        since = draw.randrange(first, last)
        find = Find(client=f"client-{n % CLIENTS}", since=since, until=since + (last - first) // 50)
        begun = time.perf_counter()
        with store.read() as reader:
            reader.entries(find)
        spans.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    with store.read() as reader:
        reader.entries(Find(text="not written anywhere", until=to_us(SystemClock().now())))
    nothing = time.perf_counter() - begun
    p95 = quantile(spans, 0.95)
    say(f"  search by client and time  {p95 * 1e3:9.2f} ms   p95 of 200")
    say(f"  a page of words not there  {nothing * 1e3:9.2f} ms")
    say(f"  memory that searching took {(resident() - before) / 1024:9.1f} MB")
    return {"search_p95_ms": p95 * 1e3, "search_nothing_ms": nothing * 1e3}


def _files(say: Callable[[str], None], path: Path, store: Store) -> dict[str, Any]:
    key = SignerKey.generate(ORIGIN)
    with store.read() as reader:
        head = reader.head()
        note = checkpoint.sign(Checkpoint(ORIGIN, head["size"], bytes(head["root"])), key)
        begun = time.perf_counter()
        publish.export((body for _, body in reader.stream(0, head["size"])), note, path)
        written = time.perf_counter() - begun
    size, before = int(head["size"]), resident()
    begun = time.perf_counter()
    for _ in bundles(Folder(path), checkpoint.parse(note)):
        pass
    hashed = time.perf_counter() - begun
    begun = time.perf_counter()
    verify(path, str(key.verifier))
    verified = time.perf_counter() - begun
    swollen = (resident() - before) / 1024
    folder, draw, spans = Folder(path), random.Random(2), []  # noqa: S311 - the same proofs each time
    for _ in range(500):
        index = draw.randrange(size)
        begun = time.perf_counter()
        made = proof.inclusion(folder, index)
        spans.append(time.perf_counter() - begun)
    hashes = len(proof.parse_inclusion(made).hashes)
    p50, p99 = statistics.median(spans), quantile(spans, 0.99)
    say(f"  export as files            {size / written:9.0f} a second")
    say(f"  verify: hashes and tree    {size / hashed:9.0f} a second")
    say(
        f"  verify: everything         {size / verified:9.0f} a second, {swollen:.0f} MB more memory"
    )
    say(f"  inclusion proof            {p50 * 1e3:9.2f} ms   p99 {p99 * 1e3:.2f}, {hashes} hashes")
    return {
        "export_per_second": size / written,
        "hashes_per_second": size / hashed,
        "verify_per_second": size / verified,
        "proof_p50_ms": p50 * 1e3,
        "proof_p99_ms": p99 * 1e3,
    }
