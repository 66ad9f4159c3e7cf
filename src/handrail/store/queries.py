"""Every question that pages, reports and sweeps ask, each with a name and a reason.

Statements are SQLAlchemy Core, compiled once. Those with optional filters are compiled once per
combination. What a unit asks is not here: it asks its view.
"""

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, case, func, literal_column, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from handrail.store import sql, tables
from handrail.store.functions import ByItself, Members, Objects
from handrail.store.tables import unfinished
from handrail.store.wire import Connection

_A, _P, _N = tables.action.c, tables.proposal.c, tables.notice.c
_ENDED = ("done", "failed", "unknown", "reversed", "denied")


class Query:
    """One named statement."""

    def __init__(self, name: str, why: str, statement: Select[*tuple[Any, ...]]) -> None:
        self.name = name
        self.why = why
        self.statement = statement

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any]]:
        return sql.named(self.statement)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.statement.selected_columns.keys())

    def tuples(self, connection: Connection, /, **values: Any) -> list[tuple[Any, ...]]:
        """Every row as the driver gives it."""
        text, known = self._compiled
        return connection.rows(text, {**known, **values})

    def rows(self, connection: Connection, /, **values: Any) -> list[sql.Decoded]:
        """Every row, by column name."""
        columns = self.columns
        return [dict(zip(columns, v, strict=True)) for v in self.tuples(connection, **values)]

    def one(self, connection: Connection, /, **values: Any) -> sql.Decoded | None:
        """The first row."""
        text, known = self._compiled
        found = connection.one(text, {**known, **values})
        return None if found is None else dict(zip(self.columns, found, strict=True))


_ALL: dict[str, Query] = {}


def query(name: str, why: str, statement: Select[*tuple[Any, ...]]) -> Query:
    query = _ALL[name] = Query(name, why, statement)
    return query


def named_queries() -> Mapping[str, Query]:
    """Every fixed query by name."""
    return _ALL


# --- the small state ---------------------------------------------------------------------------

HEAD = query("head", "Where the log stands.", select(tables.head))
POLICY = query(
    "policy", "The policy in force.",
    select(tables.policy_version).order_by(tables.policy_version.c.n.desc()).limit(1),
)  # fmt: skip
POLICIES = query(
    "policies", "The history of the policy.",
    select(tables.policy_version).order_by(tables.policy_version.c.n.desc()),
)  # fmt: skip
_drafts = tables.policy_draft.c
POLICY_DRAFTS = query(
    "policy_drafts", "What may become the next policy.",
    select(*(c for c in _drafts if c.name != "files"))
    .where(tables.unpublished)
    .order_by(_drafts.at.desc()),
)  # fmt: skip
SHADOWS = query(
    "shadows", "Where calls pass ungoverned, passed once, or are proposed to.",
    select(tables.shadow_scope).order_by(tables.shadow_scope.c.id.desc()),
)  # fmt: skip
CLIENTS = query(
    "clients", "Whom the organisation serves.", select(tables.client).order_by(tables.client.c.name)
)
_roles = tables.person_role.c
PEOPLE = query(
    "people", "Who may answer, with the roles that say so.",
    select(
        tables.person,
        select(
            Objects(
                    "role", _roles.role, "client", _roles.client, "since", _roles.since,
                    "until", _roles.until,
            )
        ).where(_roles.person == tables.person.c.id, _roles.lapsed_at.is_(None)).scalar_subquery().label("roles"),
    ).order_by(tables.person.c.name),
)  # fmt: skip
AGED_ROLES = query(
    "aged_roles", "Roles that groups of the provider gave and did not say again in time.",
    select(_roles.person, _roles.role, _roles.client).where(
        _roles.until <= bindparam("now"), _roles.lapsed_at.is_(None)
    ),
)  # fmt: skip
ROLES_OF = query(
    "roles_of", "What a person holds, and what lapsed.",
    select(tables.person_role).where(_roles.person == bindparam("person")),
)  # fmt: skip
SUBJECT_OF = query(
    "subject_of", "Who a person is at the provider.",
    select(tables.subject).where(
        tables.subject.c.issuer == bindparam("issuer"),
        tables.subject.c.person == bindparam("person"),
    ),
)  # fmt: skip
PASSKEYS = query(
    "passkeys", "What a person signs in with.",
    select(tables.passkey)
    .where(tables.passkey.c.person == bindparam("person"))
    .order_by(tables.passkey.c.at),
)  # fmt: skip
STALE_TRIES = query(
    "stale_tries", "Sign-ins that never came back.",
    select(tables.sign_in_try.c.hash).where(tables.sign_in_try.c.expires_at <= bindparam("now")),
)  # fmt: skip
_delegations = tables.delegation.c
DELEGATIONS = query(
    "delegations", "Who lends which roles to whom: what has not ended.",
    select(tables.delegation)
    .where(_delegations.ended_at.is_(None), _delegations.ends > bindparam("now"))
    .order_by(_delegations.begins),
)  # fmt: skip
_keys = tables.agent_key.c
AGENTS = query(
    "agents", "Which programs may ask, with their keys; never a hash.",
    select(
        tables.agent,
        select(
            Objects(
                    "prefix", _keys.prefix, "at", _keys.at,
                    "expires_at", _keys.expires_at, "revoked_at", _keys.revoked_at,
            )
        ).where(_keys.agent == tables.agent.c.id).scalar_subquery().label("keys"),
    ).order_by(tables.agent.c.name),
)  # fmt: skip
CONNECTIONS = query(
    "connections", "The ways to reach tools.",
    select(tables.connection).order_by(tables.connection.c.name),
)  # fmt: skip
_tools = select(tables.tool).order_by(
    tables.tool.c.connection, tables.tool.c.kind, tables.tool.c.name
)
TOOLS = query("tools", "Every pinned or withheld definition.", _tools)
TOOLS_OF = query(
    "tools_of", "The definitions of one connection.",
    _tools.where(tables.tool.c.connection == bindparam("connection")),
)  # fmt: skip
PAUSES = query(
    "pauses", "What is paused now.",
    select(tables.pause).where(tables.pause.c.ended_at.is_(None)).order_by(tables.pause.c.id.desc()),
)  # fmt: skip

