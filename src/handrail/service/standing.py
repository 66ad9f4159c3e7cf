"""People move standings: promote on the evidence, demote at once, let a demoted row go on.

* Promotion is a person's act over a nomination, by the digest of the evidence as seen; nobody who
  gave `promotion_share` per cent or more of that evidence; two people where the scorecard suggests
  tier 3. One tier at a time, for the clients and kinds of arguments that were seen (SPEC 7, I13).
* Demotion takes no evidence and no quorum, in any state (I14).
* A demotion holds until a person has reviewed it: what was lost is lowered no further than where
  the row starts, and only while no significant incident of it is open.
"""

from collections.abc import Mapping
from typing import Any

from handrail.channels.contract import Message
from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn, Tier
from handrail.core.promotion import Assessment
from handrail.errors import BadInput, Conflict, NotAllowed, NotFound, Stale
from handrail.service import codec, rights
from handrail.service.asked import until
from handrail.service.delivery import chain
from handrail.service.demotion import NOBODY_TOLD, demote
from handrail.service.evidence import Evidence
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.service.telling import Telling
from handrail.store.contract import Change, Drop, Event, Put, Row, Rows, Store, View, Write

#: Who may promote, and who may let a demoted row go on.
OWNERS = ("service-desk-manager", "operations-leadership")


class Standings:
    """What people do about standings."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        keeper: Keeper,
        telling: Telling,
        evidence: Evidence,
    ) -> None:
        self._store = store
        self._policies = policies
        self._keeper = keeper
        self._telling = telling
        self._evidence = evidence

    # --- less oversight -----------------------------------------------------------------------

    def promote(self, who: SignedIn, type: str, digest: str, rationale: str) -> dict[str, Any]:
        """Promote *type* one tier, on the nomination whose evidence has the digest *digest*.

        Where two people are needed the first call proposes it, and another's does it. Raises
        `NotFound` when nothing is nominated, `Stale` when the evidence is another by now,
        `NotAllowed` without authority or for somebody whose own decisions are too much of the
        evidence, `Conflict` when it does not suffice any more, `BadInput` without a rationale.
        """
        rationale = _said(rationale, "a rationale", "Say why this evidence is enough.")
        policy = self._policies.current()
        row = policy.row(type)
        if row is None:
            raise NotFound(f"no signed row {type}")
        found, _ = self._evidence.frozen(type)
        if not found.sufficient or found.to is None:
            missing = "; ".join(c.text for c in found.missing[:3])
            raise Conflict(f"the evidence does not allow it now: {missing}", hint="Look again.")
        settings = policy.settings
        nomination = self._nominated(type)

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "promoting")
            if view.policy != policy.digest:
                raise Conflict("the policy changed meanwhile", hint="Look at the evidence again.")
            nominated = _open(view, nomination, digest)
            _impartial(
                person, codec.load(nominated["evidence"])["by_person"], settings.promotion_share
            )
            if nominated["to"] != found.to:
                raise Stale("it stands at another tier by now; nothing was promoted")
            if row.two_people and nominated["first_by"] in {None, person.id}:
                return _proposed(view, person, nominated, rationale)
            end = until(view.now, settings.probation)
            return _promoted(view, person, nominated, found, rationale, end)

        answer, at = self._store.commit(unit)
        return {**answer, "entry": at[0].seq}

    def dismiss(self, who: SignedIn, type: str, reason: str) -> dict[str, Any]:
        """Say no to the nomination of *type*, with a reason. It comes again when the evidence
        has changed."""
        reason = _said(reason, "a reason", "Say why not.")
        nomination = self._nominated(type)

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "deciding on a nomination")
            nominated = _open(view, nomination, "")
            values = {"state": "dismissed", "by": person.id, "why": reason, "ended_at": view.now}
            facts = {"type": type, "nomination": nominated["id"]}
            event = Event(EventType.NOMINATION_DISMISSED, f"person:{person.id}", None, (), facts)
            return Rows((Change("nomination", (nominated["id"],), values),), (event,))

        _, at = self._store.commit(unit)
        return {"type": type, "state": "dismissed", "entry": at[0].seq}

    def _nominated(self, type: str) -> Row | None:
        with self._store.read() as reader:
            return next(iter(reader.nominations(type=type, limit=1_000)), None)

    # --- more oversight -----------------------------------------------------------------------

    def demote(self, who: SignedIn, type: str, reason: str, client: str = "") -> dict[str, Any]:
        """Raise *type* to tier 3 at once, for *client* or everywhere. Anyone signed in may."""
        reason = _said(reason, "a reason", "Say in a sentence why.")
        if self._policies.current().rows.get(type) is None:
            raise NotFound(f"no row {type}", hint="What has no row runs at tier 3 already.")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            if client and view.client(client) is None:
                raise NotFound(f"no client {client}")
            writes, events = demote(view, type, reason, client=client, by=person.id)
            return Rows(writes, events, control=bool(writes))

        _, at = self._store.commit(unit, first=True)
        entry = at[0].seq if at else None
        return {"type": type, "client": client, "tier": int(Tier.APPROVE), "entry": entry}

    def release(self, who: SignedIn, type: str, reason: str, client: str = "") -> dict[str, Any]:
        """Let a demoted *type* go on from where its row starts, after a review (SPEC 4, 7).

        What it had earned is not given back. Raises `NotFound` when it is not demoted, `Conflict`
        while a significant incident of it is open, or while its notices still reach nobody, and
        `NotAllowed` without authority.
        """
        reason = _said(reason, "a reason", "Say what was looked at, and why it may go on.")
        row = self._policies.current().row(type)
        tier = int(max(row.start, row.tier)) if row is not None else int(Tier.APPROVE)

        def allowed(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "releasing a demoted row")
            return Rows(answer=(person.id, _demoted(view, type, client)))

        (_, standing), _ = self._store.commit(allowed)  # nobody is told for one without authority
        facts: dict[str, Any] = {"type": type, "client": client, "tier": tier}
        if standing["reason"] == NOBODY_TOLD:
            facts["reached"] = self._reached(type)
        else:
            still = self._evidence.open_incidents(type)
            if still:
                raise Conflict(
                    f"it has open incidents: {', '.join(still)}",
                    hint="Close them with cause and remedy first.",
                )

        def unit(view: View) -> Rows:
            person, now = allowed(view).answer
            if now["at"] != standing["at"]:
                raise Conflict("it was demoted again meanwhile", hint="Look at it anew.")
            event = Event(EventType.RELEASED, f"person:{person}", None, (), facts)
            return Rows((Drop("standing", (type, client)),), (event,), control=True)

        _, at = self._store.commit(unit)
        return {**facts, "reason": reason, "entry": at[0].seq}

    def _reached(self, type: str) -> str:
        """The first person of the row's chain whom a message reaches now."""
        people = [p for p in self._keeper.current().people.values() if p.active]
        kind = self._policies.current().row(type)
        role = kind.notify if kind else ""
        message = Message(
            ref=f"release:{type}",
            kind="notice",
            title=f"Delivery works again: {type}"[:160],
            lines=("Its notices reached nobody before; it is being released.",),
            path=f"/matrix/{type}",
        )
        holders = [p for p in people if any(r.name == role for r in p.roles)]
        asked = [*holders, *chain(self._policies, people, type, role, "")]
        for person in dict.fromkeys(p.id for p in asked):
            if self._telling.reach(self._keeper.current().people[person], message):
                return person
        raise Conflict(
            "its notices still reach nobody",
            hint="Put a channel right for somebody of its chain (the ring-me test shows which).",
        )


