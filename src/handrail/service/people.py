"""What people change about people, agents and clients. Every change is a unit with its entry.

Keepers of the directory hold `service-desk-manager` or `operations-leadership` for the whole
organisation. A leaver is out at once: deactivating ends their sessions in the same commit.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.core.model import Client, Risk, SignedIn
from handrail.errors import BadInput, Conflict, NotAllowed, NotFound
from handrail.privacy import tokens
from handrail.service import client_change
from handrail.service.agents import Agents
from handrail.service.rights import keeper_of
from handrail.store.contract import Change, Drop, Event, Put, Rows, Store, View, Write
from handrail.store.newcomer import LINK_LIFE, NewPerson, role_puts

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Directory(Agents):
    """Adds and changes people, roles, agents, keys and clients."""

    def __init__(self, store: Store, clock: Clock, new_id: Any) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    # --- clients ----------------------------------------------------------------------------

    def set_client(
        self,
        who: SignedIn | None,
        client: str,
        name: str,
        *,
        risk: str = "normal",
        timezone: str = "UTC",
        account_engineer: str | None = None,
        regimes: Iterable[str] = (),
        retention_days: int = 400,
    ) -> dict[str, Any]:
        """Add or change a client, or propose what can lower oversight (``set`` false, I27).

        *who* is None only at set-up, before there are people. Raises `BadInput`, `NotFound`."""
        if not _ID.fullmatch(client):
            raise BadInput(f"the client id is {client!r}", hint="Small letters, digits and -.")
        if not name.strip() or len(name) > 200:
            raise BadInput("a client needs a name of at most 200 characters")
        if risk not in tuple(Risk):
            raise BadInput(f"risk is {risk!r}", hint="low, normal or high.")
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadInput(f"{timezone!r} is no time zone", hint="Such as Europe/Prague.") from None
        if not 1 <= retention_days <= 36_500:
            raise BadInput("retention_days is from 1 to 36500")
        wanted = Client(
            id=client,
            name=name.strip(),
            risk=Risk(risk),
            timezone=timezone,
            account_engineer=account_engineer,
            regimes=frozenset(r.strip().lower() for r in regimes if r.strip()),
            retention_days=retention_days,
        )

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if account_engineer is not None and view.person(account_engineer) is None:
                raise NotFound(f"no person {account_engineer}")
            return client_change.change(view, who, by, wanted)

        done, _ = self._store.commit(unit)
        return {"id": client, **done}

    def agree_client(self, who: SignedIn, client: str, was: str) -> dict[str, Any]:
        """As the second person, agree to the change of *client* whose digest is *was* (I27).

        Raises `NotFound`, `Conflict` when another change waits, `NotAllowed` for its proposer."""
        self._store.commit(
            lambda view: client_change.agreed(view, who, keeper_of(view, who), client, was)
        )
        return {"id": client, "set": True, "laxer": []}

    def withdraw_client(self, who: SignedIn, client: str) -> None:
        """Take back what was proposed for *client*."""
        self._store.commit(lambda view: client_change.withdrawn(view, keeper_of(view, who), client))

    # --- people -----------------------------------------------------------------------------

    def add_person(
        self,
        who: SignedIn | None,
        name: str,
        email: str,
        roles: Iterable[tuple[str, str | None]] = (),
        *,
        password: str | None = None,
        since: datetime | None = None,
    ) -> dict[str, Any]:
        """Add a person; return their id and a one-time link by which they set a password.

        *password* (already hashed) and *since* are for set-up only, when *who* is None. People of
        the practice have been there *since* then, and reached: nobody could ring them."""
        new, token = NewPerson(self._new_id("per")), tokens.session_token()
        held = [(role, client or "") for role, client in roles]

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if any(p.email == email.strip().casefold() for p in view.people()):
                raise Conflict("someone with this e-mail address is there already")
            at = to_us(since) if since is not None and who is None else view.now
            writes: list[Write] = [*new.rows(name, email, password, at)]
            if since is not None and who is None:
                writes.append(Change("person", (new.id,), {"reached_at": view.now}))
            writes += role_puts(new.id, held, at, by)
            if password is None:
                life = LINK_LIFE // timedelta(microseconds=1)
                link = {
                    "hash": tokens.hashed(token),
                    "person": new.id,
                    "at": view.now,
                    "expires_at": view.now + life,
                }
                writes.append(Put("set_up_link", link))
            events = [Event(EventType.PERSON_ADDED, by, facts={"person": new.id})]
            events += [_role_event(EventType.ROLE_GRANTED, by, new.id, r, c) for r, c in held]
            return Rows(tuple(writes), tuple(events), control=True)

        self._store.commit(unit)
        return {"id": new.id, "name": name, "link": None if password else f"/setup/{token}"}

    def grant_role(self, who: SignedIn, person: str, role: str, client: str | None = None) -> None:
        """Give *person* the role, for one client or for all."""

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.person(person) is None:
                raise NotFound(f"no person {person}")
            if who.person == person:
                raise NotAllowed("nobody gives a role to themselves")
            if client and view.client(client) is None:
                raise NotFound(f"no client {client}")
            held = view.row("person_role", person, role, client or "")
            if held is not None and held["until"] is None:
                return Rows()
            writes: list[Write] = [*role_puts(person, [(role, client or "")], view.now, by)]
            if held is not None:  # from a group: from now on it is held whatever groups say
                kept = {"by": by, "until": None, "lapsed_at": None}
                writes = [Change("person_role", (person, role, client or ""), kept)]
            event = _role_event(EventType.ROLE_GRANTED, by, person, role, client or "")
            return Rows(tuple(writes), (event,), control=True)

        self._store.commit(unit)

    def end_role(self, who: SignedIn, person: str, role: str, client: str | None = None) -> None:
        """Take a role away. What waits is affected at once: authority is read at begin (I2)."""

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.row("person_role", person, role, client or "") is None:
                raise NotFound("this person does not hold that role")
            event = _role_event(EventType.ROLE_ENDED, by, person, role, client or "")
            drop = Drop("person_role", (person, role, client or ""))
            return Rows((drop,), (event,), control=True)

        self._store.commit(unit)

    def deactivate(self, who: SignedIn, person: str) -> None:
        """Someone leaves: no sign-in, no session, no authority from this commit on."""
        with self._store.read() as reader:
            sessions = [r["hash"] for r in reader.sessions(person)]

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.person(person) is None:
                raise NotFound(f"no person {person}")
            if who.person == person:
                raise NotAllowed("ask someone else to do this")
            writes: list[Write] = [Change("person", (person,), {"active": 0})]
            writes += [Drop("session", (h,)) for h in sessions if view.row("session", h)]
            event = Event(EventType.PERSON_CHANGED, by, facts={"what": "left", "person": person})
            return Rows(tuple(writes), (event,), control=True)

        self._store.commit(unit)


def _role_event(kind: EventType, by: str, person: str, role: str, client: str) -> Event:
    clients = (client,) if client else ()
    return Event(kind, by, None, clients, {"person": person, "role": role, "client": client})
