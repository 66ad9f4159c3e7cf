"""What may be asked of the database by SQL alone (SPEC 9, machine-queryable): two views over the
tables, whose columns stay. Tables may change with any version; these do not.

A view holds nothing, so it is no migration: it is made anew whenever its text is another.
"""

from collections.abc import Mapping
from hashlib import sha256

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


#: The same columns on PostgreSQL.
VIEWS_POSTGRES: Mapping[str, str] = {
    "record_entry": """
SELECT e.seq,
       b.j ->> 'at' AS at,
       e.type,
       e.principal,
       e.action,
       (SELECT coalesce(json_agg(c.value -> 'client')::text, '[]')
          FROM json_array_elements(b.j -> 'clients') AS c) AS clients,
       (b.j ->> 'epoch')::bigint AS epoch,
       (b.j -> 'facts')::text AS facts
  FROM entry AS e
 CROSS JOIN LATERAL (SELECT convert_from(e.body, 'UTF8')::json AS j) AS b
""",
    "decision": """
SELECT a.id AS action,
       to_char(to_timestamp(a.at / 1000000) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS asked_at,
       a.type,
       a.clients,
       a.targets,
       a.agent,
       a.agent_version,
       a.trigger_kind,
       a.trigger_ref,
       a.confidence / 1000.0::float8 AS confidence,
       a.tier,
       a.state,
       a.policy,
       a.proposal,
       a.version,
       (SELECT coalesce(json_agg(n.person)::text, '[]')
          FROM answer AS n
         WHERE n.proposal = a.proposal AND n.version = a.version AND n.effective = 1
           AND n.answer IN ('approve', 'approve_modified')
       ) AS approved_by,
       to_char(to_timestamp(a.begun_at / 1000000) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS begun_at,
       to_char(to_timestamp(a.ended_at / 1000000) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS ended_at,
       a.outcome,
       to_char(to_timestamp(r.at / 1000000) AT TIME ZONE 'UTC',
               'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS reversed_at,
       r."by" AS reversed_by
  FROM action AS a
  LEFT JOIN reversal AS r ON r.action = a.id AND r.state = 'done'
""",
}


def place(connection: Connection) -> None:
    """Make the views that are missing, and those whose text is another."""
    if connection.dialect.name == "postgresql":
        _place_shared(connection)
        return
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'view'"))
    there = {str(name): str(made) for name, made in rows}
    for name, select in VIEWS.items():
        wanted = f"CREATE VIEW {name} AS{select.rstrip()}"
        if there.get(name) != wanted:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
            connection.exec_driver_sql(wanted)


def _place_shared(connection: Connection) -> None:
    """PostgreSQL keeps a view's text in words of its own, so it is kept beside it as well."""
    rows = connection.execute(
        text(
            "SELECT viewname, obj_description(to_regclass(viewname::text)) FROM pg_views "
            "WHERE schemaname = current_schema()"
        )
    )
    there = {str(name): made for name, made in rows}
    for name, select in VIEWS_POSTGRES.items():
        mark = sha256(select.encode()).hexdigest()
        if there.get(name) != mark:
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE VIEW {name} AS{select.rstrip()}")
            connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS '{mark}'")
