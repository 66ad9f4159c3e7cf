"""What happened, folded from the record's entries: the cases of each action type (SPEC 7, 9).

A fold is a function of the entries alone, in their order: no clock, no policy, nothing sealed. So
it is the same however often it is interrupted and taken up again, and an erasure changes nothing.

* A *case* is one action: one decision by people, however long its list, or one execution.
* A case *settles* when it is known whether it went as specified; it may still turn out to be an
  error later, by a reversal or an incident, and counts as an error once.
* Failures of reach (the tool could not be reached, or gave no answer) are a series of their own.
* Evidence starts afresh when the tool's definition, the row's tier or the standing changes;
  reversals and incidents stay (I24). The agent's version stands with each case.

Only the newest `KEPT` cases of a type are held; what is older had its effect on the counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handrail.core.events import EventType as E

KEPT = 1_000  #: newest cases of each action type
REACH = frozenset({"not-sent", "no-answer", "overdue", "stopped"})
_DAY = 86_400_000_000  # microseconds
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_HARM = {"": 0, "minor": 1, "significant": 2, "major": 3}


@dataclass(slots=True)
class Case:
    """One action, as far as the record tells it. Instants are microseconds since 1970."""

    id: str
    type: str
    tier: int
    at: int
    agent: str
    version: str
    clients: tuple[str, ...] = ()
    bucket: str = ""
    targets: tuple[int, ...] = ()  #: keyed marks of one byte: they tell targets apart, no more
    trigger: str = ""
    confidence: int | None = None  #: per mille
    effect: str = "change"
    mode: str = "execute"
    profile: str = "standard"  #: of its breaker
    floored: bool = False  #: a floor spoke about it, which nothing promotes
    approvers: tuple[str, ...] = ()
    decision: str = ""  #: `approved`, `modified`, `denied`; or how it ended without people
    reason: str = ""  #: of a denial
    decided: int | None = None
    begun: int | None = None
    ended: int | None = None
    outcome: str = ""  #: `done`, `failed`, `unknown`
    why: str = ""  #: the outcome's code
    check: str = ""  #: `passed`, `failed`, `unread`
    looked: bool = False  #: a person opened its notice and said what it was
    reversed: bool = False
    harm: str = ""  #: the gravest incident linked to it
    counted: str = ""  #: `clean` or `error`, once it counts for the breakers

    @property
    def settled(self) -> bool:
        """Whether it is known how it went."""
        if self.check:
            return True
        return self.outcome in {"done", "failed", "unknown"} and self.why != "to-be-checked"

    @property
    def unreached(self) -> bool:
        """Whether it failed of reach: the tool was not reached, or gave no answer."""
        return self.outcome in {"failed", "unknown"} and self.why in REACH and not self.check

    @property
    def wrong(self) -> bool:
        """Whether it is an error: not as specified, reversed, or harmful (EVIDENCE 3)."""
        bad = self.check == "failed" or (self.outcome == "failed" and not self.unreached)
        return bad or self.reversed or bool(self.harm)

    @property
    def vouched(self) -> bool:
        """Whether its outcome is more than its caller's own word (SPEC 10)."""
        return self.mode != "grant" or bool(self.check)

    @property
    def clean(self) -> bool:
        """Approved as asked, and nothing spoke against it later (EVIDENCE 1)."""
        return self.decision == "approved" and not self.wrong


@dataclass(slots=True)
class Incident:
    """An incident linked to an action of the type."""

    id: str
    at: int
    severity: str
    clients: tuple[str, ...]
    closed: int | None = None


@dataclass(slots=True)
class Past:
    """What is known of one action type."""

    type: str
    cases: dict[str, Case] = field(default_factory=dict)  #: by action, oldest first
    since: int = 0  #: evidence counts from here on
    because: str = "its first call"
    row_tier: int = 0  #: the tier its row gave to the last case
    incidents: list[Incident] = field(default_factory=list)
    reversals: list[int] = field(default_factory=list)  #: when
    released: int = 0  #: when people last reviewed and released it, with a reason
    rehearsals: list[tuple[int, str]] = field(default_factory=list)  #: (when, state), the newest
    earned: set[str] = field(default_factory=set)  #: clients for which it was promoted

    def evidence(self, versions: Mapping[str, str]) -> list[Case]:
        """The cases that count now: since the last change, by agents of the version registered
        now, with an outcome that is not the caller's own word (I22, I24)."""
        return [
            c
            for c in self.cases.values()
            if c.at >= self.since and versions.get(c.agent) == c.version and c.vouched
        ]

    def begin(self, at: int, because: str) -> None:
        """Let evidence start afresh."""
        self.since, self.because = at, because


