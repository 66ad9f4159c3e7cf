"""The shapes of what `read` and `record` give to the doors: plain, JSON-able, in one place.

Times are RFC 3339 strings or None, digests hex, shares 0 to 1, tiers 1, 2, 3 or `prohibited`.
A door may rely on every key named here; a test holds the real answers against these shapes.
"""

from typing import Any, Literal, TypedDict

Wire = Literal[1, 2, 3, "prohibited"]


class Ref(TypedDict):
    """What set an agent to work: a ticket or an alert."""

    kind: str
    ref: str


class InboxRow(TypedDict):
    """One proposal in a list."""

    id: str
    version: int
    action: str
    type: str
    title: str  #: Handrail's own words
    state: str
    tier: Wire
    client: str
    client_name: str
    client_names: list[str]
    agent: str
    agent_name: str
    confidence: float | None
    urgency: str
    needs: int
    approvals: int
    package_digest: str
    at: str
    due_at: str  #: when the question moves on
    lapses_at: str
    seconds_left: int
    asked_role: str
    asked: list[str]
    next_role: str
    next: list[str]
    changed: bool
    alarmed: bool
    category: str
    reach: str  #: blast radius, short
    undo: str  #: class of the rollback
    regimes: list[str]


class ChainStep(TypedDict):
    """One step of a chain, and whether it has been asked yet."""

    role: str
    people: list[str]
    minutes: int
    asked: bool
    now: bool


class GivenAnswer(TypedDict):
    """What one person said."""

    version: int
    person: str
    name: str
    answer: str
    reason: str
    note: str
    to: str
    at: str
    effective: bool


class Colleague(TypedDict):
    """Someone to hand over to."""

    id: str
    name: str
    away: bool


class PackagePage(InboxRow):
    """One version of a proposal, where it stands now, and what the reader may do."""

    document: dict[str, Any]  #: frozen; see `core.package.freeze`
    undo_seconds: int
    window_seconds: int  #: of the step asked now
    newest_version: int
    newest_state: str
    chain: list[ChainStep]
    asked_now: list[str]
    approved_by: list[str]
    approved_by_me: bool
    runs_at: str | None
    expires_at: str | None
    answers: list[GivenAnswer]
    may_decide: bool
    why_not: str
    may_deny: bool
    excluded: dict[str, str]
    paused: list[str]
    outcome: str | None
    result: str | None
    deny_reasons: dict[str, str]
    people: list[Colleague]


class NoticeShown(TypedDict):
    """One tier 2 action with its notice."""

    id: str
    action: str
    title: str
    type: str
    client: str
    client_name: str
    agent_name: str
    action_state: str
    outcome: str | None
    confidence: float | None
    state: str
    person: str
    at: str
    sent_at: str | None
    review_by: str | None
    answered_by: str
    answered_at: str | None
    reversible_until: str | None
    reversible_seconds: int
    reversible: bool
    reversal: str | None
    steps: dict[str, int] | None  #: how far its reversal is: `total`, and how many in each state


class FeedCard(NoticeShown):
    """A card: a notice, and what joined it."""

    count: int  #: actions on the card
    members: list[NoticeShown]  #: those beside its own


class ActionRow(TypedDict):
    """One action in a list, without anything sealed."""

    id: str
    type: str
    connection: str
    tool: str
    effect: str
    tier: Wire
    state: str
    title: str
    client: str
    client_name: str
    client_names: list[str]
    clients: list[str]
    targets: list[str]
    agent: str
    agent_name: str
    agent_version: str
    trigger: Ref
    confidence: float | None
    mode: str
    cooperative: bool
    digest: str
    policy: str
    at: str
    begun_at: str | None
    ended_at: str | None
    outcome: str | None
    solved: str | None  #: `yes` or `no`, apart from the outcome; None: nobody looked
    proposal: str | None
    version: int | None
    superseded_by: str | None


class ActionPage(ActionRow):
    """One action with its classification and what hangs on it."""

    classification: dict[str, Any]
    result: str | None
    request: dict[str, Any] | None
    incidents: list[dict[str, Any]]
    check: dict[str, str | None] | None  #: `due`, `passed`, `failed`, `unread` or `needless`
    notice: str | None
    rollback: dict[str, Any] | None
    reversal: dict[str, Any] | None


