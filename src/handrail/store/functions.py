"""The few functions that the databases spell differently: one meaning, one spelling for each."""

from typing import Any

from sqlalchemy import JSON, Integer, Text, cast, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class Members(GenericFunction[Any]):
    """The members of a JSON list of words, as rows of one column `value`."""

    inherit_cache = True
    name = "json_each"


class Objects(GenericFunction[str]):
    """The rows of a group as a JSON list of objects: names and values by turns."""

    type = Text()
    inherit_cache = True


class Words(GenericFunction[str]):
    """Bytes as the UTF-8 text that they are."""

    type = Text()
    inherit_cache = True


class PlaceOf(GenericFunction[int]):
    """Where the second text begins in the first, from 1; 0 when it does not."""

    type = Integer()
    inherit_cache = True


class ByItself(GenericFunction[Any]):
    """A column to sort by, of which no index is to be walked for the order."""

    inherit_cache = True


@compiles(Members, "postgresql")
def _(element: Members, compiler: SQLCompiler, **kw: Any) -> str:
    (clause,) = element.clauses
    return compiler.process(func.json_array_elements_text(cast(clause, JSON)), **kw)


@compiles(Objects, "sqlite")
def _(element: Objects, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(func.json_group_array(func.json_object(*element.clauses)), **kw)


@compiles(Objects, "postgresql")
def _(element: Objects, compiler: SQLCompiler, **kw: Any) -> str:
    listed = func.json_agg(func.json_build_object(*element.clauses))
    return compiler.process(func.coalesce(cast(listed, Text), literal_column("'[]'")), **kw)


@compiles(Words, "sqlite")
def _(element: Words, compiler: SQLCompiler, **kw: Any) -> str:
    (clause,) = element.clauses
    return compiler.process(cast(clause, Text), **kw)


@compiles(Words, "postgresql")
def _(element: Words, compiler: SQLCompiler, **kw: Any) -> str:
    (clause,) = element.clauses
    return f"convert_from({compiler.process(clause, **kw)}, 'UTF8')"


@compiles(PlaceOf, "sqlite")
def _(element: PlaceOf, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(func.instr(*element.clauses), **kw)


@compiles(PlaceOf, "postgresql")
def _(element: PlaceOf, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(func.strpos(*element.clauses), **kw)


@compiles(ByItself, "sqlite")
@compiles(ByItself, "postgresql")
def _(element: ByItself, compiler: SQLCompiler, **kw: Any) -> str:
    (clause,) = element.clauses
    return f"+{compiler.process(clause, **kw)}"
