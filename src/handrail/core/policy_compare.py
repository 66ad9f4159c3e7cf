"""Which changes between two policies can lower oversight (I27); by action type and client it is
said in `policy_difference`.

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
from handrail.core.policy import MatrixRow, Policy
from handrail.core.policy_rules import covers
from handrail.core.vocabulary import BREAKERS

#: Keys of a row that only explain. `says` is not one: people approve what it says.
_WORDS_ONLY = frozenset({"rationale", "owner", "risk"})

#: Settings whose smaller value is more oversight, and those whose larger is. Any change of
#: another one is counted as laxer.
_SMALLER_IS_STRICTER = frozenset(
    "approval_valid max_clients max_targets open_per_trigger open_per_agent asks_per_hour "
    "actions_per_hour in_flight_after_promotion in_flight_later decisions_per_hour "
    "decisions_per_shift reached_within fact_age_people fact_age_targets step_up_age notice_send_window "
    "notice_review_window overdue_outcome heartbeat review_due "
    "promotion_share rehearsed_within".split()
)
_LARGER_IS_STRICTER = frozenset(
    "aggregate_window undo_window reversal_window second_ask new_approver_wait personal_reads "
    "practice_share probation audit_share "
    "promotion_rate promotion_span promotion_cases".split()
)

#: Lists of the main file of which more is more oversight.
_MORE_IS_STRICTER = frozenset({"own_ground", "prohibited", "four_eyes", "beside", "freezes"})
_NO_DIRECTION = frozenset({"organisation", "version", "settings"})


def lowering(old: Policy | None, new: Policy) -> tuple[str, ...]:
    """One sentence for each change that can lower oversight."""
    if old is None:
        return ("there was no policy before this one",)
    return (*_of_rows(old, new), *of_the_rest(old, new))


def _of_rows(old: Policy, new: Policy) -> Iterator[str]:
    for type in sorted({*old.rows, *new.rows}):
        for text in of_row(type, old, new):
            yield f"{type} {text}" if text.startswith("goes ") else f"{type}: {text}"
    yield from _rules(old, new)


def of_the_rest(old: Policy, new: Policy, *, sure: bool = False) -> Iterator[str]:
    """Changes of settings and of the rest of the main file; with *sure*, only plain ones."""
    yield from _settings(old.settings, new.settings, sure=sure)
    before, after = old.document["main"], new.document["main"]
    for key in sorted({*before, *after} - _NO_DIRECTION):
        was, now = before.get(key), after.get(key)
        plain = key in _MORE_IS_STRICTER
        if was == now or (plain and _grew(was, now)) or (sure and not plain):
            continue
        yield f"{key.replace('_', ' ')} changed"
    if not sure:
        files, later = (p.document.get("calendars", {}) for p in (old, new))
        for name in sorted(n for n in files if n in later and files[n] != later[n]):
            yield f"the calendar {name} changed"


def own_tier(row: MatrixRow | None) -> Tier:
    """What a type runs at by its row alone: a draft is not a row."""
    return row.tier if row is not None and row.signed else Tier.APPROVE


def of_row(type: str, old: Policy, new: Policy, *, sure: bool = False) -> Iterator[str]:
    """How the row of *type* can lower oversight; with *sure*, only where the direction is plain."""
    before, after = old.rows.get(type), new.rows.get(type)
    was, now = own_tier(before), own_tier(after)
    if now < was:
        yield f"goes from tier {was.wire} to {now.wire}"
        return
    if after is None or not after.signed or now is Tier.PROHIBITED:
        return  # it waits for people, or is refused: nothing else in it matters
    if before is None or not before.signed:
        # From a draft to a signed row at tier 3: people, routing and rollback come from it now.
        return
    if now > was and now >= Tier.APPROVE:
        return
    was_written, is_written = _document(old, type), _document(new, type)
    for key in sorted({*was_written, *is_written} - _WORDS_ONLY - {"tier", "type", "signatures"}):
        wrote, writes = was_written.get(key), is_written.get(key)
        judge = _ROW_KEYS.get(key)
        if wrote == writes or (sure and (judge is None or key in _NEVER_SURE)):
            continue
        if judge is None or judge(before, after, wrote, writes):
            yield f"{key.replace('_', ' ')} changed"


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
    "start": lambda b, a, _w, _n: a.start < b.start,
    "breaker": lambda b, a, _w, _n: BREAKERS.index(a.breaker) > BREAKERS.index(b.breaker),
    "velocity": lambda b, a, _w, _n: not _slower(b.velocity, a.velocity),
    "effect": lambda _b, a, _w, _n: a.effect is Effect.READ,
    "protective": lambda _b, a, _w, _n: not a.protective,
    "notify": lambda b, _a, _w, _n: bool(b.notify),
    "scorecard": lambda b, a, _w, _n: _milder(b, a),
}


#: Another role is told: whether that is more oversight can't be told either way.
_NEVER_SURE = frozenset({"notify"})


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
    """Rules that no rule of the new policy certainly covers."""
    now = {r.name: r for r in new.rules}
    for rule in old.rules:
        after = now.get(rule.name)
        if after is not None and (after == rule or covers(after, rule)):
            continue
        if not any(covers(other, rule) for other in new.rules):
            yield f"the rule {rule.name} {'is gone' if after is None else 'changed'}"


def _settings(old: Settings, new: Settings, *, sure: bool) -> Iterator[str]:
    for f in fields(Settings):
        was, now = getattr(old, f.name), getattr(new, f.name)
        known = f.name in _SMALLER_IS_STRICTER | _LARGER_IS_STRICTER
        if was == now or (sure and not known):
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