# --- actions and what hangs on them ------------------------------------------------------------

KEYS = query(
    "keys", "An agent's keys, by what is shown of them.",
    select(tables.agent_key).where(tables.agent_key.c.agent == bindparam("agent")),
)  # fmt: skip
SESSIONS = query(
    "sessions", "What ends when a person leaves.",
    select(tables.session).where(tables.session.c.person == bindparam("person")),
)  # fmt: skip
DEVICE_BY_CODE = query(
    "device_by_code", "The terminal that shows the code a person typed.",
    select(tables.device).where(tables.device.c.user_code == bindparam("code")),
)  # fmt: skip
ACTION_BY_KEY = query(
    "action_by_key", "What an idempotency key made: the way out of *unsure*.",
    select(tables.action)
    .where(_A.agent == bindparam("agent"), _A.idempotency_key == bindparam("key")),
)  # fmt: skip
ENDED_OF_CLIENT = query(
    "ended_of_client", "Past actions of one type at one client, to show beside a new one.",
    select(tables.action)
    .where(
        _A.type == bindparam("type"), _A.client == bindparam("client"),
        _A.state.in_([literal_column(f"'{s}'") for s in _ENDED]),
    )
    .order_by(_A.id.desc()).limit(bindparam("limit")),
)  # fmt: skip
_lately = (
    select(_A.state, _A.agent)
    .where(_A.type == bindparam("type"))
    .order_by(_A.at.desc()).limit(bindparam("most"))
    .subquery("lately")
)  # fmt: skip
TRACK_RECORD = query(
    "track_record", "How an agent's actions of one type ended, lately.",
    select(_lately.c.state, func.count().label("n"))
    .where(_lately.c.agent == bindparam("agent")).group_by(_lately.c.state),
)  # fmt: skip
COUNTS = query(
    "counts", "The day in numbers.",
    select(_A.state, _A.tier, func.count().label("n"))
    .where(_A.at >= bindparam("since")).group_by(_A.state, _A.tier),
)  # fmt: skip
WAITING = query(
    "waiting", "How many actions wait for people, however old.",
    select(func.count().label("n")).select_from(tables.action)
    .where(unfinished, _A.state == "waiting"),
)  # fmt: skip

