"""What of a client waits for a second person."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


# fmt: off
def upgrade() -> None:
    op.add_column('client', sa.Column('proposed', sa.Text(), nullable=True))


# fmt: on
