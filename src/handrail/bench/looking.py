"""What looking into a call costs: the detector on arguments and results, and unwrapping; against
SHA-256 of 1 KB."""

import hashlib
import os
from collections.abc import Callable
from typing import Any

from handrail.bench.measure import in_turn
from handrail.core.unwrap import inside
from handrail.privacy.detect import Detectors

_PLAIN = {"device_id": "acme/WS-014", "service": "Spooler", "client_id": "acme"}
_NOTE = {
    "ticket_id": "T-10231",
    "text": "Called the user; the printer on floor 3 works again after a restart of the spooler.",
}
_ROWS = {"users": [{"id": f"u{n}", "name": f"User {n}", "role": "staff"} for n in range(1000)]}
_COMMAND = "Get-Service -Name Spooler | Where-Object { $_.Status -eq 'Stopped' }"


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Measure and print; return the figures in microseconds."""
    kilobyte, detectors, asked = os.urandom(1024), Detectors(), iter(range(10**9))
    works: dict[str, Callable[[], object]] = {
        "sha256 of 1 KB": lambda: hashlib.sha256(kilobyte).digest(),
        "detector, short arguments": lambda: detectors.look(_PLAIN),
        "detector, a note": lambda: detectors.look(_NOTE),
        "detector, 50 KB of rows": lambda: detectors.look(_ROWS),
        "unwrapping, plain call": lambda: inside("restart_service", _PLAIN),
        # A new text each time: a known one is remembered.
        "unwrapping, SQL": lambda: inside(
            "db", {"sql": " ".join(["select id from tickets where id =", str(next(asked))])}
        ),
        "unwrapping, PowerShell": lambda: inside(
            "run_powershell", {"command": f"{_COMMAND} | Select-Object -First {next(asked)}"}
        ),
    }
    found = in_turn(works, times=40)
    base = found["sha256 of 1 KB"]
    say("Looking: what a call and a result hold, in process")
    for name, seconds in found.items():
        say(f"  {name:28} {seconds * 1e6:9.1f} µs   {seconds / base:8.1f} x sha256")
    return {name: round(seconds * 1e6, 2) for name, seconds in found.items()}
