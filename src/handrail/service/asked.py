"""One call, understood and judged, before anything is decided about it: a value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from handrail.core.action import State
from handrail.core.classify import Judgement, settle
from handrail.core.events import EventType
from handrail.core.model import (
    Action,
    Agent,
    Classification,
    Facts,
    Json,
    Reason,
    Snapshot,
    Tier,
)
from handrail.core.policy import MatrixRow, Policy
from handrail.errors import HandrailError
from handrail.service import codec
from handrail.store.contract import Event, Put, View


class Moved(HandrailError):
    """What the call was judged by is no longer in force: judge it again."""

    code = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call with its identity, facts and judgement. Made by `service.ask`; nothing stored yet.

    ``sealed`` are the rows of the deletable store; the ledger holds only the SHA-256 of each
    ciphertext. ``proposed`` carries proposal id and version when this is a version of one.
    """

    agent: Agent
    epoch: int
    action: Action
    arguments: Mapping[str, Json]
    meta: Mapping[str, Any]
    era: str
    facts: Facts
    judgement: Judgement
    policy: Policy
    row: MatrixRow | None
    effect: str
    sentence: str
    said: str
    content: str | None
    same: str
    body_digest: bytes
    sealed: tuple[Put, ...]
    sealed_digests: Mapping[str, str]
    stands: Snapshot  #: what stands and what broke, as it was known when this was judged
    before: Json | None = None
    leaf_facts: Mapping[str, Any]

    @property
    def client(self) -> str:
        """The first client, empty when unknown: the one a row is filed under."""
        return self.action.clients[0] if self.action.clients else ""

    def outlook(self) -> Classification:
        """The classification by what was known when it was judged: policy, standings, breakers.
        Pauses and windows are looked at in a unit."""
        return settle(self.judgement, self.policy, self.stands)

    def settle(self, view: View) -> tuple[Classification, Snapshot]:
        """Classify against the state of *view*, after checking that the judgement still holds.

        Raises `Moved` when the control epoch is another than the one judged at: any change of
        policy, people, agents, tools, connections, clients, standings or pauses moves it, and
        nothing gathered outside a unit is trusted past such a change (I1).
        """
        request = self.action.request
        if view.epoch != self.epoch or view.policy != self.policy.digest:
            raise Moved("what this call was judged by has changed meanwhile")
        state = codec.snapshot(
            view,
            type=self.action.type,
            agent=self.agent.id,
            clients=self.action.clients,
            targets=self.action.targets,
            trigger=request.trigger,
            content=self.content,
            window=self.policy.settings.aggregate_window,
            velocity=self.row.velocity_window if self.row else None,
        )
        return settle(self.judgement, self.policy, state), state

    def put(
        self,
        state: State,
        classification: Classification,
        now: int,
        **more: Any,
    ) -> Put:
        """The `action` row in *state*."""
        request = self.action.request
        return Put(
            "action",
            {
                "id": self.action.id,
                "type": self.action.type,
                "connection": request.connection,
                "tool": request.tool,
                "kind": request.kind,
                "effect": self.effect,
                "agent": self.agent.id,
                "agent_version": self.action.agent_version,
                "client": self.client,
                "clients": codec.dump(self.action.clients),
                "targets": codec.dump(self.action.targets),
                "trigger_kind": request.trigger.kind,
                "trigger_ref": request.trigger.ref,
                "confidence": request.confidence,
                "mode": request.mode.value,
                "tier": int(classification.tier),
                "state": state.value,
                "sentence": self.sentence,
                "digest": self.action.digest,
                "content": bytes.fromhex(self.content) if self.content else None,
                "policy": classification.policy,
                "classification": codec.classification_text(classification),
                "idempotency_key": request.idempotency_key,
                "body_digest": self.body_digest,
                "at": now,
                "granted_at": None,
                "grant_expires_at": None,
                "begun_at": None,
                "ended_at": None,
                "outcome": None,
                "solved": None,
                "proposal": None,
                "version": None,
                "superseded_by": None,
                **more,
            },
        )

    def event(
        self,
        type: EventType,
        classification: Classification,
        state: Snapshot,
        **more: Any,
    ) -> Event:
        """The entry that lets this action be: trigger, inputs, tier, reasons, policy (I20).

        Only typed, non-personal facts: enough to recompute the tier from the entry alone (I21).
        """
        return Event(
            type=type.value,
            principal=f"agent:{self.agent.id}",
            action=self.action.id,
            clients=self.action.clients,
            facts={
                **self.leaf_facts,
                "tier": int(classification.tier),
                "policy": classification.policy,
                "judged": [[r.code, int(r.tier)] for r in self.judgement.reasons],
                "reasons": [[r.code, int(r.tier)] for r in classification.reasons],
                "seen": leaf_state(state),
                "breaker": profile(self.row, state),
                "sealed": dict(self.sealed_digests),
                **more,
            },
        )


def profile(row: MatrixRow | None, state: Snapshot) -> str:
    """By which profile the breakers count it: the strict one while on probation (EVIDENCE 2)."""
    if state.probation or row is None:
        return "strict" if state.probation else "standard"
    return row.breaker


def leaf_state(state: Snapshot) -> dict[str, Any]:
    """The snapshot as facts of a leaf."""
    return {
        "standings": [[s.client or "", int(s.tier)] for s in state.standings],
        "pauses": [[p.id, p.scope, p.degree.value] for p in state.pauses],
        "breakers": [[b.id, b.scope, b.state] for b in state.breakers],
        "touched": [state.touched_clients, state.touched_targets, state.trigger_clients],
        "recent": state.recent,
        "in_flight": state.in_flight_unverified,
    }


def as_proposal(found: Classification) -> Classification:
    """*found* for a version of a proposal: whatever its content would get alone, people were asked
    and people decide (SPEC 5)."""
    if found.tier >= Tier.APPROVE:
        return found
    asked = Reason("proposal", Tier.APPROVE, "It is a version of a proposal, which people decide")
    return replace(found, tier=Tier.APPROVE, reasons=(*found.reasons, asked))


def definition_of(kind: str, tool: str) -> tuple[str, str]:
    """The (kind, name) under which the definition that a request's tool names is pinned."""
    if kind == "tool":
        return kind, tool
    return kind, tool.partition(":")[2]


def until(now: int, span: timedelta) -> int:
    """Microseconds *span* after *now*."""
    return now + int(span.total_seconds() * 1_000_000)


def why(classification: Classification, limit: int = 3) -> str:
    """The binding reasons as one line for people."""
    texts = [r.text.rstrip(".") for r in classification.binding[:limit]]
    return "; ".join(texts) or "no reason was recorded"
