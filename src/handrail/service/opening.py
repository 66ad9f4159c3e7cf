"""What a proposal opens with: whom it goes to and the decision package, frozen (I10, SPEC 5).

Everything that must be read is read here, before the unit that stores it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from handrail.clock import Clock, from_us
from handrail.core import package
from handrail.core.action import State
from handrail.core.events import EventType
from handrail.core.model import Classification, Snapshot, Urgency
from handrail.core.routing import Routed, Seeking, route
from handrail.service import codec
from handrail.service.asked import Asked, until
from handrail.service.denials import Stuck
from handrail.service.duty import Duty
from handrail.service.known import Keeper
from handrail.store.contract import Change, Event, Put, Reader, Row, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One version ready to be stored: who is asked, and the package that is frozen with it."""

    proposal: str
    version: int
    routed: Routed
    package: bytes
    digest: bytes
    excluded: Mapping[str, str]
    urgency: str
    lifetime: timedelta
    undo: timedelta
    valid: timedelta
    words: int  #: of the package: how long reading takes
    reads: tuple[str, ...]  #: action types of the reads that it rests on

    def row(self, asked: Asked, now: int) -> Row:
        """The `proposal` row at *now* (microseconds)."""
        return {
            "id": self.proposal,
            "version": self.version,
            "action": asked.action.id,
            "urgency": self.urgency,
            "chain": codec.chain_text(self.routed.chain, self.routed.also),
            "excluded": codec.dump(dict(self.excluded)),
            "needs": self.routed.needs,
            "undo_seconds": int(self.undo.total_seconds()),
            "valid_seconds": int(self.valid.total_seconds()),
            "same": asked.same,
            "package": self.package,
            "package_digest": self.digest,
            "at": now,
            "lapses_at": until(now, self.lifetime),
            "step": -1,
            "due_at": now,  # the sweep tells the first step at once
        }

    def rows(
        self, asked: Asked, classification: Classification, state: Snapshot, now: int
    ) -> tuple[tuple[Put | Change, ...], Event]:
        """What opening it writes, the action's row first, and its entry."""
        put = asked.put(
            State.WAITING, classification, now, proposal=self.proposal, version=self.version
        )
        event = asked.event(
            EventType.ACTION_PROPOSED,
            classification,
            state,
            proposal=self.proposal,
            version=self.version,
            package=self.digest.hex(),
            chain=[[s.role, int(s.window.total_seconds())] for s in self.routed.chain],
            needs=self.routed.needs,
            uncovered=list(self.routed.uncovered),
            words=self.words,
            reads=list(self.reads),
        )
        return (put, *asked.sealed, Put("proposal", self.row(asked, now))), event


def proven(proof: Row | None) -> str | None:
    """When the rollback was last proven, and what became of a later try, in words; None: never."""
    if proof is None:
        return None
    at = f"{from_us(proof['at']):%-d %B %Y}" if proof["at"] else "never"
    wrong = proof["state"] in {"failed", "unknown"}
    return (
        f"{at}; its last rehearsal, on {from_us(proof['tried_at']):%-d %B %Y}, failed"
        if wrong
        else (at if proof["at"] else None)
    )


