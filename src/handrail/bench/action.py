"""One durable governed tier 1 action, alone and with many callers; against bare commits."""

import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from handrail.bench.house import open_house, request
from handrail.bench.measure import in_turn, quantile, together
from handrail.core.model import Agent
from handrail.wiring import House

CALLERS = 64
SECONDS = 3.0
_BYTES = 2200  # about what one unit of an action writes


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure and print; return the figures in milliseconds and per second."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        folder = Path(name)
        with open_house(folder) as (house, agent):
            bare = _bare(folder)
            n = iter(range(10_000_000))
            works: dict[str, Callable[[], object]] = {
                "a bare SQLite commit of the same bytes": bare,
                "a governed tier 1 action, alone": lambda: house.services.govern.act(
                    agent, request(next(n))
                ),
            }
            alone = in_turn(works, times=40)
            commit, action = alone.values()
            say("Action: durable, governed, tier 1, in process (two commits and a no-op tool)")
            say(f"  a bare SQLite commit       {commit * 1e3:8.2f} ms")
            say(
                f"  one action alone           {action * 1e3:8.2f} ms   "
                f"{action / commit:5.2f} x a commit; 2 commits + {(action - 2 * commit) * 1e3:.2f} ms"
            )
            rate, p50, p99 = _many(house, agent, n)
            say(
                f"  {CALLERS} callers                 {rate:8.0f} a second   "
                f"p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"
            )
    return {
        "bare_commit_ms": commit * 1e3, "alone_ms": action * 1e3, "ratio": action / commit,
        "per_second": rate, "p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3,
    }  # fmt: skip


def _bare(folder: Path) -> Callable[[], object]:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
    body = b"x" * _BYTES

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t (body) VALUES (?)", (body,))
        connection.execute("COMMIT")

    return commit


def _many(house: House, agent: Agent, n: Iterator[int]) -> tuple[float, float, float]:
    """Actions a second, and the median and 99th percentile of one, with many callers."""
    rates, spans = [], []

    def act() -> None:
        house.services.govern.act(agent, request(next(n)))  # `next` of a range is one step

    for _ in range(3):
        rate, taken = together(act, callers=CALLERS, seconds=SECONDS)
        rates.append(rate)
        spans += taken
    return statistics.median(rates), quantile(spans, 0.5), quantile(spans, 0.99)
