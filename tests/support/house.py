"""A whole Handrail over a real store, with an upstream that remembers and a clock that obeys."""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from handrail.channels.contract import Channel, Message
from handrail.clock import FakeClock, to_us
from handrail.core.model import Agent, Person, Request, SignedIn, Trigger
from handrail.ledger.checkpoint import SignerKey
from handrail.ledger.signer import Signer
from handrail.privacy.marks import Marks
from handrail.privacy.seal import Sealer
from handrail.service import codec
from handrail.service.freezes import Copies
from handrail.store.contract import Change, Put, Rows, Store, View
from handrail.wiring import Middle, middle
from support.upstream import Upstream

SIGNED = """
signatures:
  - {role: senior-technician, by: A, at: 2026-01-02, why: "known"}
  - {role: service-desk-manager, by: B, at: 2026-01-02, why: "known"}
  - {role: compliance-officer, by: C, at: 2026-01-02, why: "known"}
"""


def row(type: str, tier: int, **more: str) -> str:
    """One matrix row as YAML."""
    fields = {
        "says": f'"{type.split(".")[1]} {{args.n}}"',
        "said": f'"{type.split(".")[1]} {{args.n}}"',
        "category": "workstation",
        "effect": "change",
        "client": '"args.client"',
        "targets": '"[string(args.n)]"',
        "target_kind": "ticket",
        "data_classes": "[identifier]",
        "content": "[]",
        "rationale": "known",
        "owner": "B",
        "notify": "on-call-senior",
        **more,
    }
    body = "\n".join(f"    {k}: {v}" for k, v in fields.items())
    card = "\n".join(
        f"      {f}: {{level: {level}, why: known}}"
        for f, level in (
            ("reversibility", "immediate"),
            ("blast_radius", "single"),
            ("compliance", "identifier"),
            ("frequency", "daily"),
        )
    )
    return f"  - type: {type}\n    tier: {tier}\n{body}\n    scorecard:\n{card}\n"


LICENCE = {
    "rollback": (
        "{class: exact, text: Takes it away again, within: 24h,"
        " before: {read: up.get_licences, arguments: {user_id: args.n}},"
        " calls: [{call: up.remove_licence, arguments: {user_id: args.n, sku: args.sku, n: args.n}}],"
        " check: {read: up.get_licences, arguments: {user_id: args.n},"
        ' when: "after.licences == before.licences"}}'
    ),
    "check": (
        "{read: up.get_licences, arguments: {user_id: args.n}, says: has the licence,"
        ' when: "args.sku in result.licences"}'
    ),
}
READ = {"effect": "read", "client": '"[]"', "targets": '"[]"'}


def policy_files(**replaced: str) -> dict[str, str]:
    """A small policy with a row for each tier."""
    files = {
        "handrail.yaml": """
version: 1
organisation: {name: Test}
settings: {actions_per_hour: 100000, open_per_agent: 100000, open_per_trigger: 100000,
           asks_per_hour: 100000,
           max_clients: 100000, max_targets: 100000}
roles:
  account-engineer: {says: one client, per_client: true, backups: [on-call-senior]}
  on-call-senior: {says: always, backups: [service-desk-manager]}
  service-desk-manager: {says: the desk}
  compliance-officer: {says: data}
chains:
  usual: [account-engineer, on-call-senior, service-desk-manager]
routing:
  - {chain: usual}
beside:
  - {role: compliance-officer, data_classes: [personal, health]}
own_ground:
  - {pattern: "svc-handrail*", why: our own accounts}
prohibited:
  - {type: up.wipe_device, because: never}
four_eyes: [up.add_firewall_rule]
""",
        "matrix/all.yaml": SIGNED
        + "rows:\n"
        + row("up.restart_service", 1)
        + row("up.assign_licence", 2, **LICENCE)
        + row("up.remove_licence", 2)
        + row("up.add_firewall_rule", 3, category="network")
        + row("up.get_user", 1, **READ)
        + row("up.get_licences", 1, **READ)
        + row("up.wipe_device", 3),
    }
    return {**files, **replaced}


@dataclass
class Mailbox:
    """A channel that reaches everyone, or nobody."""

    name: str = "mailbox"
    open: bool = True

    def __post_init__(self) -> None:
        self.got: list[tuple[str, Message]] = []

    def deliver(self, person: Person, message: Message) -> bool:
        if self.open:
            self.got.append((person.id, message))
        return self.open


CLIENTS = ("acme", "harbor")
PEOPLE: dict[str, tuple[tuple[str, str], ...]] = {
    "per_anna": (("account-engineer", ""), ("service-desk-manager", "")),
    "per_ben": (("on-call-senior", ""),),
    "per_cleo": (("compliance-officer", ""),),
    "per_dan": (("service-desk-manager", ""), ("operations-leadership", "")),
    "per_eve": (),
}


