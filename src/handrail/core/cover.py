"""Is every chain and every two-person rule satisfiable at each hour of the coming week? (SPEC 5)

* Time is cut into quarters of an hour from the hour in which one looks; what changes within a
  quarter is taken as it is when the quarter begins. An hour is covered when all of it is.
* A person's quarters are one whole number, a bit each, so that many people, roles and clients cost
  a few operations on numbers and not one look per hour.
* Somebody who holds a role by delegation alone counts as the giver: a delegation adds nobody (I5).
  Whoever is too new for a two-person row counts for it from when they no longer are.
* Who is excluded from one particular proposal, and how much somebody decides in one hour, can't be
  known ahead; neither is counted here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from handrail.core.availability import Times, presence
from handrail.core.model import Client, Hours, Person
from handrail.core.policy import Policy
from handrail.core.routing import chains_for, holds_role

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
_PER_HOUR = 4
_WEEK = 7 * 24
#: When something is covered at a client, as bits.
_Covered = Callable[[str | None], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """How one role is covered, hour by hour: `holder`, `backup` or `nobody`, in the worst quarter
    and at the worst client."""

    role: str
    hours: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Hours in which something can't be satisfied."""

    kind: str  #: `role`, `chain`, `two people` or `beside`
    name: str  #: of the role or chain
    clients: tuple[str, ...]  #: ids; empty where no client is known
    begins: datetime
    ends: datetime
    why: str  #: of those who could answer: why they are not there when it begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """The cover from *begins* on: each role's strip, and every hole, those of chains first."""

    begins: datetime
    strips: tuple[Strip, ...]
    holes: tuple[Hole, ...]

    @property
    def unsatisfied(self) -> tuple[Hole, ...]:
        """Holes that leave a proposal to the alarm: a role alone has the rest of its chain."""
        return tuple(h for h in self.holes if h.kind != "role")


def cover(
    policy: Policy,
    people: Sequence[Person],
    known: Mapping[str, Client],
    times: Times,
    begins: datetime,
    hours: int = _WEEK,
) -> Cover:
    """Who covers what for *hours* from the hour of *begins* on."""
    begins = begins.replace(minute=0, second=0, microsecond=0)
    week = _Week(policy, people, known, replace(times, busy=frozenset()), begins, hours)
    roles = list(dict.fromkeys([*(r for c in policy.chains.values() for r in c), *week.beside]))
    strips = tuple(week.strip(role) for role in roles)
    holes: list[Hole] = []
    for name in policy.chains:
        holes += week.holes("chain", name, partial(week.chain, name))
    for name in week.two_person_chains():
        holes += week.holes("two people", name, partial(week.pair, name))
    for role in roles:
        kind = "beside" if role in week.beside else "role"
        holes += week.holes(kind, role, partial(week.role, role))
    return Cover(begins=begins, strips=strips, holes=tuple(holes))