def _promoted(
    view: View,
    person: Person,
    nominated: Row,
    found: Assessment,
    rationale: str,
    probation_until: int,
) -> Rows:
    """The standings that a promotion writes: one for each client that was seen."""
    evidence = codec.load(nominated["evidence"])
    type, tier = nominated["type"], nominated["to"]
    # What was nominated and is not allowed any more is left out: it can only be less.
    clients = [c for c in evidence["clients"] if c in found.clients]
    buckets = [b for b in evidence["buckets"] if b in found.buckets]
    overall = view.row("standing", type, "")
    if not clients or (overall is not None and overall["tier"] > tier + 1):
        raise Conflict("nothing of it is allowed any more", hint="Look at the evidence again.")
    writes: list[Write] = []
    for client in clients:
        values = {
            "tier": tier,
            "by": person.id,
            "reason": rationale,
            "at": view.now,
            "evidence": nominated["digest"],
            "buckets": codec.dump(buckets),
            "probation_until": probation_until,
        }
        if view.row("standing", type, client) is None:
            writes.append(Put("standing", {"type": type, "client": client, **values}))
        else:
            writes.append(Change("standing", (type, client), values))
    ended = {"state": "promoted", "by": person.id, "why": rationale, "ended_at": view.now}
    writes.append(Change("nomination", (nominated["id"],), ended))
    facts = {
        "type": type,
        "tier": tier,
        "clients": clients,
        "buckets": len(buckets),
        "reach": len(clients),
        "evidence": nominated["digest"],
        "nomination": nominated["id"],
        "first": nominated["first_by"] or "",
    }
    event = Event(EventType.PROMOTED, f"person:{person.id}", None, tuple(clients), facts)
    answer = {"type": type, "state": "promoted", "tier": tier, "clients": clients}
    return Rows(tuple(writes), (event,), control=True, answer=answer)


def _proposed(view: View, person: Person, nominated: Row, rationale: str) -> Rows:
    """The first of two people: recorded, of no effect yet."""
    values = {"first_by": person.id, "first_why": rationale}
    facts = {
        "type": nominated["type"],
        "tier": nominated["to"],
        "evidence": nominated["digest"],
        "nomination": nominated["id"],
    }
    event = Event(EventType.PROMOTION_PROPOSED, f"person:{person.id}", None, (), facts)
    answer = {"type": nominated["type"], "state": "waits for a second person", "tier": None}
    return Rows((Change("nomination", (nominated["id"],), values),), (event,), answer=answer)


def _open(view: View, nomination: Row | None, digest: str) -> Row:
    row = view.row("nomination", nomination["id"]) if nomination is not None else None
    if row is None or row["state"] != "open":
        raise NotFound("nothing is nominated for it", hint="Its page says what is missing.")
    if digest and row["digest"] != digest:
        raise Stale("the evidence is another by now; nothing was promoted")
    return row


def _impartial(person: Person, by_person: Mapping[str, int], share: int) -> None:
    """Refuse whoever gave too much of the evidence (I13)."""
    total = sum(by_person.values())
    if total and by_person.get(person.id, 0) * 100 >= share * total:
        raise NotAllowed(
            f"you gave {by_person[person.id]} of the {total} decisions this rests on",
            hint="Somebody else decides on what is mostly your own evidence.",
        )


def _demoted(view: View, type: str, client: str) -> Row:
    row = view.row("standing", type, client)
    if row is None or row["evidence"] is not None:
        raise NotFound(f"{type} is not demoted" + (f" for {client}" if client else ""))
    return row


def _said(text: str, what: str, hint: str) -> str:
    words = text.strip()
    if not words:
        raise BadInput(f"{what} is needed", hint=hint)
    return words[:2000]
