"""What a review takes note of in the record, beside the cases themselves (SPEC 8, EVIDENCE 4)."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handrail.core.events import EventType as E
from handrail.core.history import Case, History, microseconds

_MINUTE = 60_000_000  # microseconds
_HOUR = 60 * _MINUTE
READING_FLOOR = 6 * 1_000_000  #: microseconds from opening to approving, at the least
#: of the words of a package, in per cent, and words a minute: nobody approves faster and read it
READ, SPEED = 35, 238


@dataclass(frozen=True, slots=True)
class Harm:
    """An incident that nobody has closed."""

    at: int
    severity: str
    action: str


@dataclass(slots=True)
class Seen:
    """What is noted beside the cases of a period."""

    opened: dict[tuple[str, str], int] = field(default_factory=dict)  # (action, person) -> when
    fast: Counter[str] = field(default_factory=Counter)
    unopened: Counter[str] = field(default_factory=Counter)
    decided: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    denied: Counter[str] = field(default_factory=Counter)
    took: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    asked: dict[str, str] = field(default_factory=dict)  # action -> role asked last
    asked_at: dict[str, int] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)
    escalated: Counter[str] = field(default_factory=Counter)
    lapsed: list[str] = field(default_factory=list)
    hours: Counter[int] = field(default_factory=Counter)  # of the day: escalations
    wrong: set[str] = field(default_factory=set)  # actions whose notice was wrong
    looked: int = 0
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    words: dict[str, int] = field(default_factory=dict)  # of the package, by action
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what it rested on
    harms: dict[str, "Harm"] = field(default_factory=dict)  # open incidents
    harmed: int = 0
    mended: int = 0
    todo: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # due, owner, incident
    promised: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # due, owner, review


def note(seen: Seen, entry: Mapping[str, Any], at: int, history: History) -> None:
    """Take note of an *entry* of the period."""
    kind, facts, action = entry["type"], entry.get("facts") or {}, entry.get("action") or ""
    person = str(entry["by"]).partition(":")[2]
    match kind:
        case E.PROPOSAL_OPENED:
            seen.opened.setdefault((action, person), at)
        case E.PROPOSAL_ASKED | E.PROPOSAL_ESCALATED:
            if kind == E.PROPOSAL_ESCALATED:
                seen.escalated[seen.asked.get(action, "")] += 1
                seen.hours[at // _HOUR % 24] += 1
            seen.steps[facts["role"]] += 1
            seen.asked[action] = facts["role"]
            seen.asked_at.setdefault(action, at)
        case E.PROPOSAL_LAPSED:
            seen.lapsed.append(action)
        case E.PROPOSAL_APPROVED | E.PROPOSAL_DENIED:
            _answered(seen, kind, action, person, at, history.case(action))
        case E.NOTICE_WAS_WRONG:
            seen.wrong.add(action)
            seen.looked += 1
        case E.NOTICE_LOOKS_RIGHT:
            seen.looked += 1
        case _ if kind in _NOTED:
            seen.events.append((kind, {**facts, "who": person, "seq": entry["seq"]}))


def keep(seen: Seen, entry: Mapping[str, Any], at: int, since: int) -> None:
    """What counts from whenever it was: what a proposal rested on, what is open, what is due."""
    kind, facts, action = entry["type"], entry.get("facts") or {}, entry.get("action") or ""
    match kind:
        case E.ACTION_PROPOSED:
            seen.words[action] = facts.get("words", 0)
            seen.reads[action] = tuple(facts.get("reads", ()))
        case E.INCIDENT_OPENED | E.INCIDENT_FOUND:
            seen.harms[facts["incident"]] = Harm(at, facts["severity"], action)
            seen.harmed += at >= since
        case E.INCIDENT_CLOSED | E.FINDING_SETTLED:
            seen.harms.pop(facts["incident"], None)
            seen.mended += at >= since
        case E.FOLLOW_UP_SET:
            due = microseconds(facts["due"])
            seen.todo[facts["follow_up"]] = (due, facts["owner"], facts["incident"])
        case E.FOLLOW_UP_DONE:
            seen.todo.pop(facts["follow_up"], None)
        case E.REVIEW_ANSWERED:
            key = f"{facts['review']}:{facts['item']}"
            seen.promised.pop(key, None)
            if facts.get("due"):
                due = microseconds(facts["due"])
                seen.promised[key] = (due, facts["owner"], facts["review"])


def reading_floor(words: int) -> int:
    """Microseconds below which nobody has read a package of so many *words* (EVIDENCE 4)."""
    return max(READING_FLOOR, READ * words * _MINUTE // (100 * SPEED))


def _answered(seen: Seen, kind: str, action: str, person: str, at: int, case: Case | None) -> None:
    seen.decided[person].append(at)
    opened = seen.opened.get((action, person))
    if kind == E.PROPOSAL_DENIED:
        seen.denied[person] += 1
    elif opened is None:
        seen.unopened[person] += 1
    elif at - opened < reading_floor(seen.words.get(action, 0)):
        seen.fast[person] += 1
    began = seen.asked_at.get(action, case.at if case else at)
    seen.took[person].append(at - began)


SAID: Mapping[str, str] = {
    E.PROMOTED: "{type} was promoted to tier {tier}.",
    E.DEMOTED: "{type} was demoted by a person: {why}.",
    E.DEMOTED_ITSELF: "{type} was demoted by itself: {why}.",
    E.RELEASED: "{type} was let go on at tier {tier}.",
    E.NOMINATED: "{type} was nominated for tier {tier}.",
    E.BREAKER_OPENED: "The breaker of {what} opened: {why}.",
    E.BREAKER_CLOSED: "The breaker of {what} was closed.",
    E.PAUSED: "{scope} {ref} was paused: {degree}.",
    E.SHADOW_OPENED: "{connection} was put into shadow until {until}.",
}
CHANGED: Mapping[str, str] = {
    E.POLICY_PUBLISHED: "Policy versions published",
    E.ROLE_GRANTED: "Roles given",
    E.ROLE_ENDED: "Roles taken",
    E.ROLE_LENT: "Roles lent",
    E.CLIENT_SET: "Clients set",
    E.AGENT_ADDED: "Agents registered",
    E.AGENT_CHANGED: "Agents changed",
    E.TOOL_ACCEPTED: "Tool definitions accepted",
}
#: What counts beyond the period and the one before it.
LASTING = (
    E.INCIDENT_OPENED, E.INCIDENT_FOUND, E.INCIDENT_CLOSED, E.FINDING_SETTLED, E.FOLLOW_UP_SET,
    E.FOLLOW_UP_DONE, E.REVIEW_ANSWERED,
)  # fmt: skip
_NOTED = frozenset({*SAID, *CHANGED})
