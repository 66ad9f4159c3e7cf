"""Messages to people: owed, sent, edited to their result."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


# fmt: off
def upgrade() -> None:
    op.create_table('message',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.Column('sent_at', sa.BigInteger(), nullable=True),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('handle', sa.Text(), nullable=False),
    sa.CheckConstraint("state IN ('owed', 'sent', 'edited', 'failed', 'no address', 'moot')", name=op.f('ck_message_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_message'))
    )
    op.create_index('ix_message_due_at', 'message', ['channel', 'due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_index('ix_message_editable', 'message', ['channel', 'at'], unique=False, sqlite_where=sa.text("state = 'sent' AND handle != ''"), postgresql_where=sa.text("state = 'sent' AND handle != ''"))
    op.create_index('ix_message_ref', 'message', ['ref'], unique=False)
