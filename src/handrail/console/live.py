"""One event stream a tab, names only: `inbox`, `feed`, `state`, `proposal:{id}` (UX 9).

The page then fetches what changed with the reader's own rights. A stream that is lost loses
nothing: the page fetches everything once when it is back."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from handrail.clock import Clock
from handrail.console.door import Present, cookie_name
from handrail.errors import NotSignedIn
from handrail.identity.identity import Identity
from handrail.service import Services

BEAT = 15.0  # seconds between beats
_GATHER = 0.25  # seconds in which names are collected, so that a burst is one fetch


class Live:
    """Fans the names of what changed out to every open page."""

    def __init__(
        self, services: Services, identity: Identity, clock: Clock, present: Present
    ) -> None:
        self._identity = identity
        self._present = present
        self._pages: set[_Page] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        services.read.on_change(self._changed)

    def _changed(self, types: Sequence[str]) -> None:
        """Called on whichever thread committed: hand the names to the loop."""
        names = set(_names(types))
        if names and self._loop is not None and self._pages:
            self._loop.call_soon_threadsafe(self._tell, names)

    def _tell(self, names: set[str]) -> None:
        for page in self._pages:
            page.names |= names
            page.wake.set()

    async def stream(self, request: Request) -> Response:
        """The stream of one page, while its session lives."""
        token = request.cookies.get(cookie_name(request), "")
        try:
            who = await anyio.to_thread.run_sync(self._identity.who, token)
        except NotSignedIn:
            return Response(status_code=401)
        self._loop = asyncio.get_running_loop()
        return StreamingResponse(
            self._events(token, who.person),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    async def _events(self, token: str, person: str) -> AsyncIterator[str]:
        page = _Page()
        self._pages.add(page)
        try:
            yield "retry: 2000\nevent: beat\ndata: \n\n"
            while True:
                self._present.present(person)
                try:
                    await asyncio.wait_for(page.wake.wait(), BEAT)
                    await asyncio.sleep(_GATHER)
                except TimeoutError:
                    await anyio.to_thread.run_sync(self._identity.who, token)
                    yield "event: beat\ndata: \n\n"
                names, page.names = page.names, set()
                page.wake.clear()
                for name in sorted(names):
                    yield f"data: {name}\n\n"
        except NotSignedIn:
            return
        finally:
            self._pages.discard(page)


class _Page:
    """One open page, and what it has not been told yet."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.names: set[str] = set()


def _names(types: Sequence[str]) -> list[str]:
    found = []
    for kind in types:
        if ":proposal:" in kind or kind.endswith((":proposed", ":withdrawn", ":superseded")):
            found.append("inbox")
        if ":action:" in kind or ":notice:" in kind or ":reversal:" in kind:
            found.append("feed")
        if ":pause:" in kind or ":standing:" in kind or ":tool:" in kind:
            found.append("state")
        if ":action:" in kind or ":proposal:" in kind:
            found.append("proposal")
    return found
