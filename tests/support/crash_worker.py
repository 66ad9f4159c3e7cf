"""A whole Handrail in a process that dies at a named gap of a governed action.

    python -m support.crash_worker FOLDER GAP MODE

GAP is `propose`, `approve`, `begin`, `outcome`, `alone` (a tier 1 begin), `alone-outcome` or
`never`; MODE is `not-stored` (dies before the commit) or `lost` (dies after it, before anyone
hears). The upstream's own log is a file, flushed before it answers: what it says is what
happened. Each answer that a caller got is a line on standard output.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from handrail.clock import FakeClock, from_us
from handrail.connectors.executor import Reply
from handrail.errors import HandrailError
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from handrail.store.driver import Connection
from support.house import House
from support.upstream import Upstream

GAPS = {
    "propose": b"handrail:action:proposed",
    "approve": b"person:proposal:approved",
    "begin": b"handrail:action:released",
    "outcome": b"handrail:action:done",
    "alone": b"handrail:action:begun",
    "alone-outcome": b"handrail:action:done",
}


class Mortal(Connection):
    """Dies around the commit that carries an entry of the armed gap."""

    gap: bytes | None = None
    mode = ""
    _carries = False

    def executemany(self, text: str, rows: Iterable[Sequence[Any]]) -> None:
        rows = list(rows)
        if self.gap is not None:
            self._carries |= any(
                isinstance(v, bytes) and self.gap in v for row in rows for v in row
            )
        super().executemany(text, rows)

    def commit(self) -> None:
        carries, self._carries = self._carries, False
        if carries and self.mode == "not-stored":
            os.kill(os.getpid(), signal.SIGKILL)
        super().commit()
        if carries and self.mode == "lost":
            os.kill(os.getpid(), signal.SIGKILL)


class Durable(Upstream):
    """An upstream whose log survives the process."""

    path: Path

    def _act(self, name: str, arguments: dict[str, Any]) -> Reply:
        reply = super()._act(name, arguments)
        with self.path.open("ab") as log:
            log.write(orjson.dumps([name, arguments]) + b"\n")
            log.flush()
            os.fsync(log.fileno())
        return reply


def open_house(folder: Path, connect: type[Connection] = Connection) -> House:
    """The house of *folder*, with whatever an earlier process left in it."""
    clock = FakeClock()
    store = open_store(f"sqlite:///{folder / 'h.db'}", clock, "test.example/log", connect=connect)
    with store.read() as reader:
        clock.set(max(clock.now(), from_us(int(reader.head()["at"])) + timedelta(seconds=1)))
    upstream = Durable()
    upstream.path = folder / "upstream.log"
    house = House(store, open_sealer(folder / "keys"), clock, upstream)
    house.upstream.specs.setdefault("up", None)  # type: ignore[arg-type]
    return house


def tell(*line: Any) -> None:
    os.write(1, orjson.dumps(line) + b"\n")  # in one piece, whatever other threads say


def one_of_each(house: House, mark: str) -> None:
    """One tier 1 action, then one tier 3 action through all its steps."""
    request = house.request("restart_service", n=f"{mark}-1")
    acted = house.s.govern.act(house.agent(), replace(request, idempotency_key=f"{mark}-1"))
    tell("acted", acted.id, acted.state)
    request = house.request("add_firewall_rule", n=f"{mark}-3")
    acted = house.s.govern.act(house.agent(), replace(request, idempotency_key=f"{mark}-3"))
    tell("acted", acted.id, acted.state)
    if acted.state == "waiting":
        house.answer("per_ben", acted.proposal)
        tell("approved", acted.id)
    house.sweep(seconds=11)
    tell("ended", acted.id, house.state(acted.id))


def main() -> None:
    folder, gap, mode = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    house = open_house(folder, Mortal)
    house.middle.begin.recover()
    if gap != "never":
        Mortal.gap, Mortal.mode = GAPS[gap], mode
        if gap == "outcome":  # the first outcome is the tier 1 action's: let that one pass
            Mortal.gap = None
            request = house.request("add_firewall_rule", n=f"{os.getpid()}-3")
            acted = house.s.govern.act(house.agent(), request)
            house.answer("per_ben", acted.proposal)
            tell("approved", acted.id)
            Mortal.gap = GAPS[gap]
            house.sweep(seconds=11)
        one_of_each(house, f"{os.getpid()}")
        return

    def work(thread: int) -> None:
        for n in range(10_000):
            try:
                one_of_each(house, f"{os.getpid()}-{thread}-{n}")
            except HandrailError as error:
                tell("error", error.code)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(4)]
    for thread in threads:
        thread.start()
    tell("working")
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
