"""How two rules stand to each other: which calls one is about, and whether the other covers it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from handrail.core.condition_space import implies
from handrail.core.policy import Rule, matches

_WILD = re.compile(r"[*?\[]")


def fixed_by(rule: Rule) -> dict[str, Sequence[Any]]:
    """What about: says of the attributes that a condition may ask for."""
    fixed: dict[str, Sequence[Any]] = {}
    if rule.categories:
        fixed["action.category"] = sorted(rule.categories)
    if rule.effect is not None:
        fixed["action.effect"] = [rule.effect.value]
    if rule.types and not any(_WILD.search(t) for t in rule.types):
        # Types are matched without regard to case, and may stand in another one.
        fixed["action.type"] = [t for type in rule.types for t in (type, type.swapcase())]
    return fixed


def covers(strong: Rule, weak: Rule) -> bool:
    """Whether *strong* certainly asks for as much wherever *weak* holds."""
    return (
        strong.tier >= weak.tier
        and wider(strong, weak)
        and implies(weak.when, strong.when, fixed_by(weak), known=frozenset())
    )


def wider(wide: Rule, narrow: Rule) -> bool:
    """Whether *wide* is plainly about every call that *narrow* is about."""
    types = not wide.types or (
        bool(narrow.types) and all(t in wide.types or _matched(t, wide.types) for t in narrow.types)
    )
    return (
        types
        and (not wide.categories or (narrow.categories and wide.categories >= narrow.categories))
        and wide.effect in {None, narrow.effect}
    ) is True


def _matched(narrow: str, wide: Iterable[str]) -> bool:
    """Whether the pattern *narrow* names nothing that *wide* does not: decided for patterns whose
    only wildcard is `*`, by matching it as a text in which the star is a letter like others."""
    if re.search(r"[?\[]", narrow):
        return False
    return matches(narrow, [w for w in wide if not re.search(r"[?\[]", w)])
