"""The nouns (SPEC section 1). Values only: frozen, comparable, without behaviour of their own.

Instants are aware UTC datetimes. Confidence is in per mille, 0 to 1000, because the ledger
holds no floats (LEDGER: canonical entries). JSON bytes are kept as they were received wherever
a digest is taken over them: the bytes hashed are the bytes sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

#: JSON as it comes from the outside.
Json = Any


class Tier(IntEnum):
    """How much human involvement; higher is more oversight, so *most restrictive* is `max`.

    Beside the three tiers stands *prohibited*, which orders above them.
    """

    AUTONOMOUS = 1  #: begins at once
    NOTIFY = 2  #: begins at once, then a notice with a one-click reverse
    APPROVE = 3  #: proposes, then waits for people
    PROHIBITED = 4  #: always refused

    @property
    def wire(self) -> int | str:
        """The tier as doors write it: 1, 2, 3 or ``"prohibited"``."""
        return "prohibited" if self is Tier.PROHIBITED else int(self)


class Mode(StrEnum):
    """Who acts (DOORS)."""

    EXECUTE = "execute"  #: Handrail acts
    GRANT = "grant"  #: the caller acts on a grant and reports: *cooperative*
    DRY_RUN = "dry_run"  #: only classified; nothing is stored


class Effect(StrEnum):
    """What a call does to its target."""

    READ = "read"
    CHANGE = "change"


class Risk(StrEnum):
    """A client's risk profile."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


