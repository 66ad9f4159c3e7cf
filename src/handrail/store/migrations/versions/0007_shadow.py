"""Shadow scopes, and what passes in one until its outcome is known."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


# fmt: off
def upgrade() -> None:
    op.create_table('shadow_scope',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('connection', sa.Text(), nullable=False),
    sa.Column('agent', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('begins', sa.BigInteger(), nullable=True),
    sa.Column('ends', sa.BigInteger(), nullable=False),
    sa.Column('agreed_by', sa.Text(), nullable=True),
    sa.Column('longer', sa.BigInteger(), nullable=True),
    sa.Column('longer_by', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.CheckConstraint('(begins IS NULL) = (agreed_by IS NULL)', name=op.f('ck_shadow_scope_agreed')),
    sa.CheckConstraint('(longer IS NULL) = (longer_by IS NULL)', name=op.f('ck_shadow_scope_longer')),
    sa.CheckConstraint('at < ends AND (begins IS NULL OR begins < ends)', name=op.f('ck_shadow_scope_span')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_shadow_scope'))
    )
    op.create_index('ix_action_passing', 'action', ['id'], unique=False, sqlite_where=sa.text("state = 'passed in shadow' AND ended_at IS NULL"), postgresql_where=sa.text("state = 'passed in shadow' AND ended_at IS NULL"))