_JOINED = (
    _A.type, _A.client, _A.clients, _A.state, _A.sentence, _A.tier, _A.agent, _A.confidence,
)  # fmt: skip
_versions = select(tables.proposal, *_JOINED).join_from(
    tables.proposal, tables.action, _A.id == _P.action
)
_later = tables.proposal.alias("later")
_newest = ~(
    select(literal_column("1")).where(_later.c.id == _P.id, _later.c.version > _P.version).exists()
)
PROPOSAL_VERSION = query(
    "proposal_version", "One version as it was frozen.",
    _versions.where(_P.id == bindparam("id"), _P.version == bindparam("version")),
)  # fmt: skip
PROPOSAL_NEWEST = query(
    "proposal_newest", "The version that counts now.",
    _versions.where(_P.id == bindparam("id")).order_by(_P.version.desc()).limit(1),
)  # fmt: skip
PROPOSAL_OF = query(
    "proposal_of", "The proposal that an action waits in.",
    _versions.where(_P.action == bindparam("action")),
)  # fmt: skip
DUE_PROPOSALS = query(
    "due_proposals", "What the sweep moves along.",
    _versions.where(_P.due_at <= bindparam("now")).order_by(_P.due_at).limit(bindparam("limit")),
)  # fmt: skip
ANSWERS = query(
    "answers", "What people said, over all versions.",
    select(tables.answer).where(tables.answer.c.proposal == bindparam("proposal"))
    .order_by(tables.answer.c.id),
)  # fmt: skip
OPEN_ANSWERS = query(
    "open_answers", "What people said about everything that is open, at once.",
    select(tables.answer)
    .where(tables.answer.c.proposal.in_(
        select(_A.proposal).where(unfinished, _A.proposal.is_not(None)).scalar_subquery()
    ))
    .order_by(tables.answer.c.id),
)  # fmt: skip
_decided = tables.answer.c
DECISIONS = query(
    "decisions", "How much each person decided lately: who is passed over.",
    select(
        _decided.person,
        func.count().label("shift"),
        func.sum(case((_decided.at >= bindparam("hour"), 1), else_=0)).label("hour"),
    )
    .where(
        _decided.at >= bindparam("shift"),
        _decided.effective == 1,
        _decided.answer.in_([literal_column("'approve'"), literal_column("'deny'")]),
    )
    .group_by(_decided.person),
)  # fmt: skip
_R = tables.reversal.c
_told = select(
    tables.notice,
    _A.type, _A.client, _A.clients, _A.sentence, _A.tier, _A.agent, _A.confidence,
    _A.trigger_kind, _A.trigger_ref,
    _A.state.label("action_state"), _A.at.label("action_at"), _A.outcome, _A.solved,
    _R.state.label("reversal_state"),
).join_from(tables.notice, tables.action, _A.id == _N.action).join(
    tables.reversal, _R.action == _N.action, isouter=True
)  # fmt: skip
DUE_NOTICES = query(
    "due_notices", "Notices to send, send again or escalate.",
    _told.where(_N.due_at <= bindparam("now")).order_by(_N.due_at).limit(bindparam("limit")),
)  # fmt: skip
_H = tables.rehearsal.c
REHEARSALS = query(
    "rehearsals", "How the last rehearsals of a type went.",
    select(tables.rehearsal).where(_H.type == bindparam("type"))
    .order_by(_H.id.desc()).limit(bindparam("limit")),
)  # fmt: skip
DUE_REHEARSALS = query(
    "due_rehearsals", "Rehearsals whose next stage is due.",
    select(_H.id).where(_H.due_at <= bindparam("now")).order_by(_H.due_at).limit(bindparam("limit")),
)  # fmt: skip
_S = tables.reversal_step.c
STEPS = query(
    "steps", "How far the reversal of an action is.",
    select(tables.reversal_step).where(_S.action == bindparam("action")).order_by(_S.n),
)  # fmt: skip
_T = tables.told.c
TOLD_SINCE = query(
    "told_since", "How many messages each person got lately.",
    select(_T.person, func.count().label("n")).where(_T.at >= bindparam("since"))
    .group_by(_T.person),
)  # fmt: skip
OPEN_CARDS = query(
    "open_cards", "Cards that somebody was told of and nobody has looked at.",
    select(_N.id, _N.person, _A.type, _A.client, _A.trigger_kind, _A.trigger_ref)
    .join_from(tables.notice, tables.action, _A.id == _N.action)
    .where(_N.card.is_(None), _N.state == literal_column("'sent'"), _N.sent_at >= bindparam("since"))
    .order_by(_N.sent_at.desc()),
)  # fmt: skip
ON_CARD = query(
    "on_card", "What joined a card, oldest first.",
    _told.where(_N.card == bindparam("card")).order_by(_N.id),
)  # fmt: skip
_M = tables.message.c
DUE_MESSAGES = query(
    "due_messages", "What one channel is to tell now.",
    select(tables.message).where(
        _M.channel == bindparam("channel"), _M.due_at <= bindparam("now"),
        _M.state == literal_column("'owed'"),
    )
    .order_by(_M.due_at, _M.id).limit(bindparam("limit")),
)  # fmt: skip
STALE_MESSAGES = query(
    "stale_messages", "What one channel sent of proposals that wait no more, to edit it.",
    select(tables.message)
    .join_from(tables.message, tables.proposal, and_(_P.id == _M.ref, _P.version == _M.version))
    .join(tables.action, _A.id == _P.action)
    .where(
        _M.channel == bindparam("channel"), tables.editable, _A.state != literal_column("'waiting'"),
        or_(_M.due_at.is_(None), _M.due_at <= bindparam("now")),
    )
    .order_by(_M.at).limit(bindparam("limit")),
)  # fmt: skip
MESSAGES_OF = query(
    "messages_of", "Whom a proposal's messages reached.",
    select(tables.message).where(_M.ref == bindparam("ref")).order_by(_M.at, _M.id),
)  # fmt: skip
_C = tables.outcome_check.c
DUE_CHECKS = query(
    "due_checks", "Outcomes to look at by a read.",
    select(_C.action.label("id"))
    .where(_C.due_at <= bindparam("now")).order_by(_C.due_at).limit(bindparam("limit")),
)  # fmt: skip
OVERDUE_ACTIONS = query(
    "overdue_actions", "What was begun so long ago that its outcome counts as unknown.",
    select(_A.id, _A.clients).where(unfinished, _A.state == "begun", _A.begun_at <= bindparam("since")),
)  # fmt: skip
NEXT_DUE = query(
    "next_due", "Until when the sweep may sleep.",
    select(
        select(func.min(_P.due_at)).where(_P.due_at.is_not(None)).scalar_subquery().label("proposal"),
        select(func.min(_N.due_at)).where(_N.due_at.is_not(None)).scalar_subquery().label("notice"),
        select(func.min(_C.due_at)).where(_C.due_at.is_not(None)).scalar_subquery().label("check"),
        select(func.min(_H.due_at)).where(_H.due_at.is_not(None)).scalar_subquery().label("rehearsal"),
    ),
)  # fmt: skip
BEGUN_ACTIONS = query(
    "begun_actions", "What a crash may have left unknown.",
    select(tables.action).where(unfinished, _A.state == "begun").order_by(_A.id),
)  # fmt: skip
PASSING = query(
    "passing", "What passed in shadow, and a crash may have left without an outcome.",
    select(tables.action).where(tables.passing).order_by(_A.id),
)  # fmt: skip
BEGUN_REVERSALS = query(
    "begun_reversals", "Reversals that a crash may have left unknown.",
    select(tables.action, _R.id.label("reversal"))
    .join_from(tables.reversal, tables.action, _A.id == _R.action).where(_R.state == "begun"),
)  # fmt: skip

