"""SQL texts, taken apart by a real parser: every statement, and what a plain query reads.

* Only a plain SELECT reads; any other statement, and any part that writes, locks, or calls a
  function that is not on the list, is a change or not understood.
* What databases read differently is not understood: comments (some run them), backslashes,
  variables. Names in brackets are names.
* The parser is loaded when the first such call comes: plain calls do not pay for it.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_DIFFERENT = re.compile(r"--|/\*|\*/|#|\\|\$|@@?|`|\x00")
_BRACKETED = re.compile(r"\[([A-Za-z_][\w ]{0,127})\]")
_MOST = 5_000  # nodes of one statement

#: What a plain query is made of.
_PLAIN = frozenset(
    "Select From Table TableAlias Identifier Column Star Literal Where And Or Xor Not EQ NEQ "
    "NullSafeEQ GT GTE LT LTE Like ILike In Between Is Null Boolean Paren Join Order Ordered Limit "
    "Offset Fetch Group Having Distinct Alias Subquery Union Except Intersect With CTE Exists Any "
    "All Add Sub Mul Div Mod Neg Concat ConcatWs DPipe Substring Lower Upper Initcap Coalesce "
    "Nullif Cast TryCast DataType DataTypeParam Trim Length Round Abs Ceil Floor Case If Tuple "
    "Count CountIf Sum Avg Min Max Median Extract Interval Var Year Month Day Date DateTrunc "
    "TimestampTrunc DateDiff DateAdd DateSub CurrentDate CurrentTimestamp CurrentTime Greatest "
    "Least Placeholder RowNumber Rank DenseRank Window WindowSpec Left Right Replace Dot "
    "LimitOptions".split()
)


@dataclass(frozen=True, slots=True)
class Query:
    """What some SQL does. ``changes`` names the first part that is more than a plain query, empty
    when there is none; then ``tables`` and ``columns`` are the names that it reads."""

    changes: str
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


def understood(text: str) -> Query | None:
    """Take *text* apart; None when it can't be told what it does."""
    plain = _BRACKETED.sub(r'"\1"', text)
    if "[" in plain or _DIFFERENT.search(plain):
        return None
    statements = _statements(plain)
    if not statements:
        return None
    tables: list[str] = []
    columns: list[str] = []
    made: set[str] = set()  # names that the text itself gives
    for statement in statements:
        for n, node in enumerate(statement.walk()):
            kind = type(node).__name__
            if kind not in _PLAIN or n > _MOST:
                return Query(changes=kind.upper())
            if kind == "Table":
                tables.append(".".join(part.name for part in node.parts))
            elif kind == "CTE":
                made.add(str(node.alias).lower())
            elif kind == "Column":
                columns.append(str(node.name))
        if type(statement).__name__ not in {"Select", "Union", "Except", "Intersect", "Subquery"}:
            return Query(changes=type(statement).__name__.upper())
    return Query("", tuple(t for t in tables if t.lower() not in made), tuple(columns))


@lru_cache(maxsize=256)
def _statements(text: str) -> Sequence[Any] | None:
    import sqlglot  # noqa: PLC0415 - only calls that hide a query pay
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    # It warns about what it keeps unparsed; what is kept so is judged here.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    for dialect in ("", "tsql"):
        try:
            return [s for s in sqlglot.parse(text, dialect=dialect) if s is not None]
        except (SqlglotError, RecursionError):
            continue
    return None
