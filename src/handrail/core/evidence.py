"""How much a count of cases shows, however often one looks (EVIDENCE 1 and 2).

A ratio over ten cases, looked at every day, is no test: it promotes an action that is right 85 %
of the time with certainty. An *e-process* is a bet against the null hypothesis whose stake can
only grow by luck with probability 1/20 to twenty times itself, at whatever time one looks (Ville's
inequality; Howard, Ramdas, McAuliffe, Sekhon 2021; Waudby-Smith, Ramdas 2024). So evidence may be
looked at daily, and people may stop when they like.

    E(s, n) = 1/(1 - p0) · ∫ from p0 to 1 of (q/p0)^s · ((1-q)/(1-p0))^(n-s) dq

for s clean cases of n against *the true rate is at most p0*, the alternatives mixed uniformly. In
closed form, with f = n - s and B the beta function,

    E = B(s+1, f+1) · P(Bin(n+1, p0) ≤ s) / ((1-p0) · p0^s · (1-p0)^f)

computed in logarithms, so that no count is too large. Everything here is a pure function.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p

ALPHA = 0.05
#: Evidence is sufficient at this e-value: 1/α.
NEEDED = 1 / ALPHA
SLACK = 0.03  #: by which an agent may be surer than its outcomes before that counts against it
_STAKES = (0.1, 0.25, 0.5, 0.75)  # of the wealth, bet on each case: mixed, since none is best


def log_e_value(s: int, n: int, p0: float) -> float:
    """The logarithm of E for *s* clean cases of *n* against a true rate of at most *p0*."""
    if not 0 <= s <= n or not 0 < p0 < 1:
        raise ValueError(f"{s} of {n} against {p0} is no count")
    f = n - s
    return (
        _log_beta(s + 1, f + 1)
        + _log_at_most(s, n + 1, p0)
        - log1p(-p0)
        - s * log(p0)
        - f * log1p(-p0)
    )


def e_value(s: int, n: int, p0: float = 0.9) -> float:
    """E for *s* clean cases of *n* against a true rate of at most *p0*; `inf` when too large."""
    value = log_e_value(s, n, p0)
    return exp(value) if value < 700 else inf


def sufficient(s: int, n: int, p0: float = 0.9) -> bool:
    """Whether *s* of *n* show a true rate above *p0*."""
    return n > 0 and log_e_value(s, n, p0) >= log(NEEDED)


@lru_cache(maxsize=4096)
def lower_bound(s: int, n: int) -> float:
    """The largest rate that *s* of *n* still reject: the true one is higher, with 95 % certainty
    at every time one looks. 0.0 when nothing is rejected."""
    if n == 0 or s == 0:
        return 0.0
    low, high = 0.0, s / n if s < n else 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if 0 < middle < 1 and log_e_value(s, n, middle) >= log(NEEDED):
            low = middle
        else:
            high = middle
    return low


def upper_bound(s: int, n: int) -> float:
    """The smallest rate that *s* of *n* reject from above; 1.0 when nothing is rejected."""
    return 1.0 - lower_bound(n - s, n)


def shown_above(bad: int, n: int, rate: float) -> bool:
    """Whether *bad* of *n* show a true rate of bad ones above *rate*."""
    return n > 0 and log_e_value(bad, n, rate) >= log(NEEDED)


@lru_cache(maxsize=4096)
def decisions_needed(not_clean: int, p0: float = 0.9) -> int:
    """How many decisions suffice when *not_clean* of them were not clean: the table that is shown
    to people, which takes no statistics to read."""
    low, high = not_clean, max(64, not_clean * 2)
    while not sufficient(high - not_clean, high, p0):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if sufficient(middle - not_clean, middle, p0):
            high = middle
        else:
            low = middle
    return high


def more_clean_needed(s: int, n: int, p0: float = 0.9) -> int:
    """How many further clean decisions in a row would be enough; 0 when it suffices now."""
    return max(0, decisions_needed(n - s, p0) - n)


def run_needed(reversals: int, rate: float = 0.02) -> int:
    """How many executions in a row without a reversal show a rate below *rate*.

    The first run uses half of α, each later one half of what the one before used: restarting
    freely is looking again in disguise.
    """
    alpha = ALPHA / 2 ** (1 + reversals)
    needed = 0
    stake = 0.0  # the bet that nothing is ever reversed
    while stake < -log(alpha):
        needed += 1
        stake = -needed * log1p(-rate)
    return needed


def overconfident(cases: Iterable[tuple[float, bool]]) -> bool:
    """Whether confidences (0 to 1) are shown to be above how often things went right, by more
    than `SLACK`. A bet on each case against *the chance is at least the confidence less the
    slack*, valid at every time one looks."""
    wealth = [0.0] * len(_STAKES)
    for confidence, right in cases:
        gain = confidence - SLACK - (1.0 if right else 0.0)
        wealth = [w + log1p(stake * gain) for w, stake in zip(wealth, _STAKES, strict=True)]
    top = max(wealth)
    mixed = top + log(sum(exp(w - top) for w in wealth) / len(wealth))
    return mixed >= log(NEEDED)


def skill(cases: Sequence[tuple[float, bool]]) -> float | None:
    """Brier skill of confidences against always saying the base rate: 1 is perfect, 0 or less
    means that confidence carries no information here. None where everything, or nothing, went
    right: then there is nothing to tell apart."""
    if not cases:
        return None
    base = sum(right for _, right in cases) / len(cases)
    reference = base * (1 - base)
    if reference == 0:
        return None
    score = sum((confidence - right) ** 2 for confidence, right in cases) / len(cases)
    return 1 - score / reference


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _log_at_most(k: int, n: int, p: float) -> float:
    """log P(Bin(n, p) ≤ k), by whichever tail is the smaller one."""
    if k >= n:
        return 0.0
    if k >= n * p:
        return log1p(-min(exp(_log_tail(k + 1, n, p)), 1 - 1e-16))
    return _log_tail(n - k, n, 1 - p)


def _log_tail(k: int, n: int, p: float) -> float:
    """log P(Bin(n, p) ≥ k) for k above the mean: terms fall at least geometrically."""
    first = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p)
    odds, term, total = p / (1 - p), 1.0, 1.0
    for j in range(k, n):
        term *= odds * (n - j) / (j + 1)
        total += term
        if term < total * 1e-17:
            break
    return first + log(total)