class House:
    """Everything together. ``start`` may be called again over the same store: a restart."""

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        clock: FakeClock,
        upstream: Upstream | None = None,
        files: dict[str, str] | None = None,
        calendars: Copies | None = None,
    ) -> None:
        self.store, self.sealer, self.clock = store, sealer, clock
        self.calendars = calendars
        self.upstream = upstream or Upstream()
        self.mail = Mailbox()
        self.channels: list[Channel] = []
        self.n = 0
        self.folder = Path(tempfile.mkdtemp(prefix="handrail-test-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.signer = Signer.create(
            SignerKey.generate("test.example/log"), self.folder / "memory.json"
        )
        self.start()
        with store.read() as reader:
            fresh = not reader.people()
        if fresh:
            self.seed(files or policy_files())

    def start(self) -> None:
        self.middle: Middle = middle(
            store=self.store,
            executor=self.upstream,
            upstreams=self.upstream,
            sealer=self.sealer,
            marks=Marks(bytes(32)),
            clock=self.clock,
            channels=self.channels or [self.mail],
            signer=self.signer,
            published=self.folder / "ledger",
            calendars=self.calendars,
        )
        self.s = self.middle.services

    def seed(self, files: dict[str, str]) -> None:
        now = to_us(self.clock.now() - timedelta(days=30))

        def unit(view: View) -> Rows:
            writes: list[Any] = []
            for person, roles in PEOPLE.items():
                writes.append(
                    Put(
                        "person",
                        {
                            "id": person,
                            "name": person[4:].title(),
                            "email": f"{person[4:]}@x.example",
                            "active": 1,
                            "away_from": None,
                            "away_until": None,
                            "hours": None,
                            "reached_at": to_us(self.clock.now()),
                            "added_at": now,
                            "password": None,
                        },
                    )
                )
                writes += [
                    Put(
                        "person_role",
                        {
                            "person": person,
                            "role": role,
                            "client": client,
                            "since": now,
                            "by": "test",
                        },
                    )
                    for role, client in roles
                ]
            for client in CLIENTS:
                writes.append(
                    Put(
                        "client",
                        {
                            "id": client,
                            "name": client.title(),
                            "risk": "normal",
                            "timezone": "UTC",
                            "account_engineer": None,
                            "regimes": "[]",
                            "retention_days": 400,
                            "at": now,
                        },
                    )
                )
            for agent in ("agt_one", "agt_two"):
                writes.append(
                    Put(
                        "agent",
                        {
                            "id": agent,
                            "name": agent[4:],
                            "sponsor": "per_dan",
                            "purpose": "test",
                            "version": "1",
                            "connections": '["up"]',
                            "clients": "[]",
                            "expires_at": None,
                            "suspended": 0,
                            "at": now,
                        },
                    )
                )
            return Rows(tuple(writes), (), control=True)

        self.store.commit(unit)
        self.s.policies.publish(None, files)
        self.s.catalogue.connect(
            self.who("per_anna"),
            "up",
            "callable",
            target="test",
            client_map={c: c for c in CLIENTS},
        )

    # --- who and what -----------------------------------------------------------------------

    def who(self, person: str) -> SignedIn:
        return SignedIn(person=person, name=person, signed_in_at=self.clock.now(), via="console")

    def agent(self, agent: str = "agt_one") -> Agent:
        self.middle.keeper.forget()
        return self.middle.keeper.current().agents[agent]

    def request(self, tool: str, *, client: str = "acme", **arguments: Any) -> Request:
        self.n += 1
        arguments = {"n": f"n{self.n}", "client": client, **arguments}
        return Request(
            connection="up",
            tool=tool,
            arguments=orjson.dumps(arguments),
            trigger=Trigger("ticket", f"T-{client}"),
            reasoning="because the ticket says so",
            confidence=900,
        )

    def act(self, tool: str, *, agent: str = "agt_one", **arguments: Any) -> Any:
        return self.s.govern.act(self.agent(agent), self.request(tool, **arguments))

    def digest(self, proposal: str) -> str:
        with self.store.read() as reader:
            row = reader.proposal(proposal)
        assert row is not None
        return bytes(row["package_digest"]).hex()

    def answer(self, person: str, proposal: str, kind: str = "approve", **more: Any) -> Any:
        digest = more.pop("digest", None) or self.digest(proposal)
        return self.s.answers.give(self.who(person), proposal, kind, digest, **more)

    def sweep(self, **span: float) -> int:
        """Move the clock, then everything that is due."""
        self.clock.advance(timedelta(**span))
        return self.middle.sweep.once()

    def state(self, action: str) -> str:
        with self.store.read() as reader:
            found = reader.row("action", action)
        assert found is not None
        return str(found["state"])

    def change(self, table: str, key: tuple[Any, ...], **values: Any) -> None:
        """Change a row as an administrator's door would: a control change."""
        self.store.commit(lambda view: Rows((Change(table, key, values),), (), control=True))
        self.middle.keeper.forget()

    def entries(self) -> list[dict[str, Any]]:
        with self.store.read() as reader:
            return [orjson.loads(body) for _, body in reader.stream()]

    def actions(self) -> Sequence[Any]:
        with self.store.read() as reader:
            return reader.actions(limit=100_000)

    def acted(self) -> dict[str, list[str]]:
        """Which actions each act that reached the upstream belongs to, by its unique argument."""
        by_n: dict[str, list[str]] = {}
        with self.store.read() as reader:
            for action in reader.actions(limit=100_000):
                sealed = reader.row("sealed", f"{action['id']}:request")
                assert sealed is not None
                plain = self.sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
                arguments = orjson.loads(codec.open_request(plain).request.arguments)
                by_n.setdefault(str(arguments["n"]), []).append(action["id"])
        return by_n


def sealer_at(folder: Path) -> Sealer:
    from handrail.privacy.seal import open_sealer

    return open_sealer(folder)
