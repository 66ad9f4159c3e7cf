"""The tables of what comes after an act: who was told, and whether it did what was specified."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    and_,
    literal_column,
)

from handrail.store.schema import metadata, partial

#: Which message about which notice went to whom: what a shift's bound counts (SPEC 4).
told = Table(
    "told",
    metadata,
    Column("notice", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
Index("ix_told_at", told.c.at)

#: One message to one person over one channel, from the moment it is owed (SPEC 5).
message = Table(
    "message",
    metadata,
    Column("id", Text, primary_key=True),
    Column("ref", Text, nullable=False),  # the proposal
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),  # ask, reminder, alarm
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),  # when telling is of no use any more
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger),  # NULL: nothing is left to do
    Column("sent_at", BigInteger),
    Column("why", Text, nullable=False),  # the last failure, in words
    Column("handle", Text, nullable=False),  # the channel's own name for it, to edit it by
    CheckConstraint(
        "state IN ('owed', 'sent', 'edited', 'failed', 'no address', 'moot')", name="state"
    ),
)
partial(
    "ix_message_due_at", message.c.channel, message.c.due_at, where=message.c.due_at.is_not(None)
)
Index("ix_message_ref", message.c.ref)
editable = and_(
    message.c.state == literal_column("'sent'"), message.c.handle != literal_column("''")
)
partial("ix_message_editable", message.c.channel, message.c.at, where=editable)

#: What a reversal undoes one by one; an item is run at most once, by its key (SPEC 4).
reversal_step = Table(
    "reversal_step",
    metadata,
    Column("action", Text, ForeignKey("reversal.action"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", Text),
    CheckConstraint("state IN ('waiting', 'begun', 'done', 'failed', 'unknown')", name="state"),
)

#: A rollback run on a safe target (SPEC 4); no action, and no evidence of ordinary work.
rehearsal = Table(
    "rehearsal",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("text", Text, nullable=False),
    Column("due_at", BigInteger),  # when its next stage is; NULL when it has ended
    CheckConstraint(
        "state IN ('acting', 'acted', 'reversing', 'reversed', 'proven', 'failed', 'unknown')",
        name="state",
    ),
)
Index("ix_rehearsal_type_id", rehearsal.c.type, rehearsal.c.id)
partial("ix_rehearsal_due_at", rehearsal.c.due_at, where=rehearsal.c.due_at.is_not(None))

#: When the rollback of an action type was last proven, and how its last rehearsal went.
proof = Table(
    "proof",
    metadata,
    Column("type", Text, primary_key=True),
    Column("rehearsal", Text, nullable=False),
    Column("tried_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # of its last rehearsal, '' while it runs
    Column("at", BigInteger),  # when it was last proven
)

#: The check that a row declares, for one action: a read to be made, or what it saw (SPEC 3).
#: The row commits with the begin, so that a restart finds every check that is owed.
outcome_check = Table(
    "outcome_check",
    metadata,
    Column("action", Text, ForeignKey("action.id"), primary_key=True),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger),  # when it is read next; NULL when it is settled
    Column("overdue_at", BigInteger, nullable=False),  # from when on it is unknown
    Column("attempts", Integer, nullable=False),
    Column("at", BigInteger),  # when it was settled
    CheckConstraint("state IN ('due', 'passed', 'failed', 'unread', 'needless')", name="state"),
    CheckConstraint("(due_at IS NOT NULL) = (state = 'due')", name="due"),
)
partial(
    "ix_outcome_check_due_at",
    outcome_check.c.due_at,
    where=outcome_check.c.due_at.is_not(None),
)
