"""Time passing. It moves what is due along and decides nothing (ARCHITECTURE, decision 1).

Where a proposal stands is a function of its dates; a sweep that is late tells people late and
does nothing else wrong. It asks the next step, lapses what nobody answered, hands approved
actions to `begin` when their undo window is over. Notices are delivered (`delivery`); outcome checks that are due are made (`checks`).
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from handrail.clock import Clock, from_us, rfc3339, to_us
from handrail.core import approval
from handrail.core.action import State, move
from handrail.core.events import EventType
from handrail.errors import Closed, HandrailError
from handrail.service import codec
from handrail.service.answer import stands
from handrail.service.bell import Bell
from handrail.service.checks import Checks
from handrail.service.delivery import Delivery
from handrail.service.duty import Duty
from handrail.service.evidence import Evidence
from handrail.service.known import Keeper
from handrail.service.lapse import lapse
from handrail.service.plans import Plans
from handrail.service.policies import Policies
from handrail.service.post import Post
from handrail.service.rehearse import Rehearsals
from handrail.service.release import Release
from handrail.service.reviews import Reviews
from handrail.service.versions import next_look
from handrail.store.contract import Change, Done, Event, Put, Reader, Row, Rows, Store, Unit, View

log = structlog.get_logger(__name__)

#: How many approved actions may run at a time.
_HANDS = 16
_IDLE = 1.0  # seconds between looks when nothing rings


class Sweep:
    """Looks at what is due, once or for ever."""

    def __init__(
        self,
        store: Store,
        release: Release,
        policies: Policies,
        keeper: Keeper,
        clock: Clock,
        bell: Bell,
        duty: Duty,
        *,
        post: Post,
        checks: Checks,
        delivery: Delivery,
        rehearsals: Rehearsals,
        evidence: Evidence,
        reviews: Reviews,
    ) -> None:
        self._store = store
        self._duty = duty
        self._post = post
        self._release = release
        self._policies = policies
        self._keeper = keeper
        self._clock = clock
        self._bell = bell
        self._checks = checks
        self._delivery = delivery
        self._rehearsals = rehearsals
        self._evidence = evidence
        self._reviews = reviews
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._hands = ThreadPoolExecutor(_HANDS, "begin")
        self._lock = threading.Lock()
        self._in_hand: set[str] = set()
        store.on_commit(self._committed)

    # --- for ever ---------------------------------------------------------------------------

    def start(self) -> None:
        """Sweep in a thread until `stop`."""
        self._thread = threading.Thread(target=self._loop, name="sweep", daemon=True)
        self._thread.start()
        self._post.start()

    def stop(self) -> None:
        """Finish what is in hand and stop."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._post.stop()
        self._hands.shutdown(wait=True)

    def _committed(self, types: Sequence[str]) -> None:
        if any(":proposal:" in t or t.endswith((":proposed", ":revoked")) for t in types):
            self._wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.once(self._hands.submit)
            except HandrailError as error:
                # The store is away: nothing is lost, what is due stays due.
                log.error("sweep failed", why=error.message)
            self._wake.wait(self._nap())

    def _nap(self) -> float:
        try:
            with self._store.read() as reader:
                due = reader.next_due()
        except HandrailError:
            return _IDLE
        if due is None:
            return _IDLE
        left = (due - to_us(self._clock.now())) / 1_000_000
        # Something already due and still there is in hand or waits for a pause to end.
        return min(max(left, 0.05), _IDLE)

    # --- once -------------------------------------------------------------------------------

    def once(self, run: Callable[..., object] | None = None) -> int:
        """Move along everything that is due now; return how many things were looked at.

        Approved actions begin through *run* (a pool's submit), or in this thread when it is None.
        """
        with self._store.read() as reader:
            # The record's time never goes back; a host's clock that did must not hold things up.
            now = max(to_us(self._clock.now()), int(reader.head()["at"]))
            proposals = list(reader.due_proposals(now))
            notices = list(reader.due_notices(now))
            plans = self._plans(reader, from_us(now)) if proposals else None
            checks = list(reader.due_checks(now))
            rehearsals = list(reader.due_rehearsals(now))
        lapse(self._store, now)
        self._checks.overdue()
        self._rehearsals.scheduled()
        self._hand_over("reviews", run, lambda _: self._reviews.scheduled())
        if plans is not None:
            self._proposals(proposals, plans, run)
        if notices:
            self._hand_over("notices", run, self._notices)
        for row in checks:
            self._check(row, run)
        for row in rehearsals:
            self._hand_over(row["id"], run, self._rehearsals.move_on)
        if run is None:
            self._post.once()
            self._evidence.once()
        return len(proposals) + len(notices) + len(checks) + len(rehearsals)

    def _plans(self, reader: Reader, now: datetime) -> Plans:
        policy = self._policies.current()
        return Plans(policy, self._keeper.current(), self._duty.times(policy, now, reader))

    # --- proposals --------------------------------------------------------------------------

    def _proposals(
        self, rows: Sequence[Row], plans: Plans, run: Callable[..., object] | None
    ) -> None:
        """Move *rows* along, many to a commit; one that cannot be stops none of the others."""
        done = self._store.commit_each([_unit(row, plans, self._post) for row in rows])
        for row, one in zip(rows, done, strict=True):
            match one:
                case Done(answer=approval.Where() as where):
                    self._moved(row, where, run)
                case Done() | Closed():
                    pass  # someone answered between looking and acting
                case HandrailError():
                    log.warning("not moved along", id=row["id"], why=one.message)
                case _:
                    log.error("not moved along", id=row["id"], exc_info=one)

    def _moved(self, row: Row, where: approval.Where, run: Callable[..., object] | None) -> None:
        if where.state is State.LAPSED:
            self._bell.ring(row["action"])
            return
        runs_at = where.runs_at if where.state is State.APPROVED else None
        if runs_at is not None and runs_at <= self._clock.now():
            self._hand_over(row["action"], run, self._release.release)

    def _notices(self, _: str) -> None:
        """Deliver the notices that are due now, beside the sweep: a channel may be slow."""
        with self._store.read() as reader:
            now = max(to_us(self._clock.now()), int(reader.head()["at"]))
            rows = list(reader.due_notices(now))
        self._delivery.deliver(rows)

    def _check(self, row: Row, run: Callable[..., object] | None) -> None:
        self._hand_over(row["id"], run, self._checks.look)

    def _hand_over(
        self, action: str, run: Callable[..., object] | None, work: Callable[[str], object]
    ) -> None:
        with self._lock:
            if action in self._in_hand:
                return
            self._in_hand.add(action)
        if run is None:
            self._finish(action, work)
        else:
            run(self._finish, action, work)

    def _finish(self, action: str, work: Callable[[str], object]) -> None:
        try:
            work(action)
        except Closed:
            return  # it was settled meanwhile
        except HandrailError as error:
            log.info("not moved along", action=action, why=error.message)
        finally:
            with self._lock:
                self._in_hand.discard(action)


