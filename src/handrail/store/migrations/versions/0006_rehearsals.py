"""Rehearsals of rollbacks, and when each was last proven."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


# fmt: off
def upgrade() -> None:
    op.create_table('rehearsal',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('acting', 'acted', 'reversing', 'reversed', 'proven', 'failed', 'unknown')", name=op.f('ck_rehearsal_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rehearsal'))
    )
    op.create_index('ix_rehearsal_type_id', 'rehearsal', ['type', 'id'], unique=False)
    op.create_index('ix_rehearsal_due_at', 'rehearsal', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_table('proof',
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('rehearsal', sa.Text(), nullable=False),
    sa.Column('tried_at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('type', name=op.f('pk_proof'))
    )
