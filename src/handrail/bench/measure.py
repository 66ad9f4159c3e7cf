"""Taking turns and taking medians."""

import statistics
import threading
import time
from collections.abc import Callable


def once(work: Callable[[], object], times: int) -> float:
    """Seconds that one of *times* runs of *work* takes on average."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times


def in_turn(
    works: dict[str, Callable[[], object]], *, times: int, rounds: int = 9
) -> dict[str, float]:
    """The median seconds of each work, measured by turns so that drift hits all alike."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(once(work, times))
    return {name: statistics.median(values) for name, values in found.items()}


def quantile(values: list[float], share: float) -> float:
    """The *share* quantile of *values*, 0 without any."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def together(
    work: Callable[[], object], *, callers: int, seconds: float
) -> tuple[float, list[float]]:
    """How often a second so many callers at once get *work* done, and how long each took."""
    stop = threading.Event()
    spans: list[float] = []

    def call() -> None:
        mine = []
        while not stop.is_set():
            begun = time.perf_counter()
            work()
            mine.append(time.perf_counter() - begun)
        spans.extend(mine)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return len(spans) / (time.perf_counter() - begun), spans
