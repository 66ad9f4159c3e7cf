"""Statements as text, compiled once from the tables for the database that runs them.

SQLAlchemy Core writes every statement; what is executed is its text, compiled one time for the
dialect and handed to the driver. Compiling at each execution costs three times the execution
itself (COMMIT section 2), and the hot path has none of that to give.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import ClauseElement

from handrail.store.tables import metadata

_DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")
_NAMED = SQLiteDialect_pysqlite(paramstyle="named")
_POSTGRES = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
_POSTGRES_NAMED = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]

#: A decoded row: column name to value.
Decoded = dict[str, Any]


def table(name: str) -> Table:
    """The table of that name; a name that is none is an error of Handrail itself."""
    return metadata.tables[name]


class Text(str):
    """A statement as SQLite reads it, and on demand as PostgreSQL does."""

    __slots__ = ("_made", "_of", "_on")

    @classmethod
    def of(cls, statement: ClauseElement, sqlite: Dialect, postgres: Dialect) -> "Text":
        """The text of *statement*, compiled for each."""
        text = cls(statement.compile(dialect=sqlite))
        text._of, text._on, text._made = statement, postgres, None
        return text

    _of: ClauseElement
    _on: Dialect
    _made: str | None

    @property
    def postgres(self) -> str:
        """The same for PostgreSQL."""
        if self._made is None:
            self._made = str(self._of.compile(dialect=self._on))
        return self._made


def positional(statement: ClauseElement) -> Text:
    """The text of *statement* with its parameters in the order in which they were named."""
    return Text.of(statement, _DIALECT, _POSTGRES)


def named(statement: ClauseElement) -> tuple[Text, dict[str, Any]]:
    """The text of *statement* with named parameters, and the values that stand in it already."""
    known = statement.compile(dialect=_NAMED).params
    text = Text.of(statement, _NAMED, _POSTGRES_NAMED)
    return text, {k: v for k, v in known.items() if v is not None}


class Access:
    """How one table is written and read by key: its columns, and the texts that do it."""

    def __init__(self, of: Table) -> None:
        self.name = of.name
        self.columns = tuple(c.name for c in of.columns)
        self.keys = tuple(c.name for c in of.primary_key.columns)
        #: Every column, empty: a row laid over it has the columns' order.
        self.blank: Mapping[str, Any] = dict.fromkeys(self.columns)
        self._of = of
        self._where = [of.c[k] == bindparam(f"key_{k}") for k in self.keys]
        self.insert = positional(insert(of))
        self.select = positional(select(of).where(*self._where))
        self.delete = positional(delete(of).where(*self._where))
        self._updates: dict[tuple[str, ...], Text] = {}

    def update(self, columns: tuple[str, ...]) -> Text:
        """Set *columns*, then the key."""
        text = self._updates.get(columns)
        if text is None:
            values: list[tuple[Any, Any]] = [
                (self._of.c[c], bindparam(f"new_{c}")) for c in columns
            ]
            statement = update(self._of).ordered_values(*values).where(*self._where)
            text = self._updates[columns] = positional(statement)
        return text

    def key(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The primary key of *row*."""
        return tuple([row[k] for k in self.keys])

    def decode(self, values: tuple[Any, ...]) -> Decoded:
        """A driver's row by column name."""
        return dict(zip(self.columns, values, strict=True))


@cache
def access(name: str) -> Access:
    """The `Access` of the table *name*."""
    return Access(table(name))


#: Tables so that a row's parents come before it: the order to insert in.
IN_ORDER: tuple[str, ...] = tuple(t.name for t in metadata.sorted_tables)
