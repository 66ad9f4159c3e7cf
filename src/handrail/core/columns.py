"""Records of other systems, read by the columns that such systems have: `client_map` and
`reconcile` share how a cell becomes texts."""

from collections.abc import Mapping
from typing import Any

from handrail.core.model import Json
from handrail.core.words import key_of

Columns = Mapping[str, frozenset[str]]  #: kind → names of columns, folded and without marks


def by_kind(record: Mapping[str, Json], columns: Columns, *, deep: int = 0) -> dict[str, list[str]]:
    """The texts of *record* by the kind of their column. Objects in cells are looked into as
    *deep* as that, as some systems nest them."""
    found: dict[str, list[str]] = {kind: [] for kind in columns}
    for column, value in record.items():
        key = key_of(str(column)).replace(" ", "")
        for kind, names in columns.items():
            if key in names:
                found[kind] += texts(value, deep)
    return found


def texts(value: Json, deep: int = 0) -> list[str]:
    """The texts and whole numbers of one cell, and of the lists in it."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return [str(value).strip()] if str(value).strip() else []
    if isinstance(value, list):
        return [text for item in value for text in texts(item, deep)]
    if isinstance(value, Mapping) and deep > 0:
        inner: Any = value.values()
        return [text for item in inner for text in texts(item, deep - 1)]
    return []
