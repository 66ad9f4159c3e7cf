"""What the store promises to everything above it (SPEC 9, LEDGER, COMMIT).

A **unit** is one all-or-nothing piece of work: a pure function of a `View` that returns `Rows`,
or raises one of Handrail's errors. It never writes, reads no clock and draws no randomness, and
may be run more than once; ids are made by the caller beforehand.

`Store.commit(unit)` returns only when the unit's rows *and* its ledger events are durable, in
one transaction, with consecutive ledger positions. Many callers share one commit. The order of
units is the order of positions and the order of effect: a pause, a demotion and a begin are
ordinary units, and that is what makes I11 hold.

`Store.read()` is for pages, reports and for gathering facts before a unit. It never decides a
begin.

Instants are whole microseconds since 1970 in every row. JSON columns hold text that the caller
encoded. Column names are those of `store.tables`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from handrail.core.model import Agent, Breaker, Client, Pause, Person, Standing

#: One row as plain values, by column name.
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Put:
    """Insert one row into *table*."""

    table: str
    row: Row


@dataclass(frozen=True, slots=True)
class Change:
    """Set *values* on the row of *table* whose primary key is *key*."""

    table: str
    key: tuple[Any, ...]
    values: Row


@dataclass(frozen=True, slots=True)
class Drop:
    """Delete the row of *table* whose primary key is *key* (sessions and other perishables)."""

    table: str
    key: tuple[Any, ...]


Write = Put | Change | Drop


@dataclass(frozen=True, slots=True)
class Event:
    """One ledger event to be; the append adds origin, position, time, control epoch and chains.

    ``type`` is a name of `core.events.EventType`. ``facts`` holds typed, non-personal values
    only: strings, integers, booleans, lists and objects of them; no floats. ``clients`` names
    every client concerned: the entry takes the next place in the chain of each.
    """

    type: str
    principal: str  #: `agent:…`, `person:…` or `handrail`
    action: str | None = None
    clients: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a unit wants written, and what to answer its caller with.

    ``control=True`` moves the control epoch: set by every change of policy, standing, pause,
    breaker, people, agents, tools. *origin* is the log's name from these events on: only for
    a record that people reopen (LEDGER).
    """

    writes: tuple[Write, ...] = ()
    events: tuple[Event, ...] = ()
    control: bool = False
    answer: Any = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """Where one event became durable."""

    seq: int
    at: int  #: microseconds


@dataclass(frozen=True, slots=True)
class OpenProposal:
    """A proposal that has not ended, as the view keeps it in memory."""

    id: str
    version: int
    action: str
    agent: str
    client: str
    trigger: str
    type: str
    same: str  #: digest of (agent, type, clients, targets, argument bytes): what makes a call the same


class View(Protocol):
    """State as one unit sees it: everything committed, and the earlier units of its own batch."""

    @property
    def now(self) -> int:
        """The only time a unit sees: max(clock, last committed + 1), microseconds. Never goes
        back, so a host whose clock does cannot widen a window or revive an approval."""

    @property
    def skew(self) -> int:
        """Microseconds by which the host's clock stands behind `now`; 0 when it does not. A host
        whose clock went back must not begin: its approvals and windows would be judged late."""

    @property
    def epoch(self) -> int:
        """The control epoch."""

    @property
    def policy(self) -> str:
        """Digest of the policy version in force; empty before the first."""

    def row(self, table: str, *key: Any) -> Row | None:
        """The row with that primary key."""

    def seen(self, agent: str, key: str) -> Row | None:
        """The action row that this agent's idempotency key already made."""

    def person(self, id: str) -> Person | None: ...
    def people(self) -> Iterable[Person]: ...
    def agent(self, id: str) -> Agent | None: ...
    def client(self, id: str) -> Client | None: ...
    def tool(self, connection: str, kind: str, name: str) -> str | None:
        """Digest of the pinned definition that agents may use now; None when withheld."""

    def connection(self, name: str) -> str | None:
        """Digest of the connection's definition."""

    def pauses(self) -> Sequence[Pause]: ...
    def standings(self, type: str) -> Sequence[Standing]: ...
    def breakers(self) -> Sequence[Breaker]:
        """Those that are open or on probation."""

    def open_proposals(self) -> Iterable[OpenProposal]: ...
    def in_flight(self, action: str) -> bool:
        """Whether the action has begun and its outcome is not recorded yet."""

    def unverified(self, type: str) -> int:
        """How many changes of this type have begun and wait for their outcome or its check."""

    def touched(self, scope: str, since: int) -> tuple[frozenset[str], frozenset[str]]:
        """Distinct clients and targets admitted since *since* under *scope*: `content:DIGEST`,
        `trigger:KIND:REF`, `type:TYPE` or `agent:ID`."""

    def count(self, scope: str, since: int) -> int:
        """How many actions were admitted since *since* under *scope*."""


