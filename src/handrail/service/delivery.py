"""Delivery is part of the action: notices sent, gathered onto cards, escalated (SPEC 4, I19).

* A notice is sent to the designated person, and walks the chain when nobody was reached within
  its send window or the person has had enough messages this shift.
* What is like a card that nobody has looked at yet joins it, with its own entry in the record;
  the card's message told of it. What is urgent gets a message of its own, at once.
* Nobody reached: no notice, no tier 2. The row is demoted, until delivery works again and a
  person releases it.
* Nobody looked within the review window: one message for each card goes to the next person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from handrail.channels.contract import Message
from handrail.clock import Clock, from_us, to_us
from handrail.core import notice
from handrail.core.action import State
from handrail.core.events import EventType
from handrail.core.model import Person
from handrail.core.notice import Told
from handrail.core.routing import chains_for
from handrail.errors import Closed, HandrailError
from handrail.service import codec
from handrail.service.asked import until
from handrail.service.demotion import NOBODY_TOLD, demote
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.service.telling import Telling
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, View

log = structlog.get_logger(__name__)

#: How long a failed delivery waits before the next try.
_RETRY = timedelta(seconds=15)
#: Who is told of cards nobody looked at, where the row's own chain has nobody else.
_LAST = "service-desk-manager"


@dataclass
class _Board:
    """Open cards by person, newest first, and how many messages each person got this shift."""

    most: int
    cards: dict[str, list[tuple[str, Told]]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)

    def room(self, person: str) -> bool:
        return notice.room(self.sent.get(person, 0), self.most)

    def card(self, person: str, one: Told) -> str | None:
        sent = self.sent.get(person, 0)
        return notice.card_for(one, self.cards.get(person, ()), sent, self.most)


class Delivery:
    """Tells people of what was done."""

    def __init__(
        self,
        store: Store,
        telling: Telling,
        policies: Policies,
        keeper: Keeper,
        clock: Clock,
    ) -> None:
        self._store = store
        self._telling = telling
        self._policies = policies
        self._keeper = keeper
        self._clock = clock

    def deliver(self, rows: Sequence[Row]) -> None:
        """Move along the notices that are due."""
        if not rows:
            return
        board = self._board()
        joined: dict[str, list[Row]] = {}
        late: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            if row["state"] != "pending":
                late.setdefault((row["card"] or row["id"], row["person"]), []).append(row)
                continue
            self._guard(lambda row=row: self._send(row, board, joined), row["id"])  # type: ignore[misc]
        for card, members in joined.items():
            self._guard(lambda c=card, m=members: self._join(c, m), card)  # type: ignore[misc]
        for (card, _), members in late.items():
            self._guard(lambda m=members: self._overdue(m), card)  # type: ignore[misc]

    def _guard(self, work: Callable[[], None], id: str) -> None:
        """One that cannot be moved along must not stop the others."""
        try:
            work()
        except Closed:
            return  # someone looked between reading and telling
        except HandrailError as error:
            log.warning("notice not moved along", id=id, why=error.message)

    def _board(self) -> _Board:
        settings = self._policies.current().settings
        now = to_us(self._clock.now())
        board = _Board(settings.notices_per_shift)
        with self._store.read() as reader:
            board.sent = dict(reader.told_since(until(now, -notice.SHIFT)))
            for row in reader.open_cards(until(now, -settings.notice_review_window)):
                board.cards.setdefault(row["person"], []).append((row["id"], _told(row)))
        return board

    # --- sending ----------------------------------------------------------------------------

    def _send(self, row: Row, board: _Board, joined: dict[str, list[Row]]) -> None:
        now = self._clock.now()
        people = self._keeper.current().people
        tried = [people[row["person"]]] if row["person"] in people else []
        late = now >= from_us(row["send_by"])
        kind = self._policies.current().row(row["type"])
        pressing = notice.urgent(kind, State(row["action_state"]), row["confidence"])
        one = _told(row)
        if late or not any(pressing or board.room(p.id) for p in tried):
            # Nobody is designated, or could be reached, or has had enough: it walks the chain as
            # a proposal would.
            tried += [p for p in self._walk(row) if p not in tried]
        cards = (board.card(p.id, one) for p in tried if not pressing)
        card = next((card for card in cards if card is not None), None)
        if card is not None:
            joined.setdefault(card, []).append(row)
            return
        able = [p for p in tried if pressing or board.room(p.id)]
        message = _message(row)
        reached = next((p for p in able if self._telling.reach(p, message)), None)
        self._store.commit(lambda view: _sent(view, row, reached, late=late))
        if reached is not None:
            board.sent[reached.id] = board.sent.get(reached.id, 0) + 1
            if not pressing:
                board.cards.setdefault(reached.id, []).insert(0, (row["id"], one))

    def _join(self, card: str, rows: Sequence[Row]) -> None:
        def unit(view: View) -> Rows:
            lead = view.row("notice", card)
            if lead is None or lead["state"] != "sent":
                raise Closed("the card was looked at meanwhile")
            writes: list[Change] = []
            events: list[Event] = []
            for row in rows:
                current = view.row("notice", row["id"])
                if current is None or current["state"] != "pending":
                    continue
                writes.append(
                    Change(
                        "notice",
                        (row["id"],),
                        {
                            "state": "sent",
                            "person": lead["person"],
                            "card": card,
                            "sent_at": view.now,
                            "due_at": row["review_by"],
                        },
                    )
                )
                facts = {"person": lead["person"], "card": lead["action"]}
                clients = tuple(codec.load(row["clients"]))
                events.append(
                    Event(EventType.NOTICE_JOINED, "handrail", row["action"], clients, facts)
                )
            return Rows(tuple(writes), tuple(events))

        self._store.commit(unit)

    # --- nobody looked ----------------------------------------------------------------------

    def _overdue(self, rows: Sequence[Row]) -> None:
        """The review window of these, of one card, ended and nobody looked."""
        first = rows[0]
        last = [p for p in self._active() if p.holds(_LAST, None)]
        after = [p for p in (*self._walk(first), *last) if p.id != first["person"]]
        to = after[0] if after else None

        def unit(view: View) -> Rows:
            writes: list[Put | Change] = []
            events: list[Event] = []
            for row in rows:
                current = view.row("notice", row["id"])
                if current is None or current["state"] != "sent":
                    continue
                change = {"state": "escalated", "due_at": None}
                writes.append(Change("notice", (row["id"],), change))
                clients = tuple(codec.load(row["clients"]))
                facts = {"person": to.id if to else "nobody"}
                events.append(
                    Event(EventType.NOTICE_ESCALATED, "handrail", row["action"], clients, facts)
                )
            if not writes:
                raise Closed("it was looked at meanwhile")
            if to is not None and view.row("told", first["id"], to.id) is None:
                writes.append(_told_row(first["id"], to.id, view.now))
            return Rows(tuple(writes), tuple(events))

        self._store.commit(unit)
        if to is not None:
            self._telling.reach(to, _message(first, more=len(rows) - 1))

    # --- whom -------------------------------------------------------------------------------

    def _active(self) -> list[Person]:
        people = self._keeper.current().people.values()
        return sorted((p for p in people if p.active), key=lambda p: p.id)

    def _walk(self, row: Row) -> list[Person]:
        """Everyone whom the chain of this notice would ask, in order."""
        return chain(self._policies, self._active(), row["type"], row["role"], row["client"])


def chain(
    policies: Policies, people: Sequence[Person], type: str, role: str, client: str
) -> list[Person]:
    """Whom a notice of *type* about *client* goes to, in order: who holds the role that its row
    names, then its backups; then along the chain as a proposal would (SPEC 4), so that a call which
    only a rule raised to tier 2 reaches somebody too."""
    policy = policies.current()
    kind = policy.row(type)
    named = kind.notify if kind else ""
    names = chains_for(policy, kind.category) if kind else ()
    walked = [r for name in names for r in policy.chains[name]]
    roles = dict.fromkeys([named, role, *policy.backups(role), *walked])
    found = {p.id: p for role in roles for p in people if role and p.holds(role, client or None)}
    return list(found.values())


def _sent(view: View, row: Row, reached: Person | None, *, late: bool) -> Rows:
    """What a try to deliver comes to: told, tried again, or nobody can be told."""
    current = view.row("notice", row["id"])
    if current is None or current["state"] != "pending":
        raise Closed("it was looked at meanwhile")
    clients = tuple(codec.load(row["clients"]))
    values = {"attempts": current["attempts"] + 1}
    key = (row["id"],)
    if reached is not None:
        sent = {"state": "sent", "person": reached.id, "sent_at": view.now}
        change = Change("notice", key, {**values, **sent, "due_at": row["review_by"]})
        facts = {"person": reached.id}
        event = Event(EventType.NOTICE_SENT, "handrail", row["action"], clients, facts)
        return Rows((change, _told_row(row["id"], reached.id, view.now)), (event,))
    if not late:
        due = min(until(view.now, _RETRY), row["send_by"])
        return Rows((Change("notice", key, {**values, "due_at": due}),))
    change = Change("notice", key, {**values, "state": "undelivered", "due_at": None})
    event = Event(EventType.NOTICE_UNDELIVERED, "handrail", row["action"], clients, {})
    writes, events = demote(view, row["type"], NOBODY_TOLD)
    return Rows((change, *writes), (event, *events), control=True)


def _told_row(notice: str, person: str, now: int) -> Put:
    return Put("told", {"notice": notice, "person": person, "at": now})


def _told(row: Row) -> Told:
    ref = row["trigger_ref"]
    trigger = f"{row['trigger_kind']}:{ref}" if ref else ""
    return Told(type=row["type"], client=row["client"], trigger=trigger)


def _message(row: Row, more: int = 0) -> Message:
    undo = (
        f"Reversible until {from_us(row['reversible_until']):%H:%M} UTC"
        if row["reversible_until"]
        else "It can't be undone by one click"
    )
    said = {"failed": "Failed", "unknown": "Outcome unknown"}.get(row["action_state"], "Done")
    also = (f"And {more} more like it, on the same card",) if more else ()
    return Message(
        ref=row["action"],
        kind="notice",
        title=f"{said}: {row['sentence']}"[:160],
        lines=(f"Client: {row['client'] or 'unknown'}", undo, *also),
        path=f"/actions/{row['action']}",
    )
