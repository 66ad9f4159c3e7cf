"""Shadow: calls pass as they would without Handrail, within a recorded, dated scope (SPEC 2, I22).

Whether a scope is live is a pure function of its dates and of now: no timer opens or ends one, and
at the instant of its end the calls of its connection are governed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from handrail.core.backtest import spread
from handrail.core.model import Classification, Effect, Tier
from handrail.core.presets import PRESETS
from handrail.errors import BadInput

USUAL = timedelta(days=14)  # how long a scope lasts unless somebody says otherwise
LONGEST = timedelta(days=30)
SAMPLES = 10  # calls that would have waited, shown one by one
ROWS = 50  # deciding reasons shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One scope that people opened. ``agent`` and ``client`` are empty for all of them."""

    id: str
    connection: str
    agent: str
    client: str
    begins: datetime
    ends: datetime
    ended: datetime | None

    def live(self, now: datetime) -> bool:
        """Whether calls pass at *now*. The instant of the end is outside."""
        return (
            self.begins <= now < (self.ends if self.ended is None else min(self.ends, self.ended))
        )

    def lasts(self, now: datetime) -> bool:
        """Whether it has not ended by *now*: for who looks by a clock that may stand a moment
        behind the record's. A unit asks `live`."""
        return self.ended is None and now < self.ends

    def covers(self, connection: str, agent: str, clients: Sequence[str]) -> bool:
        """Whether it is about such a call. A scope of one client is about calls that concern that
        client alone: an unknown one, or one more, is governed."""
        return (
            self.connection == connection
            and self.agent in {"", agent}
            and (not self.client or tuple(clients) == (self.client,))
        )


def end(now: datetime, days: int | None) -> datetime:
    """When a scope ends that lasts *days* from *now*. Raises `BadInput` beyond `LONGEST`."""
    span = USUAL if days is None else timedelta(days=days)
    if not timedelta(0) < span <= LONGEST:
        raise BadInput(
            f"a shadow lasts 1 to {LONGEST.days} days, not {span.days}",
            hint="It can be made longer later, by two people.",
        )
    return now + span


_WOULD = {
    Tier.AUTONOMOUS: "it would have run alone",
    Tier.NOTIFY: "it would have run, and a person would have been told",
    Tier.APPROVE: "it would have waited for a person",
    Tier.PROHIBITED: "it would have been refused",
}


def words(tier: Tier, outcome: str) -> str:
    """One sentence for whoever asked: how it ended, and what it would have met."""
    return f"{outcome} Passed in shadow, ungoverned: enforced, {_WOULD[tier]}."


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a call without a signed row would meet by its drafted row, once that is signed."""

    classification: Classification
    effect: Effect

    def leaf(self) -> dict[str, Any]:
        """It as facts of a leaf."""
        found = self.classification
        return {
            "tier": int(found.tier),
            "effect": self.effect.value,
            "reasons": [[r.code, int(r.tier)] for r in found.reasons],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One call that passed: what it would have met. ``why`` are the binding reasons; ``drafted``
    tier and effect are by the drafted row where it had no signed one."""

    id: str
    type: str
    at: datetime
    tier: Tier
    effect: Effect
    title: str
    outcome: str
    why: tuple[tuple[str, str], ...]  #: code and words
    drafted: tuple[Tier, Effect] | None = None


