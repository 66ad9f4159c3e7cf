"""What the API's tests share: doors over a whole house, and a client that speaks to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from support.doors import Doors, opened


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with opened(tmp_path) as doors:
        yield doors


@pytest.fixture
def http(doors: Doors) -> Iterator[TestClient]:
    with TestClient(doors.app, raise_server_exceptions=False) as client:
        yield client
