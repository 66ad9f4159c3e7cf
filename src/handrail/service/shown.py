"""Rows as doors show them: plain dicts, times as RFC 3339 strings, digests as hex."""

from collections.abc import Mapping
from typing import Any

import orjson

from handrail.clock import from_us, rfc3339
from handrail.core.events import sentence
from handrail.core.model import Tier
from handrail.service import codec
from handrail.store.contract import Row

Names = Mapping[str, str]


def when(us: int | None) -> str | None:
    """Microseconds as RFC 3339, None as None."""
    return None if us is None else rfc3339(from_us(us))


def action(row: Row, names: Names) -> dict[str, Any]:
    """One action, without anything sealed."""
    clients = codec.load(row["clients"])
    return {
        "id": row["id"],
        "type": row["type"],
        "connection": row["connection"],
        "tool": row["tool"],
        "effect": row["effect"],
        "tier": Tier(row["tier"]).wire,
        "state": row["state"],
        "title": row["sentence"],
        "client": row["client"],
        "client_name": names.get(row["client"], row["client"] or "unknown client"),
        "clients": clients,
        "client_names": [names.get(c, c) for c in clients],
        "targets": codec.load(row["targets"]),
        "agent": row["agent"],
        "agent_name": names.get(row["agent"], row["agent"]),
        "agent_version": row["agent_version"],
        "trigger": {"kind": row["trigger_kind"], "ref": row["trigger_ref"]},
        "confidence": None if row["confidence"] is None else row["confidence"] / 1000,
        "mode": row["mode"],
        "cooperative": row["mode"] == "grant",
        "digest": bytes(row["digest"]).hex(),
        "policy": row["policy"],
        "at": when(row["at"]),
        "begun_at": when(row["begun_at"]),
        "ended_at": when(row["ended_at"]),
        "outcome": row["outcome"],
        "solved": row["solved"],
        "proposal": row["proposal"],
        "version": row["version"],
        "superseded_by": row["superseded_by"],
    }


def classification(text: str) -> dict[str, Any]:
    c = codec.classification(text)
    return {
        "tier": c.tier.wire,
        "policy": c.policy,
        "row": c.row,
        "reasons": [
            {
                "code": r.code,
                "tier": r.tier.wire,
                "text": r.text,
                "binding": r.tier is c.tier,
            }
            for r in c.reasons
        ],
    }


def proposal(row: Row, names: Names, now: int) -> dict[str, Any]:
    """One open or ended proposal as a list shows it. *row* is joined with its action."""
    steps = codec.load(row["chain"])["steps"]
    step = min(max(row["step"], 0), max(len(steps) - 1, 0))
    asked: list[Any] = steps[step] if steps else ["", [], 0]
    after = steps[step + 1] if step + 1 < len(steps) else None
    due = row["due_at"] or row["lapses_at"]
    clients = codec.load(row["clients"])
    return {
        "id": row["id"],
        "version": row["version"],
        "action": row["action"],
        "type": row["type"],
        "title": row["sentence"],
        "state": row["state"],
        "tier": Tier(row["tier"]).wire,
        "client": row["client"],
        "client_name": names.get(row["client"], row["client"] or "unknown client"),
        "client_names": [names.get(c, c) for c in clients],
        "agent": row["agent"],
        "agent_name": names.get(row["agent"], row["agent"]),
        "confidence": None if row["confidence"] is None else row["confidence"] / 1000,
        "urgency": row["urgency"],
        "needs": row["needs"],
        "package_digest": bytes(row["package_digest"]).hex(),
        "at": when(row["at"]),
        "due_at": when(due),
        "lapses_at": when(row["lapses_at"]),
        "seconds_left": max(0, (due - now) // 1_000_000),
        "asked_role": asked[0],
        "asked": [names.get(p, p) for p in asked[1]],
        "next_role": after[0] if after else "",
        "next": [names.get(p, p) for p in after[1]] if after else [],
    }


def notice(row: Row, names: Names, now: int) -> dict[str, Any]:
    """One tier 2 card. *row* is joined with its action and any reversal."""
    until = row["reversible_until"]
    reversal = row.get("reversal_state")
    return {
        "id": row["id"],
        "action": row["action"],
        "title": row["sentence"],
        "type": row["type"],
        "client": row["client"],
        "client_name": names.get(row["client"], row["client"] or "unknown client"),
        "agent_name": names.get(row["agent"], row["agent"]),
        "action_state": row["action_state"],
        "outcome": row["outcome"],
        "confidence": None if row["confidence"] is None else row["confidence"] / 1000,
        "state": row["state"],
        "person": names.get(row["person"], row["person"]),
        "at": when(row["action_at"]),
        "sent_at": when(row["sent_at"]),
        "review_by": when(row["review_by"]),
        "answered_by": names.get(row["answered_by"] or "", row["answered_by"] or ""),
        "answered_at": when(row["answered_at"]),
        "reversible_until": when(until),
        "reversible_seconds": max(0, (until - now) // 1_000_000) if until else 0,
        "reversible": bool(until and until > now and reversal is None),
        "reversal": reversal,
    }


def entry(row: Row, names: Names) -> dict[str, Any]:
    """One ledger entry with its sentence and its record as it stands."""
    raw = bytes(row["body"])
    return {**told(raw, names), "body": orjson.loads(raw), "raw": raw.decode()}


def told(raw: bytes, names: Names) -> dict[str, Any]:
    """One ledger entry as a line of a list tells it."""
    body = orjson.loads(raw)
    who, facts = principal(body["by"], names), body["facts"]
    return {
        "seq": body["seq"],
        "at": body["at"],
        "type": body["type"],
        "who": who,
        "action": body["action"],
        "clients": [place["client"] for place in body["clients"]],
        "text": sentence(body["type"], who, {**facts, **_named(facts, names)}),
    }


def principal(text: str, names: Names) -> str:
    """`person:per_…` and `agent:agt_…` by name; Handrail by its own."""
    if text == "handrail":
        return "Handrail"
    _, _, ref = text.partition(":")
    return names.get(ref, ref)


def _named(facts: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Facts that are ids, by the names people know."""
    return {
        key: names.get(str(facts[key]), facts[key])
        for key in ("person", "agent", "client", "to", "ref", "owner")
        if isinstance(facts.get(key), str)
    }
