"""What changes between two policies in words, by action type and client: *4 action types become
stricter, 1 laxer for one client*.

* Of the row itself its own keys are compared; of everything else that asks for a tier (rules,
  prohibitions, freezes), whether the other policy certainly asks for as much wherever it does.
* Stricter and laxer are two questions: one type can become both.
* Said of calls that concern one client, whose id, risk and regimes are known. Who must agree is
  not decided here but by `policy_compare.lowering` alone (I27).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handrail.core.condition_space import BESIDE, compared, implies, verdict
from handrail.core.conditions import Condition
from handrail.core.freezes import Freeze
from handrail.core.model import Client, Effect, Tier
from handrail.core.policy import Policy
from handrail.core.policy_compare import lowering, of_row, of_the_rest, own_tier


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeChange:
    """How one action type changes: for which clients (empty: for all), and why, in words."""

    type: str
    stricter: tuple[str, ...] | None  #: None: for nobody
    laxer: tuple[str, ...] | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changes from one policy to another."""

    types: tuple[TypeChange, ...]
    stricter: tuple[str, ...]  #: what else becomes stricter, in words
    laxer: tuple[str, ...]  #: everything that can lower oversight: with any, it takes two people

    @property
    def sentence(self) -> str:
        """Such as: 4 action types become stricter, 1 laxer for one client."""
        said: list[str] = []
        for word, of in (("stricter", "stricter"), ("laxer", "laxer")):
            everywhere = sum(getattr(t, of) == () for t in self.types)
            some = [getattr(t, of) for t in self.types if getattr(t, of)]
            if everywhere:
                said.append(f"{_types(everywhere, first=not said)} {word}")
            for n in sorted({len(s) for s in some}):
                many = sum(len(s) == n for s in some)
                clients = "one client" if n == 1 else f"{n} clients"
                said.append(f"{_types(many, first=not said)} {word} for {clients}")
        text = ", ".join(said) if said else "no action type changes"
        rest = len(self.laxer) and not any(t.laxer is not None for t in self.types)
        if rest or self.stricter:
            others = [f"{len(self.stricter)} stricter"] if self.stricter else []
            others += [f"{len(self.laxer)} that can lower oversight"] if rest else []
            text += f"; elsewhere {' and '.join(others)}"
        return text[0].upper() + text[1:] + "."


def _types(n: int, *, first: bool) -> str:
    if not first:
        return str(n)
    return f"{n} action type{'s become' if n != 1 else ' becomes'}"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Clients that no condition of the two policies tells apart."""

    names: tuple[str, ...]
    ids: frozenset[str]  #: empty for those that nobody names
    fixed: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One thing that asks for a tier: always, while a condition holds, or in a freeze."""

    tier: Tier
    when: Condition | None
    freeze: Freeze | None
    text: str


def compare(old: Policy | None, new: Policy, clients: Sequence[Client] = ()) -> Comparison:
    """What changes from *old* to *new*, by action type and client. With *clients*, by each of
    them; without, by those that conditions and freezes name, and any other."""
    laxer = lowering(old, new)
    if old is None:
        return Comparison(types=(), stricter=(), laxer=laxer)
    kinds = _kinds(old, new, clients)
    remembered: dict[Any, Any] = {}
    types = []
    for type in sorted({*old.rows, *new.rows}):
        if _same_for(type, old, new):
            continue
        change = _type(type, old, new, kinds, remembered)
        if change is not None:
            types.append(change)
    return Comparison(
        types=tuple(types), stricter=tuple(of_the_rest(new, old, sure=True)), laxer=laxer
    )


def _same_for(type: str, old: Policy, new: Policy) -> bool:
    """Whether nothing that speaks about *type* changed."""
    if old.document["rows"].get(type) != new.document["rows"].get(type):
        return False
    return _all_asked(type, old) == _all_asked(type, new)


def _type(
    type: str, old: Policy, new: Policy, kinds: Sequence[_Kind], remembered: dict[Any, Any]
) -> TypeChange | None:
    up, down = list(of_row(type, new, old, sure=True)), list(of_row(type, old, new))
    why = [_turned(text) if text.startswith("goes ") else text for text in up] + down
    found: dict[str, list[_Kind]] = {"up": [], "down": []}
    asks = {id(policy): _all_asked(type, policy) for policy in (old, new)}
    for way, strong, weak in (("down", new, old), ("up", old, new)):
        there = asks[id(strong)]
        same = {(a.tier, a.when, a.freeze) for a in there}
        least = own_tier(strong.rows.get(type))
        changed = [
            a for a in asks[id(weak)] if a.tier > least and (a.tier, a.when, a.freeze) not in same
        ]
        fixed = _fixed(type, weak)
        # Types alike are many: what holds for one of them holds for all.
        named = any("action.type" in a.when.names for a in (*changed, *there) if a.when)
        alike = fixed if named else {**fixed, "action.type": ()}
        key = (repr(alike), _as_key(changed), _as_key(there))
        if key not in remembered:
            missing = [(k, _uncovered(changed, there, fixed, k, remembered)) for k in kinds]
            remembered[key] = [(kind, texts) for kind, texts in missing if texts]
        verb = "no longer" if way == "down" else "now"
        for kind, texts in remembered[key]:
            found[way].append(kind)
            why += [f"{verb} {text}" for text in texts]
    stricter = _whose(found["up"], kinds, everywhere=bool(up))
    laxer = _whose(found["down"], kinds, everywhere=bool(down))
    if stricter is None and laxer is None:
        return None
    return TypeChange(type=type, stricter=stricter, laxer=laxer, why=tuple(dict.fromkeys(why)))


