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

computed in logarithms, so that no count is too large. The cases need not be alike nor independent:
E is a fair bet or a losing one as long as each next case, given all before it, is clean with a
chance of at most p0. Everything here is a pure function.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import ceil, exp, inf, lgamma, log, log1p

ALPHA = 0.05
#: Evidence is sufficient at this e-value: 1/α.
NEEDED = 1 / ALPHA
SLACK = 0.03  #: by which an agent may be surer than its outcomes before that counts against it
NO_SKILL = "confidence carries no information here"  #: said when `skill` is not positive
_STAKES = (0.1, 0.25, 0.5, 0.75)  # of the wealth, bet on each case: mixed, since none is best


def log_e_value(s: int, n: int, p0: float) -> float:
    """The logarithm (nats) of E for *s* clean cases of *n* against a true rate of at most *p0*:
    the closed form of the module's docstring (Howard et al. 2021). Raises `ValueError` when that
    is no count or no rate."""
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
    """E(s, n) = 1/(1-p0) · ∫ from p0 to 1 of (q/p0)^s · ((1-q)/(1-p0))^(n-s) dq: by what factor a
    bet against *the true rate is at most p0* has grown after *s* clean cases of *n* (Howard et
    al. 2021); `inf` when it is too large for a float."""
    value = log_e_value(s, n, p0)
    return exp(value) if value < 700 else inf


def sufficient(s: int, n: int, p0: float = 0.9) -> bool:
    """Whether *s* of *n* show a true rate above *p0*: E ≥ 1/α = 20. When the rate is not above,
    this is ever so, at any time of looking, with a chance of at most 1/20 (Ville's inequality)."""
    return n > 0 and log_e_value(s, n, p0) >= log(NEEDED)


@lru_cache(maxsize=4096)
def lower_bound(s: int, n: int) -> float:
    """max { p0 : E(s, n; p0) ≥ 1/α }, the largest rate that *s* of *n* still reject: the true one
    is higher, with 95 % certainty at every time one looks (a confidence sequence: Waudby-Smith,
    Ramdas 2024). 0.0 when nothing is rejected. Never above the exact value; round it down when it
    is shown."""
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
    """1 - `lower_bound` (n - s, n), the smallest rate that *s* of *n* reject from above (Waudby-
    Smith, Ramdas 2024); 1.0 when nothing is rejected. Never below the exact value."""
    return 1.0 - lower_bound(n - s, n)


def shown_above(bad: int, n: int, rate: float) -> bool:
    """Whether *bad* of *n* show a true rate of bad ones above *rate*: E(bad, n; rate) ≥ 1/α, as
    valid at every time of looking as `sufficient` (Ville's inequality)."""
    return sufficient(bad, n, rate)


@lru_cache(maxsize=4096)
def decisions_needed(not_clean: int, p0: float = 0.9) -> int:
    """min { n : E(n - not_clean, n; p0) ≥ 1/α }, how many decisions suffice when *not_clean* of
    them were not clean: the table that is shown to people, which takes no statistics to read.
    Once n suffices, every larger n does."""
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
    """How many further clean decisions in a row would be enough: `decisions_needed` (n - s) - n,
    and 0 when it suffices now."""
    return max(0, decisions_needed(n - s, p0) - n)


def run_needed(reversals: int, rate: float = 0.02) -> int:
    """min { n : (1-rate)^-n ≥ 1/α_k }, how many executions in a row without a reversal show a rate
    below *rate* after *reversals*: the bet that nothing is ever reversed (Ville's inequality).

    The first run uses α_0 = α/2, each later one half of what the one before used, so that all of
    them together use α: restarting freely is looking again in disguise.
    """
    return ceil((log(NEEDED) + (1 + reversals) * log(2)) / -log1p(-rate))


def overconfident(cases: Iterable[tuple[float, bool]]) -> bool:
    """Whether confidences c (0 to 1) are shown to be above how often things went right (x = 1), by
    more than `SLACK`: mean over stakes λ of ∏ (1 + λ·(c - slack - x)) ≥ 1/α.

    A bet on each case against *its chance is at least the confidence less the slack*, valid at
    every time one looks (betting: Waudby-Smith, Ramdas 2024). A veto, where the expected
    calibration error would be noise: 0.057 at n = 50 for a perfect agent.
    """
    wealth = [0.0] * len(_STAKES)
    for confidence, right in cases:
        gain = confidence - SLACK - (1.0 if right else 0.0)
        wealth = [w + log1p(stake * gain) for w, stake in zip(wealth, _STAKES, strict=True)]
    top = max(wealth)
    mixed = top + log(sum(exp(w - top) for w in wealth) / len(wealth))
    return mixed >= log(NEEDED)


def skill(cases: Sequence[tuple[float, bool]]) -> float | None:
    """1 - mean (c - x)² / (x̄·(1 - x̄)), the Brier skill of confidences c against always saying the
    base rate x̄ (Brier 1950): 1 is perfect, 0 or less is `NO_SKILL`. None where everything, or
    nothing, went right: then there is nothing to tell apart."""
    if not cases:
        return None
    base = sum(right for _, right in cases) / len(cases)
    reference = base * (1 - base)
    if reference == 0:
        return None
    score = sum((confidence - right) ** 2 for confidence, right in cases) / len(cases)
    return 1 - score / reference


def fifth_percentile(values: Sequence[int]) -> int:
    """The value that 95 % of *values* reach; 0 without any. Of the last 100 confidences (per
    mille), whether they are reliably high."""
    return sorted(values)[len(values) // 20] if values else 0


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _log_at_most(k: int, n: int, p: float) -> float:
    """log P(Bin(n, p) ≤ k) for k < n, by whichever tail is the smaller one."""
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
