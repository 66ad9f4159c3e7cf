"""The schema of the first version: every table and index."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


# fmt: off
def upgrade() -> None:
    op.create_table('action',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('connection', sa.Text(), nullable=False),
    sa.Column('tool', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('effect', sa.Text(), nullable=False),
    sa.Column('agent', sa.Text(), nullable=False),
    sa.Column('agent_version', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('clients', sa.Text(), nullable=False),
    sa.Column('targets', sa.Text(), nullable=False),
    sa.Column('trigger_kind', sa.Text(), nullable=False),
    sa.Column('trigger_ref', sa.Text(), nullable=False),
    sa.Column('confidence', sa.Integer(), nullable=True),
    sa.Column('mode', sa.Text(), nullable=False),
    sa.Column('tier', sa.Integer(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('sentence', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=True),
    sa.Column('policy', sa.Text(), nullable=False),
    sa.Column('classification', sa.Text(), nullable=False),
    sa.Column('idempotency_key', sa.Text(), nullable=True),
    sa.Column('body_digest', sa.LargeBinary(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('granted_at', sa.BigInteger(), nullable=True),
    sa.Column('grant_expires_at', sa.BigInteger(), nullable=True),
    sa.Column('begun_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('solved', sa.Text(), nullable=True),
    sa.Column('proposal', sa.Text(), nullable=True),
    sa.Column('version', sa.Integer(), nullable=True),
    sa.Column('superseded_by', sa.Text(), nullable=True),
    sa.CheckConstraint("(begun_at IS NOT NULL) = (state IN ('begun', 'done', 'failed', 'reversed', 'unknown'))", name=op.f('ck_action_begun')),
    sa.CheckConstraint("state IN ('approved', 'begun', 'classified', 'denied', 'done', 'failed', 'lapsed', 'passed in shadow', 'refused', 'reversed', 'revoked', 'superseded', 'unknown', 'waiting', 'withdrawn')", name=op.f('ck_action_state')),
    sa.CheckConstraint("tier < 4 OR state IN ('classified', 'refused')", name=op.f('ck_action_prohibited')),
    sa.CheckConstraint('begun_at IS NULL OR granted_at IS NOT NULL', name=op.f('ck_action_granted')),
    sa.CheckConstraint('tier BETWEEN 1 AND 4', name=op.f('ck_action_tier')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_action'))
    )
    op.create_index('ix_action_at', 'action', ['at'], unique=False)
    op.create_index('ix_action_type_at', 'action', ['type', 'at'], unique=False)
    op.create_index('ix_action_type_client', 'action', ['type', 'client', 'id'], unique=False)
    op.create_index('ix_action_unfinished', 'action', ['id'], unique=False, sqlite_where=sa.text("state IN ('approved', 'begun', 'waiting')"), postgresql_where=sa.text("state IN ('approved', 'begun', 'waiting')"))
    op.create_index('ux_action_agent_idempotency_key', 'action', ['agent', 'idempotency_key'], unique=True, sqlite_where=sa.text('idempotency_key IS NOT NULL'), postgresql_where=sa.text('idempotency_key IS NOT NULL'))
    op.create_table('agent',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sponsor', sa.Text(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('version', sa.Text(), nullable=False),
    sa.Column('connections', sa.Text(), nullable=False),
    sa.Column('clients', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('suspended', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_agent')),
    sa.UniqueConstraint('name', name=op.f('uq_agent_name'))
    )
    op.create_table('answer',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('proposal', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('answer', sa.Text(), nullable=False),
    sa.Column('package_digest', sa.LargeBinary(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('to', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('effective', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_answer'))
    )
    op.create_index('ix_answer_proposal', 'answer', ['proposal', 'id'], unique=False)
    op.create_table('client',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('risk', sa.Text(), nullable=False),
    sa.Column('timezone', sa.Text(), nullable=False),
    sa.Column('account_engineer', sa.Text(), nullable=True),
    sa.Column('regimes', sa.Text(), nullable=False),
    sa.Column('retention_days', sa.Integer(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("risk IN ('low', 'normal', 'high')", name=op.f('ck_client_risk')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client'))
    )
    op.create_table('client_chain',
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('n', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('client', 'n', name=op.f('pk_client_chain')),
    sqlite_with_rowid=False
    )
    op.create_table('connection',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('spec', sa.Text(), nullable=False),
    sa.Column('secret', sa.Text(), nullable=True),
    sa.Column('client', sa.Text(), nullable=True),
    sa.Column('client_map', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind IN ('mcp-stdio', 'mcp-http', 'callable')", name=op.f('ck_connection_kind')),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_connection'))
    )
    op.create_table('device',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('user_code', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_device')),
    sa.UniqueConstraint('user_code', name=op.f('uq_device_user_code'))
    )
    op.create_table('denial',
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('asks', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('type', 'client', 'target', name=op.f('pk_denial'))
    )
    op.create_table('entry',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('principal', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('leaf', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_entry'))
    )
    op.create_index('ix_entry_action', 'entry', ['action', 'seq'], unique=False, sqlite_where=sa.text('action IS NOT NULL'), postgresql_where=sa.text('action IS NOT NULL'))
    op.create_index('ix_entry_person', 'entry', ['principal', 'seq'], unique=False, sqlite_where=sa.text("principal >= 'person:' AND principal < 'person;'"), postgresql_where=sa.text("principal >= 'person:' AND principal < 'person;'"))
    op.create_index('ix_entry_type', 'entry', ['type', 'seq'], unique=False, sqlite_where=sa.text("(type NOT IN ('handrail:action:begun', 'handrail:action:done', 'handrail:action:failed', 'handrail:action:proposed', 'handrail:action:released', 'handrail:notice:sent', 'handrail:read:made'))"), postgresql_where=sa.text("(type NOT IN ('handrail:action:begun', 'handrail:action:done', 'handrail:action:failed', 'handrail:action:proposed', 'handrail:action:released', 'handrail:notice:sent', 'handrail:read:made'))"))
    op.create_table('head',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(), nullable=False),
    sa.Column('frontier', sa.LargeBinary(), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('id = 1', name=op.f('ck_head_one')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_head'))
    )
    op.create_table('incident',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=True),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('severity', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("severity IN ('minor', 'significant', 'major')", name=op.f('ck_incident_severity')),
    sa.CheckConstraint("state IN ('open', 'closed')", name=op.f('ck_incident_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident'))
    )
    op.create_table('pause',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('scope', sa.Text(), nullable=False),
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('degree', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('resume_by', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.CheckConstraint("degree IN ('restrict', 'stop')", name=op.f('ck_pause_degree')),
    sa.CheckConstraint("scope IN ('all', 'agent', 'client', 'type')", name=op.f('ck_pause_scope')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pause'))
    )
    op.create_table('person',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('active', sa.Integer(), nullable=False),
    sa.Column('away_until', sa.BigInteger(), nullable=True),
    sa.Column('reached_at', sa.BigInteger(), nullable=True),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('password', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_person')),
    sa.UniqueConstraint('email', name=op.f('uq_person_email'))
    )
    op.create_table('policy_draft',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('base', sa.Text(), nullable=False),
    sa.Column('files', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.Column('proposed_by', sa.Text(), nullable=True),
    sa.Column('ended_by', sa.Text(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('open', 'proposed', 'published', 'withdrawn')", name=op.f('ck_policy_draft_state')),
    sa.CheckConstraint("(proposed_by IS NOT NULL) OR state != 'proposed'", name=op.f('ck_policy_draft_proposed')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_policy_draft'))
    )
    op.create_index('ix_policy_draft_at', 'policy_draft', ['at'], unique=False, sqlite_where=sa.text("state IN ('open', 'proposed')"), postgresql_where=sa.text("state IN ('open', 'proposed')"))
    op.create_table('policy_version',
    sa.Column('n', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('document', sa.Text(), nullable=False),
    sa.Column('files', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('n', name=op.f('pk_policy_version'))
    )
    op.create_table('sealed',
    sa.Column('ref', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('ciphertext', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('ref', name=op.f('pk_sealed'))
    )
    op.create_table('session',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('csrf', sa.Text(), nullable=False),
    sa.Column('via', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('signed_in_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_session'))
    )
    op.create_table('set_up_link',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('person', sa.Text(), nullable=True),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_set_up_link'))
    )
    op.create_table('standing',
    sa.Column('type', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('tier', sa.Integer(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('type', 'client', name=op.f('pk_standing'))
    )
    op.create_table('agent_key',
    sa.Column('hash', sa.LargeBinary(), nullable=False),
    sa.Column('agent', sa.Text(), nullable=False),
    sa.Column('prefix', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['agent'], ['agent.id'], name=op.f('fk_agent_key_agent')),
    sa.PrimaryKeyConstraint('hash', name=op.f('pk_agent_key'))
    )
    op.create_table('notice',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('send_by', sa.BigInteger(), nullable=False),
    sa.Column('review_by', sa.BigInteger(), nullable=False),
    sa.Column('reversible_until', sa.BigInteger(), nullable=True),
    sa.Column('sent_at', sa.BigInteger(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('answered_at', sa.BigInteger(), nullable=True),
    sa.Column('answered_by', sa.Text(), nullable=True),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'sent', 'looks right', 'was wrong', 'escalated', 'undelivered')", name=op.f('ck_notice_state')),
    sa.ForeignKeyConstraint(['action'], ['action.id'], name=op.f('fk_notice_action')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice'))
    )
    op.create_index('ix_notice_action', 'notice', ['action'], unique=True)
    op.create_index('ix_notice_due_at', 'notice', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_index('ix_notice_unanswered', 'notice', ['id'], unique=False, sqlite_where=sa.text('answered_at IS NULL'), postgresql_where=sa.text('answered_at IS NULL'))
    op.create_table('person_role',
    sa.Column('person', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['person'], ['person.id'], name=op.f('fk_person_role_person')),
    sa.PrimaryKeyConstraint('person', 'role', 'client', name=op.f('pk_person_role'))
    )
    op.create_table('proposal',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('urgency', sa.Text(), nullable=False),
    sa.Column('chain', sa.Text(), nullable=False),
    sa.Column('excluded', sa.Text(), nullable=False),
    sa.Column('needs', sa.Integer(), nullable=False),
    sa.Column('undo_seconds', sa.Integer(), nullable=False),
    sa.Column('valid_seconds', sa.Integer(), nullable=False),
    sa.Column('same', sa.Text(), nullable=False),
    sa.Column('package', sa.LargeBinary(), nullable=False),
    sa.Column('package_digest', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('lapses_at', sa.BigInteger(), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint('needs BETWEEN 1 AND 2', name=op.f('ck_proposal_needs')),
    sa.ForeignKeyConstraint(['action'], ['action.id'], name=op.f('fk_proposal_action')),
    sa.PrimaryKeyConstraint('id', 'version', name=op.f('pk_proposal'))
    )
    op.create_index('ix_proposal_action', 'proposal', ['action'], unique=True)
    op.create_index('ix_proposal_due_at', 'proposal', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_table('reversal',
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('outcome', sa.Text(), nullable=True),
    sa.Column('verified', sa.Integer(), nullable=True),
    sa.CheckConstraint("state IN ('begun', 'done', 'failed', 'unknown')", name=op.f('ck_reversal_state')),
    sa.ForeignKeyConstraint(['action'], ['action.id'], name=op.f('fk_reversal_action')),
    sa.PrimaryKeyConstraint('action', name=op.f('pk_reversal'))
    )
    op.create_table('rollback',
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('class', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('proven_at', sa.BigInteger(), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['action'], ['action.id'], name=op.f('fk_rollback_action')),
    sa.PrimaryKeyConstraint('action', name=op.f('pk_rollback'))
    )
    op.create_table('tool',
    sa.Column('connection', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('definition', sa.Text(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('seen', sa.Text(), nullable=True),
    sa.Column('seen_digest', sa.Text(), nullable=True),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("state IN ('pinned', 'new', 'changed', 'gone')", name=op.f('ck_tool_state')),
    sa.ForeignKeyConstraint(['connection'], ['connection.name'], name=op.f('fk_tool_connection')),
    sa.PrimaryKeyConstraint('connection', 'kind', 'name', name=op.f('pk_tool'))
    )
