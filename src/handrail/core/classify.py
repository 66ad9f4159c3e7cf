"""Which tier governs one call (SPEC section 2): the most restrictive of everything that speaks.

* No signed row, and what is not known, is tier 3; what is prohibited is refused.
* A rule whose condition cannot be evaluated holds; a bound that cannot be evaluated does not.
* Floors, rules, bounds, confidence, standing, pauses and windows can only raise.
* The result names every contributor with a sentence.

`judge` looks at the call and the policy, in the caller's thread; `settle` adds the state (standing,
pauses, windows) and is cheap enough for the writer. Both are pure: the same inputs, the same
result (I21).
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.core.conditions import Scope, scope
from handrail.core.floors import Call, floors
from handrail.core.model import (
    Action,
    Classification,
    Degree,
    Effect,
    Facts,
    Json,
    Reason,
    Request,
    Snapshot,
    Tier,
)
from handrail.core.policy import MatrixRow, Policy, matches
from handrail.core.unwrap import inside
from handrail.core.words import fold


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the policy says about a call, before the state is looked at."""

    type: str
    clients: tuple[str, ...]
    reasons: tuple[Reason, ...]
    policy: str
    row: str | None
    changes: bool
    has_content: bool
    velocity: int | None
    data_classes: frozenset[str]
    scope: Mapping[str, Any] = field(repr=False)

    @property
    def tier(self) -> Tier:
        return max(r.tier for r in self.reasons)


def given(
    request: Request,
    arguments: Mapping[str, Json],
    agent: str,
    agent_version: str,
    row: MatrixRow | None,
) -> dict[str, Any]:
    """The attributes that the call itself gives, by name: no looked-up fact among them."""
    values: dict[str, Any] = {
        "action.type": request.type,
        "action.connection": request.connection,
        "action.tool": request.tool,
        "action.kind": request.kind,
        "action.mode": request.mode.value,
        "args": arguments,
        "agent.id": agent,
        "agent.version": agent_version,
        "trigger.kind": request.trigger.kind,
        "trigger.ref": request.trigger.ref,
        "fact": {},
    }
    if row is not None:
        values["action.effect"] = row.effect.value
        values["action.category"] = row.category
        values["target.kind"] = row.target_kind
        values["data.classes"] = sorted((row.data_classes or frozenset()) | request.data_classes)
    if request.confidence is not None:
        values["confidence"] = request.confidence / 1000
    return values


