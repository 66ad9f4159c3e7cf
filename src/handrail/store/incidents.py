"""The tables of incidents: recorded harms, what they are linked to, what is to be done."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, Text

from handrail.store.schema import metadata

incident = Table(
    "incident",
    metadata,
    Column("id", Text, primary_key=True),
    Column("action", Text),  # the one it was recorded for; more are linked
    Column("client", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("hit", Integer),  # whether the client was hit; NULL: nobody said
    Column("cause", Text),
    Column("remedy", Text),
    Column("closed_by", Text),
    Column("closed_at", BigInteger),
    CheckConstraint("severity IN ('minor', 'significant', 'major')", name="severity"),
    CheckConstraint("state IN ('open', 'closed')", name="state"),
)
Index("ix_incident_action", incident.c.action)

#: Further actions that an incident is about.
incident_action = Table(
    "incident_action",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("off_at", BigInteger),  # when a person said that it does not belong to it
    Column("off_by", Text),
    Column("off_reason", Text),
    CheckConstraint("(off_by IS NULL) = (off_at IS NULL)", name="off"),
)
Index("ix_incident_action_action", incident_action.c.action)

#: What is to be done so that it does not happen again.
follow_up = Table(
    "follow_up",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text, nullable=False),  # a person
    Column("due_at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("done_by", Text),
    Column("note", Text),
    CheckConstraint("(done_by IS NULL) = (done_at IS NULL)", name="done"),
)
Index("ix_follow_up_incident", follow_up.c.incident, follow_up.c.id)

#: Harms that other systems reported, by their own message ids: the same one is taken once.
incident_report = Table(
    "incident_report",
    metadata,
    Column("source", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Column("incident", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
