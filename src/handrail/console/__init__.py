"""The console: a door for people. Server-rendered pages that work without JavaScript (UX)."""

from collections.abc import Callable

from fastapi import FastAPI

from handrail.clock import Clock
from handrail.console import account, act, decide, look, settings
from handrail.console.door import Door, Present
from handrail.console.live import Live
from handrail.console.static import Assets
from handrail.identity.identity import Identity
from handrail.service import Services


def mount(
    app: FastAPI,
    services: Services,
    identity: Identity,
    clock: Clock,
    *,
    url: str,
    organisation: Callable[[], str],
    present: Present,
) -> None:
    """Add the console's pages to *app*. ``present`` is told who has a live page open."""
    assets = Assets()
    live = Live(services, identity, clock, present)
    door = Door(services, identity, clock, assets, url=url, organisation=organisation)
    for module in (account, look, decide, act, settings):
        for path, methods, page in module.PAGES:
            app.add_route(path, door.page(page), methods=list(methods), include_in_schema=False)
    app.add_route("/events", live.stream, methods=["GET"], include_in_schema=False)
    app.mount("/static", assets)
