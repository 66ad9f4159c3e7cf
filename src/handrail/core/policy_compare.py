"""Which changes between two policies can lower oversight (I27). What can't be told counts as
lowering: a change that nobody understands takes two people."""

from collections.abc import Iterator, Mapping
from typing import Any

from handrail.core.policy import MatrixRow, Policy

#: Keys of a row that cannot lower the tier of any call by themselves.
_WORDS_ONLY = frozenset({"says", "said", "rationale", "owner", "risk", "urgency", "scorecard"})


def lowering(old: Policy, new: Policy) -> tuple[str, ...]:
    """One sentence for each change that can lower oversight."""
    return tuple(_changes(old, new))


def _changes(old: Policy, new: Policy) -> Iterator[str]:
    for type, row in new.rows.items():
        before = old.rows.get(type)
        if not row.signed:
            continue
        if before is None or not before.signed:
            if row.tier < 3:
                yield f"{type} gets a signed row at tier {int(row.tier)}"
        else:
            yield from _row(before, row, _raw(old, type), _raw(new, type))
    removed = {r.name for r in old.rules} - {r.name for r in new.rules}
    for name in sorted(removed):
        yield f"the rule {name} is gone"
    rules = {r.name: r for r in new.rules}
    for rule in old.rules:
        now = rules.get(rule.name)
        if now is not None and (
            now.tier < rule.tier
            or now.when.text != rule.when.text
            or (now.types, now.categories, now.effect) != (rule.types, rule.categories, rule.effect)
        ):
            yield f"the rule {rule.name} changed"
    main_old, main_new = _main(old), _main(new)
    for key in sorted({*main_old, *main_new}):
        if main_old.get(key) == main_new.get(key):
            continue
        if key in {"own_ground", "prohibited", "four_eyes", "beside"} and _grew(
            main_old.get(key), main_new.get(key)
        ):
            continue
        if key != "organisation":
            yield f"{key.replace('_', ' ')} changed"


def _row(old: MatrixRow, new: MatrixRow, raw_old: Any, raw_new: Any) -> Iterator[str]:
    if new.tier < old.tier:
        yield f"{new.type} goes from tier {old.tier.wire} to {new.tier.wire}"
        return
    if new.tier >= 3 and new.tier > old.tier:
        return
    changed = {
        key
        for key in {*raw_old, *raw_new} - _WORDS_ONLY - {"tier"}
        if raw_old.get(key) != raw_new.get(key)
    }
    if changed == {"bounds"} and _grew(raw_old.get("bounds"), raw_new.get("bounds")):
        return
    if changed:
        yield f"{new.type}: {', '.join(sorted(changed))} changed"


def _grew(old: Any, new: Any) -> bool:
    """Whether *new* holds everything of the list *old*, and more."""
    return all(item in (new or []) for item in (old or []))


def _raw(policy: Policy, type: str) -> Mapping[str, Any]:
    for document in policy.document.values():
        for row in document.get("rows") or ():
            if row.get("type") == type:
                return dict(row)
    return {}


def _main(policy: Policy) -> Mapping[str, Any]:
    return dict(policy.document.get("handrail.yaml") or {})
