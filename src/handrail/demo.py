"""`handrail demo`: the practice MSP, sample people and policy, and an agent at work.

Everything lies in one folder of its own; a second start goes on where the first ended.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from handrail.config import Settings
from handrail.core.model import SignedIn
from handrail.practice import clients, people
from handrail.serving import serve
from handrail.wiring import House, build

log = structlog.get_logger(__name__)

CONNECTION = "practice"
AGENT = "Help desk agent"
#: The visitor: someone who may decide everything, so that one person can see it all.
VISITOR = "you@northgate.example"
VISITOR_ROLES = (
    "account-engineer",
    "on-call-senior",
    "service-desk-manager",
    "security-lead",
    "operations-leadership",
    "compliance-officer",
    "senior-technician",
)
PACE = 4.0  # seconds between the agent's steps
#: The practice agent goes on with other tickets instead of holding its call.
HOLD = 0.5
#: How long the sample people have been there: long enough to count (SPEC 12).
_SINCE = timedelta(days=90)


def demo(settings: Settings, say: Callable[[str], None], *, pace: float = PACE) -> None:
    """Run the demo until interrupted. *say* prints a line for the person who started it."""
    settings = replace(settings, hold=HOLD)
    house = build(settings)
    worker = Worker(settings, pace)

    def started() -> None:
        _furnish(house)
        link = _invitation(house)
        say(f"Console   {settings.url}")
        if link:
            say(f"Sign in   {settings.url}{link}   (once, to choose a password)")
        else:
            say(f"Sign in   as {VISITOR}")
        say(f"Gateway   {settings.url}/mcp/{CONNECTION}")
        say(f"Data      {settings.data}")
        say("Ctrl-C stops; a second start goes on where this one ended.")
        worker.start(_key(house))

    try:
        serve(house, after_start=started)
    finally:
        worker.stop()


class Worker:
    """The practice agent as a process of its own, started again when it dies."""

    def __init__(self, settings: Settings, pace: float) -> None:
        self._settings = settings
        self._pace = pace
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def start(self, key: str) -> None:
        self._thread = threading.Thread(target=self._run, args=(key,), name="agent", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _run(self, key: str) -> None:
        url = f"{self._settings.url}/mcp/{CONNECTION}"
        command = [
            sys.executable,
            "-m",
            "handrail.practice.agent",
            "--url",
            url,
            "--pace",
            str(self._pace),
        ]
        with (self._settings.data / "agent.log").open("ab") as output:
            while not self._stop.is_set():
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    command,
                    env={**os.environ, "HANDRAIL_KEY": key},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                code = self._process.wait()
                if not self._stop.is_set():
                    log.warning("the practice agent ended", code=code)
                    self._stop.wait(2.0)


def policy_files() -> dict[str, str]:
    """The practice policy as it ships."""
    root = Path(__file__).parent / "practice" / "policy"
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*.yaml"))
    }


def _furnish(house: House) -> None:
    """People, clients, policy and connection, where they are not there yet."""
    services = house.services
    directory = services.directory
    since = house.clock.now() - _SINCE
    with house.store.read() as reader:
        known = {p["email"]: p["id"] for p in reader.people()}
        there = {c["id"] for c in reader.clients()}
        first = reader.policy() is None
        connections = {c["name"] for c in reader.connections()}
    for person in (
        *people.PEOPLE,
        {"name": "You", "email": VISITOR, "roles": [{"role": r} for r in VISITOR_ROLES]},
    ):
        if person["email"] not in known:
            roles = [(r["role"], r.get("client")) for r in person["roles"]]
            added = directory.add_person(None, person["name"], person["email"], roles, since=since)
            known[person["email"]] = added["id"]
    for client in clients.CLIENTS:
        if client["id"] not in there:
            directory.set_client(
                None,
                client["id"],
                client["name"],
                risk=client["risk"],
                timezone=client["timezone"],
                regimes=client["regimes"],
                retention_days=client["retention_days"],
                account_engineer=known[client["account_engineer"]],
            )
    if first:
        services.policies.publish(None, policy_files())
    manager = _as(house, known[VISITOR])
    if CONNECTION not in connections:
        services.catalogue.connect(
            manager,
            CONNECTION,
            "mcp-stdio",
            command=sys.executable,
            args=[
                "-m",
                "handrail.practice.server",
                "--world",
                str(house.settings.data / "practice.db"),
            ],
            client_map={c["id"]: c["id"] for c in clients.CLIENTS},
        )


def _key(house: House) -> str:
    """The practice agent's key, kept in the demo's folder for the next start."""
    path = house.settings.data / "agent.key"
    if path.exists():
        return path.read_text().strip()
    with house.store.read() as reader:
        known = {p["email"]: p["id"] for p in reader.people()}
        agents = {a["name"]: a["id"] for a in reader.agents()}
    who = _as(house, known[VISITOR])
    directory = house.services.directory
    agent = (
        agents.get(AGENT)
        or directory.add_agent(
            who,
            AGENT,
            purpose="Works through help desk tickets",
            version="scripted-1",
            connections=[CONNECTION],
            sponsor=known["marek.dvorak@northgate.example"],
        )["id"]
    )
    key = str(directory.issue_key(who, agent)["key"])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return key


def _invitation(house: House) -> str | None:
    """A one-time link for the visitor, while they have no password."""
    return house.identity.invite(VISITOR)


def _as(house: House, person: str) -> SignedIn:
    """The demo's own hand: used to furnish the sample organisation, never to decide."""
    return SignedIn(person=person, name="You", signed_in_at=house.clock.now(), via="console")
