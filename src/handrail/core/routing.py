"""People, roles and availability → the chain by which a proposal seeks an approver (SPEC 5).

* The first route whose conditions hold picks the chain; one whose condition errors holds.
* A step asks its role's holders for every client concerned who are there and reachable
  (`core.availability`); with nobody, its backups; with nobody at all, it passes at once and is
  named as uncovered, with why each of them is not asked.
* Availability is taken at the step's opening: planned when the proposal opens, for the instant at
  which each step would open if nobody answered, and planned anew for what is left when a step
  really opens (`replan`). Between the two nothing moves, so that where a proposal stands stays a
  function of what was recorded.
* Whoever has decided too much lately is passed over while a step of the chain has somebody else.
* Holders who are not there and backups who are not asked may answer all the same.
* A client's account engineer, as its record names them, holds every per-client role there.
* What is lent by a delegation counts like a role while it is lent; whose authority rests on
  nothing else stands for the giver (`Entitled.stands_for`).
* Personal or health data puts a compliance officer beside the technical approver.
* A chain that nobody can satisfy is an alarm, never a begin (I7). So is one whose people no
  channel has reached yet: a first-run team is alarmed as a whole, at once, and may answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from handrail.core.approval import Authority, Step
from handrail.core.availability import Presence, Times, presence, standing_in
from handrail.core.conditions import scope
from handrail.core.model import Client, Person, Urgency
from handrail.core.policy import Policy
from handrail.errors import NotAllowed

_NOBODY: Mapping[str, Client] = MappingProxyType({})
_NO_TIMES = Times()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One person who may answer for a step: asked or not, and why not."""

    person: str
    role: str  #: the role of the step, or the backup that they hold
    lent_by: str  #: whose role it is, where their authority rests on a delegation
    presence: Presence
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The chain, how many people it needs, and the groups that must be among them."""

    name: str
    chain: tuple[Step, ...]
    needs: int
    also: tuple[Step, ...]
    uncovered: tuple[str, ...]  #: roles that nobody can answer for now


class Entitled(NamedTuple):
    """Who may answer for which role, and whose authority rests on delegations alone."""

    authority: Authority
    stands_for: Mapping[str, frozenset[str]]  #: person → who lent it to them


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeking:
    """For whom, among whom and by which rules approvers are sought."""

    clients: Sequence[str]
    policy: Policy
    people: Sequence[Person]
    known: Mapping[str, Client] = field(default_factory=dict)
    times: Times = _NO_TIMES

    def candidates(self, role: str, at: datetime) -> tuple[Candidate, ...]:
        """Everyone who may answer for *role*, those who are asked at *at* first."""
        people = standing_in(self.people, at)
        names = (role, *self.policy.backups(role))
        found: list[Candidate] = []
        taken: set[str] = set()
        asked = ""  # the role whose holders are asked: the first that somebody is there for
        for name in names:
            holders = [p for p in people if self._held(p, name) and p.id not in taken]
            there = {p.id: presence(p, name, at, self.policy, self.times) for p in holders}
            if not asked and any(found.there for found in there.values()):
                asked = name
            taken |= there.keys()
            found += [
                Candidate(
                    person=p.id,
                    role=name,
                    lent_by="" if self._own(p, name) else _lender(p, name),
                    presence=there[p.id],
                    asked=there[p.id].there and asked == name,
                )
                for p in sorted(holders, key=lambda p: p.id)
            ]
        return tuple(sorted(found, key=lambda c: not c.asked))

    def step(self, role: str, at: datetime, window: timedelta) -> Step:
        """The step of *role* as it is recorded when it opens at *at*."""
        found = self.candidates(role, at)
        there = frozenset(c.person for c in found if c.asked)
        return Step(role, there, window, frozenset(c.person for c in found) - there)

    def plan(self, roles: Iterable[str], at: datetime, window: timedelta) -> tuple[Step, ...]:
        """The steps of *roles*, each as of when it opens if nobody answers from *at* on."""
        steps = []
        opens = at
        for role in roles:
            steps.append(self.step(role, opens, window))
            if steps[-1].approvers:
                opens += window
        return tuple(steps)

    def relaxed(self) -> "Seeking":
        """The same without regard to who has decided much."""
        return replace(self, times=replace(self.times, busy=frozenset()))

    def entitled(self, roles: Iterable[str], at: datetime) -> Entitled:
        """Who may answer for each of *roles* at *at*: there or not."""
        wanted = tuple(dict.fromkeys(roles))
        people = standing_in(self.people, at)
        found = {role: self._entitled(role, people) for role in wanted}
        names = {n for role in wanted for n in (role, *self.policy.backups(role))}
        stands = {
            p.id: frozenset(giver for giver, role in p.stands_for if role in names)
            for p in people
            if p.stands_for
            and any(p.id in holders for holders in found.values())
            and not any(self._own(p, name) for name in names)
        }
        return Entitled(found, stands)

    def _entitled(self, role: str, people: Sequence[Person]) -> dict[str, datetime | None]:
        names = (role, *self.policy.backups(role))
        found: dict[str, datetime | None] = {}
        for person in people:
            held = [n for n in names if self._held(person, n)]
            if person.active and held:
                since = [_since(person, name, self.clients) for name in held]
                known = all(since)
                found[person.id] = min((s for s in since if s), default=None) if known else None
        return found

    def _held(self, person: Person, role: str) -> bool:
        return person.active and _holds(person, role, self.clients, self.policy, self.known)

    def _own(self, person: Person, role: str) -> bool:
        """Whether *person* holds *role* without any delegation."""
        if not person.stands_for:
            return self._held(person, role)
        mine = frozenset(r for r in person.roles if not r.by)
        return self._held(replace(person, roles=mine, stands_for=frozenset()), role)


def route(
    *,
    category: str,
    scope: Mapping[str, Any],
    clients: Sequence[str],
    data_classes: frozenset[str],
    needs: int,
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
    urgency: Urgency,
    halved: bool,
    now: datetime,
    times: Times = _NO_TIMES,
) -> Routed:
    """Return whom to ask, in order. ``halved`` says that an incident is open on a client or on
    what triggered it."""
    name = chain_for(policy, category, scope)
    window = policy.settings.windows[urgency] / (2 if halved else 1)
    seeking = Seeking(clients=clients, policy=policy, people=people, known=known, times=times)
    chain = seeking.plan(policy.chains[name], now, window)
    if not any(s.approvers for s in chain):
        seeking = seeking.relaxed()
        chain = seeking.plan(policy.chains[name], now, window)
    # Beside the chain nobody is passed over: there is nobody to route on to.
    also = tuple(
        seeking.relaxed().step(b.role, now, timedelta())
        for b in policy.beside
        if b.data_classes & data_classes
    )
    uncovered = tuple(s.role for s in (*chain, *also) if not s.approvers)
    return Routed(name=name, chain=chain, needs=needs, also=also, uncovered=uncovered)


def replan(chain: Sequence[Step], opened: int, seeking: Seeking, now: datetime) -> tuple[Step, ...]:
    """*chain* with every step after the first *opened* planned anew, as one opens at *now*."""
    window = max((s.window for s in chain), default=timedelta())
    roles = [s.role for s in chain[opened:]]
    rest = seeking.plan(roles, now, window)
    if not any(s.approvers for s in rest):
        rest = seeking.relaxed().plan(roles, now, window)
    return (*chain[:opened], *rest)


def designated(
    role: str,
    client: str,
    people: Iterable[Person],
    policy: Policy,
    now: datetime,
    known: Mapping[str, Client] = _NOBODY,
    times: Times = _NO_TIMES,
) -> str | None:
    """The person a notice for *role* goes to first: a holder who is there, else a backup."""
    seeking = Seeking(
        clients=(client,) if client else (),
        policy=policy,
        people=tuple(people),
        known=known,
        times=times,
    )
    return min((c.person for c in seeking.relaxed().candidates(role, now) if c.asked), default=None)


def may_decide(
    person: Person,
    *,
    category: str,
    clients: Sequence[str],
    policy: Policy,
    known: Mapping[str, Client] = _NOBODY,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Raise `NotAllowed` unless *person* has the authority that approving such an action needs:
    a role of the chain it would take, or a backup of one, for every client concerned.

    *values* are the attributes known of it; where a route's condition can't be worked out from
    them, its chain counts beside the next that fits."""
    told = {"action.category": category, "clients.count": len(clients), **(values or {})}
    chains = _chains(policy, category, told)
    roles = dict.fromkeys(role for chain in chains for role in policy.chains[chain])
    names = {n for role in roles for n in (role, *policy.backups(role))}
    if not person.active or not any(_holds(person, n, clients, policy, known) for n in names):
        raise NotAllowed(
            "this needs the authority that approving it would need",
            hint=f"One of: {', '.join(sorted(roles))}.",
        )