def _as_key(asked: Sequence[_Asked]) -> Any:
    return tuple((a.tier, a.when, a.freeze, a.text) for a in asked)


def _turned(text: str) -> str:
    """*goes from tier 3 to 1*, seen from the other side."""
    was, _, now = text.removeprefix("goes from tier ").partition(" to ")
    return f"goes from tier {now} to {was}"


def _whose(
    found: Sequence[_Kind], kinds: Sequence[_Kind], *, everywhere: bool
) -> tuple[str, ...] | None:
    if everywhere or (found and len(found) == len(kinds)):
        return ()
    return tuple(sorted(n for kind in found for n in kind.names)) if found else None


def _all_asked(type: str, policy: Policy) -> list[_Asked]:
    """Everything but the row's own keys that asks for a tier of calls of *type*."""
    row = policy.rows.get(type)
    category, effect = (row.category, row.effect) if row else ("other", Effect.CHANGE)
    found = [
        _Asked(Tier.PROHIBITED, None, None, f"prohibited by {glob}")
        for glob, _ in policy.prohibited_for(type)
    ]
    for rule in policy.rules_for(type, category, effect):
        text = f"tier {rule.tier.wire} by the rule {rule.name}"
        found.append(_Asked(rule.tier, rule.when, None, text))
    if effect is Effect.CHANGE:
        for freeze in policy.freezes:
            if freeze.about(type, category, ()):
                text = f"tier 3 in the freeze {freeze.name}"
                found.append(_Asked(Tier.APPROVE, None, freeze, text))
    return found


def _fixed(type: str, policy: Policy) -> dict[str, Sequence[Any]]:
    """What is known of calls of *type* by its row."""
    row = policy.rows.get(type)
    fixed: dict[str, Sequence[Any]] = {"action.type": [type]}
    if row is not None:
        fixed |= {
            "action.category": [row.category],
            "action.effect": [row.effect.value],
            "target.kind": [row.target_kind],
        }
    return fixed


def _uncovered(
    asked: Sequence[_Asked],
    there: Sequence[_Asked],
    fixed: Mapping[str, Sequence[Any]],
    kind: _Kind,
    remembered: dict[Any, bool],
) -> list[str]:
    """What of *asked*, for *kind*, nothing of *there* certainly asks for as much."""
    fixed = {**fixed, **kind.fixed}
    others = [a for a in there if _concerns(a, kind)]
    return [
        a.text
        for a in asked
        if _concerns(a, kind)
        and not any(_as_much(other, a, fixed, remembered) for other in others)
        and not _never(a, fixed, remembered)
    ]


def _concerns(asked: _Asked, kind: _Kind) -> bool:
    freeze = asked.freeze
    return freeze is None or not freeze.clients or bool(freeze.clients & kind.ids)


def _as_much(
    other: _Asked, asked: _Asked, fixed: Mapping[str, Sequence[Any]], remembered: dict[Any, bool]
) -> bool:
    """Whether *other* certainly asks for as much wherever *asked* does."""
    if other.tier < asked.tier:
        return False
    if other.freeze is not None or asked.freeze is not None:
        always = other.freeze is None and (other.when is None or other.when.text == "true")
        return always or _times(other.freeze) == _times(asked.freeze)
    told, key = _key((asked.when, other.when), fixed)
    if key not in remembered:
        remembered[key] = implies(asked.when, other.when, told)
    return remembered[key]


def _key(
    conditions: tuple[Condition | None, ...], fixed: Mapping[str, Sequence[Any]]
) -> tuple[dict[str, Sequence[Any]], Any]:
    """What of *fixed* the conditions ask for, and the key of an answer that rests on it."""
    names = {n for c in conditions if c for n in c.names}
    told = {n: v for n, v in fixed.items() if n in names}
    return told, (tuple(c.text if c else "" for c in conditions), repr(sorted(told.items())))


def _times(freeze: Freeze | None) -> Any:
    if freeze is None:
        return None
    return (freeze.begins, freeze.ends, freeze.calendar, freeze.url, freeze.age, freeze.outside)


def _never(asked: _Asked, fixed: Mapping[str, Sequence[Any]], remembered: dict[Any, bool]) -> bool:
    """Whether it certainly never asks here: false in every case, and nothing in it is unknown."""
    if asked.when is None:
        return False
    told, key = _key((asked.when,), fixed)
    if key not in remembered:
        found = verdict(asked.when, told)
        sure = found is not None and not found.always and not found.names and not found.usual
        remembered[key] = sure
    return remembered[key]


def _kinds(old: Policy, new: Policy, clients: Sequence[Client]) -> list[_Kind]:
    """The clients, in groups that nothing in the two policies tells apart."""
    named: set[str] = set()
    for policy in (old, new):
        conditions = [r.when for r in policy.rules]
        for condition in conditions:
            found = compared(condition.text, "client.id")
            named |= {x for x in found.literals if isinstance(x, str)}
        named |= {c for f in policy.freezes for c in f.clients}
    if not clients:
        return [
            *(_Kind((c,), frozenset({c}), {"client.id": [c]}) for c in sorted(named)),
            _Kind(("any other client",), frozenset(), {"client.id": [BESIDE]}),
        ]
    groups: dict[Any, list[Client]] = {}
    for client in clients:
        key = (client.id if client.id in named else "", client.risk, client.regimes)
        groups.setdefault(key, []).append(client)
    return [
        _Kind(
            tuple(sorted(c.name for c in members)),
            frozenset({id} - {""}),
            {
                "client.id": [id or BESIDE],
                "client.risk": [risk.value],
                "client.regimes": [sorted(regimes)],
            },
        )
        for (id, risk, regimes), members in groups.items()
    ]
