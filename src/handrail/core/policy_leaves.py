"""The leaves of a policy file: tiers, spans, dates, types, conditions, reads.

Each takes a `Node`, says what is wrong with it, and gives None (or empty) where nothing usable
stands: reading goes on, so that one run says everything.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson

from handrail.core.conditions import (
    MAX_TEXT,
    Condition,
    ConditionError,
    Expression,
    Twin,
    condition,
    expression,
)
from handrail.core.model import Effect, Tier
from handrail.core.policy import Read
from handrail.core.policy_kinds import Shape
from handrail.core.policy_shape import CHECK, INSTANT, MANY, READ
from handrail.core.yaml_lines import Node

_TYPE = re.compile(r"[A-Za-z0-9_-]+\.\S{1,500}")
_SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(INSTANT.pattern)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIERS: Mapping[Any, Tier] = {
    1: Tier.AUTONOMOUS, 2: Tier.NOTIFY, 3: Tier.APPROVE, "prohibited": Tier.PROHIBITED,
}  # fmt: skip


def read_tier(node: Node) -> Tier | None:
    plain = isinstance(node.value, int | str) and not isinstance(node.value, bool)
    tier = _TIERS.get(node.value) if plain else None
    if tier is None:
        node.wrong(f"the tier is {node.shown}", "Write 1, 2, 3 or prohibited.")
    return tier


def read_effect(node: Node) -> Effect | None:
    text = node.text(allowed=list(Effect))
    return Effect(text) if text else None


def read_type(node: Node) -> str:
    text = node.text()
    if text and not _TYPE.fullmatch(text):
        node.wrong(f"{text!r} is no action type", "Write it as connection.tool.")
    return text


def read_span(node: Node, *, least: timedelta = timedelta(seconds=1)) -> timedelta | None:
    match = _SPAN.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None:
        node.wrong(f"{node.shown} is no span of time", "Write it as 30s, 15m, 24h or 7d.")
        return None
    span = timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    if span < least:
        node.wrong(f"{node.value} is too short", "Write a span longer than nothing.")
        return None
    return span


def read_date(node: Node) -> str:
    text = node.text()
    if text and not _DATE.fullmatch(text):
        node.wrong(f"{text!r} is no date", "Write it as 2026-11-02.")
        return text
    try:
        date.fromisoformat(text or "2000-01-01")  # an empty one was said already
    except ValueError:
        node.wrong(f"{text!r} is no date", "Write it as 2026-11-02.", "time")
    return text


def read_instant(node: Node) -> datetime | None:
    text = node.text()
    if not text:
        return None
    formed = _INSTANT.search(text) is not None
    try:
        # Years near the ends of the calendar have no instant in every zone.
        at = datetime.fromisoformat(text) if formed else None
        if at is not None and 1970 <= at.year <= 9000:
            return at
    except ValueError:
        pass  # said below
    node.wrong(
        f"{text!r} is no instant with its time zone",
        'Write it as "2026-12-24T12:00:00+01:00".',
        "time" if formed else "structure",
    )
    return None


def read_condition(
    node: Node, *, afterwards: bool = False, twin: Twin = "none"
) -> Condition | None:
    text = node.text()
    try:
        return condition(text, afterwards=afterwards, twin=twin) if text else None
    except ConditionError as error:
        code = "structure" if len(text) > MAX_TEXT else "condition"
        node.wrong(error.message, error.hint, code)
        return None


def read_expression(node: Node, *, afterwards: bool = False) -> Expression | None:
    text = node.text()
    try:
        return expression(text, afterwards=afterwards) if text else None
    except ConditionError as error:
        code = "structure" if len(text) > MAX_TEXT else "condition"
        node.wrong(error.message, error.hint, code)
        return None


def read_arguments(node: Node) -> dict[str, Expression]:
    """Argument name → expression. A number or a truth value stands for itself."""
    found = {}
    for name, value in node.entries():
        if isinstance(value.value, bool | int | float):
            value = replace(value, value=orjson.dumps(value.value).decode())  # noqa: PLW2901
        compiled = read_expression(value, afterwards=True)
        if compiled is not None:
            found[name] = compiled
    return found


def read_read(node: Node, shape: Shape = READ) -> Read | None:
    """A read of Handrail's own: type, arguments, and the condition on what is seen."""
    f = node.fields(*shape.keys)
    if not {"read", "arguments"} <= set(f):
        return None
    return Read(
        read=read_type(f["read"]),
        arguments=read_arguments(f["arguments"]),
        when=read_condition(f["when"], afterwards=True) if "when" in f else None,
        says=f["says"].text() if "says" in f else "",
        after=read_span(f["after"], least=timedelta()) if "after" in f else None,
    )


def read_check(node: Node) -> Read | None:
    """A check: a read with the time after the act at which it is made."""
    return read_read(node, CHECK)


def read_globs(node: Node) -> tuple[str, ...]:
    """A list of action types, with `*` for any part."""
    texts = node.texts()
    if len(texts) > MANY:
        node.wrong(f"more than {MANY} types", "Use * for any part.")
    for text in texts:
        if "." not in text and "*" not in text:
            node.wrong(f"{text!r} is no action type", "Write it as connection.tool or with *.")
    return texts