class Urgency(StrEnum):
    """How soon a proposal needs an answer; computed by Handrail, never taken from the agent."""

    CRITICAL = "critical"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Degree(StrEnum):
    """The two degrees of a pause."""

    RESTRICT = "restrict"  #: everything in scope is tier 3
    STOP = "stop"  #: nothing begins but reversals


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One customer of the organisation, a tenant."""

    id: str
    name: str
    risk: Risk = Risk.NORMAL
    timezone: str = "UTC"
    account_engineer: str | None = None  #: a person's id
    regimes: frozenset[str] = frozenset()  #: `soc2`, `hipaa`, `gdpr`, …
    retention_days: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A program with its own credential. Never a person."""

    id: str
    name: str
    sponsor: str  #: a person's id
    purpose: str
    version: str  #: model and prompt version, registered by a person (I24)
    connections: frozenset[str] = frozenset()  #: names; empty means none
    clients: frozenset[str] = frozenset()  #: ids; empty means all of the connection's
    expires_at: datetime | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A role that a person holds, for one client or (``client=None``) for all."""

    name: str
    client: str | None = None
    since: datetime | None = None
    by: str = ""  #: the person who lends it, where it is a delegation
    until: datetime | None = None  #: when it ends unless groups of the provider say it again


@dataclass(frozen=True, slots=True)
class Hours:
    """When a person works: for each weekday, Monday first, spans of minutes of the local day."""

    zone: str  #: an IANA name
    days: tuple[tuple[tuple[int, int], ...], ...]
    holidays: str = ""  #: a name of the policy's `holidays`


@dataclass(frozen=True, slots=True)
class Delegation:
    """Roles that a person lends to another, from–until. Only what is agreed stands here."""

    id: str
    to: str
    roles: frozenset[str]
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A human user: the only kind of principal that may approve, deny, reverse, promote, resume."""

    id: str
    name: str
    email: str
    roles: frozenset[Role] = frozenset()
    active: bool = True
    away_from: datetime | None = None  #: None: already
    away_until: datetime | None = None
    hours: Hours | None = None  #: None: day and night
    lends: tuple[Delegation, ...] = ()
    stands_for: frozenset[tuple[str, str]] = frozenset()  #: (giver, role), for an instant
    reached_at: datetime | None = None  #: when a channel last provably reached this person
    added_at: datetime | None = None

    def holds(self, role: str, client: str | None) -> bool:
        """Whether the person holds *role* for *client* (or for all clients)."""
        return any(r.name == role and r.client in {None, client} for r in self.roles)

    def at(self, now: datetime) -> "Person":
        """The person without the roles that had ended by *now*."""
        held = frozenset(r for r in self.roles if r.until is None or r.until > now)
        return self if held == self.roles else replace(self, roles=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDefinition:
    """A tool as its upstream describes it. ``raw`` is the description untouched; the named
    fields are read from it. ``digest`` is the SHA-256 of its canonical JSON (a row is pinned
    to it)."""

    connection: str
    name: str
    description: str
    input_schema: Mapping[str, Json]
    annotations: Mapping[str, Json]
    raw: Mapping[str, Json]
    digest: str
    kind: str = "tool"  #: `tool`, `resource`, `resource_template` or `prompt`


@dataclass(frozen=True, slots=True)
class Trigger:
    """What made the agent act: a ticket, an alert, a schedule."""

    kind: str = "none"
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece the agent says it considered. It counts as *observed* only when ``entry`` names
    the ledger position of a read that went through Handrail."""

    text: str
    source: str = ""
    entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an agent asks for, as a door understood it; nothing in it is believed yet."""

    connection: str
    tool: str
    arguments: bytes  #: JSON object, byte for byte as it will be sent
    kind: str = "tool"  #: `tool`, `resource`, `prompt`: what the upstream method is
    clients: tuple[str, ...] = ()  #: the agent's claim
    targets: tuple[str, ...] = ()  #: the agent's claim
    trigger: Trigger = Trigger()
    reasoning: str = ""
    confidence: int | None = None  #: per mille
    evidence: tuple[Evidence, ...] = ()
    data_classes: frozenset[str] = frozenset()
    legal_basis: str = ""
    urgency: str = ""  #: a hint that is shown and never used
    idempotency_key: str | None = None
    mode: Mode = Mode.EXECUTE

    @property
    def type(self) -> str:
        """The action type, `connection.tool`."""
        return f"{self.connection}.{self.tool}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One concrete request with an identity. ``digest`` is `H(x)` (INVARIANTS), whole."""

    id: str
    request: Request
    agent: str
    agent_version: str
    clients: tuple[str, ...]  #: looked up, sorted; what classification uses
    targets: tuple[str, ...]  #: resolved, sorted
    nonce: bytes  #: 16 random bytes, sealed with the arguments
    connection_digest: str
    tool_digest: str
    content_digests: tuple[str, ...] = ()  #: referenced scripts, templates, runbooks
    digest: bytes
    at: datetime

    @property
    def type(self) -> str:
        return self.request.type


@dataclass(frozen=True, slots=True)
class Fact:
    """One looked-up attribute of a call: its value, where it came from, when it was true.

    ``value`` is a JSON scalar or a list of strings. A fact that could not be established is
    absent from `Facts`, never a guess.
    """

    name: str
    value: Json
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one call, by attribute name (`core.conditions.ATTRIBUTES`)."""

    by_name: Mapping[str, Fact] = field(default_factory=dict)

    def get(self, name: str) -> Json | None:
        fact = self.by_name.get(name)
        return None if fact is None else fact.value


@dataclass(frozen=True, slots=True)
class Reason:
    """One contributor to a classification.

    ``code`` is stable (`row`, `standing`, `rule:NAME`, `floor:access-control`, `bounds:…`,
    `unknown:client`, `pause:…`); ``text`` is the sentence a person reads.
    """

    code: str
    tier: Tier
    text: str


@dataclass(frozen=True, slots=True)
class Classification:
    """The tier that applies to one action, with every reason that contributed (SPEC 2)."""

    tier: Tier
    reasons: tuple[Reason, ...]
    policy: str  #: digest of the policy version
    row: str | None  #: the matrix row, None when the type has none
    floors: tuple[str, ...] = ()

    @property
    def binding(self) -> tuple[Reason, ...]:
        """The reasons that set the tier: those at the highest."""
        return tuple(r for r in self.reasons if r.tier is self.tier)


@dataclass(frozen=True, slots=True)
class Standing:
    """The tier an action type has earned, overall (``client=None``) or for one client.

    What was earned holds only for the kinds of arguments that were seen (``buckets``; None: any),
    and is on probation for a while (SPEC 7).
    """

    type: str
    client: str | None
    tier: Tier
    buckets: frozenset[str] | None = None
    earned: bool = False
    probation_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A breaker that is not closed. ``scope`` is `all`, `type`, `client` or `cell` (an action type
    at one client); ``state`` is `open` or `probation`. Either way its scope runs at tier 3."""

    id: str
    scope: str
    type: str
    client: str
    state: str
    why: str

    def about(self, type: str, clients: tuple[str, ...]) -> bool:
        """Whether it speaks about a call of *type* for *clients*."""
        return (self.type in {"", type}) and (self.client == "" or self.client in clients)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause in force. ``scope`` is `all`, `agent`, `client` or `type`; ``ref`` names which."""

    id: str
    scope: str
    ref: str
    degree: Degree
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The state that classification reads beside the policy: pure input, taken from one view."""

    standings: tuple[Standing, ...] = ()  #: those of this action type
    pauses: tuple[Pause, ...] = ()
    breakers: tuple[Breaker, ...] = ()  #: in scope
    probation: bool = False  #: whether what it has earned is on probation
    touched_clients: int = 0  #: distinct clients of the same content or trigger in the window
    touched_targets: int = 0
    trigger_clients: int = 0
    recent: int = 0  #: actions of this type in the row's velocity window
    in_flight_unverified: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A person behind a live session: the only thing that people's acts are accepted from."""

    person: str
    name: str
    signed_in_at: datetime  #: renewed by a step-up
    via: str  #: `console` or `cli`
    csrf: str = ""
