"""Rollback templates → the exact calls that undo one action (SPEC 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

from handrail.core.conditions import scope
from handrail.core.model import Json
from handrail.core.policy import Rollback


@dataclass(frozen=True, slots=True)
class Call:
    """One exact call of a rollback."""

    type: str
    arguments: Mapping[str, Json]


def plan(template: Rollback, values: Mapping[str, Json]) -> tuple[Call, ...]:
    """Work out the calls from ``args``, ``result`` and ``before``.

    Raises `ConditionError` when a value that one needs is not there: then nothing may be called,
    since half a rollback is worse than none.
    """
    prepared = scope(values)
    return tuple(
        Call(call.call, {name: e.value(prepared) for name, e in call.arguments.items()})
        for call in template.calls
    )
