"""Which changes between two policies can lower oversight (I27).

The direction of each change is computed where it can be told: a higher tier, another bound, rule,
freeze or prohibition, a smaller limit are stricter; their opposites are laxer. What can't be told
counts as laxer: a change that nobody understands takes two people. Words that only explain
(rationale, owner, why) have no direction.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from handrail.core.defaults import Settings
from handrail.core.model import Effect, Tier
from handrail.core.policy import MatrixRow, Policy, Rule

#: Keys of a row that only explain. `says` is not one: people approve what it says.
_WORDS_ONLY = frozenset({"rationale", "owner", "risk"})

#: Settings whose smaller value is more oversight, and those whose larger is. Any change of
#: another one is counted as laxer.
_SMALLER_IS_STRICTER = frozenset(
    "approval_valid max_clients max_targets open_per_trigger open_per_agent asks_per_hour "
    "actions_per_hour in_flight_after_promotion in_flight_later decisions_per_hour "
    "decisions_per_shift fact_age_people fact_age_targets step_up_age notice_send_window "
    "notice_review_window overdue_outcome heartbeat".split()
)
_LARGER_IS_STRICTER = frozenset(
    "aggregate_window undo_window reversal_window second_ask new_approver_wait personal_reads "
    "practice_share".split()
)

#: Lists of the main file of which more is more oversight.
_MORE_IS_STRICTER = frozenset({"own_ground", "prohibited", "four_eyes", "beside", "freezes"})


def lowering(old: Policy | None, new: Policy) -> tuple[str, ...]:
    """One sentence for each change that can lower oversight."""
    if old is None:
        return ("there was no policy before this one",)
    return tuple(_changes(old, new))


def _changes(old: Policy, new: Policy) -> Iterator[str]:
    for type in sorted({*old.rows, *new.rows}):
        yield from _row(type, old, new)
    yield from _rules(old, new)
    yield from _settings(old.settings, new.settings)
    before, after = old.document["main"], new.document["main"]
    for key in sorted({*before, *after} - {"organisation", "version", "settings"}):
        was, now = before.get(key), after.get(key)
        if was == now or (key in _MORE_IS_STRICTER and _grew(was, now)):
            continue
        yield f"{key.replace('_', ' ')} changed"


def _tier(row: MatrixRow | None) -> Tier:
    """What a type runs at by its row alone: a draft is not a row."""
    return row.tier if row is not None and row.signed else Tier.APPROVE


def _row(type: str, old: Policy, new: Policy) -> Iterator[str]:
    before, after = old.rows.get(type), new.rows.get(type)
    was, now = _tier(before), _tier(after)
    if now < was:
        yield f"{type} goes from tier {was.wire} to {now.wire}"
        return
    if after is None or not after.signed or now is Tier.PROHIBITED:
        return  # it waits for people, or is refused: nothing else in it matters
    if before is None or not before.signed:
        # From a draft to a signed row at tier 3: people, routing and rollback come from it now.
        return
    if now > was and now >= Tier.APPROVE:
        return
    for key, text in _keys(before, after, _document(old, type), _document(new, type)):
        yield f"{type}: {key} {text}"


def _keys(
    before: MatrixRow, after: MatrixRow, was: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    for key in sorted({*was, *now} - _WORDS_ONLY - {"tier", "type", "signatures"}):
        if was.get(key) == now.get(key):
            continue
        judge = _ROW_KEYS.get(key)
        if judge is None or judge(before, after, was.get(key), now.get(key)):
            yield key.replace("_", " "), "changed"


#: Per key of a row: whether its change can lower oversight.
_Laxer = Callable[[MatrixRow, MatrixRow, Any, Any], bool]
_ROW_KEYS: Mapping[str, _Laxer] = {
    "bounds": lambda _b, _a, was, now: not _grew(was, now),
    "needs_facts": lambda b, a, _w, _n: not set(a.needs_facts) >= set(b.needs_facts),
    "data_classes": lambda b, a, _w, _n: (
        a.data_classes is not None and not a.data_classes >= (b.data_classes or frozenset("?"))
    ),
    "confidence_floor": lambda b, a, _w, _n: (
        (a.confidence_floor or -1) < (b.confidence_floor or -1)
    ),
    "approvals": lambda b, a, _w, _n: a.approvals < b.approvals,
    "velocity": lambda b, a, _w, _n: not _slower(b.velocity, a.velocity),
    "effect": lambda _b, a, _w, _n: a.effect is Effect.READ,
    "protective": lambda _b, a, _w, _n: not a.protective,
    "scorecard": lambda b, a, _w, _n: _milder(b, a),
}


def _slower(was: Any, now: Any) -> bool:
    """Whether the velocity limit *now* lets no more through than *was*."""
    if was is None:
        return True
    return now is not None and now[0] <= was[0] and now[1] >= was[1]


def _milder(before: MatrixRow, after: MatrixRow) -> bool:
    """Whether any factor is scored milder: it is what promotion later takes as given."""
    return any(
        after.scorecard.level(f).score < before.scorecard.level(f).score
        for f in ("reversibility", "blast_radius", "compliance", "frequency")
    )


def _rules(old: Policy, new: Policy) -> Iterator[str]:
    now = {r.name: r for r in new.rules}
    for rule in old.rules:
        after = now.get(rule.name)
        if after is None:
            yield f"the rule {rule.name} is gone"
        elif after.tier < rule.tier or not _covers(rule, after):
            yield f"the rule {rule.name} changed"


def _covers(old: Rule, new: Rule) -> bool:
    """Whether *new* plainly holds wherever *old* does."""
    return (
        (new.when.text in {old.when.text, "true"})
        and (not new.types or (bool(old.types) and set(new.types) >= set(old.types)))
        and (not new.categories or (bool(old.categories) and new.categories >= old.categories))
        and new.effect in {None, old.effect}
    )


def _settings(old: Settings, new: Settings) -> Iterator[str]:
    for f in fields(Settings):
        was, now = getattr(old, f.name), getattr(new, f.name)
        if was == now:
            continue
        stricter = (f.name in _SMALLER_IS_STRICTER and now < was) or (
            f.name in _LARGER_IS_STRICTER and now > was
        )
        if not stricter:
            yield f"the setting {f.name} changed"


def _grew(was: Any, now: Any) -> bool:
    """Whether the list *now* holds everything of *was*."""
    return all(item in (now or []) for item in (was or []))


def _document(policy: Policy, type: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = policy.document["rows"][type]
    return found