@dataclass(slots=True)
class Meant:
    """Counts what passed, newest first, from *since* to *until*."""

    since: datetime
    until: datetime
    _tiers: Counter[Tier] = field(default_factory=Counter)
    _types: dict[str, Counter[Tier]] = field(default_factory=dict)
    _decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    _words: dict[tuple[str, str], str] = field(default_factory=dict)
    _asks: dict[str, Counter[date]] = field(default_factory=lambda: {n: Counter() for n in PRESETS})
    _samples: list[Passed] = field(default_factory=list)
    _drafts: int = 0
    _once: Counter[Tier] = field(default_factory=Counter)
    _asks_once: dict[str, Counter[date]] = field(
        default_factory=lambda: {n: Counter() for n in PRESETS}
    )

    def add(self, call: Passed) -> None:
        """Count one call."""
        day = call.at.astimezone(UTC).date()
        self._tiers[call.tier] += 1
        self._types.setdefault(call.type, Counter())[call.tier] += 1
        for name, preset in PRESETS.items():
            if preset.tier(call.tier, call.effect) == Tier.APPROVE:
                self._asks[name][day] += 1
        tier, effect = call.drafted or (call.tier, call.effect)
        self._drafts += call.drafted is not None
        self._once[tier] += 1
        for name, preset in PRESETS.items():
            if preset.tier(tier, effect) == Tier.APPROVE:
                self._asks_once[name][day] += 1
        if call.tier < Tier.APPROVE:
            return
        for code, words in call.why:
            self._decided[call.type, code] += 1
            self._words.setdefault((call.type, code), words)
        if len(self._samples) < SAMPLES:
            self._samples.append(call)

    def report(self) -> dict[str, Any]:
        """What was found, as plain values; approver load over every day of the span."""
        days = self._days()
        return {
            "calls": sum(self._tiers.values()),
            "days": len(days),
            "tiers": {str(t.wire): self._tiers[t] for t in Tier},
            "presets": [
                {
                    "name": p.name,
                    "says": p.says,
                    "asks_a_day": spread([self._asks[p.name][d] for d in days]),
                }
                for p in PRESETS.values()
            ],
            "drafted": {
                "calls": self._drafts,
                "tiers": {str(t.wire): self._once[t] for t in Tier},
                "presets": [
                    {"name": p.name, "asks_a_day": spread([self._asks_once[p.name][d] for d in days])}
                    for p in PRESETS.values()
                ],
            },
            "types": [
                {"type": type, **{str(t.wire): n for t, n in sorted(counts.items())}}
                for type, counts in sorted(self._types.items(), key=_most)[:ROWS]
            ],
            "decided": [
                {"type": key[0], "code": key[1], "text": self._words[key], "calls": n}
                for key, n in sorted(self._decided.items(), key=lambda i: (-i[1], i[0]))[:ROWS]
            ],
            "waiting": [
                {"id": c.id, "type": c.type, "at": c.at, "title": c.title, "outcome": c.outcome,
                 "reasons": [words for _, words in c.why]}
                for c in self._samples
            ],
        }  # fmt: skip

    def _days(self) -> list[date]:
        first, last = self.since.astimezone(UTC).date(), self.until.astimezone(UTC).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _most(item: tuple[str, Counter[Tier]]) -> tuple[int, int, str]:
    type, counts = item
    return -counts[Tier.APPROVE], -counts.total(), type


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as lines for a terminal."""
    whole, tiers = report["calls"], report["tiers"]
    if not whole:
        yield "Nothing has passed in this scope yet."
        return
    yield f"{whole} calls passed in shadow, over {report['days']} days. Enforced:"
    for wire, words in (
        ("1", "would have run alone"),
        ("2", "would have run, and a person would have been told"),
        ("3", "would have waited for a person"),
    ):
        if tiers[wire]:
            yield f"  {tiers[wire]:6}  {tiers[wire] / whole:4.0%}  {words}"
    yield ""
    yield "People asked a day:"
    for preset in report["presets"]:
        asks = preset["asks_a_day"]
        yield (
            f"  {preset['name']:9} median {asks['p50']}, 95th percentile {asks['p95']}. "
            f"{preset['says']}"
        )
    once = report["drafted"]
    if once["calls"]:
        yield ""
        yield f"{once['calls']} of them have no signed row. Once the drafted rows are signed:"
        yield (
            f"  {once['tiers']['1']} alone, {once['tiers']['2']} with a notice, "
            f"{once['tiers']['3']} would wait"
        )
        for preset in once["presets"]:
            asks = preset["asks_a_day"]
            yield f"  {preset['name']:9} median {asks['p50']}, 95th percentile {asks['p95']} a day"
    if report["decided"]:
        yield ""
        yield "What decided that calls would have waited:"
    for row in report["decided"][:10]:
        yield f"  {row['calls']:6}  {row['type']}: {row['text']}"
    for call in report["waiting"]:
        yield ""
        yield f"Would have waited: {call['title']} ({call['type']}, {call['id']})"
        for reason in call["reasons"][:4]:
            yield f"  - {reason}"
