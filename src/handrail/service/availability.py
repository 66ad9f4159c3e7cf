"""What people say about being there: hours, away, and what they lend each other (SPEC 5, I27).

* Everybody speaks for themselves. A keeper of the directory may end what was lent, never lend.
* Lending gives no more than the giver holds, for the clients they hold it for, and ends by itself.
  Where it lets somebody answer who could not, it lends nothing until a second person has agreed: a
  keeper of the directory who is neither of the two (I27).
* Every change is a unit with its entry, and moves the control epoch: authority is read at begin.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from handrail.clock import Clock, from_us, rfc3339, to_us
from handrail.core.availability import hours_written, parse_hours, widens
from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn
from handrail.core.policy import Policy
from handrail.errors import BadInput, Closed, Conflict, NotAllowed, NotFound
from handrail.service import rights
from handrail.service.policies import Policies
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View, Write

LONGEST = timedelta(days=93)  #: of one delegation
LONGEST_AWAY = timedelta(days=366)


class Availability:
    """Takes what people say about themselves."""

    def __init__(self, store: Store, policies: Policies, clock: Clock, new_id: Any) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock
        self._new_id = new_id

    def set_hours(
        self, who: SignedIn, zone: str, days: Mapping[str, str], holidays: str = ""
    ) -> dict[str, Any]:
        """Set one's working hours (`core.availability.parse_hours`); *holidays* is a name of the
        policy's. Raises `BadInput`."""
        known = self._policies.current().holidays
        if holidays and holidays not in known:
            named = ", ".join(known) or "the policy names none"
            raise BadInput(f"there are no holidays {holidays!r}", hint=f"One of: {named}.")
        hours = hours_written(parse_hours(zone.strip(), days, holidays))
        self._change(who, "hours", {"hours": orjson.dumps(hours).decode()})
        return {"person": who.person, "hours": hours}

    def clear_hours(self, who: SignedIn) -> dict[str, Any]:
        """Be there day and night again."""
        self._change(who, "hours", {"hours": None})
        return {"person": who.person, "hours": None}

    def set_away(
        self,
        who: SignedIn,
        until: datetime | None,
        *,
        begins: datetime | None = None,
        delegate: str | None = None,
    ) -> dict[str, Any]:
        """Say that one is away until then (from *begins*, by default now), or back (None). With
        *delegate*, that person holds one's roles for the time; back ends what runs to then."""
        now = self._clock.now()
        if until is None:
            return self._back(who)
        begins = max(begins or now, now)
        _span(begins, until, now, LONGEST if delegate else LONGEST_AWAY)
        lent = self._new_id("dlg") if delegate else ""

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            values = {
                "away_from": to_us(begins) if begins > now else None,
                "away_until": to_us(until),
            }
            event = Event(EventType.PERSON_CHANGED, f"person:{who.person}", facts={"what": "away"})
            change = Change("person", (who.person,), values)
            if not delegate:
                return Rows((change,), (event,), control=True)
            put, lending = self._lending(view, person, delegate, (), begins, until, lent)
            return Rows((change, put), (event, lending), control=True, answer=put.row)

        row, _ = self._store.commit(unit)
        return {
            "person": who.person,
            "away_from": rfc3339(begins) if begins > now else None,
            "away_until": rfc3339(until),
            "delegation": shown(row) if row else None,
        }

    def lend(
        self, who: SignedIn, to: str, roles: Iterable[str], begins: datetime, ends: datetime
    ) -> dict[str, Any]:
        """Lend *roles* (empty: all that one holds) to *to*, from–until."""
        now = self._clock.now()
        begins = max(begins, now)
        _span(begins, ends, now, LONGEST)
        wanted, lent = tuple(roles), self._new_id("dlg")

        def unit(view: View) -> Rows:
            person = rights.active(view, who)
            put, event = self._lending(view, person, to, wanted, begins, ends, lent)
            return Rows((put,), (event,), control=True, answer=put.row)

        row, _ = self._store.commit(unit)
        return shown(row)

    def agree(self, who: SignedIn, delegation: str) -> dict[str, Any]:
        """The second person's yes to what widens authority. Raises `NotAllowed` for the two whom
        it is about, and for whoever does not keep the directory."""

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, rights.KEEPERS, "agreeing to a delegation")
            row = _open(view, delegation)
            if person.id in {row["giver"], row["to"]}:
                raise NotAllowed("someone else must agree", hint="A third person, who keeps roles.")
            if row["agreed_at"] is not None:
                raise Conflict("it is agreed already")
            values = {"agreed_at": view.now, "agreed_by": person.id}
            facts = {k: row[k] for k in ("id", "giver", "to")}
            facts["roles"] = orjson.loads(row["roles"])
            event = Event(EventType.ROLE_LENT_AGREED, f"person:{person.id}", facts=facts)
            change = Change("delegation", (delegation,), values)
            return Rows((change,), (event,), control=True, answer={**row, **values})

        row, _ = self._store.commit(unit)
        return shown(row)

    def end(self, who: SignedIn, delegation: str) -> dict[str, Any]:
        """End what was lent, now: the giver, whom it was lent to, or a keeper of the directory."""

        def unit(view: View) -> Rows:
            row = _open(view, delegation)
            person = rights.active(view, who)
            if person.id not in {row["giver"], row["to"]}:
                rights.holder(view, who, rights.KEEPERS, "ending what others lent")
            change, event = _ended(row, person.id, view.now)
            return Rows((change,), (event,), control=True, answer={**row, **change.values})

        row, _ = self._store.commit(unit)
        return shown(row)

    # --- inside -------------------------------------------------------------------------------

    def _back(self, who: SignedIn) -> dict[str, Any]:
        with self._store.read() as reader:
            person = reader.row("person", who.person)
            until = person["away_until"] if person else None
            mine = [
                r["id"]
                for r in reader.delegations(to_us(self._clock.now()))
                if r["giver"] == who.person and r["ends"] == until
            ]

        def unit(view: View) -> Rows:
            rights.active(view, who)
            writes: list[Write] = [
                Change("person", (who.person,), {"away_from": None, "away_until": None})
            ]
            events = [
                Event(EventType.PERSON_CHANGED, f"person:{who.person}", facts={"what": "back"})
            ]
            for id in mine:
                row = view.row("delegation", id)
                if row is not None and row["ended_at"] is None:
                    change, event = _ended(row, who.person, view.now)
                    writes.append(change)
                    events.append(event)
            return Rows(tuple(writes), tuple(events), control=True)

        self._store.commit(unit)
        return {"person": who.person, "away_from": None, "away_until": None, "delegation": None}

    def _change(self, who: SignedIn, what: str, values: Row) -> None:
        def unit(view: View) -> Rows:
            rights.active(view, who)
            event = Event(EventType.PERSON_CHANGED, f"person:{who.person}", facts={"what": what})
            return Rows((Change("person", (who.person,), values),), (event,), control=True)

        self._store.commit(unit)

    def _lending(
        self,
        view: View,
        giver: Person,
        to: str,
        roles: tuple[str, ...],
        begins: datetime,
        ends: datetime,
        id: str,
    ) -> tuple[Put, Event]:
        """The row and the entry of a delegation, agreed where it widens nothing."""
        policy = self._policies.current()
        other = view.person(to)
        if other is None or not other.active:
            raise NotFound(f"no person {to}", hint="Name somebody who is active.")
        if other.id == giver.id:
            raise BadInput("nobody lends to themselves", hint="Name another person.")
        mine = held(giver, policy)
        unknown = sorted(set(roles) - set(mine))
        if unknown or not mine:
            raise NotAllowed(
                f"you do not hold {', '.join(unknown) or 'any role'}",
                hint="Nobody lends what they do not hold themselves.",
            )
        wanted = sorted(roles or mine)
        waits = widens(giver, other, wanted, policy)
        row = {
            "id": id,
            "giver": giver.id,
            "to": other.id,
            "roles": orjson.dumps(wanted).decode(),
            "begins": to_us(begins),
            "ends": to_us(ends),
            "at": view.now,
            "agreed_at": None if waits else view.now,
            "agreed_by": None if waits else "",
            "ended_at": None,
            "ended_by": None,
        }
        facts = {
            "id": id,
            "to": other.id,
            "roles": wanted,
            "from": rfc3339(begins),
            "until": rfc3339(ends),
            "widens": list(waits),
        }
        return Put("delegation", row), Event(EventType.ROLE_LENT, f"person:{giver.id}", facts=facts)