def asked_first(policy: Policy, category: str, values: Mapping[str, Any]) -> str:
    """The role that the chain of such an action begins with; empty when there is no chain."""
    chains = _chains(policy, category, values)
    return next((policy.chains[c][0] for c in chains if policy.chains[c]), "")


def holds_for(person: Person, role: str, clients: Sequence[str]) -> bool:
    """Whether *person* holds *role* for every one of *clients* (for all, when none is known)."""
    return all(person.holds(role, c) for c in clients) if clients else person.holds(role, None)


def holds_role(
    person: Person,
    role: str,
    clients: Sequence[str],
    policy: Policy,
    known: Mapping[str, Client] = _NOBODY,
) -> tuple[datetime | None] | None:
    """Since when *person* holds *role* there (None: not recorded), in a tuple; None without it."""
    if not person.active or not _holds(person, role, clients, policy, known):
        return None
    return (_since(person, role, clients),)


def chain_for(policy: Policy, category: str, values: Mapping[str, Any]) -> str:
    """The chain that a call of *category* takes, with these attributes known."""
    return _chains(policy, category, values)[0]


def chains_for(policy: Policy, category: str) -> tuple[str, ...]:
    """The chains that actions of *category* may take, whatever else is known of them."""
    return tuple(dict.fromkeys(_chains(policy, category, {})))


