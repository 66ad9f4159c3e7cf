"""Ten thousand proposals that wait: what a sweep of them costs, what the inbox, and what idling.

The clock is moved; the sweep's, the inbox's and the idle time are real. Nobody is reached by
anything but a channel in memory, so that what is measured is Handrail and not a mail server.
"""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handrail.bench.house import furnish, policy, request
from handrail.bench.measure import quantile
from handrail.channels.contract import Message
from handrail.clock import FakeClock, from_us
from handrail.config import Settings
from handrail.connectors.callables import Callables
from handrail.core.model import Person, SignedIn
from handrail.wiring import House, build

WAITING = 10_000
LOOKS = 30  # of the inbox
IDLE = 10.0  # seconds
_BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
_SETTINGS = "actions_per_hour: 1000000,"
_OPEN = f"{_SETTINGS} open_per_agent: 1000000, open_per_trigger: 1000000, asks_per_hour: 1000000,"


class _Everybody:
    """A channel that takes everything at once."""

    name = "memory"

    def __init__(self) -> None:
        self.count = 0

    def deliver(self, person: Person, message: Message) -> bool:
        self.count += 1
        return True


def run(say: Callable[[str], None], waiting: int = WAITING) -> dict[str, Any]:
    """Measure and print; return the figures in seconds, a share of a core for idling."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        folder, clock, channel = Path(name), FakeClock(_BEGINS), _Everybody()
        callables = Callables()
        callables.register("bench", "restart", lambda client, device, service: {})
        settings = Settings(data=folder, database=f"sqlite:///{folder / 'bench.db'}", policy=None)
        house = build(settings, clock=clock, callables=callables, channels=[channel])
        try:
            who, agent = furnish(house, _policy())
            house.host.start()
            house.services.catalogue.start()
            for n in range(waiting):
                house.services.govern.act(agent, request(n))
            say(f"Waiting: {waiting:,} proposals on SQLite")
            found = {"asked_s": _sweep(house, "all of them are asked", say)}
            found |= _tell(house, say) | _inbox(house, who, say) | _idle(house, say)
            with house.store.read() as reader:
                late = max(row["due_at"] for row in reader.proposals(limit=1000))
            clock.set(max(clock.now(), from_us(late) + timedelta(minutes=5)))
            found["moved_s"] = _sweep(house, "all of them move a step on", say)
            clock.advance(timedelta(days=30))
            found["lapse_s"] = _sweep(house, "all of them lapse", say)
            return found
        finally:
            house.host.close()
            house.close()


def _policy() -> dict[str, str]:
    files = policy()
    files["handrail.yaml"] = files["handrail.yaml"].replace(_SETTINGS, _OPEN)
    row = files["matrix/bench.yaml"]
    files["matrix/bench.yaml"] = row.replace("    tier: 1\n", "    tier: 3\n")
    return files


def _here(work: Callable[..., object], *given: object) -> None:
    """Hands over as `serve` does, without a thread: messages are the channels' own work."""
    work(*given)


def _tell(house: House, say: Callable[[str], None]) -> dict[str, float]:
    begun = time.perf_counter()
    house.middle.sweep.once()
    spent = time.perf_counter() - begun
    say(f"  telling them, beside the sweep: local mail and memory {spent:6.2f} s")
    return {"told_s": spent}


def _sweep(house: House, what: str, say: Callable[[str], None]) -> float:
    begun, count = time.perf_counter(), 0
    while looked := house.middle.sweep.once(_here):
        count += looked
    spent = time.perf_counter() - begun
    say(f"  a sweep: {what:28} {spent:8.2f} s    {count:,} due")
    return spent


def _inbox(house: House, who: SignedIn, say: Callable[[str], None]) -> dict[str, float]:
    spans = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        house.services.read.inboxes(who)
        spans.append(time.perf_counter() - begun)
    p95 = quantile(spans, 0.95)
    say(f"  the inbox, all tabs {quantile(spans, 0.5) * 1e3:8.1f} ms, p95 {p95 * 1e3:.1f} ms")
    return {"inbox_p95_s": p95}


def _idle(house: House, say: Callable[[str], None]) -> dict[str, float]:
    house.middle.sweep.once()  # so that starting finds nothing to do
    house.middle.sweep.start()
    spent, begun = time.process_time(), time.perf_counter()
    time.sleep(IDLE)
    share = (time.process_time() - spent) / (time.perf_counter() - begun)
    house.middle.sweep.stop()
    say(f"  idle for {IDLE:.0f} s {share:22.2%} of a core")
    return {"idle_share": share}
