"""People, roles and availability → the chain by which a proposal seeks an approver (SPEC 5).

* The first route whose conditions hold picks the chain; one whose condition errors holds.
* A step is its role's holders for every client concerned, who are active and not away; with
  nobody there, its backups; with nobody at all, it passes at once and is named as uncovered.
* Personal or health data puts a compliance officer beside the technical approver.
* A chain that nobody can satisfy is an alarm, never a begin (I7).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handrail.core.approval import Step
from handrail.core.conditions import scope
from handrail.core.model import Client, Person, Urgency
from handrail.core.policy import Policy
from handrail.errors import NotAllowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The chain, how many people it needs, and the groups that must be among them."""

    name: str
    chain: tuple[Step, ...]
    needs: int
    also: tuple[frozenset[str], ...]
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
    name = _chain_name(policy, category, scope)
    window = policy.settings.windows[urgency] / (2 if halved else 1)
    chain: list[Step] = []
    uncovered: list[str] = []
    for role in policy.chains[name]:
        holders = _there(role, clients, policy, people, known, now)
        if not holders:
            uncovered.append(role)
        chain.append(Step(role, holders, window if holders else timedelta()))
    also = []
    for beside in policy.beside:
        if beside.data_classes & data_classes:
            group = _there(beside.role, clients, policy, people, known, now)
            if not group:
                uncovered.append(beside.role)
            also.append(group)
    return Routed(
        name=name, chain=tuple(chain), needs=needs, also=tuple(also), uncovered=tuple(uncovered)
    )


def designated(
    role: str, client: str, people: Iterable[Person], policy: Policy, now: datetime
) -> str | None:
    """The person a notice for *role* goes to first: a holder who is there, else a backup."""
    listed = sorted(people, key=lambda p: p.id)
    for name in (role, *policy.backups(role)):
        for person in listed:
            if person.active and not away(person, now) and person.holds(name, client or None):
                return person.id
    return None


def may_decide(person: Person, *, category: str, clients: Sequence[str], policy: Policy) -> None:
    """Raise `NotAllowed` unless *person* has the authority that approving such an action needs:
    a role of one of its chains, or a backup of one, for every client concerned."""
    chains = {r.chain for r in policy.routing if not r.categories or category in r.categories}
    roles = {role for c in chains for role in policy.chains[c]}
    roles |= {backup for role in set(roles) for backup in policy.backups(role)}
    for role in roles:
        if holds_for(person, role, clients):
            return
    raise NotAllowed(
        "this needs the authority that approving it would need",
        hint=f"One of: {', '.join(sorted(roles))}.",
    )


def holds_for(person: Person, role: str, clients: Sequence[str]) -> bool:
    """Whether *person* holds *role* for every one of *clients* (for all, when none is known)."""
    return all(person.holds(role, c) for c in clients) if clients else person.holds(role, None)


def away(person: Person, now: datetime) -> bool:
    return person.away_until is not None and person.away_until > now


def _chain_name(policy: Policy, category: str, values: Mapping[str, Any]) -> str:
    prepared = scope(values)
    for candidate in policy.routing:
        if candidate.categories and category not in candidate.categories:
            continue
        if candidate.when is None or candidate.when.holds(prepared).holds:
            return candidate.chain
    return policy.routing[-1].chain  # the loader made sure that the last always holds


def _there(
    role: str,
    clients: Sequence[str],
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
    now: datetime,
) -> frozenset[str]:
    """Holders of *role* who are there; its backups' holders when nobody is."""
    engineers = {known[c].account_engineer for c in clients if c in known}
    for name in (role, *policy.backups(role)):
        kind = policy.roles.get(name)
        found = {
            p.id
            for p in people
            if p.active
            and not away(p, now)
            and (
                holds_for(p, name, clients)
                or (kind is not None and kind.per_client and engineers == {p.id})
            )
        }
        if found:
            return frozenset(found)
    return frozenset()