def with_facts(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """*values* with the looked-up facts of the call."""
    custom: dict[str, str] = {}
    for name, fact in facts.by_name.items():
        if name.startswith("fact."):
            custom[name[5:]] = str(fact.value)
        else:
            values[name] = fact.value
    if custom:
        values["fact"] = custom
    return values


def judge(
    action: Action,
    arguments: Mapping[str, Json],
    facts: Facts,
    policy: Policy,
    *,
    draft: MatrixRow | None = None,
) -> Judgement:
    """Judge one call by the policy alone.

    With *draft*, by that row instead of the policy's: what it would mean once it is signed. Only
    for looking at drafts; no begin comes from it.
    """
    row = policy.row(action.type) if draft is None else draft
    request = action.request
    values = with_facts(given(request, arguments, action.agent, action.agent_version, row), facts)
    values["targets.count"] = len(action.targets)
    values["targets.list"] = list(action.targets)
    classes = frozenset(fold(c) for c in request.data_classes)
    if row is not None and row.data_classes is not None:
        classes |= row.data_classes
    prepared = scope(values)
    reasons = list(_of_row(action, row, policy))
    if row is not None:
        reasons += _bounds(row, prepared)
    category, effect = (row.category, row.effect) if row else ("other", Effect.CHANGE)
    for rule in policy.rules_for(action.type, category, effect):
        held = rule.when.holds(prepared)
        if held.holds:
            doubt = " (what it asks about is not known)" if held.error else ""
            reasons.append(Reason(f"rule:{rule.name}", rule.tier, rule.because + doubt))
    reasons += floors(Call(action, row, facts, classes, policy))
    reasons += _own_ground(action, arguments, policy)
    hidden = inside(request.tool, arguments)
    if hidden is not None:
        reasons.append(Reason("inside", hidden.tier, hidden.text))
    reasons += _confidence(row, request.confidence, max(r.tier for r in reasons))
    return Judgement(
        type=action.type,
        clients=action.clients,
        reasons=tuple(reasons),
        policy=policy.digest,
        row=row.type if row else None,
        changes=effect is Effect.CHANGE,
        has_content=row is None or row.content != (),
        velocity=row.velocity[0] if row and row.velocity else None,
        data_classes=classes,
        scope=values,
    )


def settle(judgement: Judgement, policy: Policy, state: Snapshot) -> Classification:
    """Add the state to a judgement: standing, pauses, windows."""
    reasons = [*judgement.reasons, *_of_state(judgement, policy, state)]
    tier = max(r.tier for r in reasons)
    return Classification(
        tier=tier,
        reasons=tuple(reasons),
        policy=judgement.policy,
        row=judgement.row,
        floors=tuple(r.code for r in reasons if r.code.startswith("floor:")),
    )


def classify(
    action: Action,
    arguments: Mapping[str, Json],
    facts: Facts,
    policy: Policy,
    state: Snapshot,
) -> Classification:
    """Classify one call: `settle` of `judge`."""
    return settle(judge(action, arguments, facts, policy), policy, state)


def _of_row(action: Action, row: MatrixRow | None, policy: Policy) -> Iterator[Reason]:
    for glob, because in policy.prohibited:
        if matches(action.type, (glob,)):
            yield Reason(f"prohibited:{glob}", Tier.PROHIBITED, because)
    if row is not None:
        yield Reason("row", row.tier, row.rationale)
    elif action.type in policy.rows:
        yield Reason("draft", Tier.APPROVE, f"The row of {action.type} is not signed yet")
    else:
        yield Reason("unknown:type", Tier.APPROVE, f"The matrix has no row for {action.type}")


def _bounds(row: MatrixRow, values: Scope) -> Iterator[Reason]:
    for bound in row.bounds:
        if not bound.when.true(values):
            yield Reason(
                f"bounds:{bound.name}", Tier.APPROVE, f"Outside its bounds: {bound.because}"
            )


def _confidence(row: MatrixRow | None, confidence: int | None, tier: Tier) -> Iterator[Reason]:
    if row is None or row.confidence_floor is None:
        return
    if confidence is None or confidence < row.confidence_floor:
        # One tier up, not straight to 3: doubt about a small thing deserves a second look.
        up = Tier(min(tier + 1, Tier.APPROVE)) if tier < Tier.APPROVE else Tier.APPROVE
        said = "none was given" if confidence is None else f"it is {confidence / 10:g} %"
        floor = row.confidence_floor / 10
        yield Reason("confidence", up, f"Its confidence is below {floor:g} %: {said}")


def _own_ground(action: Action, arguments: Mapping[str, Json], policy: Policy) -> Iterator[Reason]:
    if not policy.own_ground:
        return
    words = {_bare(w) for w in (*action.targets, *_strings(arguments))}
    for ground in policy.own_ground:
        if any(matches(word, (ground.pattern,)) for word in words):
            yield Reason("own-ground", Tier.PROHIBITED, f"Handrail's own ground: {ground.why}")


def _bare(text: str) -> str:
    """*text* without what is invisible: a zero-width character hides nothing."""
    return "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc"}).strip()


def _strings(value: Json) -> Iterator[str]:
    """Every string inside *value*, keys included, however deep; without recursion."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += item.keys()
            left += item.values()
        elif isinstance(item, list):
            left += item


def _of_state(judgement: Judgement, policy: Policy, state: Snapshot) -> Iterator[Reason]:
    overall = {s.tier for s in state.standings if s.client is None}
    scoped = {s.client: s.tier for s in state.standings if s.client is not None}
    tiers = {scoped[c] for c in judgement.clients if c in scoped}
    if not judgement.clients or any(c not in scoped for c in judgement.clients):
        tiers |= overall
    for tier in tiers:
        yield Reason("standing", tier, f"Its standing is tier {tier.wire}")
    for pause in state.pauses:
        what = "stopped" if pause.degree is Degree.STOP else "restricted"
        of = "Everything" if pause.scope == "all" else f"The {pause.scope}"
        yield Reason(f"pause:{pause.degree.value}", Tier.APPROVE, f"{of} is {what}: a pause")
    if not judgement.changes:
        return
    settings = policy.settings
    if judgement.has_content and state.touched_clients > settings.max_clients:
        yield Reason(
            "aggregate:clients",
            Tier.APPROVE,
            f"The same change would reach {state.touched_clients} clients within the hour",
        )
    if judgement.has_content and state.touched_targets > settings.max_targets:
        yield Reason(
            "aggregate:targets",
            Tier.APPROVE,
            f"The same change would reach {state.touched_targets} targets within the hour",
        )
    if state.trigger_clients > 1:
        yield Reason(
            "aggregate:trigger",
            Tier.APPROVE,
            f"One trigger would reach {state.trigger_clients} clients",
        )
    if judgement.velocity is not None and state.recent >= judgement.velocity:
        yield Reason(
            "velocity", Tier.APPROVE, f"{state.recent} of these were asked for within its window"
        )
    if state.in_flight_unverified >= settings.in_flight_later:
        yield Reason(
            "in-flight",
            Tier.APPROVE,
            f"{state.in_flight_unverified} of these are still unverified",
        )