class _Week:
    """The quarters of everybody, as bits."""

    def __init__(
        self,
        policy: Policy,
        people: Sequence[Person],
        known: Mapping[str, Client],
        times: Times,
        begins: datetime,
        hours: int,
    ) -> None:
        self.policy, self.known, self.times = policy, known, times
        self.people = [p for p in people if p.active]
        self.begins, self.hours = begins, hours
        self.count = hours * _PER_HOUR
        self.whole = (1 << self.count) - 1
        self.clients: tuple[str | None, ...] = tuple(sorted(known)) or (None,)
        self.beside = tuple(dict.fromkeys(b.role for b in policy.beside))
        self._there: dict[tuple[str, str], int] = {}
        self._hours: dict[Hours, int] = {}
        self._roles: dict[tuple[str, str | None], dict[str, tuple[int, int]]] = {}

    # --- one person ---------------------------------------------------------------------------

    def there(self, person: Person, role: str) -> int:
        """The quarters in which *person* is there for *role*."""
        kind = self.policy.roles.get(role)
        key = (person.id, role if kind is not None and kind.on_call is not None else "")
        if key not in self._there:
            self._there[key] = self._look(person, role, by_hours=not key[1])
        return self._there[key]

    def _look(self, person: Person, role: str, *, by_hours: bool) -> int:
        # Working hours are many people's alike: looked at once, the rest once for each person.
        bare = replace(person, hours=None) if by_hours else person
        found = self._when(bare, role)
        if by_hours and person.hours is not None and found:
            if person.hours not in self._hours:
                timeless = replace(
                    person, away_from=None, away_until=None, reached_at=self.begins + 2 * self._span
                )
                self._hours[person.hours] = self._when(timeless, role)
            found &= self._hours[person.hours]
        return found

    @property
    def _span(self) -> timedelta:
        return self.count * QUARTER

    def _when(self, person: Person, role: str) -> int:
        found = 0
        for n in range(self.count):
            at = self.begins + n * QUARTER
            if presence(person, role, at, self.policy, self.times).there:
                found |= 1 << n
        return found

    def between(self, begins: datetime, ends: datetime | None) -> int:
        """The quarters that begin from *begins* to before *ends*."""
        first = max(0, -((self.begins - begins) // QUARTER)) if begins > self.begins else 0
        last = self.count if ends is None else -((self.begins - ends) // QUARTER)
        last = min(max(last, 0), self.count)
        return ((1 << last) - 1) & ~((1 << min(first, self.count)) - 1) & self.whole

    # --- one role at one client ---------------------------------------------------------------

    def seats(self, role: str, client: str | None) -> dict[str, tuple[int, int]]:
        """For each person whose seat it is: when somebody sits there for *role*, and when they
        count for a two-person row too."""
        key = (role, client)
        if key in self._roles:
            return self._roles[key]
        clients = () if client is None else (client,)
        wait = self.policy.settings.new_approver_wait
        found: dict[str, tuple[int, int]] = {}
        ids = {p.id: p for p in self.people}
        for person in self.people:
            since = holds_role(person, role, clients, self.policy, self.known)
            if since is None:
                continue
            here = self.there(person, role)
            new = max((t for t in (since[0], person.added_at) if t is not None), default=None)
            counts = here if new is None else here & self.between(new + wait, None)
            self._add(found, person.id, here, counts)
            for lent in person.lends:
                to = ids.get(lent.to)
                if to is None or role not in lent.roles:
                    continue
                sits = self.there(to, role) & self.between(lent.begins, lent.ends)
                old = self.between(lent.begins + wait, None)
                if holds_role(to, role, clients, self.policy, self.known) is None:
                    self._add(found, person.id, sits, sits & old)
        self._roles[key] = found
        return found

    @staticmethod
    def _add(found: dict[str, tuple[int, int]], person: str, here: int, counts: int) -> None:
        was = found.get(person, (0, 0))
        found[person] = (was[0] | here, was[1] | counts)

    def role(self, role: str, client: str | None) -> int:
        """When somebody would be asked for *role*: a holder, or a backup."""
        return _any(
            here
            for name in (role, *self.policy.backups(role))
            for here, _ in self.seats(name, client).values()
        )

    def chain(self, name: str, client: str | None) -> int:
        """When somebody would be asked along the chain."""
        return _any(self.role(role, client) for role in self.policy.chains[name])

    def pair(self, name: str, client: str | None) -> int:
        """When two people who count would be asked along the chain."""
        seats: dict[str, int] = {}
        for role in self.policy.chains[name]:
            for held in (role, *self.policy.backups(role)):
                for person, (_, counts) in self.seats(held, client).items():
                    seats[person] = seats.get(person, 0) | counts
        one = two = 0
        for here in seats.values():
            two |= one & here
            one |= here
        return two

    def two_person_chains(self) -> tuple[str, ...]:
        """The chains that a row which needs two people may take."""
        rows = (r for r in self.policy.rows.values() if r.approvals > 1)
        categories = dict.fromkeys(r.category for r in rows)
        return tuple(dict.fromkeys(n for c in categories for n in chains_for(self.policy, c)))

    # --- what is shown ------------------------------------------------------------------------

    def strip(self, role: str) -> Strip:
        """*role* hour by hour, at the client where it is covered worst."""
        own = some = self.whole
        for client in self.clients:
            own &= _any(here for here, _ in self.seats(role, client).values())
            some &= self.role(role, client)
        full = (1 << _PER_HOUR) - 1
        found = []
        for hour in range(self.hours):
            shift = hour * _PER_HOUR
            state = "holder" if own >> shift & full == full else "nobody"
            if state == "nobody" and some >> shift & full == full:
                state = "backup"
            found.append(state)
        return Strip(role=role, hours=tuple(found))

    def holes(self, kind: str, name: str, covered: _Covered) -> Iterator[Hole]:
        """The spans in which *covered* says no, alike clients together."""
        by_mask: dict[int, list[str]] = {}
        for client in self.clients:
            missing = self.whole & ~covered(client)
            if missing:
                by_mask.setdefault(missing, []).extend([client] if client is not None else [])
        for missing, clients in by_mask.items():
            for first, last in _runs(missing, self.count):
                begins = self.begins + first * QUARTER
                yield Hole(
                    kind=kind,
                    name=name,
                    clients=tuple(clients),
                    begins=begins,
                    ends=self.begins + last * QUARTER,
                    why=self._why(kind, name, clients[0] if clients else None, begins),
                )

    def _why(self, kind: str, name: str, client: str | None, at: datetime) -> str:
        roles = self.policy.chains[name] if kind in {"chain", "two people"} else (name,)
        clients = () if client is None else (client,)
        said: dict[str, str] = {}
        for role in (n for r in roles for n in (r, *self.policy.backups(r))):
            for p in self.people:
                if holds_role(p, role, clients, self.policy, self.known) is not None:
                    found = presence(p, role, at, self.policy, self.times)
                    said.setdefault(p.id, f"{p.name} {found.why or 'is there'}")
        if not said:
            return "nobody holds a role for it"
        shown = list(said.values())
        more = f", and {len(shown) - 3} more" if len(shown) > 3 else ""
        return ", ".join(shown[:3]) + more


def _any(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _runs(mask: int, count: int) -> Iterator[tuple[int, int]]:
    """The runs of set bits, as (first, one after the last)."""
    at = 0
    while at < count:
        if not mask >> at & 1:
            at += 1
            continue
        first = at
        while at < count and mask >> at & 1:
            at += 1
        yield first, at
