"""Whether the evidence allows less oversight: each criterion met or not, in numbers and in words.

3 → 2 and 2 → 1, one step at a time (SPEC 7, EVIDENCE 1 and 2). What speaks against it stands
first. Nothing here decides: it nominates, and a person decides.

* Evidence is what `history.Past.evidence` gives: since the last change of tool, tier or standing,
  by the agent versions registered now. What stands under a floor is left out: nothing promotes it.
* One decision is one case however long its list. No approver, target or trigger may be more than
  its share of the cases.
* What it allows holds for the clients and kinds of arguments that were seen, without those whose
  rate may be below the needed one.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from handrail.core import evidence
from handrail.core.defaults import Settings
from handrail.core.history import Case, Past, days
from handrail.core.model import Effect, Tier
from handrail.core.policy import MatrixRow

_DAY = 86_400_000_000  # microseconds
RECENT = 40  #: decisions that are looked at for a turn for the worse
RECENT_RATE = 85  #: per cent of them
DAYS = 10  #: distinct days
HARMFUL = 2  #: per cent of decisions that may be harmful at most
REHEARSALS = 3
CHECKS = 98  #: per cent of outcome checks, by its lower bound
CONFIDENT = 800  #: per mille: the 5th percentile of the last `CONFIDENCES`
CONFIDENCES = 100
_HARM = "would-harm"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that must hold."""

    name: str
    met: bool
    number: str  #: what was found
    threshold: str  #: what is needed
    text: str  #: one sentence


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the evidence of one action type allows now."""

    type: str
    now: Tier
    to: Tier | None  #: one step less oversight; None where the row allows none
    criteria: tuple[Criterion, ...] = ()
    clients: tuple[str, ...] = ()  #: for which it would hold
    buckets: tuple[str, ...] = ()  #: the kinds of arguments for which it would hold
    against: tuple[tuple[str, str], ...] = ()  #: (action, why): counter-evidence
    effect: str = ""
    by_person: Mapping[str, int] = field(default_factory=dict)  #: decisions in the evidence
    cases: int = 0

    @property
    def sufficient(self) -> bool:
        """Whether every criterion is met."""
        return self.to is not None and bool(self.clients) and all(c.met for c in self.criteria)

    @property
    def missing(self) -> tuple[Criterion, ...]:
        return tuple(c for c in self.criteria if not c.met)

    def frozen(self, ids: Iterable[str]) -> bytes:
        """The evidence as canonical JSON, with the actions it is of: what is decided upon."""
        return orjson.dumps(
            {
                "type": self.type,
                "now": int(self.now),
                "to": int(self.to or self.now),
                "criteria": [[c.name, c.met, c.number, c.threshold, c.text] for c in self.criteria],
                "clients": self.clients,
                "buckets": self.buckets,
                "against": self.against,
                "effect": self.effect,
                "by_person": dict(self.by_person),
                "actions": list(ids),
            },
            option=orjson.OPT_SORT_KEYS,
        )


def digest(frozen: bytes) -> str:
    """The digest of frozen evidence, in hex, whole."""
    return hashlib.sha256(frozen).hexdigest()


def counted(past: Past, tier: Tier, versions: Mapping[str, str]) -> list[Case]:
    """The cases that speak about leaving *tier*: decided by people, or done and looked at."""
    since = max([past.since, *(i.closed or 0 for i in past.incidents if i.severity != "minor")])
    cases = [c for c in past.evidence(versions) if c.at >= since and not c.floored]
    if tier is Tier.APPROVE:
        return [c for c in cases if c.tier == tier and _decided(c)]
    return [c for c in cases if c.tier <= tier and _seen(c)]


def assess(
    past: Past,
    row: MatrixRow | None,
    now: Tier,
    at: int,
    settings: Settings,
    versions: Mapping[str, str],
    *,
    doubted: frozenset[str] = frozenset(),
) -> Assessment:
    """What the evidence in *past* allows for *row*, which stands at tier *now*, at the instant
    *at* (microseconds). *doubted* are people whose approvals are not counted."""
    if row is None or not row.signed or now <= row.tier or now > Tier.APPROVE:
        return Assessment(past.type, now, None)
    to = Tier(now - 1)
    cases = counted(past, now, versions)
    if now is Tier.APPROVE:
        cases = [c for c in cases if not doubted & set(c.approvers)]
        criteria = [*_three_to_two(cases, past, row, settings), *_alike(cases, settings)]
    else:
        criteria = _two_to_one(cases, past, settings)
    criteria += [_span(cases, settings), _incidents(past), _rollback(past, row, at, settings)]
    rate = settings.promotion_rate / 100
    clients = _kept(cases, lambda c: c.clients, rate)
    people = Counter(p for c in cases for p in set(c.approvers))
    return Assessment(
        type=past.type,
        now=now,
        to=to,
        criteria=tuple(sorted(criteria, key=lambda c: c.met)),
        clients=clients,
        buckets=_kept(cases, lambda c: (c.bucket,), rate),
        against=tuple((c.id, _against(c)) for c in cases if not _good(c))[:50],
        effect=_effect(cases, clients, now, at),
        by_person=dict(sorted(people.items())),
        cases=len(cases),
    )


# --- 3 → 2 ---------------------------------------------------------------------------------------


def _three_to_two(
    cases: Sequence[Case], past: Past, row: MatrixRow, settings: Settings
) -> list[Criterion]:
    n, clean = len(cases), sum(c.clean for c in cases)
    people = len({p for c in cases for p in c.approvers})
    rate = settings.promotion_rate / 100
    low = evidence.lower_bound(clean, n)
    enough = evidence.sufficient(clean, n, rate)
    spread = _days_over(cases)
    said = f"{clean} of {n} proposals approved unchanged in {spread} days by {people} people; "
    if enough:
        said += (
            "even allowing for luck and for checking daily, the true rate is at least "
            f"{_percent(low)} (needed {settings.promotion_rate} %)."
        )
    else:
        more = evidence.more_clean_needed(clean, n, rate)
        said += f"with so few cases the true rate could be as low as {_percent(low)}"
        said += f"; {more} more clean decisions in a row would be enough." if more else "."
    recent = sorted(cases, key=lambda c: c.decided or c.at)[-RECENT:]
    good = sum(c.clean for c in recent)
    harmful = sum(c.reason == _HARM or bool(c.harm) for c in cases)
    shown = evidence.shown_above(harmful, n, HARMFUL / 100)
    checked = [c for c in cases if c.begun is not None]
    held = sum(c.check == "passed" for c in checked)
    return [
        Criterion("rate", enough, _percent(low), f"{settings.promotion_rate} %", said),
        Criterion(
            "cases",
            n >= settings.promotion_cases,
            str(n),
            str(settings.promotion_cases),
            f"{n} decisions count (needed {settings.promotion_cases}), since {past.because}.",
        ),
        Criterion(
            "recent",
            len(recent) >= RECENT and good * 100 >= RECENT_RATE * len(recent),
            f"{good} of {len(recent)}",
            f"{RECENT_RATE} % of {RECENT}",
            f"Of the last {len(recent)} decisions {good} were clean "
            f"(needed {RECENT_RATE} % of {RECENT}).",
        ),
        Criterion(
            "harm",
            not shown,
            f"{harmful} of {n}",
            f"not shown above {HARMFUL} %",
            f"{harmful} of {n} would have harmed, or did; more than {HARMFUL} % is "
            f"{'shown' if shown else 'not shown'}.",
        ),
        Criterion(
            "outcomes",
            row.check is not None and held == len(checked) and bool(checked),
            f"{held} of {len(checked)}",
            "all, by a check",
            f"Its check saw what was specified in {held} of {len(checked)} executions."
            if row.check is not None
            else "Its row declares no check, so nobody knows what came of it.",
        ),
        _approvers(cases, settings),
    ]


def _approvers(cases: Sequence[Case], settings: Settings) -> Criterion:
    """No approver weighs too much, or it passes without whoever does (gaming by one friend)."""
    share, rate = settings.promotion_share, settings.promotion_rate / 100
    people = Counter(p for c in cases for p in set(c.approvers))
    heavy = [p for p, k in people.items() if k * 100 > share * len(cases)]
    rest = [c for c in cases if not set(heavy) & set(c.approvers)]
    met = not heavy or (
        len(people) > len(heavy)
        and evidence.sufficient(sum(c.clean for c in rest), len(rest), rate)
    )
    most = max(people.values(), default=0)
    number = f"{_share(most, len(cases))} %"
    if not heavy:
        text = f"No approver gave more than {share} % of the decisions (the most: {number})."
    else:
        text = (
            f"{len(heavy)} approver{'s' if len(heavy) > 1 else ''} gave more than {share} % of the "
            f"decisions; without them {len(rest)} are left, "
            f"which {'still suffice' if met else 'do not suffice'}."
        )
    return Criterion("approvers", met, number, f"{share} %", text)


# --- 2 → 1 ---------------------------------------------------------------------------------------


def _two_to_one(cases: Sequence[Case], past: Past, settings: Settings) -> list[Criterion]:
    ended = [c for c in cases if c.settled and not c.unreached]
    last = max(past.reversals, default=0)
    run = [c for c in ended if c.at > last and c.at >= past.released]
    needed = evidence.run_needed(len(past.reversals))
    looked_into = not past.reversals or past.released > last
    checked = [c for c in ended if c.check in {"passed", "failed"}]
    passed = sum(c.check == "passed" for c in checked)
    low = evidence.lower_bound(passed, len(checked))
    given = [c.confidence for c in ended][-CONFIDENCES:]
    sure = [c for c in given if c is not None]
    fifth = evidence.fifth_percentile(sure)
    pairs = [(c.confidence / 1000, not c.wrong) for c in ended if c.confidence is not None]
    over, skill = evidence.overconfident(pairs), evidence.skill(pairs)
    calibrated = (
        "It is surer of itself than its outcomes allow."
        if over
        else "It is not shown to be surer of itself than its outcomes allow."
    )
    if skill is not None and skill <= 0:
        calibrated += f" Its {evidence.NO_SKILL}."
    return [
        Criterion(
            "run",
            len(run) >= needed,
            str(len(run)),
            str(needed),
            f"{len(run)} executions in a row without a reversal (needed {needed}).",
        ),
        Criterion(
            "reversals",
            looked_into,
            str(len(past.reversals)),
            "each looked into",
            "Nothing was reversed."
            if not past.reversals
            else f"{len(past.reversals)} were reversed; people have "
            f"{'looked into it and let it go on' if looked_into else 'not looked into the last'}.",
        ),
        Criterion(
            "outcomes",
            low * 100 >= CHECKS,
            _percent(low),
            f"{CHECKS} %",
            f"{passed} of {len(checked)} outcome checks passed; the true share is at least "
            f"{_percent(low)} (needed {CHECKS} %).",
        ),
        Criterion(
            "confidence",
            len(given) >= CONFIDENCES and len(sure) == len(given) and fifth >= CONFIDENT,
            f"{fifth / 10:g} %",
            f"{CONFIDENT / 10:g} %",
            f"Of its last {len(given)} confidences {len(given) - len(sure)} are missing, and 95 % "
            f"of the rest are at {fifth / 10:g} % or above (needed {CONFIDENT / 10:g} %).",
        ),
        Criterion(
            "calibration",
            not over,
            "overconfident" if over else "not shown",
            "not overconfident",
            calibrated,
        ),
        *_alike(cases, settings),
    ]


# --- both ----------------------------------------------------------------------------------------


def _alike(cases: Sequence[Case], settings: Settings) -> list[Criterion]:
    """Distinct targets, and no single one or trigger that is most of it (gaming)."""
    share, n = settings.promotion_share, len(cases)
    targets = Counter(t for c in cases for t in set(c.targets))
    triggers = Counter(c.trigger for c in cases)
    most = max(targets.values(), default=n)
    source = max(triggers.values(), default=n)
    return [
        Criterion(
            "targets",
            len(targets) >= DAYS and most * 100 <= share * n,
            str(len(targets)),
            f"{DAYS}, none above {share} %",
            f"At least {len(targets)} different targets; the most frequent one is "
            f"{_share(most, n)} % of the cases.",
        ),
        Criterion(
            "triggers",
            n > 0 and source * 100 <= share * n,
            f"{_share(source, n)} %",
            f"{share} %",
            f"The most frequent trigger is behind {_share(source, n)} % of the cases "
            f"(at most {share} %).",
        ),
    ]


def _span(cases: Sequence[Case], settings: Settings) -> Criterion:
    over, distinct, needed = _days_over(cases), days(cases), settings.promotion_span.days
    return Criterion(
        "span",
        over >= needed and distinct >= DAYS,
        f"{over} days, {distinct} of them with cases",
        f"{needed} days, {DAYS} with cases",
        f"The cases span {over} days and fall on {distinct} of them (needed {needed} and {DAYS}).",
    )


def _incidents(past: Past) -> Criterion:
    grave = [i for i in past.incidents if i.severity != "minor"]
    still = [i for i in grave if i.closed is None]
    text = "There was no significant incident."
    if still:
        text = f"{len(still)} significant incident{'s are' if len(still) > 1 else ' is'} open."
    elif grave:
        text = f"{len(grave)} were closed with cause and remedy; only cases since then count."
    return Criterion("incidents", not still, str(len(still)), "none open", text)


def _rollback(past: Past, row: MatrixRow, at: int, settings: Settings) -> Criterion:
    within = settings.rehearsed_within.days
    threshold = f"automatic, {REHEARSALS} rehearsals, the last within {within} days"
    if row.effect is Effect.READ:
        return Criterion("rollback", True, "none needed", threshold, "It changes nothing.")
    if row.rollback is None or not row.rollback.one_click:
        return Criterion("rollback", False, "none", threshold, "No automatic rollback is declared.")
    proven = [t for t, state in past.rehearsals if state == "proven"]
    failed = sum(state != "proven" for t, state in past.rehearsals)
    age = (at - max(proven)) // _DAY if proven else None
    met = len(proven) >= REHEARSALS and not failed and age is not None and age <= within
    last = "never" if age is None else f"{age} days ago" if age else "today"
    return Criterion(
        "rollback",
        met,
        f"{len(proven)} proven, {failed} failed, last {last}",
        threshold,
        f"Its rollback was rehearsed {len(proven)} times with a verified restoration, last {last}; "
        f"{failed} failed.",
    )


def _decided(case: Case) -> bool:
    """Whether people decided it, and it is known what came of it, as far as it ran."""
    if case.decision in {"denied", "modified"}:
        return True
    return case.decision == "approved" and case.settled and not case.unreached


def _seen(case: Case) -> bool:
    """Whether somebody looked, or a check did: nobody complaining is no evidence (EVIDENCE 2)."""
    return case.begun is not None and (case.looked or bool(case.check) or case.wrong)


def _good(case: Case) -> bool:
    return case.clean if case.tier >= Tier.APPROVE else not case.wrong


def _against(case: Case) -> str:
    if case.decision == "denied":
        return f"denied: {case.reason or 'revoked'}".replace("-", " ")
    if case.harm:
        return f"a {case.harm} incident"
    if case.reversed:
        return "reversed"
    if case.wrong:
        return "not as specified"
    return "approved with a modification"


def _kept(
    cases: Sequence[Case], of: Callable[[Case], tuple[str, ...]], rate: float
) -> tuple[str, ...]:
    """The clients or kinds whose rate may still be the needed one."""
    total: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for case in cases:
        for one in of(case):
            total[one] += 1
            good[one] += _good(case)
    return tuple(sorted(k for k in total if evidence.upper_bound(good[k], total[k]) >= rate))


def _effect(cases: Sequence[Case], clients: Sequence[str], now: Tier, at: int) -> str:
    month = sum(c.at > at - 30 * _DAY and bool(set(c.clients) & set(clients)) for c in cases)
    what = (
        "approvals a month will no longer wait"
        if now is Tier.APPROVE
        else ("notices a month will no longer be sent")
    )
    return f"About {month} {what}."


def _days_over(cases: Sequence[Case]) -> int:
    at = [c.decided or c.at for c in cases]
    return (max(at) - min(at)) // _DAY if at else 0


def _percent(share: float) -> str:
    """A lower bound in per cent, rounded down: never more than it is."""
    return f"{int(share * 1000) / 10:g} %"


def _share(part: int, whole: int) -> int:
    return -(-100 * part // whole) if whole else 0


def shown(found: Assessment) -> dict[str, Any]:
    """An assessment as doors show it."""
    return {
        "type": found.type,
        "now": int(found.now),
        "to": None if found.to is None else int(found.to),
        "sufficient": found.sufficient,
        "cases": found.cases,
        "criteria": [
            {"name": c.name, "met": c.met, "number": c.number, "threshold": c.threshold,
             "text": c.text}
            for c in found.criteria
        ],
        "clients": list(found.clients),
        "buckets": list(found.buckets),
        "against": [{"action": a, "why": w} for a, w in found.against],
        "effect": found.effect,
    }  # fmt: skip
