"""People, roles and availability → the chain by which a proposal seeks an approver (SPEC 5).

* The first route whose conditions hold picks the chain; one whose condition errors holds.
* A step asks its role's holders for every client concerned, who are active and not away; with
  nobody there, its backups; with nobody at all, it passes at once and is named as uncovered.
* Holders who are away and backups who are not asked may answer all the same.
* A client's account engineer, as its record names them, holds every per-client role there.
* Personal or health data puts a compliance officer beside the technical approver.
* A chain that nobody can satisfy is an alarm, never a begin (I7).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from handrail.core.approval import Authority, Step
from handrail.core.conditions import scope
from handrail.core.model import Client, Person, Urgency
from handrail.core.policy import Policy
from handrail.errors import NotAllowed

_NOBODY: Mapping[str, Client] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The chain, how many people it needs, and the groups that must be among them."""

    name: str
    chain: tuple[Step, ...]
    needs: int
    also: tuple[Step, ...]
    uncovered: tuple[str, ...]  #: roles that nobody can answer for now


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
) -> Routed:
    """Return whom to ask, in order. ``halved`` says that an incident is open on a client."""
    name = _chains(policy, category, scope)[0]
    window = policy.settings.windows[urgency] / (2 if halved else 1)

    def step(role: str, window: timedelta) -> Step:
        there = _there(role, clients, policy, people, known, now)
        may = _entitled(role, clients, policy, people, known)
        return Step(role, there, window if there else timedelta(), frozenset(may) - there)

    chain = tuple(step(role, window) for role in policy.chains[name])
    also = tuple(step(b.role, timedelta()) for b in policy.beside if b.data_classes & data_classes)
    uncovered = tuple(s.role for s in (*chain, *also) if not s.approvers)
    return Routed(name=name, chain=chain, needs=needs, also=also, uncovered=uncovered)


def authority(
    roles: Iterable[str],
    *,
    clients: Sequence[str],
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
) -> Authority:
    """Who may answer for each of *roles* on these clients, and since when: its holders, away or
    not, its backups, and the account engineer."""
    return {role: _entitled(role, clients, policy, people, known) for role in roles}


def designated(
    role: str,
    client: str,
    people: Iterable[Person],
    policy: Policy,
    now: datetime,
    known: Mapping[str, Client] = _NOBODY,
) -> str | None:
    """The person a notice for *role* goes to first: a holder who is there, else a backup."""
    listed = sorted(people, key=lambda p: p.id)
    there = _there(role, (client,) if client else (), policy, listed, known, now)
    return min(there, default=None)


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
    if not any(_entitled(role, clients, policy, (person,), known) for role in roles):
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


def away(person: Person, now: datetime) -> bool:
    return person.away_until is not None and person.away_until > now


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


def _there(
    role: str,
    clients: Sequence[str],
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
    now: datetime,
) -> frozenset[str]:
    """Holders of *role* who are there; its backups' holders when nobody is."""
    for name in (role, *policy.backups(role)):
        found = {
            p.id
            for p in people
            if p.active and not away(p, now) and _holds(p, name, clients, policy, known)
        }
        if found:
            return frozenset(found)
    return frozenset()


def _entitled(
    role: str,
    clients: Sequence[str],
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
) -> dict[str, datetime | None]:
    """Everyone active who may answer for *role* here, and since when."""
    names = (role, *policy.backups(role))
    found: dict[str, datetime | None] = {}
    for person in people:
        held = [n for n in names if _holds(person, n, clients, policy, known)]
        if person.active and held:
            since = [_since(person, name, clients) for name in held]
            found[person.id] = min((s for s in since if s), default=None) if all(since) else None
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
        if engineers == {person.id}:
            return True
    return holds_for(person, role, clients)


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
