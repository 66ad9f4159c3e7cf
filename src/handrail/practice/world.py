"""The practice world: one SQLite file with the state of an MSP and its own log of every call.

Guarantees:

* A call is one transaction that holds its effect *and* its row in ``audit``; a call that fails
  leaves its audit row and nothing else. Killing the process at any point loses no committed call.
* ``audit`` is append-only (triggers refuse changes), so that a test can judge from it what
  really reached the upstream, byte for byte as it came in.
* Several processes may serve the same file: writers queue at ``BEGIN IMMEDIATE``.
* Nothing here reads the clock or draws at random: instants come in, choices come from ``chance``.
"""

import json
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from handrail.errors import HandrailError, NotFound

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")

_BUSY_SECONDS: Final = 30.0

#: Tables whose content is the state of the world; ``dump`` shows exactly these.
STATE: Final = (
    "client",
    "user",
    "user_group",
    "membership",
    "licence_pool",
    "licence",
    "mailbox",
    "mailbox_rule",
    "message",
    "device",
    "service",
    "software",
    "server_config",
    "event",
    "switch_port",
    "firewall_rule",
    "backup_job",
    "backup_file",
    "restored_file",
    "ticket",
    "ticket_note",
    "document",
    "script",
    "package",
)

_SCHEMA: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, call_id TEXT NOT NULL UNIQUE,
  tool TEXT NOT NULL, arguments TEXT NOT NULL, meta TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'error')), message TEXT NOT NULL) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;

CREATE TABLE client (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, code TEXT NOT NULL UNIQUE, industry TEXT NOT NULL,
  city TEXT NOT NULL, timezone TEXT NOT NULL, regimes TEXT NOT NULL, domain TEXT NOT NULL) STRICT;