STREAM = query(
    "stream", "The entries themselves, for checking and exporting.",
    select(tables.entry.c.seq, tables.entry.c.body)
    .where(tables.entry.c.seq >= bindparam("start"), tables.entry.c.seq < bindparam("end"))
    .order_by(tables.entry.c.seq).limit(bindparam("limit")),
)  # fmt: skip
BEGAN = query(
    "began", "What began of a connection in a span of time, by the ledger's order.",
    select(_A.id, _A.tool, _A.targets, _A.begun_at).where(
        _A.at >= bindparam("earliest"), _A.at <= bindparam("until"),
        _A.connection == bindparam("connection"),
        _A.begun_at >= bindparam("since"), _A.begun_at <= bindparam("until"),
    ).order_by(_A.at),
)  # fmt: skip
_ids = Members(bindparam("ids")).table_valued("value", name="ids")
ENTRIES_OF = query(
    "entries_of", "All that the record says of some actions, in order.",
    select(tables.entry.c.action, tables.entry.c.body)
    .where(tables.entry.c.action.in_(select(_ids.c.value))).order_by(tables.entry.c.seq),
)  # fmt: skip
ACTIONS_BY_ID = query(
    "actions_by_id", "Some actions.",
    select(tables.action).where(_A.id.in_(select(_ids.c.value))),
)  # fmt: skip
ENTRY_AT = query(
    "entry_at", "The time at a position: to find the position of a time.",
    select(tables.entry.c.at).where(tables.entry.c.seq == bindparam("seq")),
)  # fmt: skip
ACTIONS_WITHOUT_ENTRY = query(
    "actions_without_entry", "Actions that no entry names: written past the record.",
    select(_A.id).where(
        ~select(literal_column("1")).select_from(tables.entry)
        .where(tables.entry.c.action == _A.id, tables.entry.c.action.is_not(None)).exists()
    ).limit(bindparam("limit")),
)  # fmt: skip
ENTRIES_COUNT = query(
    "entries_count", "Whether as many entries are there as the head says.",
    select(func.count().label("n"), func.max(tables.entry.c.seq).label("last"))
    .select_from(tables.entry),
)  # fmt: skip

