"""Whether the rules for promotion and the breakers do what is said of them, by their own code.

The figures of EVIDENCE 1 to 3: tables and chains exactly, the rest by simulation with seeds of its
own. A true rate is known here, which in the field it never is, so that it can be counted how often
a rule promotes what it should not. Wilson's and Clopper and Pearson's bounds, a bare ratio and the
last ten are here for comparison only: they are no rules of the product.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from math import comb, sqrt
from statistics import median
from typing import Any

from handrail.bench import breaking
from handrail.bench.figures import Figure, luck, say_all
from handrail.bench.house import policy
from handrail.core import evidence
from handrail.core.defaults import Settings
from handrail.core.history import Case, Past
from handrail.core.model import Tier
from handrail.core.policy import MatrixRow, load
from handrail.core.promotion import assess
from handrail.core.recipes import Read, Rollback, RollbackCall

RUNS = 2_000  #: simulated action types for each true rate
DAYS, PER_DAY = 180, 4
RATES = (0.85, 0.90, 0.95, 0.99)
_NEEDED = {0: 43, 1: 66, 2: 85, 3: 103, 4: 120, 5: 137, 10: 212, 20: 351}
_RUNS_NEEDED = (183, 217, 252, 286)
_RATIO, _LAST, _WILSON, _CLOPPER, _BET, _RULE = (
    "ratio at least 90 % of 10 or more",
    "last 10 at least 90 %",
    "Wilson bound, daily",
    "Clopper-Pearson bound, daily",
    "e-process, E at least 20",
    "default rule, all its criteria",
)
#: P(promoted within 180 days) for each of `RATES`.
_PROMOTED: Mapping[str, tuple[float, ...]] = {
    _RATIO: (0.588, 0.956, 1, 1),
    _LAST: (1, 1, 1, 1),
    _WILSON: (0.021, 0.271, 1, 1),
    _CLOPPER: (0.011, 0.233, 1, 1),
    _BET: (0.001, 0.029, 0.989, 1),
    _RULE: (0, 0.020, 0.989, 1),
}
_Z = 1.6449  # one-sided 95 %
_DAY = 86_400_000_000  # microseconds


def run(
    say: Callable[[str], None], *, runs: int = RUNS, actions: int = breaking.ACTIONS
) -> dict[str, Any]:
    """Print every figure beside the expected one, and return them. Shares are of *runs* simulated
    action types for each true rate; false trips are counted on *actions*, several times."""
    begun = time.perf_counter()
    exact = [*_tables(), *_restarts()]
    say_all(say, "Evidence: decisions and executions needed", exact)
    found, day = promoted(runs)
    say(f"P(promoted within {DAYS} days), {PER_DAY} proposals a day, looked at daily (expected)")
    say(f"  {'true rate of clean ones':34} " + "".join(f"{rate:<17}" for rate in RATES))
    shares = []
    for rule, expected in _PROMOTED.items():
        row = [
            Figure(f"{rule}; true {rate}", share, said, luck(said, runs))
            for rate, share, said in zip(RATES, found[rule], expected, strict=True)
        ]
        cells = (f"{f.found:.3f} ({f.expected:.3f}){'' if f.holds else ' !'}" for f in row)
        say(f"  {rule:34} " + "".join(f"{cell:17}" for cell in cells))
        shares += row
    shares.append(Figure("days until the default rule promotes; true 0.99", day, 28))
    say(f"  {shares[-1].name} (median): {day:g} (28)")
    broken = breaking.figures(say, actions, runs)
    figures = [*exact, *shares, *broken]
    differ = [f.name for f in figures if not f.holds]
    seconds = time.perf_counter() - begun
    say(f"{len(figures)} figures in {seconds:.0f} s; different: {', '.join(differ) or 'none'}")
    return {
        "figures": [f.shown() for f in figures],
        "differ": differ,
        "runs": runs,
        "seconds": round(seconds, 1),
    }


def promoted(runs: int) -> tuple[dict[str, list[float]], float]:
    """The share of *runs* action types that each rule promotes within `DAYS`, for each of `RATES`;
    and after how many days (median) the default rule promotes at the best of them."""
    found: dict[str, list[float]] = {rule: [] for rule in _PROMOTED}
    days: list[int] = []
    for rate in RATES:
        draw = random.Random(f"promoted at {rate}")  # noqa: S311 - the same at every run
        lives = [_life(draw, rate) for _ in range(runs)]
        for rule in _PROMOTED:
            found[rule].append(sum(rule in life for life in lives) / runs)
        days = [life[_RULE] for life in lives if _RULE in life]
    return found, median(days) if days else float(DAYS)


# --- exactly -------------------------------------------------------------------------------------


def _tables() -> list[Figure]:
    table = [
        Figure(f"decisions needed, {k} of them not clean", evidence.decisions_needed(k), said)
        for k, said in _NEEDED.items()
    ]
    for k, said in enumerate(_RUNS_NEEDED):
        name = f"executions in a row needed after {k} reversals"
        table.append(Figure(name, evidence.run_needed(k), said))
    return table


def _restarts() -> list[Figure]:
    """How many action types at a true reversal rate of 2 % ever get the run that they need: 149 in
    a row, restarted freely, and the product's, which grow; within ten executions a day."""
    free = _ever(DAYS * 10, lambda _: 149)
    growing = _ever(DAYS * 10, evidence.run_needed)
    return [
        Figure("share at a true 2 % that gets a run of 149, restarted freely", free, 0.87, 0.03),
        Figure("share at a true 2 % that gets the runs needed here", growing, 0.05, 1e-9, True),
    ]


