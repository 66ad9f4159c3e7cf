"""What an agent's recorded calls would have met, before anything is connected (SPEC 2, look-back).

A call whose type has a signed row is judged by it; any other by a row drafted from its name and
its arguments, as `import` would, taken as if people had signed it: what could be had, not what
would happen on the first day. Clients and looked-up facts are not in a transcript: each call is
taken to concern one registered client, and what else is not known stays unknown, and waits.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson

from handrail.core.backtest import spread
from handrail.core.classify import given, judge, settle
from handrail.core.conditions import ConditionError, scope
from handrail.core.drafting import draft
from handrail.core.importing import definition
from handrail.core.model import (
    Action,
    Classification,
    Effect,
    Fact,
    Facts,
    Request,
    Snapshot,
    Tier,
    ToolDefinition,
    Trigger,
)
from handrail.core.policy import MatrixRow, Policy, plain
from handrail.core.policy_load import drafted_row
from handrail.core.presets import PRESETS
from handrail.core.transcripts import Call
from handrail.errors import PolicyInvalid

SAMPLES = 5  # decision packages that are shown
_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class LookBack:
    """Judges calls and counts them; the sum of any number of files."""

    policy: Policy
    offered: Mapping[str, ToolDefinition] = field(default_factory=dict)  #: by action type
    calls: int = 0
    undated: int = 0
    unreadable: int = 0  #: names that no action type can have
    _tiers: Counter[Tier] = field(default_factory=Counter)
    _types: dict[str, Counter[Tier]] = field(default_factory=dict)
    _asks: dict[str, Counter[date]] = field(
        default_factory=lambda: {name: Counter() for name in PRESETS}
    )
    _days: set[date] = field(default_factory=set)
    _samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    _rows: dict[str, MatrixRow | None] = field(default_factory=dict)

    def add(self, call: Call) -> None:
        """Judge and count one call."""
        type = f"{call.server}.{call.tool}"
        row = self._row(type, call)
        if row is None:
            self.unreadable += 1
            return
        found = self._judged(type, call, row)
        self.calls += 1
        self._tiers[found.tier] += 1
        self._types.setdefault(type, Counter())[found.tier] += 1
        if call.at is None:
            self.undated += 1
        else:
            day = call.at.astimezone(UTC).date()
            self._days.add(day)
            for name, preset in PRESETS.items():
                if preset.tier(found.tier, row.effect) == Tier.APPROVE:
                    self._asks[name][day] += 1
        if (
            found.tier is Tier.APPROVE
            and type not in self._samples
            and len(self._samples) < SAMPLES
        ):
            self._samples[type] = _sample(type, call, row, found)

    def report(self) -> dict[str, Any]:
        """What was found, as plain values."""
        days = self._span()
        types = sorted(
            self._types.items(),
            key=lambda item: (-item[1][Tier.APPROVE], -sum(item[1].values()), item[0]),
        )
        return {
            "calls": self.calls,
            "undated": self.undated,
            "unreadable": self.unreadable,
            "days": len(days),
            "since": days[0].isoformat() if days else None,
            "until": days[-1].isoformat() if days else None,
            "tiers": {str(t.wire): self._tiers[t] for t in Tier},
            "presets": [
                {
                    "name": p.name,
                    "says": p.says,
                    "asks_a_day": spread([self._asks[p.name][d] for d in days]),
                }
                for p in PRESETS.values()
            ],
            "types": [
                {"type": type, **{str(t.wire): n for t, n in sorted(counts.items())}}
                for type, counts in types[:200]
            ],
            "packages": list(self._samples.values()),
        }

    # --- inside -----------------------------------------------------------------------------

    def _row(self, type: str, call: Call) -> MatrixRow | None:
        if type not in self._rows:
            row = self.policy.row(type)
            if row is None:
                tool = self.offered.get(type) or _seen(call)
                try:
                    row = drafted_row(draft(tool).document)
                except PolicyInvalid:
                    row = None
            self._rows[type] = row
        return self._rows[type]

    def _judged(self, type: str, call: Call, row: MatrixRow) -> Classification:
        request = Request(
            connection=call.server,
            tool=call.tool,
            arguments=orjson.dumps(call.arguments),
            trigger=Trigger(),
            reasoning="",
        )
        targets = _targets(request, call, row)
        values = {
            "clients.count": 1, "client.regimes": [], "client.risk": "normal",
            "targets.count": len(targets),
        }  # fmt: skip
        action = Action(
            id="act_0",
            request=request,
            agent="",
            agent_version="",
            clients=("one client",),
            targets=targets,
            nonce=b"",
            connection_digest="",
            tool_digest="",
            digest=b"",
            at=call.at or _AT,
        )
        facts = Facts({n: Fact(n, v, "taken as given", _AT) for n, v in values.items()})
        signed = self.policy.row(type) is not None
        judgement = judge(action, call.arguments, facts, self.policy, draft=None if signed else row)
        return settle(judgement, self.policy, Snapshot())

    def _span(self) -> list[date]:
        if not self._days:
            return []
        first, last = min(self._days), max(self._days)
        # A transcript with one date from another century is no span of a million days.
        if (last - first).days > 3660:
            return sorted(self._days)
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _seen(call: Call) -> ToolDefinition:
    """What a call tells of its tool: its name, and the names of what it was given."""
    properties = {str(n): {"type": _kind(v)} for n, v in call.arguments.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return definition(call.server, call.tool, schema=schema)


def _kind(value: Any) -> str:
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "string"


def _targets(request: Request, call: Call, row: MatrixRow) -> tuple[str, ...]:
    if row.targets is None:
        return ()
    try:
        named = row.targets.value(scope(given(request, call.arguments, "", "", row)))
    except ConditionError:
        return ()
    return tuple(sorted({str(t) for t in (named if isinstance(named, list) else [named])}))


def _sample(type: str, call: Call, row: MatrixRow, found: Classification) -> dict[str, Any]:
    return {
        "type": plain(type, 200),
        "title": row.title(call.arguments, (), ()),
        "at": call.at,
        "arguments": plain(orjson.dumps(call.arguments).decode(), 600),
        "reasons": [plain(r.text, 300) for r in found.reasons if r.tier >= Tier.APPROVE],
        "undo": row.rollback.text if row.rollback else "",
        "changes": row.effect is Effect.CHANGE,
    }


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report as lines for a terminal."""
    if not report["calls"]:
        yield "No tool calls were found in these files."
        return
    tiers, whole = report["tiers"], report["calls"]
    when = f", {report['since']} to {report['until']}" if report["since"] else ""
    yield f"{whole} calls of {len(report['types'])} action types{when}."
    for wire, words in (
        ("1", "would have run alone"),
        ("2", "would have run, and a person would have been told"),
        ("3", "would have waited for a person"),
        ("prohibited", "would have been refused"),
    ):
        if tiers[wire]:
            yield f"  {tiers[wire]:6}  {tiers[wire] / whole:4.0%}  {words}"
    if report["days"]:
        yield ""
        yield f"People asked a day, over {report['days']} days:"
        for preset in report["presets"]:
            asks = preset["asks_a_day"]
            yield (
                f"  {preset['name']:9} median {asks['p50']}, 95th percentile {asks['p95']}. "
                f"{preset['says']}"
            )
    for package in report["packages"]:
        yield ""
        yield f"Would have waited: {package['title']} ({package['type']})"
        yield f"  {package['arguments']}"
        for reason in package["reasons"][:4]:
            yield f"  - {reason}"
    yield ""
    yield "Judged by name and arguments; which client, user or device it was is not in a transcript."
    if report["unreadable"]:
        yield f"{report['unreadable']} calls have names that no tool can have, and are left out."
