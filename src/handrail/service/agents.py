"""What people change about agents and their keys (SPEC 1): every change is a unit with its entry.

* A key is shown once. Its hash is stored, and the beginning by which people know it.
* Rotating leaves the old key good for a while, so that nothing stops while the new one is put in.
* What an agent may reach is changed by a person, never by the agent (I24); from that commit on
  every call is judged by it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeGuard

import orjson

from handrail.clock import Clock, from_us, rfc3339, to_us
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, NotFound
from handrail.privacy import tokens
from handrail.service.rights import keeper_of
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

#: How long a rotated key stays good, unless said otherwise, and at most.
OVERLAP, LONGEST_OVERLAP = timedelta(hours=24), timedelta(days=30)
_NAME = re.compile(r"[\w .&'()/+-]{1,120}")
_US = timedelta(microseconds=1)


class Agents:
    """Registers and changes agents and their keys."""

    _store: Store
    _clock: Clock
    _new_id: Any

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
            _known(view, reached, limited)
            owner = sponsor or who.person
            _sponsor(view, owner)
            row = {
                "id": agent,
                "name": name,
                "sponsor": owner,
                "purpose": purpose[:500],
                "version": version[:200],
                "connections": orjson.dumps(reached).decode(),
                "clients": orjson.dumps(limited).decode(),
                "expires_at": _ahead(view, expires_at),
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
            row = _key(agent, key, prefix, view.now, _ahead(view, expires_at))
            event = Event(EventType.KEY_ISSUED, by, facts={"agent": agent, "prefix": prefix})
            return Rows((Put("agent_key", row),), (event,), control=True)

        self._store.commit(unit)
        return {"agent": agent, "key": key, "prefix": prefix}

    def rotate_key(
        self, who: SignedIn, agent: str, prefix: str, *, overlap: timedelta = OVERLAP
    ) -> dict[str, Any]:
        """Issue a key in the place of the one that begins with *prefix*, which ends after
        *overlap*. The new one lives as long as the old one was to live.

        Raises `NotFound` when that key is not good any more, `BadInput` for too long an overlap.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise BadInput("the overlap is from 0 to 720 hours")
        old = self._keys(agent, prefix)
        key, new = tokens.agent_key()

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            live = [r for r in (view.row("agent_key", o["hash"]) for o in old) if _good(r, view)]
            if not live:
                raise NotFound(f"the key {prefix} is not good any more", hint="Issue a new one.")
            ends = view.now + overlap // _US
            until = live[0]["expires_at"]
            life = None if until is None else view.now + until - live[0]["at"]
            changes = [
                Change(
                    "agent_key", (r["hash"],), {"expires_at": min(r["expires_at"] or ends, ends)}
                )
                for r in live
            ]
            facts = {"agent": agent, "prefix": new, "instead_of": prefix}
            event = Event(EventType.KEY_ISSUED, by, facts=facts)
            row = _key(agent, key, new, view.now, life)
            return Rows(
                (Put("agent_key", row), *changes), (event,), control=True,
                answer=min(r.values["expires_at"] for r in changes),
            )  # fmt: skip

        ends, _ = self._store.commit(unit)
        old_ends = rfc3339(from_us(ends))
        return {"agent": agent, "key": key, "prefix": new, "old_ends_at": old_ends}

    def revoke_key(self, who: SignedIn, agent: str, prefix: str) -> None:
        """Revoke the keys of *agent* that begin with *prefix*."""
        rows = self._keys(agent, prefix)

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            writes = [
                Change("agent_key", (r["hash"],), {"revoked_at": view.now})
                for r in rows
                if (now := view.row("agent_key", r["hash"])) and now["revoked_at"] is None
            ]
            if not writes:
                return Rows()  # revoked already: when it was stands
            event = Event(EventType.KEY_REVOKED, by, facts={"agent": agent, "prefix": prefix})
            return Rows(tuple(writes), (event,), control=True)

        self._store.commit(unit)

    def _keys(self, agent: str, prefix: str) -> list[Row]:
        with self._store.read() as reader:
            rows = [r for r in reader.keys(agent) if r["prefix"] == prefix]
        if not rows:
            raise NotFound(f"no key {prefix} of {agent}")
        return rows

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

    def set_scope(
        self, who: SignedIn, agent: str, connections: Iterable[str], clients: Iterable[str]
    ) -> None:
        """What the agent may reach from now on. No clients: all that its connections reach."""
        reached, limited = sorted(set(connections)), sorted(set(clients))
        values = {
            "connections": orjson.dumps(reached).decode(),
            "clients": orjson.dumps(limited).decode(),
        }
        facts = {"connections": reached, "clients": limited}
        check = lambda view: _known(view, reached, limited)  # noqa: E731
        self._change_agent(who, agent, "scope", check=check, facts=facts, **values)

    def set_sponsor(self, who: SignedIn, agent: str, sponsor: str) -> None:
        """Another person answers for the agent. Raises `NotFound` for someone who has left."""
        check = lambda view: _sponsor(view, sponsor)  # noqa: E731
        self._change_agent(who, agent, "sponsor", check=check, sponsor=sponsor)

    def _change_agent(
        self,
        who: SignedIn,
        agent: str,
        what: str,
        *,
        check: Callable[[View], None] | None = None,
        facts: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if view.agent(agent) is None:
                raise NotFound(f"no agent {agent}")
            if check is not None:
                check(view)
            said = {"agent": agent, "what": what, **(facts or {})}
            event = Event(EventType.AGENT_CHANGED, by, facts=said)
            return Rows((Change("agent", (agent,), values),), (event,), control=True)

        self._store.commit(unit)


def _key(agent: str, key: str, prefix: str, now: int, expires_at: int | None) -> dict[str, Any]:
    return {
        "hash": tokens.hashed(key),
        "agent": agent,
        "prefix": prefix,
        "at": now,
        "expires_at": expires_at,
        "revoked_at": None,
    }


def _good(row: Row | None, view: View) -> TypeGuard[Row]:
    if row is None or row["revoked_at"] is not None:
        return False
    return row["expires_at"] is None or row["expires_at"] > view.now


def _ahead(view: View, end: datetime | None) -> int | None:
    """*end* in microseconds. Raises `BadInput` when it has passed."""
    if end is not None and to_us(end) <= view.now:
        raise BadInput("that end has passed", hint="Name a time that is still to come.")
    return to_us(end) if end is not None else None


def _known(view: View, connections: Sequence[str], clients: Sequence[str]) -> None:
    for client in clients:
        if view.client(client) is None:
            raise NotFound(f"no client {client}")
    for connection in connections:
        if view.connection(connection) is None:
            raise NotFound(f"no connection {connection}")


def _sponsor(view: View, person: str) -> None:
    found = view.person(person)
    if found is None or not found.active:
        raise NotFound(f"no person {person}", hint="A sponsor is somebody who is here.")
