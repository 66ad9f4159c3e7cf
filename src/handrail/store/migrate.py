"""Bring a database to the schema of this version (Alembic, run from within).

Everything happens in one transaction: a crash leaves the former schema or the new one. Two
processes that start at once take turns, and the second finds nothing left to do.
"""

import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from handrail.errors import Unavailable
from handrail.store import postgres, views
from handrail.store.driver import BUSY_MS

#: The lock of whoever brings a PostgreSQL database to a version: a number like no other.
TURN = 0x48616E647261696C
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(path: Path) -> None:
    """Run every migration that *path* has not seen."""
    _upgrade(_engine(path), str(path))


def migrate_shared(url: str) -> None:
    """Run every migration that the PostgreSQL database *url* has not seen."""

    def connect() -> Any:
        raw = postgres.open_raw(url)
        raw.autocommit = False  # everything in one transaction
        return raw

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # Whoever starts meanwhile waits here, and finds nothing left to do.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")

    _upgrade(engine, postgres.place_of(url))


def _upgrade(engine: Engine, place: str) -> None:
    try:
        with engine.begin() as connection:
            command.upgrade(config(connection), "head")
            views.place(connection)
    except SQLAlchemyError as e:
        raise Unavailable(
            f"the database {place} cannot be brought to this version: {e}",
            hint="Check that nothing else holds it and that the disk has space.",
        ) from e
    except CommandError as e:
        raise Unavailable(
            f"the database {place} was written by another version of Handrail: {e}",
            hint="Run the newest version that has used it; going back needs a backup.",
        ) from e
    finally:
        engine.dispose()


def config(connection: Connection) -> Config:
    """Alembic's settings for *connection*; there is no ini file to lose."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def _engine(path: Path) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        # The driver would begin only at the first INSERT, and leave the DDL before it outside.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
