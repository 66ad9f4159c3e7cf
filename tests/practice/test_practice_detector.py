"""The detector leaves an ordinary day's calls and results alone (I32)."""

from contextlib import closing
from datetime import UTC, datetime

import anyio
from mcp.client.client import Client

from handrail.practice.agent import Worker
from handrail.practice.seed import fill
from handrail.practice.server import server
from handrail.practice.world import World
from handrail.privacy.detect import Detectors

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Watched:
    """A client whose calls and results are looked at."""

    def __init__(self, client, seen):
        self.client, self.seen = client, seen

    async def __aenter__(self):
        self.open = await self.client.__aenter__()
        return self

    async def __aexit__(self, *error):
        return await self.client.__aexit__(*error)

    def __getattr__(self, name):
        return getattr(self.open, name)

    async def call_tool(self, name, arguments=None, **more):
        result = await self.open.call_tool(name, arguments, **more)
        texts = [part.text for part in result.content]
        self.seen += [(name, arguments), (name, [texts, result.structured_content])]
        return result


def test_I32_nothing_is_found_in_a_day_of_the_practice_desk(tmp_path):
    seen = []
    with closing(World.create(tmp_path / "world.db", fill(3), NOW)) as world:
        with world.book(NOW) as book:
            book.set("queue", 6)
        worker = Worker(seed=3, pace=0, tickets=60)
        anyio.run(worker.run, lambda: Watched(Client(server(world, step=0)), seen))

    detectors = Detectors()
    assert len(seen) > 500
    assert [(name, signs) for name, value in seen if (signs := detectors.look(value))] == []