def _unit(row: Row, plans: Plans, post: Post) -> Unit:
    """Moves one proposal along: a function of its dates and of the record's time alone."""
    proposal_id, version = row["id"], row["version"]

    def unit(view: View) -> Rows:
        proposal, action = stands(view, proposal_id, version)
        now = from_us(view.now)
        where = approval.where(proposal, now)
        current = State(action["state"])
        key = (proposal_id, version)
        if current not in {State.WAITING, State.APPROVED}:
            return Rows((Change("proposal", key, {"due_at": None}),))
        clients = tuple(codec.load(action["clients"]))
        if where.state is State.LAPSED:
            move(current, State.LAPSED)
            ended = {"state": State.LAPSED.value, "ended_at": view.now}
            changes = (
                Change("action", (action["id"],), ended),
                Change("proposal", key, {"due_at": None}),
            )
            facts = {"version": version, "approved": current is State.APPROVED}
            event = Event(EventType.PROPOSAL_LAPSED, "handrail", action["id"], clients, facts)
            return Rows(changes, (event,), answer=where)
        stored = view.row("proposal", proposal_id, version) or row
        if where.state is State.APPROVED:
            # It is begun by `release`, in its own unit; look again when it should be, and
            # every second after that: a pause may end before the approval does.
            runs = to_us(where.runs_at) if where.runs_at else 0
            due = max(runs, view.now + 1_000_000)
            return Rows((Change("proposal", key, {"due_at": due}),), answer=where)
        values: dict[str, Any] = {}
        opened = max(stored["step"], 0) + 1
        if opened <= where.step:
            # A step opens: who is there is taken now, for it and for those after it.
            chain = plans.anew(proposal.chain, opened, clients, now)
            if chain != proposal.chain:
                proposal = replace(proposal, chain=chain)
                where = approval.where(proposal, now)
                values["chain"] = codec.chain_text(proposal.chain, proposal.also)
        told = _to_tell(where, stored["step"], stored["due_at"], now)
        values |= {"due_at": next_look(where, now), "step": where.step}
        events = [
            Event(
                type,
                "handrail",
                action["id"],
                clients,
                {
                    "version": version,
                    "role": proposal.chain[step].role,
                    "people": len(proposal.chain[step].approvers - proposal.excluded.keys()),
                    "until": rfc3339(where.due_at or proposal.lapses_at),
                },
            )
            for type, step in told
        ]
        writes: list[Put | Change] = [Change("proposal", key, values)]
        if told:
            reminder = told[0][0] is EventType.PROPOSAL_REMINDED
            kind = "alarm" if where.alarmed else "reminder" if reminder else "ask"
            spoke = {a.person for a in proposal.answers} if reminder else set()
            until = to_us(where.due_at or proposal.lapses_at)
            writes += post.owe(view, kind, proposal_id, version, where.asked - spoke, until)
        return Rows(tuple(writes), tuple(events), answer=where)

    return unit


def _to_tell(
    where: approval.Where, told: int, looked: int | None, now: datetime
) -> tuple[tuple[EventType, int], ...]:
    """Which steps became due since *told* (−1: nobody was asked yet); without one, whether the
    look that was due at *looked* was to remind."""
    steps = range(told + 1, where.step + 1)
    found = [
        (EventType.PROPOSAL_ASKED if step == 0 else EventType.PROPOSAL_ESCALATED, step)
        for step in steps
    ]
    if where.alarmed:
        found.append((EventType.PROPOSAL_ALARMED, where.step))
    elif (
        not found
        and where.remind_at is not None
        and looked is not None
        and looked <= to_us(where.remind_at) <= to_us(now)
    ):
        found.append((EventType.PROPOSAL_REMINDED, where.step))
    return tuple(found)