class Openings:
    """Prepares versions for storing."""

    def __init__(self, store: Store, keeper: Keeper, clock: Clock, duty: Duty) -> None:
        self._store = store
        self._duty = duty
        self._keeper = keeper
        self._clock = clock

    def of(
        self,
        asked: Asked,
        classification: Classification,
        proposal_id: str,
        version: int,
        because: str = "",
        note: str = "",
        stuck: Stuck | None = None,
        asks: str = "",
    ) -> Opening:
        """Everything that needs reading before the unit: routing, history, the package. *asks* is
        the person for whom it is asked, if one is: nobody approves their own request (I5)."""
        known = self._keeper.current()
        now = self._clock.now()
        category = asked.row.category if asked.row else "other"
        with self._store.read() as reader:
            open_incident = _open_incident(reader, asked)
            times = self._duty.times(asked.policy, now, reader)
            similar = [dict(r) for r in reader.similar(asked.action.type, asked.client)]
            record = dict(reader.track_record(asked.agent.id, asked.action.type))
            observed = _observed(reader, asked)
            proof = reader.row("proof", asked.action.type)
            former = reader.proposal(proposal_id) if version > 1 else None
        how_soon = asked.row.urgency if asked.row else Urgency.NORMAL
        routed = route(
            category=category,
            scope=asked.judgement.scope,
            clients=asked.action.clients,
            data_classes=asked.judgement.data_classes,
            needs=asked.row.approvals if asked.row else 1,
            policy=asked.policy,
            people=tuple(known.people.values()),
            known=known.clients,
            urgency=how_soon,
            halved=open_incident,
            now=now,
            times=times,
        )
        names = {p.id: p.name for p in known.people.values()}
        frozen = package.freeze(
            proposal=proposal_id,
            version=version,
            action=asked.action,
            arguments=asked.arguments,
            agent=asked.agent,
            clients=[known.clients[c].name for c in asked.action.clients if c in known.clients],
            row=asked.row,
            sentence=asked.sentence,
            classification=classification,
            facts=asked.facts,
            before=asked.before,
            similar=similar,
            track_record=record,
            urgency=how_soon,
            observed=frozenset(observed),
            note=note,
            because=because,
            proven=proven(proof),
            denied=None
            if stuck is None
            else {**stuck.shown(), "by": names.get(stuck.by, stuck.by)},
        )
        if stuck is not None:
            routed = replace(routed, chain=stuck.chain(routed.chain))
        # Whoever might not approve one version may not approve the next.
        mine: dict[str, str] = {asks: "You asked for it"} if asks else {}
        excluded = self._excluded(
            asked, routed, now, {**(codec.load(former["excluded"]) if former else {}), **mine}
        )
        settings = asked.policy.settings
        return Opening(
            proposal=proposal_id,
            version=version,
            routed=routed,
            package=frozen.document,
            digest=frozen.digest,
            excluded=excluded,
            urgency=how_soon.value,
            lifetime=settings.lifetimes[how_soon],
            undo=settings.undo_window,
            valid=settings.approval_valid,
            words=len(frozen.document.split()),
            reads=tuple(sorted(set(observed.values()))),
        )

    def _excluded(
        self, asked: Asked, routed: Routed, now: datetime, known_already: Mapping[str, str]
    ) -> dict[str, str]:
        """Who may not approve this, and why (I5): looked up, not claimed. Whoever could answer for
        somebody excluded alone is excluded too."""
        excluded = dict(known_already)
        if asked.policy.four_eyes(asked.action.type):
            excluded[asked.agent.sponsor] = "You sponsor the agent that proposed it"
        person = asked.facts.get("fact.trigger_person")
        if isinstance(person, str) and person:
            for known in self._keeper.current().people.values():
                if person.casefold() in {known.email.casefold(), known.id.casefold()}:
                    excluded[known.id] = "Your own ticket triggered it"
        current = self._keeper.current()
        seeking = Seeking(
            clients=asked.action.clients,
            policy=asked.policy,
            people=tuple(current.people.values()),
            known=current.clients,
        )
        roles = [s.role for s in (*routed.chain, *routed.also)]
        for person, givers in seeking.entitled(roles, now).stands_for.items():
            if givers <= excluded.keys():
                excluded.setdefault(person, "You stand in for somebody who may not approve it")
        return excluded


def _open_incident(reader: Reader, asked: Asked) -> bool:
    """Whether an incident is open on a client concerned, or on an action of the same trigger."""
    trigger = asked.action.request.trigger
    for incident in reader.incidents(limit=50):
        if incident["state"] != "open":
            continue
        if incident["client"] and incident["client"] in asked.action.clients:
            return True
        action = reader.row("action", incident["action"]) if incident["action"] else None
        if action is not None and trigger.ref:
            same = (action["trigger_kind"], action["trigger_ref"]) == (trigger.kind, trigger.ref)
            if same:
                return True
    return False


def _observed(reader: Reader, asked: Asked) -> dict[int, str]:
    """Which of the positions that the agent names, with their action types, are reads of its own that went through
    Handrail, of a client that this call concerns: its claim alone proves nothing."""
    found = {}
    for evidence in asked.action.request.evidence:
        entry = None if evidence.entry is None else reader.row("entry", evidence.entry)
        action = reader.row("action", entry["action"]) if entry and entry["action"] else None
        if (
            action is not None
            and entry is not None
            and entry["type"] == EventType.ACTION_BEGUN
            and action["agent"] == asked.agent.id
            and action["effect"] == "read"
            and (action["client"] in asked.action.clients or not action["client"])
        ):
            found[int(entry["seq"])] = str(action["type"])
    return found
