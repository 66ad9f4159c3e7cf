"""What people change about people, agents and clients. Every change is a unit with its entry.

Keepers of the directory hold `service-desk-manager` or `operations-leadership` for the whole
organisation. A leaver is out at once: deactivating ends their sessions in the same commit.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from handrail.clock import Clock, to_us
from handrail.core.events import EventType
from handrail.core.model import Risk, SignedIn
from handrail.errors import BadInput, Conflict, NotAllowed, NotFound
from handrail.privacy import tokens
from handrail.service import rights
from handrail.store.contract import Change, Drop, Event, Put, Rows, Store, View, Write
from handrail.store.newcomer import LINK_LIFE, NewPerson, role_puts

KEEPERS = ("service-desk-manager", "operations-leadership")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME = re.compile(r"[\w .&'()/+-]{1,120}")


class Directory:
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
        """Add or change a client. *who* is None only at set-up, before there are people."""
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
        wanted = sorted({r.strip().lower() for r in regimes if r.strip()})

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if account_engineer is not None and view.person(account_engineer) is None:
                raise NotFound(f"no person {account_engineer}")
            values = {
                "name": name.strip(),
                "risk": risk,
                "timezone": timezone,
                "account_engineer": account_engineer,
                "regimes": orjson.dumps(wanted).decode(),
                "retention_days": retention_days,
            }
            write: Write = (
                Put("client", {"id": client, "at": view.now, **values})
                if view.row("client", client) is None
                else Change("client", (client,), values)
            )
            facts = {"client": client, "risk": risk, "regimes": wanted, "days": retention_days}
            event = Event(EventType.CLIENT_SET, by, None, (client,), facts)
            return Rows((write,), (event,), control=True)

        self._store.commit(unit)
        return {"id": client, "name": name.strip(), "risk": risk, "regimes": wanted}

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

    # --- agents -----------------------------------------------------------------------------

    def add_agent(
        self,
        who: SignedIn,
        name: str,
        *,
        purpose: str,
        version: str,
        connections: Iterable[str] = (),
        clients: Iterable[str] = (),
        sponsor: str | None = None,
        expires_at: datetime | None = None,
    ) -> dict[str, Any]:
        """Register an agent; its sponsor is *who* unless another person is named."""
        agent = self._new_id("agt")
        name, purpose, version = name.strip(), purpose.strip(), version.strip()
        if not _NAME.fullmatch(name):
            raise BadInput(f"the agent's name is {name[:80]!r}", hint="1 to 120 plain characters.")
        if not purpose or not version:
            raise BadInput(
                "an agent needs a purpose and a version", hint="Version: model and prompt."
            )
        reached, limited = sorted(set(connections)), sorted(set(clients))

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            for client in limited:
                if view.client(client) is None:
                    raise NotFound(f"no client {client}")
            for connection in reached:
                if view.connection(connection) is None:
                    raise NotFound(f"no connection {connection}")
            owner = sponsor or who.person
            if view.person(owner) is None:
                raise NotFound(f"no person {owner}")
            row = {
                "id": agent,
                "name": name,
                "sponsor": owner,
                "purpose": purpose[:500],
                "version": version[:200],
                "connections": orjson.dumps(reached).decode(),
                "clients": orjson.dumps(limited).decode(),
                "expires_at": to_us(expires_at) if expires_at else None,
                "suspended": 0,
                "at": view.now,
            }
            facts = {"agent": agent, "connections": reached, "clients": limited}
            event = Event(EventType.AGENT_ADDED, by, facts=facts)
            return Rows((Put("agent", row),), (event,), control=True)

        self._store.commit(unit)
        return {"id": agent, "name": name, "connections": reached, "clients": limited}

    def issue_key(
        self, who: SignedIn, agent: str, *, expires_at: datetime | None = None
    ) -> dict[str, Any]:
        """Issue a key. The whole key is in this answer and nowhere else."""
        key, prefix = tokens.agent_key()

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.agent(agent) is None:
                raise NotFound(f"no agent {agent}")
            row = {
                "hash": tokens.hashed(key),
                "agent": agent,
                "prefix": prefix,
                "at": view.now,
                "expires_at": to_us(expires_at) if expires_at else None,
                "revoked_at": None,
            }
            event = Event(EventType.KEY_ISSUED, by, facts={"agent": agent, "prefix": prefix})
            return Rows((Put("agent_key", row),), (event,), control=True)

        self._store.commit(unit)
        return {"agent": agent, "key": key, "prefix": prefix}

    def revoke_key(self, who: SignedIn, agent: str, prefix: str) -> None:
        """Revoke the keys of *agent* that begin with *prefix*."""
        with self._store.read() as reader:
            rows = [r for r in reader.keys(agent) if r["prefix"] == prefix]
        if not rows:
            raise NotFound(f"no key {prefix} of {agent}")

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            writes = [Change("agent_key", (r["hash"],), {"revoked_at": view.now}) for r in rows]
            event = Event(EventType.KEY_REVOKED, by, facts={"agent": agent, "prefix": prefix})
            return Rows(tuple(writes), (event,), control=True)

        self._store.commit(unit)

    def suspend(self, who: SignedIn, agent: str, suspended: bool) -> None:
        """Suspend an agent, or let it work again."""
        self._change_agent(
            who, agent, "suspended" if suspended else "resumed", suspended=int(suspended)
        )

    def set_version(self, who: SignedIn, agent: str, version: str) -> None:
        """Register a new model or prompt version: by a person, never by the agent (I24)."""
        if not version.strip():
            raise BadInput("the version is empty")
        self._change_agent(who, agent, "version", version=version.strip()[:200])

    def _change_agent(self, who: SignedIn, agent: str, what: str, **values: Any) -> None:
        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.agent(agent) is None:
                raise NotFound(f"no agent {agent}")
            event = Event(EventType.AGENT_CHANGED, by, facts={"agent": agent, "what": what})
            return Rows((Change("agent", (agent,), values),), (event,), control=True)

        self._store.commit(unit)


def keeper_of(view: View, who: SignedIn | None) -> str:
    """The principal who changes the directory. Raises `NotAllowed` without authority."""
    if who is None:
        return "handrail"
    person = rights.holder(view, who, KEEPERS, "changing the directory")
    return f"person:{person.id}"


def _role_event(kind: EventType, by: str, person: str, role: str, client: str) -> Event:
    clients = (client,) if client else ()
    return Event(kind, by, None, clients, {"person": person, "role": role, "client": client})
