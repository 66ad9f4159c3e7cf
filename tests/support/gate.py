"""A whole Handrail on a real port with real upstream processes behind its gateway."""

import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.routing import Mount

from handrail import config, wiring
from handrail.core.model import SignedIn
from handrail.gateway.app import Gateway
from support.doors import served
from support.fixture import SERVER, Journal
from support.house import SIGNED

ROLES = ("service-desk-manager", "operations-leadership", "on-call-senior", "account-engineer")
POLICY = """
version: 1
organisation: {name: Test}
settings: {undo_window: 0s, actions_per_hour: 100000, asks_per_hour: 100000, open_per_agent: 100000,
           open_per_trigger: 100000, max_clients: 100000, max_targets: 100000}
roles:
  account-engineer: {says: one client, per_client: true, backups: [on-call-senior]}
  on-call-senior: {says: always, backups: [service-desk-manager]}
  service-desk-manager: {says: the desk}
chains:
  usual: [account-engineer, on-call-senior, service-desk-manager]
routing:
  - {chain: usual}
prohibited:
  - {type: up.env, because: an environment is no one's to read}
"""


def row(type: str, tier: int, effect: str = "change") -> str:
    """A signed row about one target, unless the call names another in `about`."""
    card = "\n".join(
        f"      {f}: {{level: {level}, why: known}}"
        for f, level in (
            ("reversibility", "immediate"), ("blast_radius", "single"),
            ("compliance", "none"), ("frequency", "daily"),
        )
    )  # fmt: skip
    name = re.sub(r"[{}]", "", type.partition(".")[2])
    return (
        f'  - type: "{type}"\n    tier: {tier}\n    says: "Do {name}"\n    said: "Did {name}"\n'
        f"    category: workstation\n    effect: {effect}\n    client: \"'acme'\"\n"
        f"    targets: \"has(args.about) ? [string(args.about)] : ['it']\"\n    target_kind: other\n    data_classes: []\n    content: []\n"
        f"    rationale: known\n    owner: B\n    notify: on-call-senior\n    scorecard:\n{card}\n"
    )


READS = (
    "up.echo", "up.slow", "up.big", "up.progress", "up.die", "up.log", "up.who", "up.ask",
    "up.error", "up.fail", "up.change", "up.stderr", "up.sleepy", "up.strange",
    "up.resource:note://one", "up.prompt:greet",
    "git.git_status", "git.git_log", "git.git_diff_unstaged",
    "clock.get_current_time", "clock.convert_time",
)  # fmt: skip
WAITS = ("up.spawn", "git.git_commit", "up.resource:note://{id}")


def policy_files() -> dict[str, str]:
    rows = [row(t, 1, "read") for t in READS] + [row("git.git_add", 2)] + [row(t, 3) for t in WAITS]
    return {"handrail.yaml": POLICY, "matrix/all.yaml": SIGNED + "rows:\n" + "".join(rows)}


class Gate:
    """The house, its URL, and what a test needs to speak to it."""

    def __init__(
        self, folder: Path, *, hold: float = 0.0, files: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.files = files or policy_files()
        settings = replace(config.load({}, data=folder / "data"), hold=hold)
        self.house = wiring.build(settings)
        self.services = self.house.services
        self.journal = Journal(folder / "up.jsonl")
        self.url = ""
        self._seed()

    def _seed(self) -> None:
        directory, since = self.services.directory, self.house.clock.now() - timedelta(days=30)
        self.person = directory.add_person(
            None, "Ann", "ann@x.example", [(r, "") for r in ROLES], since=since
        )["id"]
        directory.set_client(None, "acme", "Acme")
        self.services.policies.publish(None, self.files)

    @property
    def who(self) -> SignedIn:
        return SignedIn(
            person=self.person, name="Ann", signed_in_at=self.house.clock.now(), via="console"
        )

    def connect(self, name: str, command: str, *args: str) -> None:
        self.services.catalogue.connect(
            self.who, name, "mcp-stdio", command=command, args=args, client="acme"
        )

    def connect_fixture(self, name: str = "up") -> None:
        self.connect(name, sys.executable, str(SERVER), "--journal", str(self.journal.path))

    def key(self, name: str, *connections: str) -> str:
        directory = self.services.directory
        agent = directory.add_agent(
            self.who,
            name,
            purpose="test",
            version="1",
            connections=list(connections),
            sponsor=self.person,
        )
        return str(directory.issue_key(self.who, agent["id"])["key"])

    def waiting(self) -> list[dict[str, Any]]:
        with self.house.store.read() as reader:
            return [a for a in reader.actions(limit=1000) if a["state"] == "waiting"]

    def answer(self, kind: str, **more: Any) -> None:
        """Answer the one proposal that waits."""
        (action,) = self.waiting()
        with self.house.store.read() as reader:
            proposal = reader.proposal(action["proposal"])
        assert proposal is not None
        digest = bytes(proposal["package_digest"]).hex()
        self.services.answers.give(self.who, proposal["id"], kind, digest, **more)


def door(gate: Gate) -> Starlette:
    """The gateway alone, as the whole application mounts it."""
    house = gate.house
    gateway = Gateway(house.services, house.identity, hold=house.settings.hold, hosts=["127.0.0.1"])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with gateway.running():
            yield

    return Starlette(routes=[Mount("/mcp", gateway)], lifespan=lifespan)


@contextmanager
def gate(folder: Path, *, hold: float = 0.0, files: dict[str, str] | None = None) -> Iterator[Gate]:
    found = Gate(folder, hold=hold, files=files)
    found.house.start()
    try:
        with served(door(found)) as url:
            found.url = url
            yield found
    finally:
        found.house.close()


@asynccontextmanager
async def client(
    gate: Gate, connection: str, key: str, *, mode: str = "auto", **more: Any
) -> AsyncIterator[Client]:
    """The Python SDK's client through the gateway."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=60)) as http:
        transport = streamable_http_client(
            f"{gate.url}/mcp/{connection}", http_client=http, max_sse_event_size=None
        )
        async with Client(transport, mode=mode, **more) as found:
            yield found


def words(result: types.CallToolResult) -> str:
    return "\n".join(c.text for c in result.content if isinstance(c, types.TextContent))
