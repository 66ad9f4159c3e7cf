"""Rows to values and back, in one place: no other module knows both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from handrail.clock import from_us, to_us
from handrail.core import routing
from handrail.core.action import State
from handrail.core.approval import AnswerKind, Given, Proposal, Step
from handrail.core.model import (
    Breaker,
    Classification,
    Client,
    Evidence,
    Mode,
    Pause,
    Person,
    Reason,
    Request,
    Snapshot,
    Standing,
    Tier,
    Trigger,
)
from handrail.core.policy import Policy
from handrail.store.contract import Row, View

MINUTE_US = 60_000_000


def dump(value: Any) -> str:
    """JSON text with sorted keys: the form every JSON column holds."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def load(text: str) -> Any:
    return orjson.loads(text)


# --- the request, as it is sealed --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What lies sealed beside an action: everything personal that it was asked with."""

    request: Request
    nonce: bytes
    meta: Mapping[str, Any]
    facts: Mapping[str, Any]
    note: str = ""  #: what a person added when modifying, or the agent's answer to a question


def seal_request(sealed: Sealed) -> bytes:
    """Encode for sealing. The argument bytes stay a string, byte for byte."""
    r = sealed.request
    return orjson.dumps(
        {
            "connection": r.connection,
            "tool": r.tool,
            "kind": r.kind,
            "arguments": r.arguments.decode(),
            "clients": r.clients,
            "targets": r.targets,
            "trigger": [r.trigger.kind, r.trigger.ref],
            "reasoning": r.reasoning,
            "confidence": r.confidence,
            "evidence": [[e.text, e.source, e.entry] for e in r.evidence],
            "data_classes": sorted(r.data_classes),
            "legal_basis": r.legal_basis,
            "urgency": r.urgency,
            "idempotency_key": r.idempotency_key,
            "mode": r.mode.value,
            "nonce": sealed.nonce.hex(),
            "meta": dict(sealed.meta),
            "facts": dict(sealed.facts),
            "note": sealed.note,
        }
    )


def open_request(plain: bytes) -> Sealed:
    """Decode what `seal_request` encoded."""
    d = orjson.loads(plain)
    return Sealed(
        request=Request(
            connection=d["connection"],
            tool=d["tool"],
            kind=d["kind"],
            arguments=d["arguments"].encode(),
            clients=tuple(d["clients"]),
            targets=tuple(d["targets"]),
            trigger=Trigger(*d["trigger"]),
            reasoning=d["reasoning"],
            confidence=d["confidence"],
            evidence=tuple(Evidence(*e) for e in d["evidence"]),
            data_classes=frozenset(d["data_classes"]),
            legal_basis=d["legal_basis"],
            urgency=d["urgency"],
            idempotency_key=d["idempotency_key"],
            mode=Mode(d["mode"]),
        ),
        nonce=bytes.fromhex(d["nonce"]),
        meta=d["meta"],
        facts=d["facts"],
        note=d["note"],
    )


# --- classification ----------------------------------------------------------------------------


def classification_text(c: Classification) -> str:
    return dump(
        {
            "tier": int(c.tier),
            "reasons": [[r.code, int(r.tier), r.text] for r in c.reasons],
            "policy": c.policy,
            "row": c.row,
            "floors": list(c.floors),
        }
    )


def classification(text: str) -> Classification:
    d = load(text)
    return Classification(
        tier=Tier(d["tier"]),
        reasons=tuple(Reason(code, Tier(tier), words) for code, tier, words in d["reasons"]),
        policy=d["policy"],
        row=d["row"],
        floors=tuple(d["floors"]),
    )


# --- proposals ---------------------------------------------------------------------------------


def chain_text(chain: Sequence[Step], also: Sequence[Step]) -> str:
    return dump({"steps": [_step(s) for s in chain], "also": [_step(s) for s in also]})


def _step(step: Step) -> list[Any]:
    window = int(step.window.total_seconds())
    return [step.role, sorted(step.approvers), window, sorted(step.others)]


