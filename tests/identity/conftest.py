"""An organisation of two over a real store in memory, with a clock that obeys."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from handrail.clock import FakeClock
from handrail.core.model import SignedIn
from handrail.identity.identity import Identity
from handrail.service.draw import Draw
from handrail.service.people import Directory
from handrail.store.contract import Store
from handrail.store.database import open_store

PASSWORD = "correct horse battery staple"
EMAIL = "ada@x.example"


@dataclass
class Desk:
    """Identity and directory, and the one person who set it up once `open` was called."""

    store: Store
    clock: FakeClock
    identity: Identity
    directory: Directory
    known: dict[str, str] = field(default_factory=dict)  #: name → session token

    def open(self) -> SignedIn:
        link = self.identity.set_up_link()
        assert link is not None
        self.known["ada"], who = self.identity.set_up(link, "Ada Ek", EMAIL, PASSWORD)
        return who

    def join(self, who: SignedIn, name: str, *roles: tuple[str, str | None]) -> tuple[str, str]:
        """Invite *name*; return their id and the token behind their link."""
        added = self.directory.add_person(who, name.title(), f"{name}@x.example", roles)
        return added["id"], added["link"].rpartition("/")[2]

    def joined(self, who: SignedIn, name: str, *roles: tuple[str, str | None]) -> SignedIn:
        """Invite *name* and let them set their password."""
        _, link = self.join(who, name, *roles)
        self.known[name], joined = self.identity.set_up(link, "", "", PASSWORD)
        return joined

    def agent(self, who: SignedIn, name: str = "helper", **more: Any) -> str:
        made = self.directory.add_agent(who, name, purpose="help", version="m-1", **more)
        return str(made["id"])

    def entries(self) -> list[dict[str, Any]]:
        with self.store.read() as reader:
            return [orjson.loads(body) for _, body in reader.stream()]

    def types(self) -> list[str]:
        return [e["type"] for e in self.entries()]

    def everything(self) -> bytes:
        """All that is stored of people, keys and sessions, and the whole ledger, as bytes."""
        found: list[bytes] = []
        with self.store.read() as reader:
            found += [body for _, body in reader.stream()]
            for person in reader.people():
                found += [repr(dict(s)).encode() for s in reader.sessions(person["id"])]
                found.append(repr(dict(person)).encode())
            for agent in reader.agents():
                found += [repr(dict(k)).encode() for k in reader.keys(agent["id"])]
        return b"\n".join(found)


@pytest.fixture
def desk() -> Iterator[Desk]:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    yield Desk(store, clock, Identity(store, clock), Directory(store, clock, Draw(clock).id))
    store.close()


@pytest.fixture
def ada(desk: Desk) -> SignedIn:
    """The first person, signed in."""
    return desk.open()