def _chains(policy: Policy, category: str, values: Mapping[str, Any]) -> list[str]:
    """The chain of the first route whose conditions hold; before it, those of routes whose
    condition can't be worked out. The loader made sure that the last always holds."""
    prepared = scope(values)
    found: list[str] = []
    for candidate in policy.routing:
        if candidate.categories and category not in candidate.categories:
            continue
        held = candidate.when.holds(prepared) if candidate.when else None
        if held is None or held.holds:
            found.append(candidate.chain)
        if held is None or (held.holds and held.error is None):
            break
    return found


def _holds(
    person: Person,
    role: str,
    clients: Sequence[str],
    policy: Policy,
    known: Mapping[str, Client],
) -> bool:
    kind = policy.roles.get(role)
    if kind is not None and kind.per_client and clients:
        engineers = {known[c].account_engineer if c in known else None for c in clients}
        only = engineers.pop() if len(engineers) == 1 else None
        if only is not None and (only == person.id or (only, role) in person.stands_for):
            return True
    return holds_for(person, role, clients)


def _lender(person: Person, role: str) -> str:
    return min((giver for giver, lent in person.stands_for if lent == role), default="")


def _since(person: Person, role: str, clients: Sequence[str]) -> datetime | None:
    """When *person* had *role* for the last of *clients*; None where that is not recorded."""
    latest: datetime | None = None
    for client in clients or (None,):
        since = [r.since for r in person.roles if r.name == role and r.client in {None, client}]
        recorded = [s for s in since if s is not None]
        if not recorded or len(recorded) < len(since):
            return None
        latest = max(min(recorded), latest or min(recorded))
    return latest
