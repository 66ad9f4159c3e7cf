"""From an act to its notice, and from a click to the upstream: tier 2 under load."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from handrail.bench.house import open_house, policy, request
from handrail.bench.measure import quantile
from handrail.core.events import EventType
from handrail.core.model import Agent, SignedIn
from handrail.wiring import House

RATE = 200  # actions a second
SECONDS = 60.0
REVERSALS = 50  # at once
_CALLERS = 32
_SLOW = 0.2  # seconds that undoing takes upstream, so that all of them run at once
_TOLD = frozenset({EventType.NOTICE_SENT, EventType.NOTICE_JOINED})
_ROLLBACK = """
    rollback:
      class: exact
      calls:
        - call: bench.start
          arguments: {client: args.client, device: args.device, service: args.service}
      within: 24h
      text: starts it again
    notify: service-desk-manager
"""


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure and print; return the figures in seconds."""
    reached: dict[str, float] = {}

    def start(client: str, device: str, service: str) -> Mapping[str, bool]:
        reached[device] = time.perf_counter()
        time.sleep(_SLOW)
        return {"started": True}

    say(f"Telling: tier 2 at {RATE} actions a second for {SECONDS:.0f} s, in process")
    with (
        tempfile.TemporaryDirectory(prefix="handrail-bench-") as name,
        open_house(Path(name), files=_policy(), more={"start": start}) as (house, agent),
    ):
        notices = _Notices(house)
        rate, done = _load(house, agent)
        told = notices.spans(len(done))
        clicks = _reverse(house, done[-REVERSALS:])
    spans = [reached[device] - begun for device, begun in clicks.items() if device in reached]
    found = {
        "per_second": rate,
        "notice_p50_s": statistics.median(told),
        "notice_p95_s": quantile(told, 0.95),
        "reversal_p50_s": statistics.median(spans),
        "reversal_p95_s": quantile(spans, 0.95),
    }
    say(f"  actions                    {rate:9.0f} a second")
    say(f"  act to its notice          {found['notice_p50_s']:9.2f} s   p95 {found['notice_p95_s']:.2f}, {len(told)} of {len(done)} told")  # fmt: skip
    say(f"  click to the upstream      {found['reversal_p50_s']:9.2f} s   p95 {found['reversal_p95_s']:.2f}, {len(spans)} of {REVERSALS} at once")  # fmt: skip
    return found


def _policy() -> dict[str, str]:
    files = policy()
    row = files["matrix/bench.yaml"].replace("tier: 1", "tier: 2", 1)
    inverse = files["matrix/bench.yaml"].partition("rows:\n")[2].replace("restart", "start")
    files["matrix/bench.yaml"] = row.rstrip() + _ROLLBACK + inverse
    return files


def _load(house: House, agent: Agent) -> tuple[float, list[tuple[str, str]]]:
    """Actions at the wanted rate; how many a second there were, and each with its device."""
    numbers, done = count(), []
    begun = time.perf_counter()
    until = begun + SECONDS

    def work() -> None:
        while (n := next(numbers)) < RATE * SECONDS and time.perf_counter() < until + 5:
            time.sleep(max(0.0, begun + n / RATE - time.perf_counter()))
            acted = house.services.govern.act(agent, request(n))
            done.append((acted.id, f"PC-{n:06d}"))

    threads = [threading.Thread(target=work) for _ in range(_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done) / (time.perf_counter() - begun), done


class _Notices:
    """Hears of each notice that was sent, or joined a card whose message was."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._count = 0
        self._more = threading.Condition()
        house.store.on_commit(self._committed)

    def _committed(self, types: Sequence[str]) -> None:
        with self._more:
            self._count += sum(type in _TOLD for type in types)
            self._more.notify_all()

    def spans(self, wanted: int) -> list[float]:
        """Seconds from each begin to the entry that tells of its notice, once there are *wanted*
        of them or a minute has passed."""
        with self._more:
            self._more.wait_for(lambda: self._count >= wanted, timeout=60)
        begun: dict[str, float] = {}
        told: dict[str, float] = {}
        for body in self._house.services.record.entries():
            entry = orjson.loads(body)
            type, at = entry["type"], datetime.fromisoformat(entry["at"]).timestamp()
            if type == EventType.ACTION_BEGUN:
                begun[entry["action"]] = at
            elif type in _TOLD:
                told.setdefault(entry["action"], at)
        return [told[action] - begun[action] for action in told if action in begun]


def _reverse(house: House, done: list[tuple[str, str]]) -> dict[str, float]:
    """Click *Reverse* on all of them at once; when each was clicked, by device."""
    (person,) = house.services.read.people()
    who = SignedIn(person=person["id"], name="Bench", signed_in_at=house.clock.now(), via="console")
    clicks: dict[str, float] = {}

    def click(action: str, device: str) -> None:
        clicks[device] = time.perf_counter()
        house.services.reversals.reverse(who, action)

    with ThreadPoolExecutor(max_workers=REVERSALS) as pool:
        for action, device in done:
            pool.submit(click, action, device)
    return clicks
