"""Who is there as pages show it: the cover, one's own availability, and whom a request would ask."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from handrail.clock import Clock, rfc3339, to_us
from handrail.core import routing
from handrail.core.availability import Times, presence
from handrail.core.cover import Hole, cover
from handrail.core.model import Person
from handrail.core.policy import Policy
from handrail.errors import NotFound
from handrail.service.availability import held, shown
from handrail.service.duty import Duty
from handrail.service.known import Keeper, Known
from handrail.service.policies import Policies
from handrail.store.contract import Store

DAY = 24
WEEK = 7 * DAY


class Team:
    """Reads who is there. It decides nothing, and asks nobody."""

    def __init__(
        self, store: Store, policies: Policies, keeper: Keeper, duty: Duty, clock: Clock
    ) -> None:
        self._store = store
        self._policies = policies
        self._keeper = keeper
        self._duty = duty
        self._clock = clock

    def cover(self, hours: int = WEEK) -> dict[str, Any]:
        """How each role is covered hour by hour from this hour on, and every hole in words."""
        policy, known, now = self._policies.current(), self._keeper.current(), self._clock.now()
        times = self._duty.times(policy, now)
        found = cover(policy, tuple(known.people.values()), known.clients, times, now, hours)
        return {
            "begins": rfc3339(found.begins),
            "roles": [
                {
                    "role": s.role,
                    "says": policy.roles[s.role].says,
                    "hours": list(s.hours),
                    "now": self._now(s.role, policy, known, times, now),
                }
                for s in found.strips
            ],
            "holes": [self._hole(h, known) for h in found.holes],
            "calendars": [
                {"what": what, "url": url, "trouble": why}
                for what, url, why in self._duty.troubles(policy, now)
            ],
        }

    def people(self) -> list[dict[str, Any]]:
        """Everybody active: whether they are there now for any role of theirs, or why not."""
        policy, known, now = self._policies.current(), self._keeper.current(), self._clock.now()
        times = self._times(policy, now)
        found = []
        for person in sorted(known.people.values(), key=lambda p: p.name):
            if not person.active:
                continue
            roles = sorted({r.name for r in person.roles}) or [""]
            looks = {role: presence(person, role, now, policy, times) for role in roles}
            there = any(look.there for look in looks.values())
            found.append(
                {
                    "id": person.id,
                    "name": person.name,
                    "there": there,
                    "why": "" if there else next(iter(looks.values())).why,
                    "roles": [r for r in roles if r],
                }
            )
        return found

    def delegations(self) -> list[dict[str, Any]]:
        """What people lend each other and has not ended, with names."""
        known, now = self._keeper.current(), self._clock.now()
        with self._store.read() as reader:
            rows = list(reader.delegations(to_us(now)))
        names = {p.id: p.name for p in known.people.values()}
        return [
            {
                **shown(r),
                "giver_name": names.get(r["giver"], r["giver"]),
                "to_name": names.get(r["to"], r["to"]),
            }
            for r in rows
        ]

    def may_lend(self, person: str) -> tuple[str, ...]:
        """The roles that *person* may lend."""
        found = self._keeper.current().people.get(person)
        return held(found, self._policies.current()) if found is not None else ()

    def holidays(self) -> tuple[str, ...]:
        """The names of public holidays that hours may name."""
        return tuple(self._policies.current().holidays)

    def try_it(
        self, type: str, clients: Sequence[str] = (), *, at: datetime | None = None
    ) -> dict[str, Any]:
        """Whom a tier 3 request of this action type for these clients would ask, in order, at *at*
        (now), and why each person is asked or not. Raises `NotFound`."""
        policy, known = self._policies.current(), self._keeper.current()
        row = policy.rows.get(type)
        if row is None:
            raise NotFound(f"no row {type}", hint="Choose an action type of the matrix.")
        for client in clients:
            if client not in known.clients:
                raise NotFound(f"no client {client}")
        now = at or self._clock.now()
        values = {
            "action.type": type,
            "action.category": row.category,
            "action.effect": row.effect.value,
            "clients.count": len(clients),
            **({"client.id": clients[0]} if len(clients) == 1 else {}),
        }
        with self._store.read() as reader:
            incident = any(
                i["state"] == "open" and i["client"] and i["client"] in clients
                for i in reader.incidents(limit=50)
            )
            times = self._duty.times(policy, now, reader)
        chain = routing.chain_for(policy, row.category, values)
        window = policy.settings.windows[row.urgency] / (2 if incident else 1)
        seeking = routing.Seeking(
            clients=clients,
            policy=policy,
            people=tuple(known.people.values()),
            known=known.clients,
            times=times,
        )
        plan = seeking.plan(policy.chains[chain], now, window)
        if not any(s.approvers for s in plan):
            seeking = seeking.relaxed()
            plan = seeking.plan(policy.chains[chain], now, window)
        steps, opens = [], now
        for step in plan:
            found = seeking.candidates(step.role, opens)
            steps.append(self._step(step.role, opens, found, known, policy))
            opens += window if step.approvers else timedelta()
        classes = row.data_classes or frozenset()
        beside = [
            self._step(b.role, now, seeking.candidates(b.role, now), known, policy)
            for b in policy.beside
            if b.data_classes & classes
        ]
        there = {p for s in plan for p in s.approvers}
        return {
            "type": type,
            "chain": chain,
            "urgency": row.urgency.value,
            "needs": row.approvals,
            "minutes": int(window.total_seconds() // 60),
            "halved": incident,
            "steps": steps,
            "beside": beside,
            "alarms": len(there) < row.approvals or any(s["passes"] for s in beside),
            "alarms_at": rfc3339(opens),
        }

    # --- inside -------------------------------------------------------------------------------

    def _times(self, policy: Policy, now: datetime) -> Times:
        with self._store.read() as reader:
            return self._duty.times(policy, now, reader)

    def _now(
        self, role: str, policy: Policy, known: Known, times: Times, now: datetime
    ) -> list[dict[str, Any]]:
        """Who holds *role*, at any client, and whether they are there."""
        holders: list[Person] = [
            p
            for p in sorted(known.people.values(), key=lambda p: p.name)
            if p.active and any(r.name == role for r in p.roles)
        ]
        looks = [(p, presence(p, role, now, policy, times)) for p in holders]
        return [{"id": p.id, "name": p.name, "there": x.there, "why": x.why} for p, x in looks]

    @staticmethod
    def _hole(hole: Hole, known: Known) -> dict[str, Any]:
        everywhere = not hole.clients or len(hole.clients) == len(known.clients)
        return {
            "kind": hole.kind,
            "name": hole.name,
            "clients": [] if everywhere else [known.clients[c].name for c in hole.clients],
            "from": rfc3339(hole.begins),
            "until": rfc3339(hole.ends),
            "why": hole.why,
        }

    @staticmethod
    def _step(
        role: str,
        opens: datetime,
        found: Sequence[routing.Candidate],
        known: Known,
        policy: Policy,
    ) -> dict[str, Any]:
        names = {p.id: p.name for p in known.people.values()}
        return {
            "role": role,
            "says": policy.roles[role].says,
            "opens_at": rfc3339(opens),
            "passes": not any(c.asked for c in found),
            "people": [
                {
                    "id": c.person,
                    "name": names.get(c.person, c.person),
                    "role": c.role,
                    "asked": c.asked,
                    "why": _why(c, role, names),
                }
                for c in found
            ],
        }


def _why(candidate: routing.Candidate, role: str, names: dict[str, str]) -> str:
    """Why somebody is asked, or is not: words after their name."""
    if not candidate.presence.there:
        return f"{candidate.presence.why}; may answer all the same"
    as_what = f"holds {candidate.role.replace('-', ' ')}"
    if candidate.lent_by:
        giver = names.get(candidate.lent_by, candidate.lent_by)
        as_what = f"stands in for {giver} as {candidate.role.replace('-', ' ')}"
    if candidate.role != role:
        as_what += f", a backup of {role.replace('-', ' ')}"
    if candidate.asked:
        return f"{as_what}, is there, and messages reach them"
    return f"{as_what} and is not needed: somebody before them is there; may answer all the same"
