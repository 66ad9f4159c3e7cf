"""Incidents: whether a client was hit, linked actions, closure in columns, what is to be done."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


# fmt: off
def upgrade() -> None:
    op.add_column('incident', sa.Column('hit', sa.Integer(), nullable=True))
    op.add_column('incident', sa.Column('cause', sa.Text(), nullable=True))
    op.add_column('incident', sa.Column('remedy', sa.Text(), nullable=True))
    op.add_column('incident', sa.Column('closed_by', sa.Text(), nullable=True))
    op.add_column('incident', sa.Column('closed_at', sa.BigInteger(), nullable=True))
    op.create_index('ix_incident_action', 'incident', ['action'])
    op.create_table('incident_action',
        sa.Column('incident', sa.Text(), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('by', sa.Text(), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('off_at', sa.BigInteger(), nullable=True),
        sa.Column('off_by', sa.Text(), nullable=True),
        sa.Column('off_reason', sa.Text(), nullable=True),
        sa.CheckConstraint("(off_by IS NULL) = (off_at IS NULL)", name=op.f('ck_incident_action_off')),
        sa.PrimaryKeyConstraint('incident', 'action', name=op.f('pk_incident_action'))
    )
    op.create_index('ix_incident_action_action', 'incident_action', ['action'])
    op.create_table('follow_up',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('incident', sa.Text(), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.Column('owner', sa.Text(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('by', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('done_at', sa.BigInteger(), nullable=True),
        sa.Column('done_by', sa.Text(), nullable=True),
        sa.Column('note', sa.Text(), nullable=True),
        sa.CheckConstraint("(done_by IS NULL) = (done_at IS NULL)", name=op.f('ck_follow_up_done')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_follow_up'))
    )
    op.create_index('ix_follow_up_incident', 'follow_up', ['incident', 'id'])
    op.create_table('incident_report',
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('message', sa.Text(), nullable=False),
        sa.Column('incident', sa.Text(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'message', name=op.f('pk_incident_report'))
    )


# fmt: on
