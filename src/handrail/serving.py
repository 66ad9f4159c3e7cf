"""One process that serves: API, console and gateway on one port, over a whole Handrail."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import uvicorn
from fastapi import FastAPI

from handrail import api, console
from handrail.api import incident_hook, slack
from handrail.gateway.app import Gateway
from handrail.wiring import House

#: Threads for the doors: held calls wait in the gateway's own.
THREADS = 128


def application(house: House, *, after_start: Callable[[], None] | None = None) -> FastAPI:
    """The ASGI application: the doors over *house*, which is started and closed with it."""
    settings = house.settings
    hosts = sorted(
        {"127.0.0.1", "localhost", "[::1]", urlsplit(settings.url).hostname or ""} - {""}
    )
    gateway = Gateway(house.services, house.identity, hold=settings.hold, hosts=hosts)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with gateway.running():
            if after_start is not None:
                await anyio.to_thread.run_sync(after_start)
            yield

    app = api.build(house.services, house.identity, house.clock, settings, lifespan=lifespan)
    app.mount("/mcp", gateway)
    if house.slack is not None:
        slack.mount(app, house.slack, house.services, house.clock)
    if house.incoming is not None:
        incident_hook.mount(app, house.incoming, house.services, house.clock)
    console.mount(
        app,
        house.services,
        house.identity,
        house.clock,
        url=settings.url,
        ways=house.ways,
        organisation=lambda: house.organisation,
        present=house.console,
    )
    return app


def serve(house: House, *, after_start: Callable[[], None] | None = None, **more: Any) -> None:
    """Start *house*, serve until interrupted, and close it."""
    try:
        house.start()
        uvicorn.run(
            application(house, after_start=after_start),
            host=house.settings.host,
            port=house.settings.port,
            log_level="warning",
            timeout_graceful_shutdown=1,
            server_header=False,
            **more,
        )
    finally:
        house.close()
