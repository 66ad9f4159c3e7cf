"""The console: a door for people. Server-rendered pages that work without JavaScript (UX)."""

from collections.abc import Callable

from fastapi import FastAPI

from handrail.clock import Clock
from handrail.console import (
    account,
    actions,
    audit,
    availability,
    drafts,
    feed,
    inbox,
    incidents,
    matrix,
    package,
    passkeys,
    pause,
    provider,
    reviews,
    search,
    settings,
    shadow,
    start,
    team,
)
from handrail.console.door import Door, Present
from handrail.console.live import Live
from handrail.console.render import Renderer
from handrail.console.static import Assets
from handrail.identity.identity import Identity
from handrail.identity.ways import Ways
from handrail.service import Services

#: One module a family of pages. The last one has the page for every other path.
FAMILIES = (
    account, provider, passkeys, start, inbox, package, feed, actions, incidents, matrix, pause, reviews, shadow, audit, availability, team, settings,
    drafts, search,
)  # fmt: skip


def mount(
    app: FastAPI,
    services: Services,
    identity: Identity,
    clock: Clock,
    *,
    url: str,
    ways: Ways,
    organisation: Callable[[], str],
    present: Present,
) -> None:
    """Add the console's pages to *app*. ``present`` is told who has a live page open."""
    assets = Assets()
    renderer = Renderer(services, clock, assets, organisation=organisation)
    door = Door(services, identity, ways, clock, renderer, secure=url.startswith("https://"))
    app.add_route("/events", Live(services, identity, present).stream, include_in_schema=False)
    app.mount("/static", assets)
    for family in FAMILIES:
        for path, methods, page in family.PAGES:
            app.add_route(path, door.page(page), methods=list(methods), include_in_schema=False)
