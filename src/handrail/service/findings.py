"""Data in a result that its row does not declare (SPEC 2, I15): kept from the agent, the row
raised to tier 3, and a finding for people.

    _run ──► undeclared ──► withheld (sealed), incident and demotion, in the outcome's own commit
    a person ──► reveal (recorded) ──► settle: closes the finding, and the row is as signed again

What a row or its agent declared is no surprise: it was judged. Identifiers are no finding. What a
password reset answers is kept from the agent like any secret, but says nothing about its row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.channels.contract import Message
from handrail.core.events import EventType
from handrail.core.floors import resets_password
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Closed, NotAllowed, NotFound
from handrail.privacy.detect import Detectors, Sign
from handrail.privacy.seal import Sealer
from handrail.service import incident
from handrail.service.asked import Asked
from handrail.service.demotion import demote
from handrail.service.known import Keeper
from handrail.service.telling import Telling
from handrail.store.contract import Change, Drop, Event, Rows, Store, View, Write

#: Who may look at what was withheld, and settle a finding.
MAY_LOOK = "compliance-officer"


@dataclass(frozen=True, slots=True)
class Found:
    """Undeclared data in the result of one action."""

    action: str
    type: str
    client: str
    clients: tuple[str, ...]
    signs: tuple[Sign, ...]
    expected: bool  #: a new password, which the act is there to make

    @property
    def incident(self) -> str:
        """The id of its finding: one for each action."""
        return "inc_" + self.action.partition("_")[2]

    @property
    def ref(self) -> str:
        """Under which what was withheld lies sealed."""
        return f"{self.action}:withheld"

    @property
    def words(self) -> str:
        """What it looks like."""
        return ", ".join(dict.fromkeys(s.what for s in self.signs))

    @property
    def text(self) -> str:
        """What the agent gets instead."""
        return (
            f"The result is withheld: it holds what looks like {self.words}. "
            "A person can look at it; do not ask for it in another way."
        )

    def rows(self, view: View) -> tuple[tuple[Write, ...], tuple[Event, ...]]:
        """The writes and events that go with the outcome: none for what was to be expected."""
        if self.expected or view.row("incident", self.incident) is not None:
            return (), ()
        why = f"its result held what looks like {self.words}, which its row does not declare"
        put = incident.found(
            self.incident,
            action=self.action,
            client=self.client,
            title=f"Undeclared data in a result of {self.type}"[:200],
            text=f"{why[:1].upper()}{why[1:]}. The result is sealed; the agent did not get it.",
            now=view.now,
        )
        event = Event(
            EventType.INCIDENT_FOUND,
            "handrail",
            self.action,
            self.clients,
            {"incident": self.incident, "severity": "significant", "finding": True, "why": why},
        )
        writes, events = demote(view, self.type, f"{self.incident}: {why}")
        return (put, *writes), (event, *events)


def undeclared(detectors: Detectors, asked: Asked, plain: bytes) -> Found | None:
    """What *plain*, the result of *asked*, holds beyond what was judged; None when nothing."""
    known = asked.judgement.data_classes
    signs = tuple(s for s in detectors.look(plain) if s.data_class not in known)
    if not signs:
        return None
    action = asked.action
    expected = resets_password(action.request.tool) and {s.data_class for s in signs} == {"secret"}
    return Found(action.id, action.type, asked.client, action.clients, signs, expected)


class Findings:
    """What people do about findings."""

    def __init__(self, store: Store, sealer: Sealer, keeper: Keeper, telling: Telling) -> None:
        self._store = store
        self._sealer = sealer
        self._keeper = keeper
        self._telling = telling

    def tell(self, found: Found) -> None:
        """Tell whoever may look that there is a finding, with the first who can be reached."""
        if found.expected:
            return
        people = sorted(self._keeper.current().people.values(), key=lambda p: p.id)
        message = Message(
            ref=found.action,
            kind="finding",
            title=f"Undeclared data in a result of {found.type}"[:160],
            lines=(
                f"It held what looks like {found.words}. The agent did not get it.",
                "The row waits for people until this is settled.",
            ),
            path=f"/actions/{found.action}",
        )
        for person in people:
            may = person.active and person.holds(MAY_LOOK, found.client or None)
            if may and self._telling.reach(person, message):
                return

    def reveal(self, who: SignedIn, action: str) -> Mapping[str, Any]:
        """What was withheld of *action*'s result. Recorded before it is told.

        Raises `NotAllowed` without the role, `NotFound` when nothing was withheld."""
        with self._store.read() as reader:
            row = reader.row("action", action)
            sealed = reader.row("sealed", f"{action}:withheld")
        if row is None or sealed is None:
            raise NotFound(f"nothing of {action} was withheld")

        def unit(view: View) -> Rows:
            by = _may(view, who, row["client"])
            clients = tuple(orjson.loads(row["clients"]))
            facts = {"type": row["type"]}
            return Rows(events=(Event(EventType.WITHHELD_READ, by, action, clients, facts),))

        self._store.commit(unit)
        plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
        found: dict[str, Any] = orjson.loads(plain)
        return found

    def settle(self, who: SignedIn, id: str, why: str) -> dict[str, Any]:
        """Close the finding *id* with a sentence; its row is as signed again, unless something
        else raised it. Raises `NotAllowed`, `NotFound` or `Closed`."""
        if not why.strip():
            raise BadInput(
                "a sentence is needed", hint="Say what the data was and what was changed."
            )

        def unit(view: View) -> Rows:
            row = view.row("incident", id)
            action = view.row("action", row["action"]) if row and row["action"] else None
            if row is None or row["by"] != "handrail" or action is None:
                raise NotFound(f"no finding {id}")
            by = _may(view, who, row["client"])
            if row["state"] != "open":
                raise Closed("this finding is settled already")
            text = f"{row['text']}\n\nSettled: {why.strip()}"[:16000]
            writes: list[Write] = [Change("incident", (id,), {"state": "closed", "text": text})]
            standing = view.row("standing", action["type"], "")
            lifted = standing is not None and str(standing["reason"]).startswith(f"{id}:")
            if lifted:
                writes.append(Drop("standing", (action["type"], "")))
            clients = (row["client"],) if row["client"] else ()
            facts = {"incident": id, "type": action["type"], "lifted": lifted}
            event = Event(EventType.FINDING_SETTLED, by, row["action"], clients, facts)
            return Rows(tuple(writes), (event,), control=lifted)

        _, at = self._store.commit(unit)
        return {"id": id, "state": "closed", "entry": at[0].seq}


def _may(view: View, who: SignedIn, client: str) -> str:
    person = view.person(who.person)
    if person is None or not person.active:
        raise NotAllowed("this person is not active any more")
    if not person.holds(MAY_LOOK, client or None):
        raise NotAllowed("looking at withheld data needs authority", hint=f"The role {MAY_LOOK}.")
    return f"person:{person.id}"
