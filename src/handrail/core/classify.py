"""Which tier governs one call (SPEC section 2): the most restrictive of everything that speaks.

* No signed row, and what is not known, is tier 3; what is prohibited is refused.
* A rule whose condition cannot be evaluated holds; a bound that cannot be evaluated does not.
* Floors, rules, bounds, confidence, standing, pauses and windows can only raise.
* Names and texts are matched without regard to case and Unicode form (`conditions`, `words`).
* The result names every contributor with a sentence.

`judge` looks at the call and the policy, in the caller's thread; `settle` adds the state (standing,
pauses, windows) and is cheap enough for the writer. Both are pure: the same inputs, the same
result (I21).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.core.arguments import Looked, look, parts, visible
from handrail.core.conditions import ConditionError, Scope, scope
from handrail.core.fanout import Reach, reach
from handrail.core.floors import SEEN, Call, floors
from handrail.core.model import (
    Action,
    Breaker,
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
from handrail.core.policy import Bound, MatrixRow, Policy, Rule
from handrail.core.titles import plain
from handrail.core.unwrap import inside
from handrail.core.words import fold

_NO_REACH = Reach(0, "")


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
    doubt: str  #: why the confidence does not do; empty when it does
    start: Tier  #: what it runs at until it has earned its row's tier
    bucket: str  #: the kind of arguments that its evidence is counted by
    lot: int  #: 0 to 9999, drawn by its digest: whether it is sampled for a look
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
    """Judge one call by the policy alone. Raises nothing: what can't be understood is tier 3.

    With *draft*, by that row instead of the policy's: what it would mean once it is signed. Only
    for looking at drafts; no begin comes from it.
    """
    row = policy.row(action.type) if draft is None else draft
    request = action.request
    looked = look(arguments)
    values = with_facts(
        given(
            request,
            {} if looked.trouble else arguments,
            action.agent,
            action.agent_version,
            row,
        ),
        facts,
    )
    changes = row is None or row.effect is Effect.CHANGE
    fan = reach(arguments, looked.texts) if changes and not looked.trouble else _NO_REACH
    values["targets.count"] = max(len(action.targets), fan.count)
    values["targets.list"] = list(action.targets)
    classes = row.data_classes if row is not None and row.data_classes else frozenset()
    if request.data_classes:
        classes |= {fold(c) for c in request.data_classes}
    seen = facts.get(SEEN)
    if isinstance(seen, list):
        values["data.classes"] = sorted(
            {*values.get("data.classes", ()), *(str(s).partition(":")[0] for s in seen)}
        )
    focus = policy.focus_for(row) if row is not None and draft is None else frozenset()
    prepared = scope(values, focus=focus)
    reasons = list(_of_row(action, row, policy))
    if looked.trouble:
        reasons.append(Reason("unknown:arguments", Tier.APPROVE, looked.trouble.capitalize()))
    category, effect = (row.category, row.effect) if row else ("other", Effect.CHANGE)
    if draft is not None:
        reasons += _bounds(draft.bounds, prepared)
    elif row is not None:
        for within, bounds in policy.bounds_for(row):
            if not within.quiet(prepared):
                reasons += _bounds(bounds, prepared)
    for group, rules in policy.groups_for(action.type, category, effect):
        if not group.quiet(prepared):
            reasons += _rules(rules, prepared)
    if effect is Effect.CHANGE:
        reasons += _freezes(action, category, facts, policy)
    reasons += floors(Call(action, row, facts, classes, policy, fan))
    reasons += _own_ground(action, looked, policy)
    hidden = inside(request.tool, arguments)
    if hidden is not None:
        reasons.append(Reason("inside", hidden.tier, hidden.text))
    return Judgement(
        type=action.type,
        clients=action.clients,
        reasons=tuple(reasons),
        policy=policy.digest,
        row=row.type if row else None,
        changes=effect is Effect.CHANGE,
        has_content=row is None or row.content != (),
        velocity=row.velocity[0] if row and row.velocity else None,
        doubt=_doubt(row, request.confidence),
        start=row.start if row is not None and row.start > row.tier else Tier.AUTONOMOUS,
        bucket=bucket(row, action.content_digests, prepared) if row is not None else "",
        lot=int.from_bytes(action.digest[:4]) % LOTS,
        data_classes=classes,
        scope=values,
    )


def settle(judgement: Judgement, policy: Policy, state: Snapshot) -> Classification:
    """Add the state to a judgement: standing, pauses, windows; then doubt, one tier up."""
    reasons = [*judgement.reasons, *_of_state(judgement, policy, state)]
    tier = max(r.tier for r in reasons)
    if judgement.doubt:
        # One tier up, not straight to 3: doubt about a small thing deserves a second look.
        up = max(tier, Tier(min(tier + 1, Tier.APPROVE)))
        reasons.append(Reason("confidence", min(up, Tier.APPROVE), judgement.doubt))
        tier = up
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
    for glob, because in policy.prohibited_for(action.type):
        yield Reason(f"prohibited:{glob}", Tier.PROHIBITED, because)
    if row is not None:
        yield Reason("row", row.tier, row.rationale)
    elif action.type in policy.rows:
        yield Reason("draft", Tier.APPROVE, f"The row of {plain(action.type)} is not signed yet")
    else:
        yield Reason(
            "unknown:type", Tier.APPROVE, f"The matrix has no row for {plain(action.type)}"
        )


def _rules(rules: Iterable[Rule], values: Scope) -> Iterator[Reason]:
    for rule in rules:
        held = rule.when.holds(values)
        if held.holds:
            doubt = " (what it asks about is not known)" if held.error else ""
            yield Reason(f"rule:{rule.name}", rule.tier, rule.because + doubt)


def _freezes(action: Action, category: str, facts: Facts, policy: Policy) -> Iterator[Reason]:
    for freeze in policy.freezes:
        if not freeze.about(action.type, category, action.clients):
            continue
        held = freeze.holds(action.at, facts.get(freeze.fact))
        if held is not False:
            doubt = " (its calendar could not be read)" if held is None else ""
            yield Reason(f"freeze:{freeze.name}", Tier.APPROVE, freeze.because + doubt)


def _bounds(bounds: Iterable[Bound], values: Scope) -> Iterator[Reason]:
    for bound in bounds:
        if not bound.when.true(values):
            yield Reason(
                f"bounds:{bound.name}", Tier.APPROVE, f"Outside its bounds: {bound.because}"
            )


def _doubt(row: MatrixRow | None, confidence: int | None) -> str:
    """Why the confidence does not do, empty when it does; missing counts as below."""
    if row is None or row.confidence_floor is None:
        return ""
    if confidence is not None and confidence >= row.confidence_floor:
        return ""
    said = "none was given" if confidence is None else f"it is {confidence / 10:g} %"
    return f"Its confidence is below {row.confidence_floor / 10:g} %: {said}"


def _own_ground(action: Action, looked: Looked, policy: Policy) -> Iterator[Reason]:
    if not policy.own_ground:
        return
    literals = policy.ground_literals()
    targets = (*action.targets, *action.request.targets)
    named = visible(" ".join(targets))
    if not looked.mentions(literals) and not any(literal in named for literal in literals):
        return
    words = [part for target in targets for part in parts(visible(target))]
    for ground in policy.ground((*words, *looked.names_of_things())):
        yield Reason("own-ground", Tier.PROHIBITED, f"Handrail's own ground: {ground.why}")


def _of_state(judgement: Judgement, policy: Policy, state: Snapshot) -> Iterator[Reason]:
    if state.standings or judgement.start > judgement.tier:
        yield from _standing(judgement, state)
    for breaker in state.breakers:
        yield Reason(f"breaker:{breaker.scope}", Tier.APPROVE, _opened(breaker))
    if state.probation and judgement.lot < settings_share(policy):
        yield Reason(
            "audit", Tier.NOTIFY, "It was drawn for a person to look at, while on probation"
        )
    for pause in state.pauses:
        what = "stopped" if pause.degree is Degree.STOP else "restricted"
        of = "Everything" if pause.scope == "all" else f"The {pause.scope}"
        yield Reason(f"pause:{pause.degree.value}", Tier.APPROVE, f"{of} is {what}: a pause")
    if judgement.velocity is not None and state.recent >= judgement.velocity:
        yield Reason(
            "velocity", Tier.APPROVE, f"{state.recent} of these were asked for within its window"
        )
    if judgement.changes:
        yield from _aggregates(judgement, policy, state)


def _standing(judgement: Judgement, state: Snapshot) -> Iterator[Reason]:
    """For each client the tier that stands for it, else the overall one, else where it starts."""
    overall = next((s.tier for s in state.standings if s.client is None), None)
    scoped = {
        s.client: s.tier
        for s in state.standings
        if s.client is not None and (s.buckets is None or judgement.bucket in s.buckets)
    }
    stands = {scoped[c] for c in judgement.clients if c in scoped}
    rest = not judgement.clients or any(c not in scoped for c in judgement.clients)
    if rest and overall is not None:
        stands.add(overall)
    for tier in sorted(stands):
        yield Reason("standing", tier, f"Its standing is tier {tier.wire}")
    if rest and overall is None and judgement.start > Tier.AUTONOMOUS:
        text = f"It starts at tier {judgement.start.wire}, until it has earned less oversight"
        yield Reason("start", judgement.start, text)


def _opened(breaker: Breaker) -> str:
    state = "open" if breaker.state == "open" else "on probation"
    return f"{SCOPES[breaker.scope]} breaker is {state}: {breaker.why}"


#: Whose breaker it is, by its scope.
SCOPES: Mapping[str, str] = {
    "all": "The global",
    "client": "The client's",
    "type": "The action type's",
    "cell": "The action type's, at this client: its",
}
LOTS = 10_000
_BUCKET = 60  # characters


def bucket(row: MatrixRow, contents: tuple[str, ...], values: Scope) -> str:
    """The kind of arguments that the evidence of a call is counted by: what its row names, and
    the content it refers to, so that a changed runbook is another kind (I24)."""
    said = ""
    if row.bucket is not None:
        try:
            said = fold(str(row.bucket.value(values)))[:_BUCKET]
        except ConditionError:
            said = "?"
    return f"{said}#{contents[0][:16]}" if contents else said


def settings_share(policy: Policy) -> int:
    """How many of `LOTS` are drawn for a look."""
    return policy.settings.audit_share * (LOTS // 100)


def _aggregates(judgement: Judgement, policy: Policy, state: Snapshot) -> Iterator[Reason]:
    """One change made in small calls is one change (SPEC 2.5). Counts include this call."""
    settings = policy.settings
    if judgement.has_content and state.touched_clients > settings.max_clients:
        yield Reason(
            "aggregate:clients",
            Tier.APPROVE,
            f"The same change would reach {state.touched_clients} clients within its window",
        )
    if judgement.has_content and state.touched_targets > settings.max_targets:
        yield Reason(
            "aggregate:targets",
            Tier.APPROVE,
            f"The same change would reach {state.touched_targets} targets within its window",
        )
    if state.trigger_clients > 1:
        yield Reason(
            "aggregate:trigger",
            Tier.APPROVE,
            f"One trigger would reach {state.trigger_clients} clients",
        )
    most = settings.in_flight_after_promotion if state.probation else settings.in_flight_later
    if state.in_flight_unverified >= most:
        yield Reason(
            "in-flight",
            Tier.APPROVE,
            f"{state.in_flight_unverified} of these are still unverified",
        )
