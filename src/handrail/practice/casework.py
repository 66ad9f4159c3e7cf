"""One ticket in the agent's hands: what it asks, what it learns, where it slips.

Without input or output. A piece of work is a generator: it yields a `Call` (or a `Wait` for a
decision that people still have to take) and is sent the `Reply`. Choices are drawn from (seed,
ticket), so the same ticket is always worked the same way.
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from handrail.practice.world import chance

Data = Mapping[str, Any]

#: Whom the agent works as inside the ticket system, and to whom it hands what it can't finish.
AGENT: Final = "desk-agent"
SECOND_LINE: Final = "second line"

#: How often, of a hundred tickets, the agent slips in which way.
SLIPS: Final = (
    ("", 82),
    ("wrong-target", 5),
    ("stale", 4),
    ("unsure", 5),
    ("wrong-client", 2),
    ("rash", 2),
)


class Seen(NamedTuple):
    """One piece of evidence: what was seen, where, and the ledger entry of the read if known."""

    text: str
    source: str
    entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool, with what the agent says about it. Reads say nothing."""

    tool: str
    arguments: dict[str, Any]
    change: bool = False
    reasoning: str = ""
    confidence: float | None = None
    evidence: tuple["Seen", ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Park the work until the action's decision is known."""

    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back. ``state`` is a state of an action, or ``error`` when the upstream said no."""

    state: str
    text: str = ""
    data: Data = field(default_factory=dict)
    action: str = ""
    entry: int | None = None  #: where the ledger holds it, when the answer says so

    @property
    def ok(self) -> bool:
        """Whether it is done."""
        return self.state == "done"


#: Yields calls, is sent replies, returns what solved the ticket, or None to hand it over.
Steps = Generator[Call | Wait, Reply, str | None]
Part = Generator[Call | Wait, Reply, bool]
Look = Generator[Call | Wait, Reply, Data]


@dataclass(slots=True)
class Case:
    """A ticket being worked on."""

    ticket: Data
    seed: int
    slip: str = ""
    known: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    draw: Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = chance(self.seed, "case", self.id)
        kinds, weights = zip(*SLIPS, strict=True)
        self.slip = self.draw.choices(kinds, weights)[0]

    @property
    def id(self) -> str:
        return str(self.ticket["id"])

    @property
    def client(self) -> str:
        return str(self.ticket["client_id"])

    @property
    def requester(self) -> str:
        return str(self.ticket.get("requester") or "")

    @property
    def words(self) -> str:
        """Everything the requester wrote."""
        return f"{self.ticket['subject']}\n{self.ticket['description']}"

    def word(self, pattern: str) -> str:
        """The first group of *pattern* in the words, empty when it is not there."""
        found = re.search(pattern, self.words)
        return found[1] if found else ""

    def claimed_client(self) -> str:
        """The client that the agent names in a call: now and then another one."""
        if self.slip != "wrong-client":
            return self.client
        others = sorted({"harbor-dental", "lindqvist-mobel", "alder-finch"} - {self.client})
        return self.draw.choice(others)

    # --- looking ------------------------------------------------------------------------------

    def look(self, tool: str, **arguments: Any) -> Look:
        """Read something; what it says is evidence for what follows."""
        reply = yield Call(tool=tool, arguments=arguments)
        if not reply.ok:
            self.notes.append(f"{tool}: {reply.text}")
            return {}
        source = f"{tool} {' '.join(map(str, arguments.values()))}"
        self.known.append(Seen(reply.text[:300], source, reply.entry))
        return reply.data

    def account(self, user_id: str = "") -> Look:
        """The account the ticket is about. A slip takes a colleague's instead."""
        wanted = user_id or self.requester
        if self.slip == "wrong-target":
            found = yield from self.look("search_users", query="", client_id=self.client)
            others = [u["id"] for u in found.get("users", []) if u["id"] != wanted]
            wanted = self.draw.choice(others) if others else wanted
        return (yield from self.look("get_user", user_id=wanted))

    def machine(self) -> Look:
        """The device the ticket is about. A slip takes the one beside it."""
        wanted = str(self.ticket.get("device_id") or "")
        if self.slip == "wrong-target":
            found = yield from self.look("list_devices", client_id=self.client, role="workstation")
            others = [d["id"] for d in found.get("devices", []) if d["id"] != wanted]
            wanted = self.draw.choice(others) if others else wanted
        if self.slip == "stale":
            # It trusts what it saw last week and looks at nothing.
            return {"id": wanted, "role": "workstation", "client_id": self.client}
        return (yield from self.look("get_device", device_id=wanted))

    # --- acting -------------------------------------------------------------------------------

    def confidence(self) -> float:
        """How sure the agent says it is. Slips are seldom noticed by whoever makes them."""
        if self.slip == "unsure":
            return round(self.draw.uniform(0.25, 0.58), 2)
        if self.slip in {"wrong-target", "stale"} and self.draw.random() < 0.5:
            return round(self.draw.uniform(0.55, 0.75), 2)
        return round(self.draw.uniform(0.8, 0.98), 2)

    def act(self, tool: str, arguments: dict[str, Any], because: str) -> Part:
        """Change something. Waits for people where it must; True when it was done."""
        reply = yield Call(
            tool=tool,
            arguments=arguments,
            change=True,
            reasoning=because,
            confidence=self.confidence(),
            evidence=(
                Seen("The requester's words: " + self.words[:200], self.id),
                *self.known[-4:],
            ),
        )
        if reply.state in {"waiting", "approved", "begun"} and reply.action:
            yield from self.note(f"{tool} waits for a decision: {reply.action}")
            yield from self.desk("set_ticket_status", {"status": "waiting"})
            reply = yield Wait(reply.action)
            yield from self.desk("set_ticket_status", {"status": "in progress"})
        if reply.ok:
            return True
        self.notes.append(f"{tool} {reply.state}: {reply.text}"[:900])
        return False

    def desk(self, tool: str, arguments: dict[str, Any]) -> Part:
        """Work inside the ticket itself."""
        reply = yield Call(
            tool=tool,
            arguments={"ticket_id": self.id, **arguments},
            change=True,
            reasoning="Keeps the ticket in step with the work.",
            confidence=0.95,
        )
        return reply.ok

    def note(self, text: str) -> Part:
        """Write into the ticket."""
        return (yield from self.desk("add_ticket_note", {"text": text[:3900]}))