Unit = Callable[[View], Rows]


class Done(NamedTuple):
    """A unit that is durable: what it answered, and where its events stand."""

    answer: Any
    at: Sequence[At]


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """What is sought in the record: everything that is given must hold (SPEC 9)."""

    action: str | None = None
    client: str | None = None  #: entries of this client's chain
    person: str | None = None  #: a principal such as `person:prs_…`: what that person did
    agent: str | None = None  #: an agent's id: everything about what it asked for
    regime: str | None = None  #: about actions for clients that have it today
    text: str | None = None  #: in the entry, or in the sentence of its action, in any case
    types: Sequence[str] = ()
    states: Sequence[str] = ()  #: that the action is in now
    tiers: Sequence[int] = ()
    since: int | None = None  #: an instant, microseconds
    until: int | None = None  #: an instant, itself not included
    before: int | None = None  #: a position: `Found.older` of the page before
    limit: int = 100


class Found(NamedTuple):
    """A page of entries (`seq`, `at`, `type`, `principal`, `action`, `body`)."""

    rows: Sequence[Row]
    older: int | None  #: go on before this position; None when everything was looked at


class Reader(Protocol):
    """One consistent snapshot for pages and reports. Lists are newest first unless said."""

    # small state
    def head(self) -> Row: ...
    def policy(self) -> Row | None:
        """The newest `policy_version` row."""

    def policies(self) -> Sequence[Row]: ...
    def policy_drafts(self) -> Sequence[Row]:
        """Open and proposed drafts, newest first, without their files."""

    def shadows(self) -> Sequence[Row]:
        """Every `shadow_scope` there was."""

    def clients(self) -> Sequence[Row]: ...
    def people(self) -> Sequence[Row]:
        """`person` rows, each with `roles`: JSON list of {role, client, since, until}."""

    def aged_roles(self, now: int) -> Sequence[Row]:
        """Roles from groups (`person`, `role`, `client`) that are too old at *now*."""

    def roles(self, person: str) -> Sequence[Row]:
        """Every `person_role` row of a person, lapsed ones too."""

    def subject(self, issuer: str, person: str) -> Row | None:
        """Who the person is at the provider."""

    def passkeys(self, person: str) -> Sequence[Row]:
        """The `passkey` rows of a person, oldest first."""

    def stale_tries(self, now: int) -> Sequence[Row]:
        """Sign-ins (`hash`) that went to the provider and ended without coming back."""

    def delegations(self, now: int) -> Sequence[Row]:
        """`delegation` rows that have not ended at *now*, agreed or not."""

    def agents(self) -> Sequence[Row]:
        """`agent` rows, each with `keys`: JSON list of {prefix, at, expires_at, revoked_at}."""

    def connections(self) -> Sequence[Row]: ...
    def tools(self, connection: str | None = None) -> Sequence[Row]: ...
    def pauses(self) -> Sequence[Row]:
        """Those in force."""

    def standings(self) -> Sequence[Row]: ...
    def breakers(self, *, closed: bool = False, limit: int = 100) -> Sequence[Row]:
        """Those open or on probation; with *closed* all that ever opened, newest first."""

    def nominations(
        self, *, type: str | None = None, open_only: bool = True, limit: int = 100
    ) -> Sequence[Row]:
        """Promotions that the evidence allows, newest first."""

    def reviews(self, limit: int = 200) -> Sequence[Row]:
        """Governance reviews without their agendas, newest period first."""

    def review_findings(self, review: str) -> Sequence[Row]:
        """What people said to the items of one review."""

    def folded(self) -> Sequence[Row]:
        """What the record was folded into, as it was kept last."""

    # by key
    def row(self, table: str, *key: Any) -> Row | None: ...
    def by_key(self, agent: str, key: str) -> Row | None:
        """The action an idempotency key made."""

    def keys(self, agent: str) -> Sequence[Row]:
        """`agent_key` rows of an agent."""

    def sessions(self, person: str) -> Sequence[Row]:
        """`session` rows of a person."""

    def device(self, user_code: str) -> Row | None:
        """The sign-in from a terminal that shows this code."""

    # actions and what hangs on them
    def actions(
        self,
        *,
        states: Sequence[str] = (),
        tiers: Sequence[int] = (),
        agent: str | None = None,
        client: str | None = None,
        type: str | None = None,
        trigger: str | None = None,
        since: int | None = None,
        until: int | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        """Action rows; ``before`` is the last id of the page before."""

    def similar(self, type: str, client: str, limit: int = 5) -> Sequence[Row]:
        """Past actions of the type that ended, the same client's first, reversed ones first."""

    def track_record(self, agent: str, type: str) -> Row:
        """`done`, `failed`, `unknown`, `reversed`, `denied` counts, for the agent on the type,
        among the type's newest few thousand actions."""

    def proposals(
        self,
        *,
        open_only: bool = True,
        client: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        """Newest version of each, joined with its action: `proposal` columns plus `type`,
        `client`, `clients`, `state`, `sentence`, `tier`, `agent`, `confidence`; by due time."""

    def proposal(self, id: str, version: int | None = None) -> Row | None:
        """One version, the newest by default."""

    def proposal_of(self, action: str) -> Row | None: ...
    def answers(self, proposal: str) -> Sequence[Row]:
        """Oldest first, over all versions."""

    def open_answers(self) -> Mapping[tuple[str, int], Sequence[Row]]:
        """Answers about what is open, by (proposal, version), oldest first."""

    def decisions(self, hour: int, shift: int) -> Sequence[Row]:
        """By `person`, how many proposals they approved or denied since the instants *hour* and
        *shift*, under those names."""

    def notices(
        self,
        *,
        open_only: bool = False,
        cards_only: bool = False,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        """Joined with the action and any reversal (`reversal_state`). With *cards_only*, without
        those that stand on a card of another."""

    def rehearsals(self, type: str, limit: int = 20) -> Sequence[Row]:
        """Of one action type, newest first."""

    def due_rehearsals(self, now: int, limit: int = 100) -> Sequence[Row]:
        """The rehearsals (`id`) whose next stage is due."""

    def steps(self, action: str) -> Sequence[Row]:
        """`reversal_step` rows of the action's reversal, in order."""

    def on_card(self, card: str) -> Sequence[Row]:
        """Like `notices`: what joined the card of the notice *card*, oldest first."""

    def open_cards(self, since: int) -> Sequence[Row]:
        """`id`, `person`, `type`, `client`, `trigger_kind`, `trigger_ref` of the cards told of
        since then that nobody has looked at, newest first."""

    def told_since(self, since: int) -> Mapping[str, int]:
        """How many messages about notices each person got since then."""

    def incidents(
        self,
        *,
        action: str | None = None,
        client: str | None = None,
        severity: str | None = None,
        state: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Row]:
        """With *action* those that are linked to it; ``before`` is the last id of the page before."""

    def linked(self, incident: str) -> Sequence[Row]:
        """`incident_action` rows, oldest first."""

    def follow_ups(
        self, *, incident: str | None = None, owner: str | None = None, open_only: bool = False
    ) -> Sequence[Row]:
        """`follow_up` rows joined with `client` and `title` of their incidents, by due date."""

    def counts(self, since: int) -> Mapping[str, int]:
        """Actions by state since then, plus `tier1`, `tier2`, `tier3`, `waiting`."""

    # due work
    def due_proposals(self, now: int, limit: int = 1000) -> Sequence[Row]: ...
    def due_notices(self, now: int, limit: int = 1000) -> Sequence[Row]: ...
    def due_messages(self, channel: str, now: int, limit: int = 20) -> Sequence[Row]:
        """What *channel* is to tell, oldest first."""

    def stale_messages(self, channel: str, now: int, limit: int = 20) -> Sequence[Row]:
        """What *channel* sent and can edit, of versions that wait no more."""

    def messages(self, ref: str) -> Sequence[Row]:
        """`message` rows about *ref*, oldest first."""

    def due_checks(self, now: int, limit: int = 1000) -> Sequence[Row]:
        """The actions (`id`) whose outcome is to be looked at by a read."""

    def overdue(self, since: int) -> Sequence[Row]:
        """Actions (`id`, `clients`) begun at *since* or before that have no outcome yet."""

    def next_due(self) -> int | None:
        """The earliest due instant of anything, to sleep until."""

    def begun(self) -> Sequence[Row]:
        """Actions and reversals begun without an outcome."""

    def passing(self) -> Sequence[Row]:
        """Actions passed in shadow without an outcome."""

    # the record
    def entries(self, find: Find) -> Found:
        """One page of the record, newest first."""

    def between(
        self, since: int | None, until: int | None, client: str | None = None
    ) -> Iterable[tuple[int, bytes]]:
        """(position, bytes) of the entries from one instant to before another, all of them or one
        client's, in order, without holding them all."""

    def entries_of(self, ids: Sequence[str]) -> Sequence[tuple[str, bytes]]:
        """(action, entry's bytes) of all that the record says of these actions, in order."""

    def actions_by_id(self, ids: Sequence[str]) -> Sequence[Row]: ...
    def actions_without_entry(self, limit: int) -> Sequence[str]:
        """Actions that no entry names. Looks at every action there is."""

    def began(self, connection: str, since: int, until: int) -> Sequence[Row]:
        """`id`, `tool`, `targets`, `begun_at` of what began of a connection between two instants."""

    def stream(self, start: int = 0, end: int | None = None) -> Iterable[tuple[int, bytes]]:
        """Every entry's (position, bytes), in order, without holding them all."""


class Store(Protocol):
    """The single source of truth."""

    def commit(self, unit: Unit, *, first: bool = False) -> tuple[Any, Sequence[At]]:
        """Block until *unit* is durable and in the ledger; return its answer and positions.

        With *first* it goes before everything that waits: for pauses and demotions, which must
        not stand in the queue behind what they are to stop.

        Raises whatever the unit raised (nothing written), `Unavailable` (nothing written, may be
        sent again) or `Unsure` (the commit's answer was lost: look it up by key; never act).
        """

    def commit_each(self, units: Sequence[Unit]) -> Sequence[Done | Exception]:
        """Commit *units* in order as `commit` would, many to a transaction: for each its answer
        and positions, or why it was refused, which stops none of the others."""

    def read(self) -> AbstractContextManager[Reader]: ...

    def on_commit(self, listener: Callable[[Sequence[str]], None]) -> None:
        """Call *listener* with the event types of each commit, after it: a hint to look again,
        never the only way to learn of anything. It runs on a committing caller's thread."""

    @property
    def skew(self) -> int:
        """Microseconds by which the host's clock stands behind the head; 0 when it does not."""

    def alone(self) -> None:
        """Serve from here on, until `close`. Raises `Unavailable` where another process serves
        this database: what that one has begun must not be taken for lost."""

    def check(self) -> Sequence[str]:
        """What is wrong with the database as a database, one sentence each; empty when nothing
        is. Whether the ledger verifies is the ledger's own question."""

    def close(self) -> None: ...
