"""The steps of a reversal: what is undone one by one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


# fmt: off
def upgrade() -> None:
    op.create_table('reversal_step',
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.CheckConstraint("state IN ('waiting', 'begun', 'done', 'failed', 'unknown')", name=op.f('ck_reversal_step_state')),
    sa.ForeignKeyConstraint(['action'], ['reversal.action'], name=op.f('fk_reversal_step_action')),
    sa.PrimaryKeyConstraint('action', 'n', name=op.f('pk_reversal_step'))
    )
