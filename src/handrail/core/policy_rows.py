"""Matrix and rule files → rows and rules (see `policy_load` for the folder as a whole)."""

import re
from collections.abc import Callable, Collection
from typing import Any

from handrail.core.conditions import ATTRIBUTES, condition
from handrail.core.model import Effect, Tier, Urgency
from handrail.core.policy import (
    SIGNERS,
    Bound,
    MatrixRow,
    Rehearsal,
    Rollback,
    RollbackCall,
    Rule,
    Signature,
)
from handrail.core.policy_leaves import (
    read_arguments,
    read_check,
    read_condition,
    read_date,
    read_effect,
    read_expression,
    read_globs,
    read_read,
    read_span,
    read_tier,
    read_type,
)
from handrail.core.policy_shape import (
    ABOUT,
    BOUND,
    CALL,
    COUNT,
    REHEARSAL,
    ROLLBACK,
    ROW,
    RULE,
    SCORECARD,
    SIGNATURE,
    VELOCITY,
)
from handrail.core.scorecard import SCALES, Factor, Scorecard
from handrail.core.vocabulary import BREAKERS, CATEGORIES, DATA_CLASSES, ROLLBACKS, TARGET_KINDS
from handrail.core.yaml_lines import Node, suggestion

_PLACES = re.compile(r"\{([^{}]*)\}")
_PLACE = re.compile(r"args\.[A-Za-z0-9_-]+|targets|clients")


def read_signature(node: Node, roles: Collection[str]) -> Signature:
    f = node.fields(*SIGNATURE.keys)
    return Signature(
        role=f["role"].text(names={*SIGNERS, *roles}) if "role" in f else "",
        by=f["by"].text() if "by" in f else "",
        at=read_date(f["at"]) if "at" in f else "",
        why=f["why"].text() if "why" in f else "",
    )


def read_rule(node: Node) -> Rule | None:
    f = node.fields(*RULE.keys)
    about = f["about"].fields(*ABOUT.keys) if "about" in f else {}
    if not about and "when" not in f:
        node.wrong("the rule is about everything", "Give it about: or when:, or both.")
    always = condition("true")
    when = read_condition(f["when"], twin="either") if "when" in f else always
    tier = read_tier(f["tier"]) if "tier" in f else None
    types = read_globs(about["types"]) if "types" in about else ()
    categories = about["categories"].texts(allowed=CATEGORIES) if "categories" in about else ()
    effect = read_effect(about["effect"]) if "effect" in about else None
    name = f["name"].text() if "name" in f else ""
    because = f["because"].text() if "because" in f else ""
    if when is None or tier is None or not {"name", "because"} <= set(f):
        return None
    if tier is Tier.AUTONOMOUS:
        f["tier"].wrong("a rule at tier 1 changes nothing", "Rules only raise: write 2 or 3.")
    return Rule(
        name=name,
        types=types,
        categories=frozenset(categories),
        effect=effect,
        when=when,
        tier=tier,
        because=because,
    )


def read_row(node: Node, shared: tuple[Signature, ...], roles: Collection[str]) -> MatrixRow | None:
    """One row; None when too little of it could be understood. What is wrong is said."""
    f = node.fields(*ROW.keys)

    def get(key: str, read: Callable[[Node], Any], default: Any = None) -> Any:
        return read(f[key]) if key in f else default

    tier = get("tier", read_tier)
    effect = get("effect", read_effect)
    card = get("scorecard", _scorecard, Scorecard({}))
    if tier is not None and "scorecard" in f and tier < card.least:
        f["tier"].wrong(
            f"tier {tier.wire} is below what its scorecard allows ({card.sentence()})",
            f"Raise the tier to {card.least.wire}, or score the factor anew with a reason.",
            "scorecard",
        )
    if tier is Tier.NOTIFY and "notify" not in f:
        f["tier"].wrong("a tier 2 row needs notify", "Name the role that is told.")
    floor = get("confidence_floor", lambda n: n.number(0, 1))
    own = get("signatures", lambda n: tuple(read_signature(s, roles) for s in n.items()), ())
    row = MatrixRow(
        type=get("type", read_type, ""),
        tier=tier or Tier.APPROVE,
        says=get("says", _sentence, ""),
        said=get("said", _sentence, ""),
        category=get("category", lambda n: n.text(allowed=CATEGORIES), "other"),
        effect=effect or Effect.CHANGE,
        client=get("client", read_expression),
        targets=get("targets", read_expression),
        target_kind=get("target_kind", lambda n: n.text(allowed=TARGET_KINDS), "other"),
        data_classes=get("data_classes", lambda n: frozenset(n.texts(allowed=DATA_CLASSES))),
        needs_facts=get("needs_facts", _facts, ()),
        content=get("content", lambda n: n.texts()),
        scorecard=card,
        rationale=get("rationale", lambda n: n.text(), ""),
        owner=get("owner", lambda n: n.text(), ""),
        risk=get("risk", lambda n: n.text(), ""),
        bounds=get("bounds", _bounds, ()),
        confidence_floor=None if floor is None else round(floor * 1000),
        approvals=get("approvals", lambda n: n.whole(1, 2), 1) or 1,
        urgency=Urgency(get("urgency", lambda n: n.text(allowed=list(Urgency)), "") or "normal"),
        notify=get("notify", lambda n: n.text(names=roles), ""),
        protective=get("protective", lambda n: n.flag(), False),
        check=get("check", read_check),
        solved=get("solved", read_read),
        rollback=get("rollback", _rollback),
        rehearsal=get("rehearsal", _rehearsal),
        velocity=get("velocity", _velocity),
        start=get("start", read_tier) or tier or Tier.APPROVE,
        bucket=get("bucket", read_expression),
        breaker=get("breaker", lambda n: n.text(allowed=BREAKERS), "") or "standard",
        signatures=(*shared, *own),
    )
    if "start" in f and row.start < row.tier:
        f["start"].wrong(
            f"it can't start at tier {row.start.wire}: its least oversight is {row.tier.wire}",
            "Start at its tier or above it.",
        )
    if row.rehearsal is not None:
        rollback = row.rollback
        if rollback is None or not rollback.one_click or rollback.check is None:
            f["rehearsal"].wrong(
                "nothing can be rehearsed without an exact or snapshot rollback with a check",
                "Give the row's rollback calls and a check.",
            )
    return row if set(ROW.keys[0]) <= set(f) and tier is not None and effect else None


