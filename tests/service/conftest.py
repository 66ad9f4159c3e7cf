"""A house over a real store in memory, with a clock that obeys and an upstream that remembers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.clock import FakeClock
from handrail.privacy.seal import open_sealer
from handrail.store.database import open_store
from support.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    sealer = open_sealer(tmp_path / "keys")
    yield House(store, sealer, clock)
    store.close()
    sealer.close()
