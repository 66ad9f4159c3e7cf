"""Changing a client: what can lower oversight is two people's act (SPEC 2, I27).

* A lower risk, a regime less or a shorter retention waits: the first person proposes, another
  agrees to exactly what they saw, each in a session of their own. Until then nothing changes.
* Anything else, and a new client, is one person's.
* A change made meanwhile takes a proposal back: what was agreed to would be another change.

Parts of units only; who may is `rights.keeper_of`'s to say.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from handrail.core.client_map import lowered
from handrail.core.events import EventType
from handrail.core.model import Client, Person, SignedIn
from handrail.errors import Conflict, NotAllowed, NotFound
from handrail.service import codec
from handrail.service.rights import KEEPERS
from handrail.store import nouns
from handrail.store.contract import Change, Event, Put, Row, Rows, View, Write


def written(view: View, client: Client) -> Write:
    """The row of *client*, without anything that waits."""
    values = {**_values(client), "proposed": None}
    if view.row("client", client.id) is None:
        return Put("client", {"id": client.id, "at": view.now, **values})
    return Change("client", (client.id,), values)


def event(kind: EventType, by: str, client: Client, **more: Any) -> Event:
    """The entry for *client* as it is set or proposed."""
    facts = {
        "client": client.id,
        "risk": client.risk.value,
        "regimes": sorted(client.regimes),
        "days": client.retention_days,
        **more,
    }
    return Event(kind, by, None, (client.id,), facts)


def change(view: View, who: SignedIn | None, by: str, client: Client) -> Rows:
    """Set *client*, or propose it where that can lower oversight. *who* is None at set-up only.

    The answer is ``set``, and what is ``laxer`` in words."""
    row = view.row("client", client.id)
    laxer = () if row is None or who is None else lowered(nouns.client(row), client)
    if who is None or not laxer:
        done = event(EventType.CLIENT_SET, by, client)
        answer = {"set": True, "laxer": []}
        return Rows((written(view, client),), (done,), control=True, answer=answer)
    text = codec.dump({**_values(client), "by": who.person, "at": view.now})
    proposed = event(EventType.CLIENT_PROPOSED, by, client, laxer=len(laxer))
    return Rows(
        (Change("client", (client.id,), {"proposed": text}),),
        (proposed,),
        answer={"set": False, "laxer": list(laxer)},
    )


def agreed(view: View, who: SignedIn, by: str, id: str, was: str) -> Rows:
    """Set what waits for *id* and has the digest *was*. The proposer is a keeper still.

    Raises `NotFound`, `Conflict` when something else waits, `NotAllowed` for the same person."""
    row = _row(view, id)
    text = row["proposed"]
    if text is None or digest(text) != was:
        raise Conflict("what was proposed is another change by now", hint="Look at it again.")
    said = codec.load(text)
    if said["by"] == who.person:
        raise NotAllowed(
            "you proposed this", hint="It can lower oversight: a second person agrees."
        )
    first: Person | None = view.person(said["by"])
    if first is None or not first.active or not any(first.holds(r, None) for r in KEEPERS):
        raise NotAllowed(
            "who proposed this has no authority any more", hint="Propose it anew; another agrees."
        )
    client = _proposed(row, said)
    done = event(EventType.CLIENT_SET, by, client, proposed_by=f"person:{first.id}")
    return Rows((written(view, client),), (done,), control=True)


def withdrawn(view: View, by: str, id: str) -> Rows:
    """Take back what waits for *id*. Raises `NotFound` and `Conflict`."""
    if _row(view, id)["proposed"] is None:
        raise Conflict("nothing is proposed for this client")
    facts = {"client": id}
    ended = Event(EventType.CLIENT_WITHDRAWN, by, None, (id,), facts)
    return Rows((Change("client", (id,), {"proposed": None}),), (ended,))


def shown(row: Row, names: Mapping[str, str]) -> dict[str, Any] | None:
    """What waits for a second person, as pages show it; None where nothing does."""
    if row["proposed"] is None:
        return None
    said = codec.load(row["proposed"])
    return {
        "by": said["by"],
        "by_name": names.get(said["by"], said["by"]),
        "laxer": list(lowered(nouns.client(row), _proposed(row, said))),
        **{k: said[k] for k in ("name", "risk", "timezone", "account_engineer", "retention_days")},
        "account_engineer_name": names.get(said["account_engineer"] or "", ""),
        "regimes": codec.load(said["regimes"]),
        "digest": digest(row["proposed"]),
    }


def digest(text: str) -> str:
    """SHA-256 of a proposal as it is kept, hex: what a person saw of it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _values(client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "risk": client.risk.value,
        "timezone": client.timezone,
        "account_engineer": client.account_engineer,
        "regimes": codec.dump(sorted(client.regimes)),
        "retention_days": client.retention_days,
    }


def _proposed(row: Row, said: Mapping[str, Any]) -> Client:
    return nouns.client({"id": row["id"], **said})


def _row(view: View, id: str) -> Row:
    row = view.row("client", id)
    if row is None:
        raise NotFound(f"no client {id}")
    return row
