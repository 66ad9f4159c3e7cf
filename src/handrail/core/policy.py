"""The policy document as compiled values: rows, rules, roles, chains, lookups, settings.

Text becomes a `Policy` by `load` (see `policy_load`), which validates everything; a `Policy` that
exists is valid. Its digest is over its meaning, not its comments, and names the version.
"""

import fnmatch
import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from handrail.core.conditions import Condition, Expression, Scope, scope
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Json, Tier, Urgency
from handrail.core.scorecard import SCALES, Scorecard
from handrail.core.words import fold

_SHOWN = 80  # characters of one value in a sentence
_PLACE = re.compile(r"\{(args|targets|clients)(?:\.([A-Za-z0-9_-]+))?\}")
_ARGUMENT = re.compile(r"\bargs\.([A-Za-z_][A-Za-z0-9_]*)")


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether *name* is one of *globs*, folded."""
    folded = fold(name)
    return any(fnmatch.fnmatchcase(folded, fold(g)) for g in globs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A read of Handrail's own: a type, its arguments, and what must be seen."""

    read: str
    arguments: Mapping[str, Expression]
    when: Condition | None = None
    says: str = ""

    def arguments_for(self, values: Mapping[str, Any]) -> dict[str, Json]:
        """The exact arguments. Raises `ConditionError` when one can't be worked out."""
        prepared = scope(values)
        return {name: e.value(prepared) for name, e in self.arguments.items()}

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether the condition is true of what was seen. An error fails."""
        return self.when is None or self.when.true(scope(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """How one fact is established: which calls, by which read, for how long."""

    name: str
    types: tuple[str, ...]
    when: Condition | None
    read: str
    arguments: Mapping[str, Expression]
    value: Expression
    age: timedelta

    def arguments_for(self, values: Mapping[str, Any]) -> dict[str, Json]:
        prepared = scope(values)
        return {name: e.value(prepared) for name, e in self.arguments.items()}

    def value_of(self, values: Mapping[str, Any]) -> Json:
        return self.value.value(scope(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackCall:
    """One call of a rollback, before its arguments are worked out."""

    call: str
    arguments: Mapping[str, Expression]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The recipe that undoes. ``kind`` is exact, snapshot, time-limited, manual or none."""

    kind: str
    before: Read | None = None
    calls: tuple[RollbackCall, ...] = ()
    check: Read | None = None
    within: timedelta | None = None
    text: str = ""

    @property
    def one_click(self) -> bool:
        """Whether a person may run it by one click (SPEC 4)."""
        return self.kind in {"exact", "snapshot"} and bool(self.calls)


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
    rollback: Rollback | None
    velocity: tuple[int, timedelta] | None
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
                return _shown(arguments.get(name or ""))
            return _shown(list(targets if noun == "targets" else clients))

        return _PLACE.sub(place, self.said if past else self.says)

    def scorecard_shown(self) -> list[dict[str, Any]]:
        """The scorecard for a page: factor, level, score, meaning, why."""
        return [
            {
                "factor": factor.replace("_", " "),
                "level": self.scorecard.factors[factor].level
                if factor in self.scorecard.factors
                else "blank",
                "score": self.scorecard.level(factor).score,
                "meaning": self.scorecard.level(factor).meaning,
                "why": self.scorecard.factors[factor].why
                if factor in self.scorecard.factors
                else "Nobody has scored it: it counts at its worst.",
            }
            for factor in SCALES
        ]


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
class RoleKind:
    """A role that people can hold, and who backs it up."""

    name: str
    says: str
    per_client: bool
    backups: tuple[str, ...]


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
class Freeze:
    """A span in which nothing changes without a person."""

    name: str
    begins: datetime
    ends: datetime
    types: tuple[str, ...]
    categories: frozenset[str]
    clients: frozenset[str]
    because: str

    def covers(self, type: str, category: str, clients: Sequence[str], at: datetime) -> bool:
        """Whether a change of this kind at *at* falls into it."""
        return (
            self.begins <= at < self.ends
            and (not self.types or matches(type, self.types))
            and (not self.categories or category in self.categories)
            and (not self.clients or not clients or bool(self.clients & set(clients)))
        )


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
    rules: tuple[Rule, ...]
    rows: Mapping[str, MatrixRow]  #: signed and unsigned alike
    document: Mapping[str, Any]
    digest: str
    _rules_for: dict[tuple[str, str, Effect], tuple[Rule, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    _lookups_for: dict[str, tuple[Lookup, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def row(self, type: str) -> MatrixRow | None:
        """The signed row of *type*: a draft is not a row."""
        row = self.rows.get(type)
        return row if row is not None and row.signed else None

    def matrix(self) -> Iterator[MatrixRow]:
        """Every row, drafts included, by category and type."""
        yield from sorted(self.rows.values(), key=lambda r: (r.category, r.type))

    def rules_for(self, type: str, category: str, effect: Effect) -> tuple[Rule, ...]:
        """The rules about calls of this kind: found once, so that cost grows with the rules
        that can apply and not with all of them."""
        key = (type, category, effect)
        found = self._rules_for.get(key)
        if found is None:
            found = tuple(r for r in self.rules if r.about(type, category, effect))
            self._rules_for[key] = found
        return found

    def lookups_for(self, type: str, values: Scope) -> Iterator[Lookup]:
        """The lookups that establish facts for this call, in the policy's order."""
        found = self._lookups_for.get(type)
        if found is None:
            found = tuple(lk for lk in self.lookups if not lk.types or matches(type, lk.types))
            self._lookups_for[type] = found
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


def content_digest(row: MatrixRow, arguments: Mapping[str, Json]) -> str | None:
    """SHA-256 of what the call changes, apart from where: what an aggregate counts (SPEC 2.5).

    None for an action type without content of its own. Folded, so that another case or Unicode
    form of the same package is the same package.
    """
    if row.content is not None:
        names = [n for n in row.content if n in arguments]
        if not row.content:
            return None
    else:
        placed = set()
        for expression in (row.client, row.targets):
            if expression is not None:
                placed |= set(_ARGUMENT.findall(expression.text))
        names = [n for n in arguments if n not in placed]
        if not names:
            return None
    content = {fold(n): _folded(arguments[n]) for n in names}
    text = orjson.dumps([row.type, content], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def _folded(value: Json) -> Json:
    if isinstance(value, str):
        return fold(value)
    if isinstance(value, list):
        return [_folded(v) for v in value]
    if isinstance(value, dict):
        return {fold(str(k)): _folded(v) for k, v in value.items()}
    return value


def plain(text: str, limit: int = _SHOWN) -> str:
    """*text* as it may stand in a sentence: one line, no controls, no reordering, capped."""
    kept = "".join(
        c if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"} else " "
        for c in text[: limit * 4]
    )
    words = " ".join(kept.split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _shown(value: Json) -> str:
    if value is None:
        return "(nothing)"
    if isinstance(value, list):
        if len(value) > 3:
            return f"{plain(str(value[0]))} and {len(value) - 1} more"
        return plain(", ".join(str(v) for v in value)) or "(nothing)"
    if isinstance(value, dict):
        return f"({len(value)} fields)"
    return plain(str(value)) or "(empty)"


def load(files: Mapping[str, str]) -> Policy:
    """Compile the texts of a policy folder. Raises `PolicyInvalid` with every problem."""
    from handrail.core.policy_load import compile_policy  # noqa: PLC0415 - values before parser

    return compile_policy(files)


def laxer(old: Policy | None, new: Policy) -> tuple[str, ...]:
    """Every change from *old* to *new* that can lower oversight, in words (I27)."""
    from handrail.core.policy_compare import lowering  # noqa: PLC0415

    return lowering(old, new)
