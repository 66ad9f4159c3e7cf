"""One whole Handrail for each file of tests: real processes, a real port, real clients."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.clock import SystemClock
from handrail.connectors.host import Host
from support.gate import Gate, gate


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate with the fixture upstream connected as `up`."""
    with gate(tmp_path_factory.mktemp("gate")) as found:
        found.connect_fixture()
        yield found


@pytest.fixture(scope="module")
def key(house: Gate) -> str:
    return house.key("Agent one", "up")


@pytest.fixture
def direct() -> Iterator[Host]:
    """A host of the test's own: raw messages, with nothing in between."""
    host = Host(SystemClock())
    host.start()
    yield host
    host.close()


BIN = Path(sys.executable).parent