def _sentence(node: Node) -> str:
    """A sentence of Handrail's own words with places for what a call is about."""
    text = node.text()
    for place in _PLACES.findall(text):
        if not _PLACE.fullmatch(place):
            node.wrong(
                f"{{{place}}} is no place", "Places are {args.NAME}, {targets} and {clients}."
            )
    if "{" in _PLACES.sub("", text) or "}" in _PLACES.sub("", text):
        node.wrong("a brace stands alone", "Places are {args.NAME}, {targets} and {clients}.")
    return text


def _facts(node: Node) -> tuple[str, ...]:
    names = node.texts()
    for name in names:
        if name not in ATTRIBUTES and not name.startswith("fact."):
            node.wrong(f"{name!r} is no attribute", suggestion(name, [*ATTRIBUTES, "fact.NAME"]))
    return names


def _scorecard(node: Node) -> Scorecard:
    factors = {}
    for factor, body in node.fields(*SCORECARD.keys).items():
        f = body.fields(("level", "why"))
        if {"level", "why"} <= set(f):
            factors[factor] = Factor(f["level"].text(allowed=SCALES[factor]), f["why"].text())
    return Scorecard(factors)


def _bounds(node: Node) -> tuple[Bound, ...]:
    found: list[Bound] = []
    for item in node.items():
        f = item.fields(*BOUND.keys)
        when = read_condition(f["when"], twin="both") if "when" in f else None
        name = f["name"].text() if "name" in f else ""
        because = f["because"].text() if "because" in f else ""
        if when is None or not {"name", "because"} <= set(f):
            continue
        bound = Bound(name=name, when=when, because=because)
        if any(b.name == bound.name for b in found):
            f["name"].wrong(
                f"a bound named {bound.name!r} stands already", "Give it its own name.", "twice"
            )
        found.append(bound)
    return tuple(found)


def _velocity(node: Node) -> Any:
    f = node.fields(*VELOCITY.keys)
    most = f["max"].whole(1, COUNT) if "max" in f else None
    per = read_span(f["per"]) if "per" in f else None
    return None if most is None or per is None else (most, per)


def _rehearsal(node: Node) -> Rehearsal | None:
    f = node.fields(*REHEARSAL.keys)
    arguments: dict[str, Any] = {}
    for name, value in f["arguments"].entries() if "arguments" in f else ():
        plain = isinstance(value.value, bool | int | float)
        arguments[name] = value.value if plain else value.text()
    every = read_span(f["every"]) if "every" in f else None
    client = f["client"].text() if "client" in f else ""
    return Rehearsal(client=client, arguments=arguments, every=every) if "arguments" in f else None


def _rollback(node: Node) -> Rollback | None:
    f = node.fields(*ROLLBACK.keys)
    kind = f["class"].text(allowed=ROLLBACKS) if "class" in f else ""
    calls = []
    for item in f["calls"].items() if "calls" in f else ():
        c = item.fields(*CALL.keys)
        call = read_type(c["call"]) if "call" in c else ""
        arguments = read_arguments(c["arguments"]) if "arguments" in c else {}
        if {"call", "arguments"} <= set(c):
            calls.append(RollbackCall(call=call, arguments=arguments))
    if kind in {"exact", "snapshot"} and not calls:
        node.wrong(f"a rollback of class {kind} needs calls", "Name the call that undoes it.")
    if kind == "snapshot" and "before" not in f:
        node.wrong("a snapshot needs before", "Name the read whose values are restored.")
    return Rollback(
        kind=kind or "none",
        before=read_read(f["before"]) if "before" in f else None,
        each=read_expression(f["each"], afterwards=True) if "each" in f else None,
        calls=tuple(calls),
        check=read_read(f["check"]) if "check" in f else None,
        within=read_span(f["within"]) if "within" in f else None,
        text=f["text"].text() if "text" in f else "",
    )
