"""What one classification costs, by the number of rules; against SHA-256 of 1 KB."""

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from handrail.bench.house import policy, request
from handrail.bench.measure import in_turn
from handrail.core.classify import classify
from handrail.core.model import Action, Fact, Facts, Snapshot
from handrail.core.policy import Policy, load

RULES = (1, 20, 200, 2000)
ROWS = 5000
_NOW = datetime(2026, 1, 5, tzinfo=UTC)
_FACTS = {
    "clients.count": 1, "client.id": "acme", "client.risk": "normal", "client.regimes": ["soc2"],
    "targets.count": 1, "time.hour": 10, "time.weekday": 1, "time.business_hours": True,
}  # fmt: skip


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure and print; return the figures in microseconds."""
    kilobyte = os.urandom(1024)
    works: dict[str, Callable[[], object]] = {
        "sha256 of 1 KB": lambda: hashlib.sha256(kilobyte).digest()
    }
    for count in RULES:
        for label, applying in (("5 %", max(1, count // 20)), ("all", count)):
            works[f"{count} rules, {label} applying"] = _work(load(policy(count, applying)))
    before = resident()
    large = load(policy(200, 10, rows=ROWS))
    memory = resident() - before
    works[f"200 rules, 5 %, {ROWS:,} rows"] = _work(large)
    found = in_turn(works, times=60)
    base = found["sha256 of 1 KB"]
    say("Decision: one classification, in process, no storage")
    for name, seconds in found.items():
        say(f"  {name:28} {seconds * 1e6:9.1f} µs   {seconds / base:8.1f} x sha256")
    say(f"  memory of the policy with {ROWS:,} rows: {memory / 1024:.0f} MB")
    return {"memory_mb": round(memory / 1024, 1)} | {
        name: round(seconds * 1e6, 2) for name, seconds in found.items()
    }


def resident() -> int:
    """The memory of this process in KiB."""
    text = Path("/proc/self/status").read_text() if Path("/proc/self/status").exists() else ""
    return int(text.partition("VmRSS:")[2].split()[0]) if "VmRSS:" in text else 0


def _work(compiled: Policy) -> Callable[[], object]:
    asked = request(1)
    arguments = orjson.loads(asked.arguments)
    action = Action(
        id="act_0", request=asked, agent="agt_0", agent_version="1", clients=("acme",),
        targets=("PC-000001",), nonce=b"", connection_digest="c", tool_digest="t", digest=b"",
        at=_NOW,
    )  # fmt: skip
    facts = Facts({n: Fact(n, v, "bench", _NOW) for n, v in _FACTS.items()})
    state = Snapshot()
    return lambda: classify(action, arguments, facts, compiled, state)
