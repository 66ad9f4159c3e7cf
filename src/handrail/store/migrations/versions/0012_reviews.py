"""Governance reviews."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


# fmt: off
def upgrade() -> None:
    op.create_table('review',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.Column('until', sa.BigInteger(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('agenda', sa.LargeBinary(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('signed_by', sa.Text(), nullable=True),
        sa.Column('signed_at', sa.BigInteger(), nullable=True),
        sa.Column('summary', sa.Text(), nullable=True),
        sa.Column('minute', sa.Text(), nullable=True),
        sa.CheckConstraint("(signed_by IS NOT NULL) = (state = 'signed')", name=op.f('ck_review_signed')),
        sa.CheckConstraint("kind IN ('monthly', 'annual')", name=op.f('ck_review_kind')),
        sa.CheckConstraint("state IN ('open', 'signed')", name=op.f('ck_review_state')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_review'))
    )
    op.create_index('ix_review_open', 'review', ['due_at'],
        sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('review_finding',
        sa.Column('review', sa.Text(), nullable=False),
        sa.Column('item', sa.Text(), nullable=False),
        sa.Column('decision', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('owner', sa.Text(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=True),
        sa.Column('by', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.CheckConstraint("decision IN ('keep', 'reclassify', 'action')", name=op.f('ck_review_finding_decision')),
        sa.ForeignKeyConstraint(['review'], ['review.id'], name=op.f('fk_review_finding_review')),
        sa.PrimaryKeyConstraint('review', 'item', name=op.f('pk_review_finding'))
    )


# fmt: on
