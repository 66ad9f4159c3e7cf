"""From a live server with 240 tools to a folder of drafted rows; against listing them alone."""

import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handrail.clock import SystemClock
from handrail.connectors.catalogue import ConnectionSpec
from handrail.connectors.host import Host
from handrail.core import importing

#: What `bench.tools` offers.
COUNT = 240
TURNS = 5


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure and print; return the figures in seconds."""
    spans: dict[str, list[float]] = {"alone": [], "whole": []}
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        for turn in range(TURNS):
            for what, work in (
                ("alone", _offered),
                ("whole", functools.partial(_imported, Path(name) / str(turn))),
            ):
                begun = time.perf_counter()
                work()
                spans[what].append(time.perf_counter() - begun)
    alone, whole = (statistics.median(spans[what]) for what in ("alone", "whole"))
    say(f"Import: a live server with {COUNT} tools, over stdio, started each time")
    say(f"  listing alone              {alone:8.2f} s")
    say(f"  listing, drafting, writing {whole:8.2f} s   {whole / alone:5.2f} x listing")
    return {"tools": COUNT, "listing_s": alone, "import_s": whole}


def _offered() -> list[Any]:
    host = Host(SystemClock())
    host.start()
    try:
        args = ("-m", "handrail.bench.tools")
        host.connect(
            ConnectionSpec(name="bench", kind="mcp-stdio", command=sys.executable, args=args)
        )
        return list(host.offer("bench").tools)
    finally:
        host.close()


def _imported(folder: Path) -> None:
    made = importing.drafts(importing.listed("bench", _offered()))
    if len(made) != COUNT:
        raise AssertionError(f"{len(made)} tools were drafted, {COUNT} are offered")
    for path, text in importing.files(made).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
