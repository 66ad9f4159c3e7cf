"""Rollback templates → the exact calls that undo one action (SPEC 4).

* A template with ``each`` undoes a list one by one: every item has calls of its own, and whether
  one failed says nothing about the next.
* Within one item the calls run in order, and the first that fails ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from handrail.core.conditions import ConditionError, scope
from handrail.core.model import Json
from handrail.core.policy import Rollback
from handrail.core.titles import plain

MOST = 500  # items that one reversal takes


@dataclass(frozen=True, slots=True)
class Call:
    """One exact call of a rollback."""

    type: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be undone: its calls in order, the values that its check may use, and its name
    for people (empty where the action is undone as a whole)."""

    name: str
    calls: tuple[Call, ...]
    values: Mapping[str, Json]


def plan(template: Rollback, values: Mapping[str, Json]) -> tuple[Item, ...]:
    """Work out the items from ``args``, ``result`` and ``before``.

    Raises `ConditionError` when a value that one needs is not there: then nothing may be called,
    since half a rollback is worse than none.
    """
    if template.each is None:
        return (_item(template, values, ""),)
    found = template.each.value(scope(values))
    if not isinstance(found, list) or not found:
        raise ConditionError(f"{template.each.text} is no list of what is to be undone")
    if len(found) > MOST:
        raise ConditionError(f"{template.each.text} has {len(found)} items; the limit is {MOST}")
    return tuple(_item(template, {**values, "item": one}, _name(one)) for one in found)


def _item(template: Rollback, values: Mapping[str, Json], name: str) -> Item:
    prepared = scope(values)
    calls = tuple(
        Call(call.call, {name: e.value(prepared) for name, e in call.arguments.items()})
        for call in template.calls
    )
    return Item(name, calls, values)


def _name(item: Json) -> str:
    return plain(item if isinstance(item, str) else orjson.dumps(item).decode(), 80)
