"""From the click on *pause* to the last action that could still begin, with agents at full speed."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from handrail.bench.house import open_house, request
from handrail.clock import to_us
from handrail.core.events import EventType
from handrail.core.history import microseconds
from handrail.core.model import Agent, SignedIn
from handrail.errors import HandrailError
from handrail.wiring import House

AGENTS = 50
ROUNDS = 9
RUNNING = 1.0  # seconds at full speed before the click


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Pause several times, print, and return milliseconds and what begun too late."""
    clicks, lasts, late, begun = [], [], 0, 0
    for _ in range(ROUNDS):
        with (
            tempfile.TemporaryDirectory(prefix="handrail-bench-") as name,
            open_house(Path(name)) as (house, agent),
        ):
            click, last, after, before = _one(house, agent)
        clicks.append(click)
        lasts.append(last)
        late += after
        begun += before
    say(f"Pause: {AGENTS} callers at full speed, {ROUNDS} times, {begun} actions begun in all")
    say(
        f"  click to in force           p50 {statistics.median(clicks) * 1e3:6.1f} ms, "
        f"most {max(clicks) * 1e3:.1f} ms"
    )
    say(
        f"  click to the last begin     p50 {statistics.median(lasts) * 1e3:6.1f} ms, "
        f"most {max(lasts) * 1e3:.1f} ms (needed: at most 1,000 ms)"
    )
    say(f"  begun after its position    {late}")
    return {
        "click_ms": [c * 1e3 for c in clicks],
        "last_begin_ms": [x * 1e3 for x in lasts],
        "begun_after": late,
        "begun": begun,
    }


def _one(house: House, agent: Agent) -> tuple[float, float, int, int]:
    """Seconds from the click to the answer and to the last begin, and how many actions began
    after its position and before."""
    stop, numbers = threading.Event(), count()

    def work() -> None:
        while not stop.is_set():
            try:
                house.services.govern.act(agent, request(next(numbers)))
            except HandrailError:
                return  # too many wait by now: it is held

    threads = [threading.Thread(target=work) for _ in range(AGENTS)]
    for thread in threads:
        thread.start()
    stop.wait(RUNNING)
    (person,) = house.middle.keeper.current().people
    who = SignedIn(person=person, name="Bench", signed_in_at=house.clock.now(), via="console")
    at, clicked = to_us(house.clock.now()), time.perf_counter()
    paused = house.services.pauses.pause(who, "all", "", "restrict", "measured")
    click = time.perf_counter() - clicked
    stop.wait(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    with house.store.read() as reader:
        begins = [
            (seq, microseconds(entry["at"]))
            for seq, body in reader.stream()
            if (entry := orjson.loads(body))["type"] == EventType.ACTION_BEGUN
        ]
    last = max((us for _, us in begins), default=at)
    after = sum(seq > paused["entry"] for seq, _ in begins)
    return click, max(0, last - at) / 1e6, after, len(begins)
