"""Outcome checks: the read that is owed after an act, and what it saw."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


# fmt: off
def upgrade() -> None:
    op.create_table('outcome_check',
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.Column('overdue_at', sa.BigInteger(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("(due_at IS NOT NULL) = (state = 'due')", name=op.f('ck_outcome_check_due')),
    sa.CheckConstraint("state IN ('due', 'passed', 'failed', 'unread', 'needless')", name=op.f('ck_outcome_check_state')),
    sa.ForeignKeyConstraint(['action'], ['action.id'], name=op.f('fk_outcome_check_action')),
    sa.PrimaryKeyConstraint('action', name=op.f('pk_outcome_check'))
    )
    op.create_index('ix_outcome_check_due_at', 'outcome_check', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
