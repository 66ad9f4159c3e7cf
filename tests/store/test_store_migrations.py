"""The sum of the migrations is the schema that the code speaks of."""

import re
import sqlite3
from importlib import resources

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from handrail.errors import Unavailable
from handrail.store import views
from handrail.store.migrate import config, migrate, migrate_shared
from handrail.store.tables import metadata


def schema(path):
    """Every statement of the schema, with white space and quotes made alike."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    connection.close()
    return {
        (kind, name): re.sub(r"\s+", " ", sql or "").replace("( ", "(").replace(" )", ")")
        for kind, name, sql in rows
        if name != "alembic_version" and "alembic" not in name
    }


def columns(text):
    """The parts of a CREATE TABLE, in any order, and what follows them."""
    found = re.fullmatch(r"CREATE TABLE (\S+) \((.*)\)(.*)", text)
    if found is None:
        return text
    name, parts, after = found.groups()
    return name, sorted(p.strip() for p in re.split(r",(?![^()]*\))", parts)), after


def engine(path):
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


def test_the_migrations_sum_to_the_tables(tmp_path):
    migrate(tmp_path / "migrated.db")
    made = engine(tmp_path / "made.db")
    metadata.create_all(made)
    with made.begin() as connection:
        views.place(connection)
    made.dispose()
    migrated, created = schema(tmp_path / "migrated.db"), schema(tmp_path / "made.db")

    assert set(migrated) == set(created)
    for what, text in created.items():
        assert columns(migrated[what]) == columns(text), what


def test_alembic_finds_no_difference(tmp_path):
    migrate(tmp_path / "migrated.db")
    found = engine(tmp_path / "migrated.db")
    with found.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    found.dispose()

    assert difference == []


def test_a_second_run_changes_nothing(tmp_path):
    migrate(tmp_path / "x.db")
    before = schema(tmp_path / "x.db")
    migrate(tmp_path / "x.db")

    assert schema(tmp_path / "x.db") == before


def test_a_migration_that_fails_leaves_nothing(tmp_path):
    """One transaction: a table that is in the way must not leave the others behind."""
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE sealed (other TEXT)")
    connection.close()
    before = schema(tmp_path / "x.db")

    with pytest.raises(Unavailable, match="cannot be brought"):
        migrate(tmp_path / "x.db")
    assert schema(tmp_path / "x.db") == before


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    migrate(tmp_path / "x.db")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(Unavailable, match="another version"):
        migrate(tmp_path / "x.db")


def test_there_is_one_line_of_revisions(tmp_path):
    with engine(tmp_path / "x.db").connect() as connection:
        scripts = ScriptDirectory.from_config(config(connection))

        assert len(scripts.get_heads()) == 1
        assert len(scripts.get_bases()) == 1


def test_the_migrations_are_in_the_package():
    folder = resources.files("handrail.store") / "migrations"

    assert (folder / "env.py").is_file()
    assert (folder / "versions" / "0001_initial.py").is_file()


def test_alembic_finds_no_difference_on_postgresql(cluster):
    url = cluster.new()
    migrate_shared(url)
    migrate_shared(url)
    found = create_engine(url.replace("postgresql", "postgresql+psycopg", 1), poolclass=NullPool)
    with found.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
        indexes = connection.exec_driver_sql("SELECT indexdef FROM pg_indexes").scalars().all()
    found.dispose()
    cluster.drop(url)

    assert difference == []
    assert any("ix_action_unfinished" in i and "WHERE" in i for i in indexes)


def test_a_migration_that_fails_on_postgresql_leaves_nothing(cluster):
    url = cluster.new()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE told (other TEXT)")
    with pytest.raises(Unavailable, match="cannot be brought"):
        migrate_shared(url)
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    cluster.drop(url)

    assert tables == [("told",)]
