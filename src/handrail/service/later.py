"""Whether the target of an action changed since, before it is undone (SPEC 4).

Undoing over a later change would undo that as well. Two things tell of one: a later change of the
same target through Handrail, of this kind or of the kind that undoes it; and the row's own check,
read again, that does not see any more what the action left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handrail.core.action import State
from handrail.core.model import Json
from handrail.core.policy import MatrixRow
from handrail.service import codec
from handrail.store.contract import Reader, Row

_LOOKED_AT = 500  # later actions of the client
_CHANGED = frozenset({State.BEGUN.value, State.DONE.value, State.UNKNOWN.value})


@dataclass(frozen=True, slots=True)
class Later:
    """One later change of the same target."""

    action: str
    title: str
    at: int


def changes(reader: Reader, row: Row, kind: MatrixRow) -> list[Later]:
    """Later changes that undoing *row* would touch, newest first."""
    mine = set(codec.load(row["targets"]))
    undo = kind.rollback.calls if kind.rollback else ()
    types = {row["type"], *(call.call for call in undo)}
    found = reader.actions(client=row["client"] or None, since=row["at"] + 1, limit=_LOOKED_AT)
    return [
        Later(a["id"], a["sentence"], a["at"])
        for a in found
        if a["id"] != row["id"]
        and a["type"] in types
        and a["state"] in _CHANGED
        and mine & set(codec.load(a["targets"]))
    ]


def why(later: Sequence[Later], held: bool | None) -> str:
    """Why the reversal needs a decision, in words; empty when it does not."""
    if later:
        titles = "; ".join(one.title for one in later[:3])
        more = f"; and {len(later) - 3} more" if len(later) > 3 else ""
        return f"The target changed since: {titles}{more}."
    if held is False:
        return "The target changed since: it is not as this action left it."
    return ""


def values(values: Mapping[str, Json], seen: Json) -> dict[str, Json]:
    """What a check sees when it is read again."""
    return {**values, "before": values.get("before", {}), "result": seen, "after": seen}
