"""What Handrail itself calls for a row: reads that look, and the calls that undo (SPEC 2, 4).

Templates only: the arguments are expressions, worked out from one call's values when they are
needed. A value that is not there raises `ConditionError`; nothing is guessed and nothing is left
out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handrail.core.conditions import Condition, Expression, scope
from handrail.core.model import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A read of Handrail's own: a type, its arguments, and what must be seen."""

    read: str
    arguments: Mapping[str, Expression]
    when: Condition | None = None
    says: str = ""
    after: timedelta | None = None  #: how long after the act it is read; None: `check_delay`

    def arguments_for(self, values: Mapping[str, Any]) -> dict[str, Json]:
        """The exact arguments. Raises `ConditionError` when one can't be worked out."""
        prepared = scope(values)
        return {name: e.value(prepared) for name, e in self.arguments.items()}

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is true of what was seen. An error fails."""
        return self.when is None or self.when.true(scope(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How one fact is established: which calls, by which read, for how long."""

    name: str
    types: tuple[str, ...]
    when: Condition | None
    read: str
    arguments: Mapping[str, Expression]
    value: Expression
    age: timedelta

    def arguments_for(self, values: Mapping[str, Any]) -> dict[str, Json]:
        prepared = scope(values)
        return {name: e.value(prepared) for name, e in self.arguments.items()}

    def value_of(self, values: Mapping[str, Any]) -> Json:
        return self.value.value(scope(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackCall:
    """One call of a rollback, before its arguments are worked out."""

    call: str
    arguments: Mapping[str, Expression]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The safe target on which a rollback is rehearsed: the exact call, and how often."""

    client: str
    arguments: Mapping[str, Json]
    every: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The recipe that undoes. ``kind`` is exact, snapshot, time-limited, manual or none."""

    kind: str
    before: Read | None = None
    each: Expression | None = None  #: a list: every `item` of it is undone by itself
    calls: tuple[RollbackCall, ...] = ()
    check: Read | None = None
    within: timedelta | None = None
    text: str = ""

    @property
    def one_click(self) -> bool:
        """Whether a person may run it by one click (SPEC 4)."""
        return self.kind in {"exact", "snapshot"} and bool(self.calls)
