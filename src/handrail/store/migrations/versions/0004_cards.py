"""Cards of notices, and which messages people got."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


# fmt: off
def upgrade() -> None:
    op.create_table('told',
    sa.Column('notice', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('notice', 'person', name=op.f('pk_told'))
    )
    op.create_index('ix_told_at', 'told', ['at'], unique=False)
    op.add_column('notice', sa.Column('card', sa.Text(), nullable=True))
    op.create_index('ix_notice_card', 'notice', ['card'], unique=False, sqlite_where=sa.text('card IS NOT NULL'), postgresql_where=sa.text('card IS NOT NULL'))
    op.create_index('ix_notice_sent_at', 'notice', ['sent_at'], unique=False, sqlite_where=sa.text("card IS NULL AND state = 'sent'"), postgresql_where=sa.text("card IS NULL AND state = 'sent'"))
