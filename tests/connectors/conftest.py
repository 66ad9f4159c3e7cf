"""A host over real processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.clock import SystemClock
from handrail.connectors.executor import Order, Reply
from handrail.connectors.host import Host
from support.fixture import HttpUpstream, Journal, http_upstream, stdio_spec


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host(SystemClock())
    host.start()
    yield host
    host.close()


@pytest.fixture
def journal(host: Host, tmp_path: Path) -> Journal:
    """The fixture upstream, connected as `up` over stdio."""
    spec, journal = stdio_spec(tmp_path, secret={"UPSTREAM_KEY": "open-sesame"})
    host.connect(spec)
    return journal


@pytest.fixture
def remote(host: Host, tmp_path: Path) -> Iterator[HttpUpstream]:
    """The fixture upstream, connected as `up` over HTTP."""
    with http_upstream(tmp_path) as upstream:
        host.connect(upstream.spec)
        yield upstream


@pytest.fixture
def call(host: Host) -> Callable[..., Reply]:
    def call(
        name: str,
        *,
        agent: str = "agt_a",
        client: str = "acme",
        era: str = "legacy",
        wait: float = 30.0,
        on_progress: Any = None,
        cancel: Any = None,
        **arguments: Any,
    ) -> Reply:
        order = Order(
            connection="up",
            method="tools/call",
            params={"name": name, "arguments": arguments},
            agent=agent,
            client=client,
            era=era,
            timeout=wait,
        )
        return host.execute(order, on_progress=on_progress, cancel=cancel)

    return call
