"""The policy document as compiled values: rows, rules, roles, chains, lookups, settings.

Text becomes a `Policy` by `load` (see `policy_load`), which validates everything; a `Policy` that
exists is valid. Its digest is over its meaning, not its comments, and names the version.
"""

import fnmatch
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from handrail.core.calendars import Calendar
from handrail.core.conditions import Condition, Expression, Scope, Together, together
from handrail.core.content import content_digest
from handrail.core.defaults import Settings
from handrail.core.freezes import Freeze, matches
from handrail.core.model import Effect, Json, Tier, Urgency
from handrail.core.recipes import Lookup, Read, Rehearsal, Rollback, RollbackCall
from handrail.core.scorecard import Scorecard
from handrail.core.titles import plain, shown
from handrail.core.words import fold

_PLACE = re.compile(r"\{(args|targets|clients)(?:\.([A-Za-z0-9_-]+))?\}")
__all__ = [
    "SIGNERS",
    "Beside",
    "Bound",
    "Freeze",
    "Ground",
    "Holidays",
    "Lookup",
    "MatrixRow",
    "Policy",
    "Read",
    "Rehearsal",
    "RoleKind",
    "Rollback",
    "RollbackCall",
    "Route",
    "Rule",
    "Signature",
    "Source",
    "content_digest",
    "laxer",
    "load",
    "matches",
    "plain",
]

_REMEMBERED = 20_000  # answers kept per policy; types are few, hostile names are many


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A condition on arguments within which a row holds; outside it, tier 3."""

    name: str
    when: Condition
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A person's name under a row, with a sentence why."""

    role: str
    by: str
    at: str
    why: str


