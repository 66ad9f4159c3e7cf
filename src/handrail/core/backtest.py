"""Another policy over the recorded past, in three blocks that say different things (EVIDENCE 6).

* **Exact**: which actions change tier, and how many more or fewer questions a day people would
  have had. Both tiers are worked out by policy alone, from the same recorded facts; what pauses,
  standings and windows added at the time is left out of both.
* **Stricter**: harm that would have been looked at first. Looked at, never *prevented*.
* **Laxer, not identified**: what people denied never ran, so nobody knows how it would have gone.
  Bounds are shown: all of it harmless, all of it harmful.

Counting is incremental, so that a long past fits into little memory. Nothing here reads or runs
anything (I22).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

MOST_TYPES = 200  # action types that a report names
_ASKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One recorded action under both policies. Tiers are 1 to 4, 4 is prohibited."""

    type: str
    day: date
    was: int
    now: int
    state: str  #: what became of it
    harmful: bool  #: it was reversed, or an incident names it
    asked: str  #: the role that the other policy would ask first, where it asks
    why: str  #: what makes the tier under the other policy


@dataclass(slots=True)
class _Type:
    stricter: int = 0
    laxer: int = 0
    why: str = ""


@dataclass(slots=True)
class Tally:
    """Counts the past, and reports."""

    actions: int = 0
    unreadable: int = 0  #: erased or sealed by a key that is gone: not replayed
    _moved: Counter[tuple[int, int]] = field(default_factory=Counter)
    _types: dict[str, _Type] = field(default_factory=dict)
    _asks: dict[str, Counter[date]] = field(
        default_factory=lambda: {"was": Counter(), "now": Counter()}
    )
    _by: Counter[str] = field(default_factory=Counter)
    _first: date | None = None
    _last: date | None = None
    _looked_at_first: int = 0
    _ran: int = 0
    _harmful: int = 0
    _denied: int = 0

    def add(self, past: Past) -> None:
        """Count one action."""
        self.actions += 1
        self._first = min(past.day, self._first or past.day)
        self._last = max(past.day, self._last or past.day)
        self._moved[past.was, past.now] += 1
        for when, tier in (("was", past.was), ("now", past.now)):
            if tier == _ASKS:
                self._asks[when][past.day] += 1
        if past.now == _ASKS:
            self._by[past.asked] += 1
        if past.was == past.now:
            return
        kind = self._types.setdefault(past.type, _Type())
        kind.why = past.why
        if past.now > past.was:
            kind.stricter += 1
            self._looked_at_first += past.harmful and past.was < _ASKS
            return
        kind.laxer += 1
        if past.state == "denied":
            self._denied += 1
        elif past.state in {"done", "failed", "unknown", "reversed"}:
            self._ran += 1
            self._harmful += past.harmful

    def report(self) -> dict[str, Any]:
        """What can be said, as plain values."""
        days = self._days()
        types = sorted(
            self._types.items(), key=lambda item: (-item[1].laxer, -item[1].stricter, item[0])
        )
        return {
            "actions": self.actions,
            "unreadable": self.unreadable,
            "days": len(days),
            "since": days[0].isoformat() if days else None,
            "until": days[-1].isoformat() if days else None,
            "exact": {
                "same": sum(n for (was, now), n in self._moved.items() if was == now),
                "moved": [
                    {"was": _word(was), "now": _word(now), "count": n}
                    for (was, now), n in sorted(self._moved.items())
                    if was != now
                ],
                "types": [
                    {"type": type, "stricter": t.stricter, "laxer": t.laxer, "why": t.why}
                    for type, t in types[:MOST_TYPES]
                ],
                "asks_a_day": {
                    when: spread([counts[d] for d in days]) for when, counts in self._asks.items()
                },
                "asked_first": dict(self._by.most_common()),
            },
            "stricter": {
                "looked_at_first": self._looked_at_first,
                "text": "Harm that ran without a person and would have been put before one first. "
                "Whether the person would have seen it is not known.",
            },
            "laxer": {**self._bounds(), "text": _LAXER},
            "sentence": self._sentence(days),
        }

    def _bounds(self) -> dict[str, Any]:
        """The share of harm among what becomes laxer: between all denied ones being harmless
        and all of them being harmful."""
        whole = self._ran + self._denied
        return {
            "ran": self._ran,
            "harmful": self._harmful,
            "denied": self._denied,
            "least": round(self._harmful / whole, 4) if whole else None,
            "most": round((self._harmful + self._denied) / whole, 4) if whole else None,
        }

    def _days(self) -> list[date]:
        if self._first is None or self._last is None:
            return []
        span = (self._last - self._first).days
        return [self._first + timedelta(days=n) for n in range(span + 1)]

    def _sentence(self, days: list[date]) -> str:
        if not self.actions:
            return "There is no recorded past to compare with."
        stricter = sum(t.stricter for t in self._types.values())
        laxer = sum(t.laxer for t in self._types.values())
        was, now = (sum(self._asks[w].values()) / len(days) for w in ("was", "now"))
        return (
            f"Of {self.actions} recorded actions, {stricter} would have had more oversight and "
            f"{laxer} less; people would have been asked {now:.1f} times a day instead of "
            f"{was:.1f}."
        )


_LAXER = (
    "What people denied never ran: how it would have gone is not known. The true share lies "
    "between these two; shadow mode or an audit sample says more."
)


def spread(counts: list[int]) -> dict[str, Any]:
    """Median, 95th percentile and sum of counts a day."""
    ordered = sorted(counts)
    return {
        "p50": _quantile(ordered, 0.5),
        "p95": _quantile(ordered, 0.95),
        "total": sum(ordered),
    }


def _quantile(ordered: list[int], share: float) -> int:
    """The nearest-rank quantile; 0 of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def _word(tier: int) -> int | str:
    return "prohibited" if tier > _ASKS else tier


def lines(report: Mapping[str, Any]) -> Iterable[str]:
    """The report as lines for a terminal."""
    yield report["sentence"]
    if not report["actions"]:
        return
    if report["unreadable"]:
        yield f"{report['unreadable']} more could not be replayed: their content was erased."
    exact = report["exact"]
    yield ""
    yield f"Exact, {report['since']} to {report['until']}"
    for moved in exact["moved"]:
        yield f"  {moved['count']:6}  from tier {moved['was']} to {moved['now']}"
    was, now = exact["asks_a_day"]["was"], exact["asks_a_day"]["now"]
    yield (
        f"  asked a day: median {was['p50']} to {now['p50']}, "
        f"95th percentile {was['p95']} to {now['p95']}"
    )
    for role, count in exact["asked_first"].items():
        yield f"  {count:6}  asked first: {role or 'nobody: no chain'}"
    for kind in exact["types"][:20]:
        words = ", ".join(f"{kind[w]} {w}" for w in ("laxer", "stricter") if kind[w])
        yield f"  {kind['type']}: {words}. {kind['why']}"
    yield ""
    yield f"Stricter: {report['stricter']['looked_at_first']}. {report['stricter']['text']}"
    laxer = report["laxer"]
    if laxer["least"] is not None:
        yield (
            f"Laxer, not identified: harm between {laxer['least']:.2%} and {laxer['most']:.2%} of "
            f"{laxer['ran'] + laxer['denied']} ({laxer['ran']} ran, {laxer['denied']} were denied). "
            f"{laxer['text']}"
        )
