"""What may be asked of the database by SQL alone (SPEC 9, machine-queryable): two views over the
tables, whose columns stay. Tables may change with any version; these do not.

A view holds nothing, so it is no migration: it is made anew whenever its text is another.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, text

VIEWS: Mapping[str, str] = {
    "record_entry": """
SELECT e.seq,
       json_extract(CAST(e.body AS TEXT), '$.at') AS at,
       e.type,
       e.principal,
       e.action,
       (SELECT json_group_array(json_extract(c.value, '$.client'))
          FROM json_each(CAST(e.body AS TEXT), '$.clients') AS c) AS clients,
       json_extract(CAST(e.body AS TEXT), '$.epoch') AS epoch,
       json_extract(CAST(e.body AS TEXT), '$.facts') AS facts
  FROM entry AS e
""",
    "decision": """
SELECT a.id AS action,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.at / 1000000, 'unixepoch') AS asked_at,
       a.type,
       a.clients,
       a.targets,
       a.agent,
       a.agent_version,
       a.trigger_kind,
       a.trigger_ref,
       a.confidence / 1000.0 AS confidence,
       a.tier,
       a.state,
       a.policy,
       a.proposal,
       a.version,
       (SELECT json_group_array(n.person)
          FROM answer AS n
         WHERE n.proposal = a.proposal AND n.version = a.version AND n.effective = 1
           AND n.answer IN ('approve', 'approve_modified')
       ) AS approved_by,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.begun_at / 1000000, 'unixepoch') AS begun_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.ended_at / 1000000, 'unixepoch') AS ended_at,
       a.outcome,
       strftime('%Y-%m-%dT%H:%M:%SZ', r.at / 1000000, 'unixepoch') AS reversed_at,
       r."by" AS reversed_by
  FROM action AS a
  LEFT JOIN reversal AS r ON r.action = a.id AND r.state = 'done'
""",
}  # fmt: skip


def place(connection: Connection) -> None:
    """Make the views that are missing, and those whose text is another."""
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    there = {str(name): str(made) for name, made in rows}
    for name, select in VIEWS.items():
        wanted = f"CREATE VIEW {name} AS{select.rstrip()}"
        if there.get(name) != wanted:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
            connection.exec_driver_sql(wanted)
