"""Statements as text, compiled once from the tables.

SQLAlchemy Core writes every statement; what is executed is its text, compiled one time for the
dialect and handed to the driver. Compiling at each execution costs three times the execution
itself (COMMIT section 2), and the hot path has none of that to give.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import ClauseElement

from handrail.store.tables import metadata

_DIALECT = SQLiteDialect_pysqlite(paramstyle="qmark")
_NAMED = SQLiteDialect_pysqlite(paramstyle="named")

#: A decoded row: column name to value.
Decoded = dict[str, Any]


def table(name: str) -> Table:
    """The table of that name; a name that is none is an error of Handrail itself."""
    return metadata.tables[name]


def positional(statement: ClauseElement) -> str:
    """The text of *statement* with question marks, in the order its parameters were named."""
    return str(statement.compile(dialect=_DIALECT))


def named(statement: ClauseElement) -> tuple[str, dict[str, Any]]:
    """The text of *statement* with named parameters, and the values that stand in it already."""
    compiled = statement.compile(dialect=_NAMED)
    return str(compiled), {k: v for k, v in compiled.params.items() if v is not None}


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
        self._updates: dict[tuple[str, ...], str] = {}

    def update(self, columns: tuple[str, ...]) -> str:
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
