"""`handrail bench`: what Handrail costs, as ratios to baselines measured in the same run; and
`evidence`, whether its rules do what is said of them.

Machines are noisy: each figure is a median, product and baseline take turns, and the ratio is
what is worth quoting. Durable is compared with durable.
"""

import functools
import platform
from collections.abc import Callable, Mapping
from typing import Any

from handrail.bench import (
    action,
    decision,
    doors,
    evidence,
    importing,
    ledger,
    looking,
    month,
    stopping,
    telling,
    waiting,
)
from handrail.errors import BadInput

Say = Callable[[str], None]

BENCHES: Mapping[str, Callable[[Say], dict[str, Any]]] = {
    "decision": decision.run,
    "looking": looking.run,
    "action": action.run,
    "http": doors.http,
    "gateway": doors.gateway,
    "import": importing.run,
    "ledger": ledger.run,
    "month": month.run,
    "waiting": waiting.run,
    "telling": telling.run,
    "pause": stopping.run,
    "evidence": evidence.run,
}


def run(name: str | None, say: Say, entries: int = ledger.ENTRIES) -> Mapping[str, Any]:
    """Run one benchmark, or all of them; the ledger's on a record of *entries*. Raises
    `BadInput` for an unknown name."""
    if name is not None and name not in BENCHES:
        raise BadInput(f"no benchmark {name!r}", hint=f"One of: {', '.join(BENCHES)}.")
    benches: dict[str, Callable[[Say], dict[str, Any]]] = {
        **BENCHES,
        "ledger": functools.partial(ledger.run, entries=entries),
    }
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    say(machine)
    found: dict[str, Any] = {"machine": machine}
    for each, bench in benches.items():
        if name in {None, each}:
            say("")
            found[each] = bench(say)
    return found
