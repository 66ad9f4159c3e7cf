"""Opening is Handrail's, closing is people's: open → probation → closed (SPEC 7, I12).

* On probation its scope still runs at tier 3: people decide, and see how it goes.
* A person with authority moves it on, with cause and remedy. The global one, and one whose
  probation saw fewer than `PROBATION` decisions, takes two different people.
* No timer, agent, import, restart or reload does any of it.
"""

from typing import Any

from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn
from handrail.errors import BadInput, Closed, Conflict, NotFound
from handrail.service import rights
from handrail.service.evidence import Evidence, what
from handrail.service.pause import OWNERS
from handrail.store.contract import Change, Event, Row, Rows, Store, View

#: Decisions by people within a probation, after which one person may close it.
PROBATION = 20


class Breakers:
    """What people do about breakers."""

    def __init__(self, store: Store, evidence: Evidence) -> None:
        self._store = store
        self._evidence = evidence

    def probation(self, who: SignedIn, id: str, cause: str, remedy: str) -> dict[str, Any]:
        """Put an open breaker on probation, with what caused it and what was done.

        The global one: the first call proposes it, another person's does it. Raises `NotFound`,
        `Conflict` when it is not open, `NotAllowed` without authority, `BadInput`.
        """
        words = {"cause": cause.strip()[:2000], "remedy": remedy.strip()[:2000]}
        if not all(words.values()):
            raise BadInput("cause and remedy are needed", hint="Say what it was and what helps.")

        def unit(view: View) -> Rows:
            person, row = self._its(view, who, id)
            if row["state"] != "open":
                raise Conflict("it is on probation already", hint="Close it when it went well.")
            if row["scope"] == "all" and row["first_by"] in {None, person.id}:
                return _first(person, row, words)
            values = {
                **words,
                "state": "probation",
                "probation_at": view.now,
                "probation_by": person.id,
                "first_by": None,
            }
            return _moved(EventType.BREAKER_PROBATION, person, row, values)

        return self._done(unit)

    def close(self, who: SignedIn, id: str, reason: str) -> dict[str, Any]:
        """Close a breaker whose probation went well.

        Two people for the global one, and where its probation saw fewer than `PROBATION`
        decisions: the first call proposes it. Raises `NotFound`, `Closed`, `Conflict` when it is
        not on probation, `NotAllowed` without authority, `BadInput` without a reason.
        """
        if not reason.strip():
            raise BadInput("a reason is needed", hint="Say how the probation went.")
        with self._store.read() as reader:
            stored = reader.row("breaker", id)
        seen = 0
        if stored is not None and stored["probation_at"] is not None:
            key = (stored["scope"], stored["type"], stored["client"])
            seen = self._evidence.since_probation(key, stored["probation_at"])

        def unit(view: View) -> Rows:
            person, row = self._its(view, who, id)
            if row["state"] != "probation":
                raise Conflict("it is open", hint="Put it on probation first, with its cause.")
            two = row["scope"] == "all" or seen < PROBATION
            if two and row["first_by"] in {None, person.id}:
                return _first(person, row, {})
            values = {"state": "closed", "closed_at": view.now, "closed_by": person.id}
            return _moved(EventType.BREAKER_CLOSED, person, row, values, decisions=seen)

        return {**self._done(unit), "decisions": seen}

    # --- inside -----------------------------------------------------------------------------

    def _its(self, view: View, who: SignedIn, id: str) -> tuple[Person, Row]:
        person = rights.holder(view, who, OWNERS, "moving a breaker on")
        row = view.row("breaker", id)
        if row is None:
            raise NotFound(f"no breaker {id}")
        if row["state"] == "closed":
            raise Closed("this breaker is closed already")
        return person, row

    def _done(self, unit: Any) -> dict[str, Any]:
        answer, at = self._store.commit(unit)
        self._evidence.wake()
        return {**answer, "entry": at[0].seq}


def _first(person: Person, row: Row, words: dict[str, str]) -> Rows:
    """The first of two people: recorded, of no effect yet."""
    change = Change("breaker", (row["id"],), {**words, "first_by": person.id})
    event = Event(EventType.BREAKER_CLOSING, f"person:{person.id}", None, _of(row), _facts(row))
    return Rows((change,), (event,), answer=_shown(row, waits=True))


def _moved(kind: EventType, person: Person, row: Row, values: dict[str, Any], **more: Any) -> Rows:
    event = Event(kind, f"person:{person.id}", None, _of(row), {**_facts(row), **more})
    change = Change("breaker", (row["id"],), values)
    return Rows((change,), (event,), control=True, answer=_shown({**row, **values}))


def _of(row: Row) -> tuple[str, ...]:
    return (row["client"],) if row["client"] else ()


def _facts(row: Row) -> dict[str, Any]:
    about = {k: row[k] for k in ("scope", "type", "client")}
    return {"breaker": row["id"], **about, "what": what(**about)}


def _shown(row: Row, *, waits: bool = False) -> dict[str, Any]:
    about = {k: row[k] for k in ("id", "scope", "type", "client", "state", "why")}
    return {**about, "waits_for_second": waits}
