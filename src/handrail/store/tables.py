"""Every table, defined once (SQLAlchemy Core); those of people and agents in `principals`.
Migrations must sum to exactly this, by test.

Instants are whole microseconds since 1970; JSON is text; digests are bytes. Ids begin with a
time, so primary keys grow at the right edge. "The last w minutes" is a range of `action.at`: the
head's time, which never goes back, where an id has the time of whichever host drew it.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    literal_column,
)

from handrail.core.action import BEGAN, State
from handrail.core.events import EventType
from handrail.store.afterwards import (
    editable,
    message,
    outcome_check,
    proof,
    rehearsal,
    reversal_step,
    told,
)
from handrail.store.earned import breaker, folded, nomination, unclosed
from handrail.store.governance import review, review_finding
from handrail.store.incidents import follow_up, incident, incident_action, incident_report
from handrail.store.principals import (
    agent,
    agent_key,
    delegation,
    device,
    passkey,
    person,
    person_role,
    session,
    set_up_link,
    shadow_scope,
    sign_in_try,
    subject,
)
from handrail.store.schema import metadata, partial

__all__ = [
    "action",
    "agent",
    "agent_key",
    "answer",
    "breaker",
    "client",
    "client_chain",
    "connection",
    "delegation",
    "device",
    "editable",
    "entry",
    "folded",
    "follow_up",
    "head",
    "incident",
    "incident_action",
    "incident_report",
    "message",
    "metadata",
    "nomination",
    "notice",
    "of_people",
    "outcome_check",
    "passing",
    "passkey",
    "pause",
    "person",
    "person_role",
    "policy_draft",
    "policy_version",
    "proof",
    "proposal",
    "rehearsal",
    "reversal",
    "reversal_step",
    "review",
    "review_finding",
    "rollback",
    "sealed",
    "seldom",
    "session",
    "set_up_link",
    "shadow_scope",
    "sign_in_try",
    "standing",
    "subject",
    "told",
    "tool",
    "unclosed",
    "unfinished",
    "unpublished",
]  # fmt: skip


def _words(values: object) -> str:
    return ", ".join(f"'{v}'" for v in sorted(str(v) for v in values))  # type: ignore[attr-defined]


head = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("frontier", LargeBinary, nullable=False),  # 32 bytes a subtree root, widest first
    Column("epoch", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

entry = Table(
    "entry",
    metadata,
    Column(
        "seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    ),
    Column("at", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", Text),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
partial("ix_entry_action", entry.c.action, entry.c.seq, where=entry.c.action.is_not(None))
#: What people did: few entries, so that an index of them costs agents' actions nothing.
of_people = and_(
    entry.c.principal >= literal_column("'person:'"),
    entry.c.principal < literal_column("'person;'"),
)
partial("ix_entry_person", entry.c.principal, entry.c.seq, where=of_people)
#: The entries that every action makes, of whatever tier: no index of types holds them.
OFTEN = frozenset(
    {
        EventType.ACTION_BEGUN,
        EventType.ACTION_DONE,
        EventType.ACTION_FAILED,
        EventType.ACTION_PROPOSED,
        EventType.ACTION_RELEASED,
        EventType.NOTICE_SENT,
        EventType.READ_MADE,
    }
)
seldom = entry.c.type.not_in([literal_column(f"'{type}'") for type in sorted(OFTEN)])
partial("ix_entry_type", entry.c.type, entry.c.seq, where=seldom)

client_chain = Table(
    "client_chain",
    metadata,
    Column("client", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

action = Table(
    "action",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("effect", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("agent_version", Text, nullable=False),
    Column("client", Text, nullable=False),  # the first, '' when unknown
    Column("clients", Text, nullable=False),  # JSON list
    Column("targets", Text, nullable=False),  # JSON list
    Column("trigger_kind", Text, nullable=False),
    Column("trigger_ref", Text, nullable=False),
    Column("confidence", Integer),  # per mille
    Column("mode", Text, nullable=False),
    Column("tier", Integer, nullable=False),  # 4 is prohibited
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),  # Handrail's own words, from what H(x) binds
    Column("digest", LargeBinary, nullable=False),  # H(x)
    Column("content", LargeBinary),  # digest of the arguments apart from client and target
    Column("policy", Text, nullable=False),
    Column("classification", Text, nullable=False),  # JSON
    Column("idempotency_key", Text),
    Column("body_digest", LargeBinary),
    Column("at", BigInteger, nullable=False),
    Column("granted_at", BigInteger),
    Column("grant_expires_at", BigInteger),
    Column("begun_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("outcome", Text),  # one sentence
    Column("solved", Text),  # 'yes', 'no' or NULL: apart from the outcome
    Column("proposal", Text),
    Column("version", Integer),
    Column("superseded_by", Text),
    CheckConstraint(f"state IN ({_words(State)})", name="state"),
    CheckConstraint("tier BETWEEN 1 AND 4", name="tier"),
    # Every begin has a grant, in all tiers, and no other state claims to have begun.
    CheckConstraint(f"(begun_at IS NOT NULL) = (state IN ({_words(BEGAN)}))", name="begun"),
    CheckConstraint("begun_at IS NULL OR granted_at IS NOT NULL", name="granted"),
    CheckConstraint("tier < 4 OR state IN ('classified', 'refused')", name="prohibited"),
)
partial(
    "ux_action_agent_idempotency_key",
    action.c.agent,
    action.c.idempotency_key,
    where=action.c.idempotency_key.is_not(None),
    unique=True,
)
Index("ix_action_type_client", action.c.type, action.c.client, action.c.id)
Index("ix_action_type_at", action.c.type, action.c.at)
# Windows are ranges of it; pages go by it.
Index("ix_action_at", action.c.at)
#: What is in flight or waits. Written with literals, so that the partial index serves it.
unfinished = action.c.state.in_(
    [literal_column(f"'{s}'") for s in sorted({State.WAITING, State.APPROVED, State.BEGUN})]
)
Index("ix_action_unfinished", action.c.id, sqlite_where=unfinished, postgresql_where=unfinished)

#: What passed in shadow and has no outcome yet.
passing = and_(
    action.c.state == literal_column(f"'{State.PASSED_IN_SHADOW}'"), action.c.ended_at.is_(None)
)
partial("ix_action_passing", action.c.id, where=passing)

sealed = Table(
    "sealed",
    metadata,
    Column("ref", Text, primary_key=True),  # 'act_…:request', 'act_…:result', 'act_…:before'
    Column("key", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)

proposal = Table(
    "proposal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("action", Text, ForeignKey("action.id"), nullable=False),
    Column("urgency", Text, nullable=False),
    Column("chain", Text, nullable=False),  # JSON list of {role, approvers, window}
    Column("excluded", Text, nullable=False),  # JSON object person id -> why
    Column("needs", Integer, nullable=False),  # how many different people
    Column("undo_seconds", Integer, nullable=False),
    Column("valid_seconds", Integer, nullable=False),  # approval valid until begin
    Column("same", Text, nullable=False),
    Column("package", LargeBinary, nullable=False),  # canonical JSON, frozen
    Column("package_digest", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lapses_at", BigInteger, nullable=False),
    Column("step", Integer, nullable=False),  # the step last told to people
    Column("due_at", BigInteger),  # when the sweep looks next; NULL when ended
    CheckConstraint("needs BETWEEN 1 AND 2", name="needs"),
)
partial("ix_proposal_due_at", proposal.c.due_at, where=proposal.c.due_at.is_not(None))
Index("ix_proposal_action", proposal.c.action, unique=True)

answer = Table(
    "answer",
    metadata,
    Column("id", Text, primary_key=True),
    Column("proposal", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("package_digest", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("to", Text, nullable=False),  # handed over to
    Column("at", BigInteger, nullable=False),
    Column("effective", Integer, nullable=False),  # 0: recorded as without effect (I8)
)
Index("ix_answer_proposal", answer.c.proposal, answer.c.id)
Index("ix_answer_at", answer.c.at)  # how much each person decided lately

#: What people denied, by what it was about (SPEC 5: a denial sticks).
denial = Table(
    "denial",
    metadata,
    Column("type", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),  # with whose authority
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("asks", Integer, nullable=False),  # since it was denied
)

notice = Table(
    "notice",
    metadata,
    Column("id", Text, primary_key=True),
    Column("action", Text, ForeignKey("action.id"), nullable=False),
    Column("person", Text, nullable=False),  # the designated person, '' when none was found
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("send_by", BigInteger, nullable=False),
    Column("review_by", BigInteger, nullable=False),
    Column("reversible_until", BigInteger),
    Column("sent_at", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("answered_at", BigInteger),
    Column("answered_by", Text),
    Column("due_at", BigInteger),
    Column("card", Text),  # the notice whose card it joined; NULL: a card of its own
    CheckConstraint(
        "state IN ('pending', 'sent', 'looks right', 'was wrong', 'escalated', 'undelivered')",
        name="state",
    ),
)
partial("ix_notice_due_at", notice.c.due_at, where=notice.c.due_at.is_not(None))
Index("ix_notice_action", notice.c.action, unique=True)
partial("ix_notice_card", notice.c.card, where=notice.c.card.is_not(None))
partial(
    "ix_notice_sent_at",
    notice.c.sent_at,
    where=and_(notice.c.card.is_(None), notice.c.state == literal_column("'sent'")),
)
partial("ix_notice_unanswered", notice.c.id, where=notice.c.answered_at.is_(None))

reversal = Table(
    "reversal",
    metadata,
    Column("action", Text, ForeignKey("action.id"), primary_key=True),  # at most once, by key
    Column("id", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    Column("verified", Integer),  # 1 when a read afterwards saw the state before the act
    CheckConstraint("state IN ('begun', 'done', 'failed', 'unknown')", name="state"),
)

rollback = Table(
    "rollback",
    metadata,
    Column("action", Text, ForeignKey("action.id"), primary_key=True),
    Column("class", Text, nullable=False),  # exact, snapshot, time-limited, manual, none
    Column("expires_at", BigInteger),
    Column("proven_at", BigInteger),
    Column("text", Text, nullable=False),
    # The calls themselves hold targets and old values: sealed as 'act_…:rollback'.
)

pause = Table(
    "pause",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("degree", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("resume_by", Text),  # the first of the two people who resume
    Column("ended_at", BigInteger),
    Column("ended_by", Text),
    CheckConstraint("scope IN ('all', 'agent', 'client', 'type')", name="scope"),
    CheckConstraint("degree IN ('restrict', 'stop')", name="degree"),
)

standing = Table(
    "standing",
    metadata,
    Column("type", Text, primary_key=True),
    Column("client", Text, primary_key=True),  # '' is overall
    Column("tier", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("evidence", Text),  # digest of the evidence it was earned by; NULL: not earned
    Column("buckets", Text),  # JSON list: the kinds of arguments it holds for; NULL: any
    Column("probation_until", BigInteger),
)

client = Table(
    "client",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("account_engineer", Text),
    Column("regimes", Text, nullable=False),  # JSON list
    Column("retention_days", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("proposed", Text),  # JSON: the values that wait for a second person, `by`, `at`
    CheckConstraint("risk IN ('low', 'normal', 'high')", name="risk"),
)

connection = Table(
    "connection",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # 'mcp-stdio', 'mcp-http', 'callable'
    Column("spec", Text, nullable=False),  # JSON: command, args, cwd or url; never a secret
    Column("secret", Text),  # ref into `sealed`: environment or headers
    Column("client", Text),  # bound to this client
    Column("client_map", Text, nullable=False),  # JSON object: the upstream's id -> client id
    Column("digest", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("kind IN ('mcp-stdio', 'mcp-http', 'callable')", name="kind"),
)

tool = Table(
    "tool",
    metadata,
    Column("connection", Text, ForeignKey("connection.name"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("definition", Text, nullable=False),  # JSON as pinned: what agents are served
    Column("digest", Text, nullable=False),
    Column("seen", Text),  # JSON as the upstream says now, when it differs
    Column("seen_digest", Text),
    Column("state", Text, nullable=False),
    Column("by", Text, nullable=False),  # who looked at it last
    Column("at", BigInteger, nullable=False),
    CheckConstraint("state IN ('pinned', 'new', 'changed', 'gone')", name="state"),
)

#: The next policy while people write it (I27).
policy_draft = Table(
    "policy_draft",
    metadata,
    Column("id", Text, primary_key=True),
    Column("base", Text, nullable=False),  # digest of the policy in force when it began
    Column("files", Text, nullable=False),  # JSON object file -> text
    Column("why", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("proposed_by", Text),  # the first of the two people
    Column("ended_by", Text),
    Column("ended_at", BigInteger),
    CheckConstraint("state IN ('open', 'proposed', 'published', 'withdrawn')", name="state"),
    CheckConstraint("(proposed_by IS NOT NULL) OR state != 'proposed'", name="proposed"),
)

#: Written with literals, so that the partial index serves it.
unpublished = policy_draft.c.state.in_([literal_column(f"'{s}'") for s in ("open", "proposed")])
Index(
    "ix_policy_draft_at",
    policy_draft.c.at,
    sqlite_where=unpublished,
    postgresql_where=unpublished,
)

policy_version = Table(
    "policy_version",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    Column("document", Text, nullable=False),  # canonical JSON of the whole
    Column("files", Text, nullable=False),  # JSON object file -> text, as people wrote it
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
