"""The client map: who the clients are, and which places of a connection are theirs (SPEC 2).

Each step first shows what it would do (``apply=False``), with the questions that only a person
can answer. An import only raises oversight: what an export would lower is one of the questions.
A place that nobody has matched stays unknown, and its calls wait for people.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handrail.core import client_map
from handrail.core.client_map import Company, Match, Place, Question
from handrail.core.events import EventType
from handrail.core.model import Client, Json, SignedIn
from handrail.core.policy import Policy
from handrail.errors import BadInput, Conflict, NotFound
from handrail.service import client_change, codec
from handrail.service.resolve import Observe
from handrail.service.rights import keeper_of
from handrail.store import nouns
from handrail.store.contract import Change, Event, Rows, Store, View, Write

MOST_PLACES = 5_000


class Clients:
    """Imports clients and matches the places of connections to them."""

    def __init__(self, store: Store, observe: Observe, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._observe = observe
        self._policy = policy

    def load(self, who: SignedIn, name: str, text: str, *, apply: bool) -> dict[str, Any]:
        """Read an export (*name* tells its form) and, with *apply*, add and change clients.

        Returns ``added`` and ``changed`` ids, ``unchanged`` as a count, and ``questions``.
        Raises `BadInput` when the file is no list of clients, `NotAllowed` without authority.
        """
        companies, questions = client_map.companies(name, text)
        companies, more = _sound(companies)
        questions += more
        known = self._known()
        changes, asked = client_map.merged(companies, known)
        questions += asked
        if any(not c.regimes and c.id not in known for c in changes):
            questions.append(
                Question("regimes", "new clients without any count as without until someone says")
            )
        engineers = self._engineers(companies)
        changes = [_with_engineer(c, engineers) for c in changes]

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            if not apply:
                return Rows()
            writes: list[Write] = []
            events: list[Event] = []
            for client in changes:
                writes.append(_raising(view, client))
                events.append(client_change.event(EventType.CLIENT_SET, by, client))
            return Rows(tuple(writes), tuple(events), control=bool(writes))

        self._store.commit(unit)
        return {
            "added": [c.id for c in changes if c.id not in known],
            "changed": [c.id for c in changes if c.id in known],
            "unchanged": len(companies) - len(changes),
            "questions": [asdict(q) for q in questions],
            "applied": apply,
        }

    def match(
        self,
        who: SignedIn,
        connection: str,
        *,
        file: tuple[str, str] | None = None,
        read: str = "",
        arguments: Mapping[str, Json] | None = None,
        companies: tuple[str, str] | None = None,
        apply: bool,
    ) -> dict[str, Any]:
        """Match the places of *connection* to clients, from a *file* (name, text) or by a *read*
        of Handrail's own through a signed row. With *apply*, what matched is set.

        Raises `BadInput`, `NotFound`, `NotAllowed`, and what the read raises.
        """
        exports, questions = client_map.companies(*companies) if companies else ([], [])
        if (file is None) is (not read):
            raise BadInput("give the places by a file or by a read", hint="One of the two.")
        if file is not None:
            places = client_map.places(*file)
        else:
            row = self._row(connection)
            self._store.commit(lambda view: _allowed(view, who))
            value = self._observe(
                self._policy(), read, arguments or {}, purpose="clients", client=row["client"] or ""
            )
            places = client_map.places_of(value)
        if len(places) > MOST_PLACES:
            raise BadInput(f"there are more than {MOST_PLACES} places")
        there = codec.load(self._row(connection)["client_map"])
        found, asked = client_map.matched(places, self._known().values(), exports)
        found, more = _beside(found, there)
        mapping = {id: m.client for m in found for id in m.place.ids}
        if apply and mapping:
            self.tell(who, connection, mapping)
        return {
            "matched": [_shown(m) for m in found],
            "questions": [asdict(q) for q in [*questions, *_open(asked, there), *more]],
            "applied": apply,
        }

    def tell(self, who: SignedIn, connection: str, mapping: Mapping[str, str]) -> dict[str, Any]:
        """Set which places (identifiers as the connection's tools name them) are which clients:
        a person's answer. Raises `NotFound` and `NotAllowed`."""

        def unit(view: View) -> Rows:
            by = keeper_of(view, who)
            row = view.row("connection", connection)
            if row is None:
                raise NotFound(f"no connection {connection!r}")
            for client in sorted(set(mapping.values())):
                if view.client(client) is None:
                    raise NotFound(f"no client {client}", hint="Add the client first.")
            whole = {**codec.load(row["client_map"]), **mapping}
            text = codec.dump(whole)
            if text == row["client_map"]:
                return Rows()
            digest = hashlib.sha256(f"{row['digest']}\n{text}".encode()).hexdigest()
            values = {"client_map": text, "digest": digest, "by": by, "at": view.now}
            facts = {"connection": connection, "digest": digest, "places": len(whole)}
            clients = tuple(sorted(set(mapping.values())))
            event = Event(EventType.CONNECTION_SET, by, None, clients, facts)
            return Rows((Change("connection", (connection,), values),), (event,), control=True)

        self._store.commit(unit)
        return {
            "connection": connection,
            "client_map": codec.load(self._row(connection)["client_map"]),
        }

    def _known(self) -> dict[str, Client]:
        with self._store.read() as reader:
            return {r["id"]: nouns.client(r) for r in reader.clients()}

    def _row(self, connection: str) -> Any:
        with self._store.read() as reader:
            row = next((r for r in reader.connections() if r["name"] == connection), None)
        if row is None:
            raise NotFound(f"no connection {connection!r}")
        return row

    def _engineers(self, companies: Sequence[Company]) -> dict[str, str]:
        """Client → the person whom the export names as its engineer, where there is one."""
        with self._store.read() as reader:
            people = {r["email"]: r["id"] for r in reader.people()} | {
                r["id"]: r["id"] for r in reader.people()
            }
        return {
            c.id: people[c.engineer.casefold()]
            for c in companies
            if c.engineer.casefold() in people
        }


def _allowed(view: View, who: SignedIn) -> Rows:
    keeper_of(view, who)
    return Rows()


def _sound(companies: Sequence[Company]) -> tuple[list[Company], list[Question]]:
    """Companies whose time zone is one; a wrong one is asked about and left out."""
    found: list[Company] = []
    questions: list[Question] = []
    for company in companies:
        try:
            ZoneInfo(company.timezone or "UTC")
            found.append(company)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            questions.append(Question(company.name, f"{company.timezone[:60]!r} is no time zone"))
            found.append(replace(company, timezone=""))
    return found, questions


def _with_engineer(client: Client, engineers: Mapping[str, str]) -> Client:
    if client.account_engineer is not None or client.id not in engineers:
        return client
    return replace(client, account_engineer=engineers[client.id])


def _raising(view: View, client: Client) -> Write:
    """The row of an imported client. Raises `Conflict` when that lowers what was set meanwhile."""
    row = view.row("client", client.id)
    if row is not None and client_map.lowered(nouns.client(row), client):
        raise Conflict(f"the client {client.id} was changed meanwhile", hint="Import again.")
    return client_change.written(view, client)


def _beside(found: Sequence[Match], there: Mapping[str, str]) -> tuple[list[Match], list[Question]]:
    """What does not contradict what a person has set already."""
    kept: list[Match] = []
    questions: list[Question] = []
    for match in found:
        set_ = {there[i] for i in match.place.ids if i in there}
        if set_ <= {match.client}:
            kept.append(match)
        else:
            why = "it is set to another client already"
            candidates = tuple(sorted({match.client, *set_}))
            questions.append(Question(match.place.shown, why, candidates, match.place.ids))
    return kept, questions


def _open(questions: Sequence[Question], there: Mapping[str, str]) -> list[Question]:
    """The questions that nobody has answered yet."""
    return [q for q in questions if not (q.ids and set(q.ids) <= there.keys())]


def _shown(match: Match) -> dict[str, Any]:
    place: Place = match.place
    return {
        "place": place.shown,
        "ids": list(place.ids),
        "client": match.client,
        "how": match.how,
    }
