"""One event stream a browser, names only: `inbox`, `feed`, `state`, `proposal:{id}` (UX 9).

The page then fetches what changed with the reader's own rights. A stream that is lost loses
nothing: the page fetches everything once when it is back.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from handrail.console.door import HEADERS, NEWEST, Present, cookie_name
from handrail.errors import NotSignedIn
from handrail.identity.identity import Identity
from handrail.service import Services

BEAT = 15.0  # seconds between beats
_GATHER = 0.25  # seconds in which names are collected, so that a burst is one fetch


class Live:
    """Fans the names of what changed out to every open page."""

    def __init__(self, services: Services, identity: Identity, present: Present) -> None:
        self._read = services.read
        self._identity = identity
        self._present = present
        self._pages: set[_Page] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = 0  # moves with each commit
        self._memo: tuple[int, int, int, frozenset[str]] = (-1, 0, 0, frozenset())
        self._reading = asyncio.Lock()
        services.read.on_change(self._changed)

    def _changed(self, types: Sequence[str]) -> None:
        """Called on whichever thread committed: wake the loop."""
        loop = self._loop
        if self._pages and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._turn += 1
        for page in self._pages:
            page.wake.set()

    async def stream(self, request: Request) -> Response:
        """The stream of one browser, while its session lives."""
        token = request.cookies.get(cookie_name(request), "")
        try:
            who = await anyio.to_thread.run_sync(self._identity.who, token)
        except NotSignedIn:
            return Response(status_code=401, headers=dict(HEADERS))
        self._loop = asyncio.get_running_loop()
        return StreamingResponse(
            self._events(token, who.person, request.query_params.get("after", "")),
            media_type="text/event-stream",
            headers={**HEADERS, "x-accel-buffering": "no"},
        )

    async def _events(self, token: str, person: str, start: str) -> AsyncIterator[str]:
        page = _Page()
        self._pages.add(page)
        try:
            # From where the page was read on: what came between the two is not lost.
            after, _ = await self._since(NEWEST)
            if start.isdecimal() and int(start) < after:
                after = int(start)
                page.wake.set()
            yield "retry: 2000\nevent: beat\ndata: \n\n"
            while True:
                self._present.present(person)
                try:
                    await asyncio.wait_for(page.wake.wait(), BEAT)
                    await asyncio.sleep(_GATHER)
                except TimeoutError:
                    await anyio.to_thread.run_sync(self._identity.who, token)
                    yield "event: beat\ndata: \n\n"
                    continue
                page.wake.clear()
                after, names = await self._since(after)
                for name in sorted(names):
                    yield f"data: {name}\n\n"
        except NotSignedIn:
            return  # signed out meanwhile: the browser comes back and is told so
        finally:
            self._pages.discard(page)

    async def _since(self, after: int) -> tuple[int, frozenset[str]]:
        """The length of the log, and the names of what changed from *after* on. Pages that ask
        for the same share one look."""
        async with self._reading:
            turn, start, size, names = self._memo
            if (turn, start) != (self._turn, after):
                turn = self._turn
                size, found = await anyio.to_thread.run_sync(self._read.changes, after)
                names = frozenset(_names(found))
                self._memo = (turn, after, size, names)
        return size, names


class _Page:
    """One open page: an identity, and what wakes it."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()


def _names(changes: Iterable[tuple[str, str]]) -> Iterable[str]:
    for kind, proposal in changes:
        if proposal:
            yield "inbox"
            yield f"proposal:{proposal}"
        noun = kind.split(":")[1]
        if noun in {"action", "notice", "reversal"}:
            yield "feed"
        if noun in {"pause", "breaker", "standing", "tool", "policy", "person", "role", "incident"}:
            yield "state"
