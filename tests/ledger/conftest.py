"""A log as the store would make it, without a store."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from handrail.ledger import checkpoint, publish
from handrail.ledger.append import Added, Head, Link, extend
from handrail.ledger.checkpoint import Checkpoint, SignerKey

ORIGIN = "handrail.example/log"
START = 1_767_600_000_000_000  # µs: 2026-01-05T08:00:00Z


@dataclass
class Log:
    """Entries on top of each other, and the key that signs their head."""

    key: SignerKey = field(default_factory=lambda: SignerKey.generate(ORIGIN))
    head: Head = field(default_factory=lambda: Head(ORIGIN))
    chains: dict[str, Link] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def add(self, **fields: Any) -> Added:
        """Append one entry; every field has a default."""
        n = self.head.size
        wanted: dict[str, Any] = {
            "type": "handrail:action:begun",
            "by": "agent:agt_1",
            "at": START + n * 1_500,
            "action": f"act_{n:026d}" if n % 3 else None,
            "clients": [f"client-{i}" for i in range(n % 4)],
            "facts": {"tier": n % 3 + 1, "reasons": ["row", n], "confidence": 870},
            "control": n % 50 == 49,
        }
        added = extend(self.head, self.chains.get, **(wanted | fields))
        self.head = added.head
        self.chains |= {client: Link(n, added.leaf) for client, n in added.places}
        self.bodies.append(added.body)
        self.leaves.append(added.leaf)
        return added

    def grow(self, count: int) -> "Log":
        for _ in range(count):
            self.add()
        return self

    @property
    def vkey(self) -> str:
        return str(self.key.verifier)

    def note(self) -> bytes:
        return checkpoint.sign(
            Checkpoint(self.head.origin, self.head.size, self.head.root), self.key
        )

    def stream(self, start: int, end: int) -> Iterable[bytes]:
        """What the store's reader gives."""
        return iter(self.bodies[start:end])

    def write(self, path: Path) -> Path:
        publish.export(self.bodies, self.note(), path)
        return path


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(scope="session")
def make_log() -> Callable[..., Log]:
    return Log


@pytest.fixture(scope="session")
def long_log() -> Log:
    """Three bundles, two levels of tiles. Never changed by a test."""
    return Log().grow(600)