# --- those with optional filters ---------------------------------------------------------------


class Filter(NamedTuple):
    """Which filters are given: the shape a statement is compiled for."""

    names: frozenset[str]
    words: int = 0  #: how many states or types
    tiers: int = 0


def within(column: ColumnElement[Any], name: str, n: int) -> ColumnElement[bool]:
    """*column* is one of *n* values."""
    return column.in_([bindparam(f"{name}_{i}") for i in range(n)])


def many(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """The parameters of `within`."""
    return {f"{name}_{i}": value for i, value in enumerate(values)}


@cache
def actions(shape: Filter) -> Query:
    """A page of actions, by the head's time, which is the ledger's order."""
    where: dict[str, ColumnElement[bool]] = {
        "agent": _A.agent == bindparam("agent"),
        # Also those on several clients of which this is one.
        "client": or_(
            _A.client == bindparam("client"),
            select(literal_column("1"))
            .select_from(Members(_A.clients).table_valued("value", name="c"))
            .where(literal_column("c.value") == bindparam("client")).exists(),
        ),
        "type": _A.type == bindparam("type"),
        "trigger": _A.trigger_kind + ":" + _A.trigger_ref == bindparam("trigger"),
        "since": _A.at >= bindparam("since"),
        "until": _A.at <= bindparam("until"),
        "before": tuple_(_A.at, _A.id) < tuple_(bindparam("before_at"), bindparam("before")),
        "unfinished": unfinished,
    }  # fmt: skip
    chosen = [where[n] for n in sorted(shape.names)]
    if shape.words:
        chosen.append(within(_A.state, "state", shape.words))
    if shape.tiers:
        chosen.append(within(_A.tier, "tier", shape.tiers))
    # The few unfinished ones are found by their own index and sorted; the plus keeps the planner
    # from walking all of time for them.
    time = ByItself(_A.at) if "unfinished" in shape.names else _A.at
    return Query(
        "actions", "The feed, and what filters leave of it.",
        select(tables.action).where(and_(True, *chosen))
        .order_by(time.desc(), _A.id.desc()).limit(bindparam("limit")),
    )  # fmt: skip


@cache
def proposals(shape: Filter) -> Query:
    """A page of proposals, the newest version of each, by due time."""
    where: dict[str, ColumnElement[bool]] = {
        "open": and_(unfinished, _A.state.in_([literal_column("'waiting'"), literal_column("'approved'")])),
        "client": _A.client == bindparam("client"),
        "before": _P.id < bindparam("before"),
    }  # fmt: skip
    chosen = [_newest, *(where[n] for n in sorted(shape.names))]
    due = case((_P.due_at.is_(None), 1), else_=0)
    by = (due, _P.due_at, _P.id.desc()) if "open" in shape.names else (_P.id.desc(),)
    return Query(
        "proposals", "The inbox and its past.",
        _versions.where(and_(*chosen)).order_by(*by).limit(bindparam("limit")),
    )  # fmt: skip


_lead = tables.notice.alias("lead").c


@cache
def notices(shape: Filter) -> Query:
    """A page of notices."""
    where: dict[str, ColumnElement[bool]] = {
        "open": _N.answered_at.is_(None),
        "before": _N.id < bindparam("before"),
        # What joined a card stands on it, until the card's own action was answered alone.
        "cards": or_(_N.card.is_(None), select(_lead.answered_at.is_not(None))
                     .where(_lead.id == _N.card).scalar_subquery()),
    }  # fmt: skip
    return Query(
        "notices", "What was done and told.",
        _told.where(and_(True, *(where[n] for n in sorted(shape.names))))
        .order_by(_N.id.desc()).limit(bindparam("limit")),
    )  # fmt: skip
