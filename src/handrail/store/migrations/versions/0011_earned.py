"""What action types have earned: what is counted, what is nominated, breakers."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


# fmt: off
def upgrade() -> None:
    op.add_column('standing', sa.Column('evidence', sa.Text(), nullable=True))
    op.add_column('standing', sa.Column('buckets', sa.Text(), nullable=True))
    op.add_column('standing', sa.Column('probation_until', sa.BigInteger(), nullable=True))
    op.create_table('folded',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('position', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_folded'))
    )
    op.create_table('nomination',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('to', sa.BigInteger(), nullable=False),
        sa.Column('evidence', sa.LargeBinary(), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('first_by', sa.Text(), nullable=True),
        sa.Column('first_why', sa.Text(), nullable=True),
        sa.Column('by', sa.Text(), nullable=True),
        sa.Column('why', sa.Text(), nullable=True),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'promoted', 'dismissed', 'stale')", name=op.f('ck_nomination_state')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_nomination'))
    )
    op.create_index('ux_nomination_open', 'nomination', ['type'], unique=True,
        sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_index('ix_nomination_type', 'nomination', ['type', 'id'])
    op.create_table('breaker',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('scope', sa.Text(), nullable=False),
        sa.Column('type', sa.Text(), nullable=False),
        sa.Column('client', sa.Text(), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('why', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('probation_at', sa.BigInteger(), nullable=True),
        sa.Column('probation_by', sa.Text(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_by', sa.Text(), nullable=True),
        sa.Column('first_by', sa.Text(), nullable=True),
        sa.Column('cause', sa.Text(), nullable=False),
        sa.Column('remedy', sa.Text(), nullable=False),
        sa.CheckConstraint("(closed_by IS NOT NULL) = (state = 'closed')", name=op.f('ck_breaker_closed')),
        sa.CheckConstraint("scope IN ('all', 'type', 'client', 'cell')", name=op.f('ck_breaker_scope')),
        sa.CheckConstraint("state IN ('open', 'probation', 'closed')", name=op.f('ck_breaker_state')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_breaker'))
    )
    op.create_index('ux_breaker_unclosed', 'breaker', ['scope', 'type', 'client'], unique=True,
        sqlite_where=sa.text("state IN ('open', 'probation')"), postgresql_where=sa.text("state IN ('open', 'probation')"))


# fmt: on
