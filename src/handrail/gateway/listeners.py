"""Who is connected, and what they were last served: `list_changed` when that is another now.

A legacy front hears it on its open stream, a modern one on `subscriptions/listen`. What an agent
is served changes with what people accept, not with what an upstream says.
"""

import hashlib
import weakref
from typing import Any

import anyio.to_thread
import orjson
import structlog
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ToolsListChanged,
)
from mcp_types import SubscriptionsListenRequestParams

from handrail.core.model import Agent
from handrail.errors import HandrailError
from handrail.service import Services

log = structlog.get_logger(__name__)

#: `subscriptions/listen` streams of one agent on one connection.
STREAMS = 32
Key = tuple[str, str]
Marks = tuple[bytes, bytes, bytes]


class _Place:
    """One agent on one connection: its fronts, its bus, and a mark of each list it was served."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.peers: weakref.WeakSet[Any] = weakref.WeakSet()
        self.bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self.bus, max_subscriptions=STREAMS)
        self.streams = 0
        self.marks: Marks | None = None

    @property
    def empty(self) -> bool:
        return not self.peers and self.streams == 0


class Listeners:
    """Everybody connected. Lives on the door's event loop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._places: dict[Key, _Place] = {}

    async def joined(self, agent: Agent, connection: str, peer: Any) -> None:
        """A legacy front has shaken hands."""
        place = self._place(agent, connection)
        place.peers.add(peer)
        await self._marked(place, connection)

    async def listen(self, ctx: Any, agent: Agent, connection: str) -> dict[str, Any]:
        """Serve one `subscriptions/listen` until its caller leaves."""
        params = SubscriptionsListenRequestParams.model_validate(ctx.params or {}, by_name=False)
        place = self._place(agent, connection)
        place.streams += 1
        try:
            await self._marked(place, connection)
            result = await place.listen(ctx, params)
        finally:
            place.streams -= 1
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)

    async def look(self) -> None:
        """Tell whoever is served other lists than before."""
        for key, place in list(self._places.items()):
            if place.empty:
                del self._places[key]
                continue
            before = place.marks
            after = await self._marked(place, key[1])
            if before is None or after is None:
                continue
            tools, resources, prompts = (old != new for old, new in zip(before, after, strict=True))
            await self._tell(place, tools=tools, resources=resources, prompts=prompts)

    def close(self) -> None:
        """End every open stream."""
        for place in self._places.values():
            place.listen.close()

    # --- inside -----------------------------------------------------------------------------

    def _place(self, agent: Agent, connection: str) -> _Place:
        place = self._places.setdefault((agent.id, connection), _Place(agent))
        place.agent = agent
        return place

    async def _marked(self, place: _Place, connection: str) -> Marks | None:
        try:
            place.marks = await anyio.to_thread.run_sync(self._marks, place.agent, connection)
        except HandrailError as error:
            # Nothing is served for the moment; the front hears of it at its next request.
            log.info("lists not served", connection=connection, why=error.message)
            return None
        return place.marks

    def _marks(self, agent: Agent, connection: str) -> Marks:
        served = self._services.catalogue.served(agent, connection)
        policy = self._services.policies.current()
        rows = [policy.row(f"{connection}.{t.get('name')}") for t in served.tools]
        effects = [row.effect.value if row else "" for row in rows]
        return (
            _mark([list(served.tools), effects]),
            _mark([list(served.resources), list(served.templates)]),
            _mark(list(served.prompts)),
        )

    @staticmethod
    async def _tell(place: _Place, *, tools: bool, resources: bool, prompts: bool) -> None:
        peers = list(place.peers)
        if tools:
            await place.bus.publish(ToolsListChanged())
            for peer in peers:
                await peer.send_tool_list_changed()
        if resources:
            await place.bus.publish(ResourcesListChanged())
            for peer in peers:
                await peer.send_resource_list_changed()
        if prompts:
            await place.bus.publish(PromptsListChanged())
            for peer in peers:
                await peer.send_prompt_list_changed()


def _mark(value: Any) -> bytes:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()
