"""A month of practice work under the starter policy: which tier each call gets, and what waits.

The policy that `handrail init` writes, signed by three people and published by two, governs the
practice systems: real services, a real database, a clock that is moved. One agent for each client.
Whom a call waits for is not answered: it lapses over night.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from handrail.bench import systems
from handrail.clock import FakeClock
from handrail.config import Settings
from handrail.connectors.callables import Callables
from handrail.core.action import State
from handrail.core.model import Agent, Request, SignedIn, Tier, Trigger
from handrail.core.policy import SIGNERS
from handrail.core.starter_policy import starter
from handrail.practice import arrivals, clients, month, people
from handrail.practice.scenes import SCENES
from handrail.practice.seed import fill
from handrail.practice.world import World
from handrail.service.drafts import digest
from handrail.wiring import House, build

DAYS = 30
TICKETS = 20  # of one working day
_BEGINS = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
_PUBLISHERS = ("marek.dvorak@northgate.example", "helen.sato@northgate.example")
_SIGN = {
    "senior-technician": "dana.okafor@northgate.example",
    "service-desk-manager": "marek.dvorak@northgate.example",
    "compliance-officer": "ruth.adeyemi@northgate.example",
}


@dataclass(slots=True)
class Worked:
    """What a month came to. ``examples`` counts (tier, state, raised by the client's risk) by the
    name of each example."""

    tickets: int = 0
    tiers: Counter[Tier] = field(default_factory=Counter)
    types: dict[str, Counter[Tier]] = field(default_factory=lambda: defaultdict(Counter))
    examples: dict[str, Counter[tuple[Tier, State, str]]] = field(
        default_factory=lambda: defaultdict(Counter)
    )

    @property
    def calls(self) -> int:
        """Calls in all."""
        return self.tiers.total()


def work(folder: Path, *, seed: int = 1, days: int = DAYS, tickets: int = TICKETS) -> Worked:
    """Work *days* calendar days, of which working days have *tickets* tickets each; on the first
    day comes one of every kind besides."""
    clock = FakeClock(_BEGINS)
    world = World.create(folder / "world.db", fill(seed), clock.now())
    callables = Callables()
    systems.register(callables, world, clock)
    settings = Settings(
        data=folder / "data", database=f"sqlite:///{folder / 'month.db'}", policy=None
    )
    house = build(settings, clock=clock, callables=callables)
    house.host.start()
    try:
        agents = _furnish(house)
        worked = Worked()
        for day in range(days):
            clock.set(_BEGINS + timedelta(days=day))
            house.middle.sweep.once()
            if clock.now().isoweekday() <= 5:
                kinds = [""] * tickets + [s.kind for s in SCENES if day == 0]
                _day(house, world, clock, agents, worked, kinds)
        return worked
    finally:
        house.services.reversals.close()
        house.host.close()
        house.close()
        world.close()


def run(say: Callable[[str], None]) -> dict[str, Any]:
    """Work the month, print the share of each tier and of each example, and return them."""
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as name:
        worked = work(Path(name))
    say(f"Month: {worked.tickets} practice tickets, {worked.calls} calls, on the starter policy")
    shares = {t.wire: worked.tiers[t] / worked.calls for t in sorted(worked.tiers)}
    for tier, share in shares.items():
        say(f"  tier {tier:12} {share:7.1%}")
    found = {}
    for example in sorted(worked.examples):
        by = Counter[str]()
        for (tier, _, _), count in worked.examples[example].items():
            by[str(tier.wire)] += count
        found[example] = dict(by)
        say(f"  {example:38} " + ", ".join(f"tier {t}: {n}" for t, n in sorted(by.items())))
    return {
        "tickets": worked.tickets, "calls": worked.calls,
        "shares": {str(k): v for k, v in shares.items()}, "examples": found,
    }  # fmt: skip


def _day(
    house: House,
    world: World,
    clock: FakeClock,
    agents: Mapping[str, Agent],
    worked: Worked,
    kinds: Sequence[str],
) -> None:
    risks = {c["id"]: str(c["risk"]) for c in clients.CLIENTS}
    for kind in kinds:
        clock.advance(timedelta(minutes=10))
        with world.book(clock.now()) as book:
            arrival = arrivals.arrive(book, kind)
            steps = list(month.calls(book, arrival))
        worked.tickets += 1
        waiting = False
        for step in steps:
            if step.tool == "close_ticket" and waiting:
                continue  # it is not done yet
            clock.advance(timedelta(seconds=20))
            acted = house.services.govern.act(
                agents[step.client],
                Request(
                    connection=step.connection,
                    tool=step.tool,
                    arguments=orjson.dumps(step.arguments),
                    trigger=Trigger("ticket", arrival.ticket),
                    reasoning=f"Ticket {arrival.ticket} reports it.",
                ),
            )
            waiting = waiting or acted.state is State.WAITING
            worked.tiers[acted.tier] += 1
            worked.types[f"{step.connection}.{step.tool}"][acted.tier] += 1
            worked.examples[step.example][(acted.tier, acted.state, risks[step.client])] += 1
        house.middle.sweep.once()


def _furnish(house: House) -> dict[str, Agent]:
    """People, clients, the signed starter policy, connections, and an agent for each client."""
    services, directory = house.services, house.services.directory
    since = house.clock.now() - timedelta(days=90)
    known: dict[str, str] = {}
    for person in people.PEOPLE:
        roles = [(r["role"], r.get("client")) for r in person["roles"]]
        added = directory.add_person(None, person["name"], person["email"], roles, since=since)
        known[person["email"]] = added["id"]
    for client in clients.CLIENTS:
        directory.set_client(
            None, client["id"], client["name"], risk=client["risk"], timezone=client["timezone"],
            regimes=client["regimes"], retention_days=client["retention_days"],
            account_engineer=known[client["account_engineer"]],
        )  # fmt: skip

    def as_(email: str) -> SignedIn:
        now = house.clock.now()
        return SignedIn(person=known[email], name=email, signed_in_at=now, via="console")

    services.policies.publish(None, starter())
    manager, second = map(as_, _PUBLISHERS)
    draft = services.drafts.start(manager, "the starter policy, signed")["id"]
    for path in sorted(p for p in starter() if p.startswith("matrix/")):
        for role in sorted(SIGNERS):
            was = services.drafts.show(draft)["digest"]
            services.drafts.sign(as_(_SIGN[role]), draft, path, role, "Looked at row by row.", was)
    was = digest(services.drafts.show(draft)["files"])
    for person_ in (manager, second):
        services.drafts.publish(person_, draft, was)
    for name in systems.CONNECTIONS:
        services.catalogue.connect(manager, name, "callable", target=name)
    made: dict[str, Agent] = {}
    for client in clients.CLIENTS:
        added = directory.add_agent(
            manager, f"Desk agent {client['id']}", purpose="Works through tickets",
            version="scripted-1", connections=systems.CONNECTIONS, clients=[client["id"]],
        )  # fmt: skip
        made[client["id"]] = house.identity.agent_of(
            str(directory.issue_key(manager, added["id"])["key"])
        )
    return made