def chain(text: str) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The chain of a `proposal` row, and the groups beside it."""
    stored = load(text)
    steps, also = (
        tuple(
            Step(role, frozenset(people), timedelta(seconds=window), frozenset(others))
            for role, people, window, others in stored[part]
        )
        for part in ("steps", "also")
    )
    return steps, also


def proposal(
    row: Row, answers: Sequence[Row], action: Row, authority: routing.Entitled | None = None
) -> Proposal:
    """The proposal that a `proposal` row, its version's effective `answer` rows and its
    `action` row amount to. Without *authority* it may be looked at and nobody may answer it."""
    steps, also = chain(row["chain"])
    state = State(action["state"])
    # Waiting and approved are computed from the answers; only an end is read from the row.
    ended = None if state in {State.WAITING, State.APPROVED} else state
    return Proposal(
        id=row["id"],
        version=row["version"],
        action=row["action"],
        package_digest=bytes(row["package_digest"]),
        agent=action["agent"],
        excluded=load(row["excluded"]),
        chain=steps,
        needs=row["needs"],
        also=also,
        authority=authority.authority if authority else {},
        stands_for=authority.stands_for if authority else {},
        at=from_us(row["at"]),
        lapses_at=from_us(row["lapses_at"]),
        undo=timedelta(seconds=row["undo_seconds"]),
        valid=timedelta(seconds=row["valid_seconds"]),
        answers=tuple(given(a) for a in answers if a["effective"]),
        ended=ended,
        ended_at=from_us(action["ended_at"]) if ended and action["ended_at"] else None,
    )


def authority(
    row: Row,
    clients: Sequence[str],
    policy: Policy,
    people: Iterable[Person],
    known: Mapping[str, Client],
    now: datetime,
) -> routing.Entitled:
    """Who may answer the roles of a `proposal` row at *now* (I2)."""
    steps, also = chain(row["chain"])
    roles = [s.role for s in (*steps, *also)]
    seeking = routing.Seeking(clients=clients, policy=policy, people=tuple(people), known=known)
    return seeking.entitled(roles, now)


def clients_of(view: View, clients: Sequence[str]) -> dict[str, Client]:
    """Those of *clients* that are known to the unit."""
    return {c: found for c in clients if (found := view.client(c)) is not None}


def given(row: Row) -> Given:
    return Given(
        kind=AnswerKind(row["answer"]),
        person=row["person"],
        at=from_us(row["at"]),
        package_digest=bytes(row["package_digest"]),
        reason=row["reason"],
        note=row["note"],
        to=row["to"],
    )


def answer_key(proposal_id: str, version: int, n: int) -> str:
    """The id of the n-th answer to one version: a unit finds them all by counting up."""
    return f"{proposal_id}.{version}.{n:04d}"


def answers_of(view: View, proposal_id: str, version: int) -> list[Row]:
    """Every answer to one version, as the unit sees it, oldest first."""
    found: list[Row] = []
    while row := view.row("answer", answer_key(proposal_id, version, len(found))):
        found.append(row)
    return found


# --- the state that classification reads -------------------------------------------------------


def pauses_in_scope(
    pauses: Sequence[Pause], *, agent: str, clients: Sequence[str], type: str
) -> tuple[Pause, ...]:
    """Those of *pauses* that speak about this call."""
    refs = {"all": {""}, "agent": {agent}, "client": set(clients), "type": {type}}
    return tuple(p for p in pauses if p.scope == "all" or p.ref in refs[p.scope])


def stands(
    standings: Iterable[Standing],
    breakers: Iterable[Breaker],
    type: str,
    clients: Sequence[str],
    now: int,
) -> Snapshot:
    """What of *standings* and *breakers* speaks about a call of *type* for *clients*."""
    mine = tuple(s for s in standings if s.client is None or s.client in clients)
    return Snapshot(
        standings=mine,
        breakers=tuple(b for b in breakers if b.about(type, tuple(clients))),
        probation=any(
            s.probation_until is not None and now < to_us(s.probation_until) for s in mine
        ),
    )


def snapshot(
    view: View,
    *,
    type: str,
    agent: str,
    clients: Sequence[str],
    targets: Sequence[str],
    trigger: Trigger,
    content: str | None,
    window: timedelta,
    velocity: timedelta | None,
) -> Snapshot:
    """The snapshot of one call, from the view: the only input of `settle` beside the policy."""
    since = view.now - int(window.total_seconds() * 1_000_000)
    mine_clients, mine_targets = set(clients), set(targets)
    touched_clients = touched_targets = trigger_clients = recent = 0
    if content is not None:
        seen_clients, seen_targets = view.touched(f"content:{content}", since)
        touched_clients = len(seen_clients | mine_clients)
        touched_targets = len(seen_targets | mine_targets)
    if trigger.ref:
        seen_clients, _ = view.touched(f"trigger:{trigger.kind}:{trigger.ref}", since)
        trigger_clients = len(seen_clients | mine_clients)
    if velocity is not None:
        recent = view.count(f"type:{type}", view.now - int(velocity.total_seconds() * 1_000_000))
    return replace(
        stands(view.standings(type), view.breakers(), type, clients, view.now),
        pauses=pauses_in_scope(view.pauses(), agent=agent, clients=clients, type=type),
        touched_clients=touched_clients,
        touched_targets=touched_targets,
        trigger_clients=trigger_clients,
        recent=recent,
        in_flight_unverified=view.unverified(type),
    )