def _ever(executions: int, needed: Callable[[int], int], rate: float = 0.02) -> float:
    """The exact chance to get a run of `needed(reversals)` within so many executions."""
    clean, done = 1 - rate, 0.0
    begins = [1.0, *[0.0] * executions]  # the chance that the current run began after so many
    for reversals in range(executions):
        length = needed(reversals)
        whole = clean**length
        done += sum(begins[: max(0, executions - length + 1)]) * whole
        later, running = [0.0], 0.0  # a run ends by a reversal before it is long enough
        for at in range(1, executions + 1):
            running = running * clean + begins[at - 1]
            if at > length:
                running -= begins[at - 1 - length] * whole
            later.append(running * rate)
        begins = later
        if sum(begins) < 1e-12:
            break
    return done


# --- by simulation -------------------------------------------------------------------------------


def _life(draw: random.Random, rate: float) -> dict[str, int]:
    """One action type over `DAYS`: which rules promote it, and after how many days."""
    found: dict[str, int] = {}
    clean: list[bool] = []
    last: deque[bool] = deque(maxlen=10)
    good = 0
    for day in range(DAYS):
        for _ in range(PER_DAY):
            clean.append(draw.random() < rate)
            last.append(clean[-1])
            good += clean[-1]
        n = len(clean)
        if n >= 10:
            if good >= 0.9 * n:
                found.setdefault(_RATIO, day)
            if sum(last) >= 9:
                found.setdefault(_LAST, day)
            if good >= _wilson(n):
                found.setdefault(_WILSON, day)
            if good >= _clopper_pearson(n):
                found.setdefault(_CLOPPER, day)
        if n >= evidence.decisions_needed(n - good):  # the same as `sufficient`, remembered
            found.setdefault(_BET, day)
            # The rule asks for that too, and for four weeks: on other days it need not be asked.
            if day >= 28 and _RULE not in found and _nominated(clean, day):
                found[_RULE] = day
    return found


def _nominated(clean: list[bool], day: int) -> bool:
    """What the product says of such a past at the end of *day*: many targets, tickets, three
    approvers and five clients, checks passed and rehearsals proven."""
    settings, at = Settings(), (day + 1) * _DAY - 1
    past = Past("bench.restart", rehearsals=[(at - _DAY, "proven")] * 3)
    for i, one in enumerate(clean):
        when = i // PER_DAY * _DAY + i % PER_DAY * _DAY // PER_DAY
        past.cases[str(i)] = Case(
            id=str(i), type=past.type, tier=int(Tier.APPROVE), at=when, agent="agent", version="1",
            clients=(f"client-{i % 5}",), targets=(i % 97,), trigger=f"ticket:{i}",
            approvers=(f"person-{i % 3}",), decision="approved" if one else "modified",
            decided=when, begun=when, ended=when, outcome="done", check="passed",
        )  # fmt: skip
    return assess(past, _row(), Tier.APPROVE, at, settings, {"agent": "1"}).sufficient


@cache
def _row() -> MatrixRow:
    """A signed row of the matrix, with a check and a rollback."""
    return replace(
        load(policy()).rows["bench.restart"],
        check=Read(read="bench.look", arguments={}),
        rollback=Rollback(kind="exact", calls=(RollbackCall(call="bench.stop", arguments={}),)),
    )


@cache
def _wilson(n: int) -> int:
    """The fewest clean ones of *n* whose Wilson lower bound is above 90 %."""
    for s in range(int(0.9 * n), n + 1):
        p = s / n
        middle = p + _Z**2 / (2 * n)
        reach = _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        if (middle - reach) / (1 + _Z**2 / n) > 0.9:
            return s
    return n + 1


@cache
def _clopper_pearson(n: int) -> int:
    """The fewest clean ones of *n* whose Clopper-Pearson lower bound is above 90 %."""
    tail, s = 0.0, n + 1
    while tail <= evidence.ALPHA:
        s -= 1
        tail += comb(n, s) * 0.9**s * 0.1 ** (n - s)
    return s + 1
