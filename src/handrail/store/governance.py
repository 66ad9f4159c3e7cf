"""The tables of governance reviews: what was on the agenda, what people said to it (SPEC 8)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text
from sqlalchemy import literal_column as literal

from handrail.store.schema import metadata, partial

review = Table(
    "review",
    metadata,
    Column("id", Text, primary_key=True),  # 'rvw_2026-10', 'rvw_2026'
    Column("kind", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("agenda", LargeBinary, nullable=False),  # canonical JSON, as generated
    Column("state", Text, nullable=False),
    Column("signed_by", Text),
    Column("signed_at", BigInteger),
    Column("summary", Text),
    Column("minute", Text),  # SHA-256 of agenda, findings and summary, in hex
    CheckConstraint("kind IN ('monthly', 'annual')", name="kind"),
    CheckConstraint("state IN ('open', 'signed')", name="state"),
    CheckConstraint("(signed_by IS NOT NULL) = (state = 'signed')", name="signed"),
)
unsigned = review.c.state == literal("'open'")
partial("ix_review_open", review.c.due_at, where=unsigned)

#: What a person said to one item of the agenda; the newest of an item counts.
review_finding = Table(
    "review_finding",
    metadata,
    Column("review", Text, ForeignKey("review.id"), primary_key=True),
    Column("item", Text, primary_key=True),
    Column("decision", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text, nullable=False),  # a person, '' for none
    Column("due_at", BigInteger),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    CheckConstraint("decision IN ('keep', 'reclassify', 'action')", name="decision"),
)
