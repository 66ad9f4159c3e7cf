"""A small organisation to measure on: one connection of an in-process callable that does nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson

from handrail.clock import SystemClock
from handrail.config import Settings
from handrail.connectors.callables import Callables
from handrail.core.model import Agent, Request, SignedIn, Trigger
from handrail.wiring import House, build

_SIGNED = "\n".join(
    f"  - {{role: {role}, by: bench, at: 2026-01-02, why: to measure}}"
    for role in ("senior-technician", "service-desk-manager", "compliance-officer")
)
_MAIN = """
version: 1
organisation: {name: Bench}
settings: {actions_per_hour: 1000000, max_clients: 1000000, max_targets: 1000000, in_flight_later: 1000000}
roles: {service-desk-manager: {says: decides}}
chains: {usual: [service-desk-manager]}
routing: [{chain: usual}]
own_ground: [{pattern: "svc-handrail*", why: ours}]
"""
_ROW = """
signatures:
%s
rows:
  - type: bench.restart
    tier: 1
    says: "Restart {args.service} on {args.device}"
    said: "Restarted {args.service} on {args.device}"
    category: workstation
    effect: change
    client: args.client
    targets: "[args.device]"
    target_kind: other
    data_classes: [identifier]
    content: []
    rationale: to measure
    owner: bench
    bounds: [{name: one, when: targets.count <= 1, because: one at a time}]
    scorecard:
      reversibility: {level: immediate, why: known}
      blast_radius: {level: single, why: known}
      compliance: {level: identifier, why: known}
      frequency: {level: daily, why: known}
"""


def policy(rules: int = 0, applying: int = 0, rows: int = 1) -> dict[str, str]:
    """A policy with *rules* rules of which *applying* are about the measured call, and *rows* rows
    of which one is the measured call's."""
    lines = ["rules:"] if rules else []
    for n in range(rules):
        about = "bench.restart" if n < applying else f"other.tool_{n}"
        lines.append(
            f"  - {{name: rule-{n}, about: {{types: [{about}]}}, tier: 3, because: measured, "
            f'when: \'targets.count > {n + 5} && client.risk == "high" && args.service == "x{n}"\'}}'
        )
    one = _ROW.partition("rows:\n")[2]
    files = {"handrail.yaml": _MAIN, "matrix/bench.yaml": _ROW % _SIGNED}
    head = (_ROW % _SIGNED).partition("rows:\n")[0] + "rows:\n"
    for start in range(0, rows - 1, 500):
        named = range(start, min(start + 500, rows - 1))
        text = "".join(one.replace("bench.restart", f"other.tool_{n}") for n in named)
        files[f"matrix/more-{start}.yaml"] = head + text
    return {**files, "rules/bench.yaml": "\n".join(lines)} if rules else files


def request(n: int, key: str | None = None) -> Request:
    """The n-th measured call."""
    arguments = {"client": "acme", "device": f"PC-{n:06d}", "service": "spooler"}
    return Request(
        connection="bench",
        tool="restart",
        arguments=orjson.dumps(arguments),
        trigger=Trigger("ticket", f"T-{n}"),
        reasoning="The print queue hangs and a restart of the spooler has always helped.",
        confidence=930,
        idempotency_key=key,
    )


@contextmanager
def open_house(
    folder: Path,
    *,
    rules: int = 20,
    port: int = 0,
    files: Mapping[str, str] | None = None,
    more: Mapping[str, Callable[..., object]] | None = None,
) -> Iterator[tuple[House, Agent]]:
    """A started house in *folder* with one agent that may call `bench.restart`; *files* are
    another policy, *more* further tools."""
    callables = Callables()
    for tool, work in (more or {}).items():
        callables.register("bench", tool, work)
    callables.register("bench", "restart", lambda client, device, service: {"restarted": True})
    settings = Settings(
        data=folder, database=f"sqlite:///{folder / 'bench.db'}", policy=None, port=port
    )
    house = build(settings, clock=SystemClock(), callables=callables)
    house.start()
    try:
        _, agent = furnish(house, files or policy(rules, max(1, rules // 20)), keep=folder / "key")
        yield house, agent
    finally:
        house.close()


def furnish(
    house: House, files: Mapping[str, str], *, keep: Path | None = None
) -> tuple[SignedIn, Agent]:
    """Give *house* a person, a client, a policy and an agent; the agent's key is written to
    *keep*."""
    directory = house.services.directory
    roles = [("service-desk-manager", None)]
    person = directory.add_person(None, "Bench", "bench@example.com", roles)["id"]
    who = SignedIn(person=person, name="Bench", signed_in_at=house.clock.now(), via="console")
    directory.set_client(None, "acme", "Acme")
    house.services.policies.publish(None, files)
    house.services.catalogue.connect(
        who, "bench", "callable", target="bench", client_map={"acme": "acme"}
    )
    added = directory.add_agent(
        who, "bench", purpose="to measure", version="1", connections=["bench"]
    )
    key = str(directory.issue_key(who, added["id"])["key"])
    if keep is not None:
        keep.write_text(key)
    return who, house.identity.agent_of(key)
