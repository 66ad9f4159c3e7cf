"""Who is there: working hours, away from, what people lend each other; how much each decided."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


# fmt: off
def upgrade() -> None:
    op.add_column('person', sa.Column('away_from', sa.BigInteger(), nullable=True))
    op.add_column('person', sa.Column('hours', sa.Text(), nullable=True))
    op.create_table('delegation',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('giver', sa.Text(), nullable=False),
    sa.Column('to', sa.Text(), nullable=False),
    sa.Column('roles', sa.Text(), nullable=False),
    sa.Column('begins', sa.BigInteger(), nullable=False),
    sa.Column('ends', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('agreed_at', sa.BigInteger(), nullable=True),
    sa.Column('agreed_by', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.CheckConstraint('begins < ends', name=op.f('ck_delegation_span')),
    sa.CheckConstraint('giver != "to"', name=op.f('ck_delegation_two')),
    sa.CheckConstraint('(agreed_at IS NULL) = (agreed_by IS NULL)', name=op.f('ck_delegation_agreed')),
    sa.ForeignKeyConstraint(['giver'], ['person.id'], name=op.f('fk_delegation_giver')),
    sa.ForeignKeyConstraint(['to'], ['person.id'], name=op.f('fk_delegation_to')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delegation'))
    )
    op.create_index('ix_answer_at', 'answer', ['at'], unique=False)


# fmt: on