def held(person: Person, policy: Policy) -> tuple[str, ...]:
    """The roles that *person* may lend: their own. Being a client's account engineer by its record
    is lent with the per-client roles."""
    own = {r.name for r in person.roles if not r.by}
    return tuple(sorted(name for name in own if name in policy.roles))


def shown(row: Row) -> dict[str, Any]:
    """A `delegation` row as doors show it."""
    state = "lent"
    if row["ended_at"] is not None:
        state = "ended"
    elif row["agreed_at"] is None:
        state = "waits for a second person"
    return {
        "id": row["id"],
        "giver": row["giver"],
        "to": row["to"],
        "roles": orjson.loads(row["roles"]),
        "from": rfc3339(from_us(row["begins"])),
        "until": rfc3339(from_us(row["ends"])),
        "state": state,
        "agreed_by": row["agreed_by"] or None,
    }


def _span(begins: datetime, ends: datetime, now: datetime, longest: timedelta) -> None:
    if ends <= now:
        raise BadInput("that time is past", hint="Name a later time.")
    if ends <= begins:
        raise BadInput("it ends before it begins", hint="Write from: before until:.")
    if ends - begins > longest:
        raise BadInput(f"that is longer than {longest.days} days", hint="Say it again by then.")


def _open(view: View, delegation: str) -> Row:
    row = view.row("delegation", delegation)
    if row is None:
        raise NotFound(f"no delegation {delegation}")
    if row["ended_at"] is not None or row["ends"] <= view.now:
        raise Closed("it has ended already")
    return row


def _ended(row: Row, by: str, now: int) -> tuple[Change, Event]:
    change = Change("delegation", (row["id"],), {"ended_at": now, "ended_by": by})
    facts = {k: row[k] for k in ("id", "giver", "to")}
    return change, Event(EventType.ROLE_LENT_ENDED, f"person:{by}", facts=facts)