class SiblingRow(ActionRow):
    """An action that shares a cause with a wrong one."""

    why: list[str]  #: the causes in words
    reversible: bool  #: whether one click undoes it now
    reversal: str | None


class EntryShown(TypedDict):
    """One ledger entry: a step of a story, or a line of the record."""

    seq: int
    at: str
    type: str
    who: str
    action: str | None
    clients: list[str]
    text: str
    body: dict[str, Any]
    raw: str


class PauseShown(TypedDict):
    """A pause in force."""

    id: str
    scope: str
    ref: str
    ref_name: str
    degree: str
    by: str
    by_name: str
    reason: str
    at: str
    resume_by: str | None
    resume_by_name: str


class Status(TypedDict):
    """The state of the system, for the top bar."""

    pauses: list[PauseShown]
    breakers: int  #: open or on probation
    agents: int
    clients: int
    waiting: int
    counts: dict[str, int]
    connections: dict[str, str]


class LedgerStatus(TypedDict):
    """How long the record is and what is signed of it."""

    origin: str
    size: int
    root: str
    epoch: int
    signed: int
    behind: int
    key: str
    level: str
    trouble: str
    held: str
    missing: int | str


class FactorShown(TypedDict):
    """One factor of a scorecard."""

    factor: str
    level: str
    score: int
    meaning: str
    why: str


class MatrixShown(TypedDict):
    """One row of the matrix with its standing."""

    type: str
    says: str
    category: str
    effect: str
    least: Wire
    start: Wire  #: where it runs until it has earned its least oversight
    standing: Wire | None
    tier: Wire
    signed: bool
    scorecard: list[FactorShown]
    rationale: str
    owner: str
    risk: str
    approvals: int
    bounds: list[dict[str, str]]
    signatures: list[dict[str, str]]
    checked: bool
    undo: str
    rollback: str
    here: list[dict[str, Any]]


class PersonShown(TypedDict):
    """One person with their roles."""

    id: str
    name: str
    email: str
    active: bool
    away_from: str | None  #: null: already
    away_until: str | None
    away: bool
    reached_at: str | None  #: when a channel last proved to reach them
    reached: bool  #: whether that still counts
    hours: dict[str, Any] | None  #: zone, holidays, and spans for each day; null: day and night
    roles: list[dict[str, str | None]]


class AgentShown(TypedDict):
    """One agent with its keys, of which only the beginnings are known."""

    id: str
    name: str
    purpose: str
    version: str
    sponsor: str
    sponsor_name: str
    connections: list[str]
    clients: list[str]
    suspended: bool
    expires_at: str | None
    at: str
    keys: list[dict[str, str | None]]


class ClientProposed(TypedDict):
    """A change of a client that waits for a second person, with what it lowers in words."""

    by: str
    by_name: str
    laxer: list[str]
    name: str
    risk: str
    timezone: str
    account_engineer: str | None
    account_engineer_name: str
    regimes: list[str]
    retention_days: int
    digest: str


class ClientShown(TypedDict):
    """One client."""

    id: str
    name: str
    risk: str
    timezone: str
    account_engineer: str | None
    account_engineer_name: str
    regimes: list[str]
    retention_days: int
    proposed: ClientProposed | None


class ConnectionShown(TypedDict):
    """One connection with how it does; never a secret."""

    name: str
    kind: str
    spec: dict[str, Any]
    client: str | None
    client_map: dict[str, str]
    has_secret: bool
    digest: str
    health: str
    tools: int
    withheld: int


class ToolShown(TypedDict):
    """One definition of a connection: pinned, and what the upstream says now where it differs."""

    kind: str
    name: str
    state: Literal["pinned", "new", "changed", "gone"]
    digest: str
    definition: dict[str, Any]
    seen: dict[str, Any] | None
    at: str


class PolicyShown(TypedDict):
    """The version in force, its history, and every number with its reason."""

    digest: str
    versions: list[dict[str, Any]]
    settings: list[dict[str, str]]