CREATE TABLE user (
  id TEXT PRIMARY KEY, client_id TEXT NOT NULL REFERENCES client, name TEXT NOT NULL,
  title TEXT NOT NULL, department TEXT NOT NULL, phone TEXT NOT NULL,
  user_class TEXT NOT NULL CHECK (user_class IN ('standard', 'vip', 'admin', 'service')),
  enabled INTEGER NOT NULL, locked INTEGER NOT NULL, must_change_password INTEGER NOT NULL,
  mfa TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE user_group (
  id TEXT PRIMARY KEY, client_id TEXT NOT NULL REFERENCES client, name TEXT NOT NULL,
  grants TEXT NOT NULL) STRICT;
CREATE TABLE membership (
  group_id TEXT NOT NULL REFERENCES user_group, user_id TEXT NOT NULL REFERENCES user,
  PRIMARY KEY (group_id, user_id)) STRICT, WITHOUT ROWID;
CREATE TABLE licence_pool (
  client_id TEXT NOT NULL REFERENCES client, sku TEXT NOT NULL, total INTEGER NOT NULL,
  PRIMARY KEY (client_id, sku)) STRICT, WITHOUT ROWID;
CREATE TABLE licence (
  user_id TEXT NOT NULL REFERENCES user, sku TEXT NOT NULL,
  PRIMARY KEY (user_id, sku)) STRICT, WITHOUT ROWID;
CREATE TABLE mailbox (
  user_id TEXT PRIMARY KEY REFERENCES user, size_mb INTEGER NOT NULL, forward_to TEXT NOT NULL,
  keep_copy INTEGER NOT NULL, auto_reply TEXT NOT NULL) STRICT;
CREATE TABLE mailbox_rule (
  user_id TEXT NOT NULL REFERENCES user, name TEXT NOT NULL, condition TEXT NOT NULL,
  action TEXT NOT NULL, PRIMARY KEY (user_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE message (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES user, folder TEXT NOT NULL,
  sender TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL, received TEXT NOT NULL) STRICT;
CREATE TABLE device (
  id TEXT PRIMARY KEY, client_id TEXT NOT NULL REFERENCES client,
  role TEXT NOT NULL CHECK (role IN ('workstation', 'server', 'network')), purpose TEXT NOT NULL,
  os TEXT NOT NULL, assigned_to TEXT REFERENCES user, address TEXT NOT NULL,
  managed INTEGER NOT NULL, online INTEGER NOT NULL, isolated INTEGER NOT NULL,
  wiped INTEGER NOT NULL DEFAULT 0, disk_free_gb INTEGER NOT NULL,
  restarts INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE service (
  device_id TEXT NOT NULL REFERENCES device, name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'stopped')),
  restarts INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (device_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE package (
  name TEXT PRIMARY KEY, latest TEXT NOT NULL, previous TEXT NOT NULL,
  approved INTEGER NOT NULL, about TEXT NOT NULL) STRICT;
CREATE TABLE software (
  device_id TEXT NOT NULL REFERENCES device, package TEXT NOT NULL REFERENCES package,
  version TEXT NOT NULL, PRIMARY KEY (device_id, package)) STRICT, WITHOUT ROWID;
CREATE TABLE server_config (
  device_id TEXT NOT NULL REFERENCES device, setting TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (device_id, setting)) STRICT, WITHOUT ROWID;
CREATE TABLE event (
  device_id TEXT NOT NULL REFERENCES device, number INTEGER NOT NULL, at TEXT NOT NULL,
  level TEXT NOT NULL, source TEXT NOT NULL, message TEXT NOT NULL,
  PRIMARY KEY (device_id, number)) STRICT, WITHOUT ROWID;
CREATE TABLE switch_port (
  device_id TEXT NOT NULL REFERENCES device, port INTEGER NOT NULL, vlan INTEGER NOT NULL,
  attached TEXT NOT NULL, enabled INTEGER NOT NULL,
  PRIMARY KEY (device_id, port)) STRICT, WITHOUT ROWID;
CREATE TABLE firewall_rule (
  client_id TEXT NOT NULL REFERENCES client, name TEXT NOT NULL, position INTEGER NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('allow', 'deny')), source TEXT NOT NULL,
  destination TEXT NOT NULL, service TEXT NOT NULL,
  PRIMARY KEY (client_id, name)) STRICT, WITHOUT ROWID;
CREATE TABLE backup_job (
  id TEXT PRIMARY KEY, client_id TEXT NOT NULL REFERENCES client,
  device_id TEXT NOT NULL REFERENCES device, schedule TEXT NOT NULL,
  retention_days INTEGER NOT NULL, last_result TEXT NOT NULL, runs INTEGER NOT NULL DEFAULT 0)
  STRICT;
CREATE TABLE backup_file (
  job_id TEXT NOT NULL REFERENCES backup_job, path TEXT NOT NULL, size_kb INTEGER NOT NULL,
  PRIMARY KEY (job_id, path)) STRICT, WITHOUT ROWID;
CREATE TABLE restored_file (
  job_id TEXT NOT NULL REFERENCES backup_job, path TEXT NOT NULL, restored_to TEXT NOT NULL,
  PRIMARY KEY (job_id, restored_to)) STRICT, WITHOUT ROWID;
CREATE TABLE ticket (
  id TEXT PRIMARY KEY, client_id TEXT NOT NULL REFERENCES client, subject TEXT NOT NULL,
  description TEXT NOT NULL, category TEXT NOT NULL, priority TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('new', 'in progress', 'waiting', 'closed')),
  requester TEXT REFERENCES user, device_id TEXT REFERENCES device, assignee TEXT NOT NULL,
  resolution TEXT NOT NULL, opened TEXT NOT NULL) STRICT;
CREATE INDEX ticket_by_status ON ticket (status, id);
CREATE TABLE ticket_note (
  ticket_id TEXT NOT NULL REFERENCES ticket, number INTEGER NOT NULL, at TEXT NOT NULL,
  author TEXT NOT NULL, text TEXT NOT NULL, visibility TEXT NOT NULL,
  PRIMARY KEY (ticket_id, number)) STRICT, WITHOUT ROWID;
CREATE TABLE document (
  id TEXT PRIMARY KEY, client_id TEXT REFERENCES client, kind TEXT NOT NULL, title TEXT NOT NULL,
  text TEXT NOT NULL) STRICT;
CREATE TABLE script (
  name TEXT PRIMARY KEY, about TEXT NOT NULL, text TEXT NOT NULL) STRICT;
"""


def chance(*of: object) -> random.Random:
    """Choices that depend on *of* and on nothing else: the same in every process and version."""
    return random.Random("\x1f".join(str(part) for part in of))  # noqa: S311 - a stage, no secrets


class Book:
    """The world inside one transaction: three ways to ask SQLite, rows as plain dicts."""

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self._connection = connection
        self.now = now.isoformat(timespec="seconds")

    def all(self, sql: str, *values: object) -> list[Row]:
        """Every row."""
        return [dict(row) for row in self._connection.execute(sql, values)]

    def find(self, sql: str, *values: object) -> Row | None:
        """The first row, if there is one."""
        row = self._connection.execute(sql, values).fetchone()
        return None if row is None else dict(row)

    def one(self, what: str, sql: str, *values: object) -> Row:
        """The first row. Raises `NotFound` naming *what* was looked for."""
        row = self.find(sql, *values)
        if row is None:
            raise NotFound(f"{what} does not exist")
        return row

    def count(self, sql: str, *values: object) -> int:
        """The single number that *sql* selects."""
        return int(self._connection.execute(sql, values).fetchone()[0])

    def run(self, sql: str, *values: object) -> int:
        """Change rows; how many were changed."""
        return self._connection.execute(sql, values).rowcount

    def setting(self, name: str) -> str:
        """A value of ``meta``."""
        return str(
            self.one(f"setting {name}", "SELECT value FROM meta WHERE name = ?", name)["value"]
        )

    def set(self, name: str, value: object) -> None:
        """Store a value of ``meta``."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, str(value))


@dataclass(frozen=True, slots=True)
class Logged:
    """One row of the upstream's own log."""

    seq: int
    at: str
    call_id: str
    tool: str
    arguments: dict[str, Any]
    meta: dict[str, Any]
    outcome: str
    message: str


class World:
    """One practice world in one file. Safe from many threads and several processes."""

    def __init__(self, path: Path) -> None:
        """Open the world at *path*. Raises `NotFound` when there is none."""
        if not path.exists():
            raise NotFound(
                f"there is no practice world at {path}",
                hint="Create it with `python -m handrail.practice.server --world FILE --seed N`.",
            )
        self.path = path
        self._lock = threading.RLock()
        self._connection = _connect(path)

    @classmethod
    def create(cls, path: Path, fill: Callable[[Book], None], now: datetime) -> "World":
        """Make a world at *path* unless one is there, and open it.

        Commit point: schema and content are one transaction, so a half-made world is never seen.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(_connect(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
            if made is None:
                for statement in _statements(_SCHEMA):
                    connection.execute(statement)
                fill(Book(connection, now))
            connection.execute("COMMIT")
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def book(self, now: datetime) -> Iterator[Book]:
        """One transaction: committed at the end, rolled back when anything is raised."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Book(self._connection, now)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def call(
        self,
        call_id: str,
        tool: str,
        arguments: Mapping[str, Any],
        meta: Mapping[str, Any],
        now: datetime,
        act: Callable[[Book], T],
    ) -> T:
        """Run *act* and log the call, in one transaction; what *act* returns is returned.

        Raises what *act* raised on purpose; then its effect is gone and the log row says why.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("SAVEPOINT act")
                failed: HandrailError | None = None
                try:
                    result = act(Book(self._connection, now))
                except HandrailError as error:
                    self._connection.execute("ROLLBACK TO act")
                    failed = error
                self._connection.execute("RELEASE act")
                self._connection.execute(
                    "INSERT INTO audit (at, call_id, tool, arguments, meta, outcome, message)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        now.isoformat(),
                        call_id,
                        tool,
                        json.dumps(arguments, ensure_ascii=False),
                        json.dumps(meta, ensure_ascii=False),
                        "ok" if failed is None else "error",
                        "" if failed is None else failed.message,
                    ),
                )
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        if failed is not None:
            raise failed
        return result

    def audit(self, *, after: int = 0) -> list[Logged]:
        """The upstream's own log, oldest first, from *after* on."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT * FROM audit WHERE seq > ? ORDER BY seq", (after,)
            ).fetchall()
        return [
            Logged(
                **{
                    **dict(row),
                    "arguments": json.loads(row["arguments"]),
                    "meta": json.loads(row["meta"]),
                }
            )
            for row in rows
        ]

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """The whole state, without the log: equal dumps are equal worlds."""
        with self._lock:
            return {
                table: sorted(
                    (tuple(row) for row in self._connection.execute(f"SELECT * FROM {table}")),  # noqa: S608 - names above
                    key=repr,
                )
                for table in STATE
            }


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    # The world must outlive its process, not a power cut: it is a stage, not evidence.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