@dataclass(frozen=True, slots=True)
class Counted:
    """A case that counts for the breakers now."""

    case: Case
    at: int
    error: bool
    reach: bool = False  #: a failure of reach instead
    harm: str = ""  #: the severity of an incident, where one is why


class History:
    """All that is known, by action type. `take` each entry once, in order."""

    def __init__(self, kept: int = KEPT) -> None:
        self._most = kept
        self.types: dict[str, Past] = {}
        self._type_of: dict[str, str] = {}
        self._incidents: dict[str, list[str]] = {}  # open ones -> types
        self._clients: dict[str, list[Any]] = {}  # risk, regimes, retention as set last
        #: demotions that are due and not recorded yet: (type, client; '' is all) -> why
        self.due: dict[tuple[str, str], str] = {}
        self.changed: set[str] = set()  #: types that changed since somebody emptied it

    def case(self, action: str | None) -> Case | None:
        """The case of *action*, while it is kept."""
        type = self._type_of.get(action or "")
        return None if type is None else self.types[type].cases.get(action or "")

    def past(self, type: str) -> Past:
        """What is known of *type*; nothing at all is a past too."""
        found = self.types.get(type)
        if found is None:
            found = self.types[type] = Past(type)
        return found

    def take(self, entry: Mapping[str, Any]) -> Iterator[Counted]:
        """Take in one entry; yield what counts for the breakers by it."""
        kind, at, facts = entry["type"], microseconds(entry["at"]), entry.get("facts") or {}
        if kind in _ASKED:
            self._asked(entry, kind, at, facts)
        elif kind in _OF_TYPES:
            self._of_type(kind, at, facts)
        elif kind == E.CLIENT_SET:
            self._client(facts)
        elif kind in _INCIDENTS:
            yield from self._incident(entry, kind, at, facts)
        elif (case := self.case(entry.get("action"))) is not None:
            self._moved(case, kind, at, entry, facts)
            self.changed.add(case.type)
            if kind == E.REVERSAL_BEGUN:
                past = self.past(case.type)
                past.reversals.append(at)
                self._demote(past, "", "an action of it was reversed")
            yield from self._count(case, at)

    # --- inside -----------------------------------------------------------------------------

    def _asked(
        self, entry: Mapping[str, Any], kind: str, at: int, facts: Mapping[str, Any]
    ) -> None:
        type, action = facts["type"], entry["action"]
        past = self.past(type)
        self.changed.add(type)
        tier = next((t for code, t in facts.get("judged", ()) if code == "row"), past.row_tier)
        if past.row_tier and tier != past.row_tier:
            past.begin(at, f"its row's tier changed from {past.row_tier} to {tier}")
        past.row_tier = tier
        trigger = facts.get("trigger") or ["none", ""]
        case = Case(
            id=action,
            type=type,
            tier=facts["tier"],
            at=at,
            agent=str(entry["by"]).partition(":")[2],
            version=facts["agent_version"],
            clients=tuple(c["client"] for c in entry["clients"]),
            bucket=facts.get("bucket", ""),
            targets=tuple(facts.get("marks", ())),
            trigger=":".join(trigger),
            confidence=facts.get("confidence"),
            effect=facts["effect"],
            mode=facts["mode"],
            profile=facts.get("breaker", "standard"),
            floored=any(str(code).startswith("floor:") for code, _ in facts.get("reasons", ())),
        )
        if kind == E.ACTION_BEGUN:
            case.begun = at
        past.cases[action] = case
        self._type_of[action] = type
        if len(past.cases) > self._most:
            oldest = next(iter(past.cases))
            del past.cases[oldest], self._type_of[oldest]

    def _moved(
        self, case: Case, kind: str, at: int, entry: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        person = str(entry["by"]).partition(":")[2]
        match kind:
            case E.PROPOSAL_APPROVED:
                case.approvers = (*case.approvers, person)
                if facts.get("state") == "approved":
                    case.decided, case.decision = at, case.decision or "approved"
            case E.PROPOSAL_MODIFIED:
                case.approvers, case.decided, case.decision = (person,), at, "modified"
            case E.PROPOSAL_DENIED | E.PROPOSAL_REVOKED:
                # Both take the yes away; who revokes gives no reason code.
                case.approvers = (*case.approvers, person)
                case.decided, case.decision = at, "denied"
                case.reason = facts.get("reason", "")
            case E.PROPOSAL_LAPSED:
                case.decision = "lapsed"
            case E.ACTION_WITHDRAWN:
                case.decision = "withdrawn"
            case E.ACTION_SUPERSEDED:
                case.decision = "superseded"
            case E.ACTION_RELEASED:
                case.begun = at
            case E.ACTION_DONE | E.ACTION_FAILED | E.ACTION_UNKNOWN:
                case.outcome, case.why = kind.rpartition(":")[2], facts.get("why", "")
                case.ended = at
                case.check = {"check-passed": "passed", "check-failed": "failed"}.get(case.why, "")
            case E.CHECK_PASSED | E.CHECK_FAILED | E.CHECK_UNREAD:
                case.check = kind.rpartition(":")[2]
                case.outcome = facts.get("state", case.outcome)
            case E.NOTICE_LOOKS_RIGHT | E.NOTICE_WAS_WRONG:
                case.looked = True
            case E.REVERSAL_BEGUN:
                case.reversed = True

    def _count(self, case: Case, at: int) -> Iterator[Counted]:
        """What the breakers are told of *case* now: clean once, an error once."""
        if case.begun is None or case.effect != "change":
            return
        if case.wrong:
            if case.counted != "error":
                case.counted = "error"
                yield Counted(case, at, error=True)
        elif case.settled and not case.counted:
            case.counted = "reach" if case.unreached else "clean"
            yield Counted(case, at, error=False, reach=case.unreached)

    def _incident(
        self, entry: Mapping[str, Any], kind: str, at: int, facts: Mapping[str, Any]
    ) -> Iterator[Counted]:
        id = facts.get("incident", "")
        if kind in {E.INCIDENT_CLOSED, E.FINDING_SETTLED}:
            for type in self._incidents.pop(id, ()):
                self.changed.add(type)
                for one in self.past(type).incidents:
                    if one.id == id:
                        one.closed = at
            return
        severity = facts.get("severity", "significant")
        clients = tuple(c["client"] for c in entry["clients"])
        for action in (entry.get("action"), *facts.get("actions", ())):
            case = self.case(action)
            type = facts.get("type") or (case.type if case else "")
            if not type:
                continue
            new = self._grave(Incident(id, at, severity, clients), type)
            if facts.get("finding"):
                continue  # about data: its row runs at tier 3 until somebody has looked
            if new and severity != "minor":
                self._demote(self.past(type), "", f"a {severity} incident")
            if case is None:
                continue
            first = case.counted != "error"
            case.counted = "error"
            if _HARM[severity] > _HARM[case.harm]:
                case.harm = severity
            # One incident counts once, however many actions of a type are linked to it.
            if new and (first or severity != "minor"):
                yield Counted(case, at, error=first, harm=severity)

    def _grave(self, incident: Incident, type: str) -> bool:
        """Note an incident with a type; return whether it is new there."""
        past = self.past(type)
        self.changed.add(type)
        if any(i.id == incident.id for i in past.incidents):
            return False
        past.incidents.append(incident)
        self._incidents.setdefault(incident.id, []).append(type)
        return True

    def _client(self, facts: Mapping[str, Any]) -> None:
        """A client's risk, regimes or retention changed: what was earned for it was earned under
        other circumstances (SPEC 7)."""
        now = [facts["risk"], facts["regimes"], facts["days"]]
        if self._clients.get(facts["client"]) != now:
            self._clients[facts["client"]] = now
            for past in self.types.values():
                self._demote(past, facts["client"], "the client's risk or regimes changed")

    def _demote(self, past: Past, client: str, why: str) -> None:
        """Note that what *past* has earned is due to be lost, for *client* or ('') for all."""
        if past.earned and (not client or client in past.earned):
            self.due.setdefault((past.type, client), why)

    def _of_type(self, kind: str, at: int, facts: Mapping[str, Any]) -> None:
        type = facts.get("type", "")
        if not type:
            return
        past = self.past(type)
        self.changed.add(type)
        match kind:
            case E.TOOL_ACCEPTED:
                past.begin(at, "its tool's definition changed")
            case E.TOOL_WITHHELD:
                self._demote(past, "", "its tool's definition changed")
            case E.PROMOTED:
                past.begin(at, "it was promoted")
                past.earned = set(facts["clients"])
            case E.DEMOTED | E.DEMOTED_ITSELF:
                past.begin(at, "it was demoted")
                client = facts.get("client", "")
                past.earned = past.earned - {client} if client else set()
                for key in [k for k in self.due if k[0] == type and client in {"", k[1]}]:
                    del self.due[key]
            case E.RELEASED:
                past.begin(at, "people reviewed it and let it go on")
                past.released = at
            case E.REHEARSAL_PROVEN | E.REHEARSAL_FAILED | E.REHEARSAL_UNKNOWN:
                past.rehearsals = [*past.rehearsals[-19:], (at, kind.rpartition(":")[2])]

    # --- kept between runs --------------------------------------------------------------------

    def state(self, type: str) -> dict[str, Any]:
        """What is known of *type* as plain JSON, for `restore`."""
        past = self.types[type]
        return {
            "cases": [[getattr(c, n) for n in _CASE] for c in past.cases.values()],
            "since": past.since,
            "because": past.because,
            "row_tier": past.row_tier,
            "incidents": [[i.id, i.at, i.severity, i.clients, i.closed] for i in past.incidents],
            "reversals": past.reversals,
            "released": past.released,
            "rehearsals": past.rehearsals,
            "earned": sorted(past.earned),
        }

    def loose(self) -> dict[str, Any]:
        """What is about no single type, for `restore`."""
        due = [[*key, why] for key, why in self.due.items()]
        return {"clients": self._clients, "due": due}

    def restore(self, types: Mapping[str, Mapping[str, Any]], loose: Mapping[str, Any]) -> None:
        """Take up what `state` gave for each type, and `loose`."""
        self._clients.update(loose["clients"])
        self.due.update({(type, client): why for type, client, why in loose["due"]})
        for type, kept in types.items():
            past = self.types[type] = Past(
                type=type,
                since=kept["since"],
                because=kept["because"],
                row_tier=kept["row_tier"],
                incidents=[Incident(i, a, s, tuple(c), x) for i, a, s, c, x in kept["incidents"]],
                reversals=list(kept["reversals"]),
                released=kept["released"],
                rehearsals=[(at, state) for at, state in kept["rehearsals"]],
                earned=set(kept["earned"]),
            )
            for values in kept["cases"]:
                case = Case(**dict(zip(_CASE, values, strict=True)))
                for name in ("clients", "targets", "approvers"):
                    setattr(case, name, tuple(getattr(case, name)))
                past.cases[case.id] = case
                self._type_of[case.id] = type
            for one in past.incidents:
                if one.closed is None:
                    self._incidents.setdefault(one.id, []).append(type)


_CASE = tuple(Case.__slots__)
_ASKED = frozenset({E.ACTION_BEGUN, E.ACTION_PROPOSED})
_OF_TYPES = frozenset(
    {
        E.TOOL_ACCEPTED, E.TOOL_WITHHELD, E.PROMOTED, E.DEMOTED, E.DEMOTED_ITSELF, E.RELEASED,
        E.REHEARSAL_PROVEN, E.REHEARSAL_FAILED, E.REHEARSAL_UNKNOWN,
    }
)  # fmt: skip
_INCIDENTS = frozenset(
    {
        E.INCIDENT_OPENED, E.INCIDENT_FOUND, E.INCIDENT_LINKED, E.INCIDENT_CLOSED,
        E.FINDING_SETTLED,
    }
)  # fmt: skip


def microseconds(stamp: str) -> int:
    """The instant that an entry states, in microseconds since 1970."""
    return (datetime.fromisoformat(stamp) - _EPOCH) // _MICROSECOND


def days(cases: Sequence[Case]) -> int:
    """On how many distinct days (UTC) something was decided or done."""
    return len({(c.decided or c.at) // _DAY for c in cases})