#: Whose signatures a row needs before it counts (SPEC 2).
SIGNERS = frozenset({"senior-technician", "service-desk-manager", "compliance-officer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One governed kind of action."""

    type: str
    tier: Tier
    says: str
    said: str
    category: str
    effect: Effect
    client: Expression | None
    targets: Expression | None
    target_kind: str
    data_classes: frozenset[str] | None
    needs_facts: tuple[str, ...]
    content: tuple[str, ...] | None
    scorecard: Scorecard
    rationale: str
    owner: str
    risk: str
    bounds: tuple[Bound, ...]
    confidence_floor: int | None  #: per mille
    approvals: int
    urgency: Urgency
    notify: str
    protective: bool
    check: Read | None
    solved: Read | None
    rollback: Rollback | None
    rehearsal: Rehearsal | None
    velocity: tuple[int, timedelta] | None
    start: Tier  #: where it begins, until evidence has earned its tier
    bucket: Expression | None  #: the kind of arguments that its evidence is counted by
    breaker: str  #: the profile of its breaker
    signatures: tuple[Signature, ...]

    @property
    def signed(self) -> bool:
        """Whether everyone has signed who must."""
        return {s.role for s in self.signatures} >= SIGNERS

    @property
    def velocity_window(self) -> timedelta | None:
        return self.velocity[1] if self.velocity else None

    @property
    def two_people(self) -> bool:
        """Whether promoting it takes two people: its scorecard suggests 3."""
        return self.scorecard.least is Tier.APPROVE

    def title(
        self,
        arguments: Mapping[str, Json],
        targets: Sequence[str],
        clients: Sequence[str],
        *,
        past: bool = False,
    ) -> str:
        """Handrail's own sentence for one call, from what its digest binds (I31)."""

        def place(match: re.Match[str]) -> str:
            noun, name = match.group(1), match.group(2)
            if noun == "args":
                return shown(arguments.get(name or ""))
            return shown(list(targets if noun == "targets" else clients))

        return _PLACE.sub(place, self.said if past else self.says)

    def scorecard_shown(self) -> list[dict[str, Any]]:
        """The scorecard for a page: factor, level, score, meaning, why."""
        return self.scorecard.shown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition that raises the tier of the calls it is about."""

    name: str
    types: tuple[str, ...]
    categories: frozenset[str]
    effect: Effect | None
    when: Condition
    tier: Tier
    because: str

    def about(self, type: str, category: str, effect: Effect) -> bool:
        """Whether the rule speaks about calls of this kind at all."""
        return (
            (not self.types or matches(type, self.types))
            and (not self.categories or category in self.categories)
            and (self.effect is None or self.effect is effect)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A calendar that the policy names: a file of its folder, or a URL whose copy may be so old."""

    calendar: Calendar | None = None
    url: str = ""
    age: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holidays:
    """Public holidays: dates, a calendar, or both."""

    dates: frozenset[date] = frozenset()
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKind:
    """A role that people can hold, and who backs it up."""

    name: str
    says: str
    per_client: bool
    backups: tuple[str, ...]
    on_call: Source | None = None  #: whose turn it is; without one, by working hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which chain a proposal takes: the first whose conditions hold."""

    chain: str
    when: Condition | None
    categories: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A role that must be among the approvers when these data classes are touched."""

    role: str
    data_classes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Something Handrail's own authority rests on: a pattern over targets and arguments."""

    pattern: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One valid version of the policy."""

    organisation: str
    settings: Settings
    roles: Mapping[str, RoleKind]
    chains: Mapping[str, tuple[str, ...]]
    routing: tuple[Route, ...]
    beside: tuple[Beside, ...]
    four_eyes_types: tuple[str, ...]
    own_ground: tuple[Ground, ...]
    prohibited: tuple[tuple[str, str], ...]  #: (type glob, because)
    lookups: tuple[Lookup, ...]
    freezes: tuple[Freeze, ...]
    holidays: Mapping[str, Holidays] = field(default_factory=dict)
    rules: tuple[Rule, ...]
    rows: Mapping[str, MatrixRow]  #: signed and unsigned alike
    document: Mapping[str, Any]
    digest: str
    _found: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def row(self, type: str) -> MatrixRow | None:
        """The signed row of *type*: a draft is not a row."""
        row = self.rows.get(type)
        return row if row is not None and row.signed else None

    def matrix(self) -> Iterator[MatrixRow]:
        """Every row, drafts included, by category and type."""
        yield from sorted(self.rows.values(), key=lambda r: (r.category, r.type))

    def _once(self, key: Any, find: Callable[[], Any]) -> Any:
        """*find*'s answer, found once for *key*: cost grows with what applies, not with all."""
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = find()
        return found

    def rules_for(self, type: str, category: str, effect: Effect) -> tuple[Rule, ...]:
        """The rules about calls of this kind."""
        rules: tuple[Rule, ...] = self._once(
            (type, category, effect),
            lambda: tuple(r for r in self.rules if r.about(type, category, effect)),
        )
        return rules

    def groups_for(
        self, type: str, category: str, effect: Effect
    ) -> tuple[tuple[Together, tuple[Rule, ...]], ...]:
        """The rules about calls of this kind, in groups that are asked at once."""

        def find() -> tuple[tuple[Together, tuple[Rule, ...]], ...]:
            rules = self.rules_for(type, category, effect)
            found, at = [], 0
            for group in together([r.when for r in rules]):
                found.append((group, rules[at : at + len(group.conditions)]))
                at += len(group.conditions)
            return tuple(found)

        groups: tuple[tuple[Together, tuple[Rule, ...]], ...] = self._once(
            ("groups", type, category, effect), find
        )
        return groups

    def bounds_for(self, row: MatrixRow) -> tuple[tuple[Together, tuple[Bound, ...]], ...]:
        """The bounds of *row* in groups that are quiet when all of them hold."""

        def find() -> tuple[tuple[Together, tuple[Bound, ...]], ...]:
            found, at = [], 0
            for group in together([b.when for b in row.bounds], negated=True):
                found.append((group, row.bounds[at : at + len(group.conditions)]))
                at += len(group.conditions)
            return tuple(found)

        groups: tuple[tuple[Together, tuple[Bound, ...]], ...] = self._once(
            ("bounds", row.type), find
        )
        return groups

    def focus_for(self, row: MatrixRow) -> frozenset[str]:
        """The attributes that conditions on calls of *row* mention: what is worth preparing."""
        found: frozenset[str] = self._once(
            ("focus", row.type),
            lambda: frozenset().union(
                *(b.when.names for b in row.bounds),
                *(r.when.names for r in self.rules_for(row.type, row.category, row.effect)),
            ),
        )
        return found

    def prohibited_for(self, type: str) -> tuple[tuple[str, str], ...]:
        """The prohibitions (glob, because) that cover *type*."""
        found: tuple[tuple[str, str], ...] = self._once(
            ("prohibited", type), lambda: tuple(p for p in self.prohibited if matches(type, p[:1]))
        )
        return found

    def ground_literals(self) -> tuple[str, ...]:
        """For each own ground, the longest plain part of its pattern, folded: where none of them
        stands in a call, no pattern can match."""
        found: tuple[str, ...] = self._once(
            "literals",
            lambda: tuple(
                max(re.split(r"[*?]|\[[^\]]*\]", fold(g.pattern)), key=len) for g in self.own_ground
            ),
        )
        return found

    def ground(self, words: Iterable[str]) -> Iterator[Ground]:
        """The own ground that any of *words* (folded) names."""
        patterns: tuple[tuple[re.Pattern[str], Ground], ...] = self._once(
            "ground",
            lambda: tuple(
                (re.compile(fnmatch.translate(fold(g.pattern))), g) for g in self.own_ground
            ),
        )
        listed = list(words)
        for pattern, ground in patterns:
            if any(map(pattern.match, listed)):
                yield ground

    def lookups_for(self, type: str, values: Scope) -> Iterator[Lookup]:
        """The lookups that establish facts for this call, in the policy's order."""
        found: tuple[Lookup, ...] = self._once(
            ("lookups", type),
            lambda: tuple(lk for lk in self.lookups if not lk.types or matches(type, lk.types)),
        )
        for lookup in found:
            if lookup.when is None or lookup.when.true(values):
                yield lookup

    def four_eyes(self, type: str) -> bool:
        """Whether even the agent's sponsor may not approve this type."""
        return matches(type, self.four_eyes_types)

    def backups(self, role: str) -> tuple[str, ...]:
        """Who backs up *role*, in order."""
        kind = self.roles.get(role)
        return kind.backups if kind else ()


def load(files: Mapping[str, str]) -> Policy:
    """Compile the texts of a policy folder. Raises `PolicyInvalid` with every problem."""
    from handrail.core.policy_load import compile_policy  # noqa: PLC0415 - values before parser

    return compile_policy(files)


def laxer(old: Policy | None, new: Policy) -> tuple[str, ...]:
    """Every change from *old* to *new* that can lower oversight, in words (I27)."""
    from handrail.core.policy_compare import lowering  # noqa: PLC0415

    return lowering(old, new)
