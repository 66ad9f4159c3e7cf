"""The tables of what action types have earned: what is counted, what is nominated, what broke."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, LargeBinary, Table, Text
from sqlalchemy import literal_column as literal

from handrail.store.schema import metadata, partial

#: What the record was folded into, up to a position: kept so that no start reads all of it again.
#: It can be dropped at any time; a fold of the whole record gives the same.
folded = Table(
    "folded",
    metadata,
    Column("name", Text, primary_key=True),  # an action type; '' holds what is about all of them
    Column("position", BigInteger, nullable=False),  # entries before it are in it
    Column("state", LargeBinary, nullable=False),  # JSON
)

#: A promotion that the evidence allows, until people decide (SPEC 7). Handrail only nominates.
nomination = Table(
    "nomination",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("to", BigInteger, nullable=False),  # the tier
    Column("evidence", LargeBinary, nullable=False),  # canonical JSON, frozen
    Column("digest", Text, nullable=False),  # SHA-256 of it, in hex
    Column("state", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("first_by", Text),  # the first of two people
    Column("first_why", Text),
    Column("by", Text),  # who decided
    Column("why", Text),
    Column("ended_at", BigInteger),
    CheckConstraint("state IN ('open', 'promoted', 'dismissed', 'stale')", name="state"),
)
waiting = nomination.c.state == literal("'open'")
partial("ux_nomination_open", nomination.c.type, where=waiting, unique=True)
Index("ix_nomination_type", nomination.c.type, nomination.c.id)

#: A breaker that opened. Closed ones stay as what happened.
breaker = Table(
    "breaker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("type", Text, nullable=False),  # '' where it is about any
    Column("client", Text, nullable=False),  # '' where it is about any
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("probation_at", BigInteger),
    Column("probation_by", Text),
    Column("closed_at", BigInteger),
    Column("closed_by", Text),
    Column("first_by", Text),  # the first of the two people whom the global one needs
    Column("cause", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    CheckConstraint("scope IN ('all', 'type', 'client', 'cell')", name="scope"),
    CheckConstraint("state IN ('open', 'probation', 'closed')", name="state"),
    CheckConstraint("(closed_by IS NOT NULL) = (state = 'closed')", name="closed"),
)
unclosed = breaker.c.state.in_([literal("'open'"), literal("'probation'")])
partial(
    "ux_breaker_unclosed",
    breaker.c.scope,
    breaker.c.type,
    breaker.c.client,
    where=unclosed,
    unique=True,
)
