"""A house with doors: the real API over real services, agents with keys, people with sessions."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette

from handrail import api, config
from handrail.clock import FakeClock
from handrail.identity.identity import Identity
from handrail.store.database import open_store
from support.house import House, sealer_at
from support.upstream import Upstream

PASSWORD = "correct horse battery staple"
ORIGIN = "test.example/log"


class Doors:
    """A house, its identity and its API, with credentials for whoever asks."""

    def __init__(
        self,
        folder: Path,
        *,
        files: dict[str, str] | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.store = open_store("sqlite://", self.clock, ORIGIN)
        sealer = sealer_at(folder / "keys")
        self.house = House(self.store, sealer, self.clock, upstream, files=files)
        self.identity = Identity(self.store, self.clock)
        self.settings = config.load({}, data=folder)
        self.app = self.build()
        self._tokens: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def build(self) -> FastAPI:
        return api.build(self.house.s, self.identity, self.clock, self.settings)

    def close(self) -> None:
        self.store.close()

    def session(self, person: str) -> str:
        """A session token of *person* (`per_anna`, …), signed in once per test."""
        if person not in self._tokens:
            link = self.identity.invite(f"{person[4:]}@x.example")
            assert link is not None
            token, _ = self.identity.set_up(link.rpartition("/")[2], "", "", PASSWORD)
            self._tokens[person] = token
        return self._tokens[person]

    def key(self, agent: str = "agt_one") -> str:
        """A key of *agent*."""
        if agent not in self._keys:
            issued = self.house.s.directory.issue_key(self.house.who("per_dan"), agent)
            self._keys[agent] = issued["key"]
        return self._keys[agent]

    def of(self, who: str) -> dict[str, str]:
        """The headers by which *who* (a person or an agent) is known."""
        token = self.session(who) if who.startswith("per_") else self.key(who)
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def opened(folder: Path, *, files: dict[str, str] | None = None) -> Iterator[Doors]:
    """Doors for the length of a test."""
    doors = Doors(folder, files=files)
    try:
        yield doors
    finally:
        doors.close()


@contextmanager
def served(app: Starlette, port: int = 0) -> Iterator[str]:
    """*app* on a real port of this computer, a free one unless one is named; its URL."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="on")
    )
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive(), "the server died"
        assert time.monotonic() < deadline, "the server did not start"
        threading.Event().wait(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
