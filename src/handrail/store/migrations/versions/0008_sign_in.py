"""Who people are at the single sign-on provider, roles that its groups give, and passkeys."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


# fmt: off
def upgrade() -> None:
    op.create_table('passkey',
    sa.Column('id', sa.LargeBinary(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.Column('transports', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['person'], ['person.id'], name=op.f('fk_passkey_person')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_passkey'))
    )
    op.create_table('sign_in_try',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_sign_in_try'))
    )
    op.create_table('subject',
    sa.Column('issuer', sa.Text(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['person.id'], name=op.f('fk_subject_person')),
    sa.PrimaryKeyConstraint('issuer', 'subject', name=op.f('pk_subject')),
    sa.UniqueConstraint('issuer', 'person', name=op.f('uq_subject_issuer_person'))
    )
    op.add_column('person_role', sa.Column('until', sa.BigInteger(), nullable=True))
    op.add_column('person_role', sa.Column('lapsed_at', sa.BigInteger(), nullable=True))
