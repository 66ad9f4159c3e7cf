"""The one way to the world (I1, I3, I20, I30).

* Nothing is sent upstream before the entry that allows it is durable.
* A begin is one unit: it compares what was judged outside with what is in force inside, and
  refuses when anything has moved. What it consumes, it consumes in the same commit.
* One begin, one order to the executor, no retry. Where it is not certain what the upstream did,
  the outcome is *unknown*.

The commit gaps, and who recovers when Handrail dies in one:

    (propose)      nothing durable: the agent asks again with its key
    (begin)        begun is durable, nothing was sent: `recover` marks it unknown, since a later
                   process can't tell this from the next line
    (sent)         the upstream may have acted: unknown, the same way
    (outcome)      the reply is lost with the process: unknown, the same way

It does not decide who may ask or answer, and it does not read policy files.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import structlog

from handrail.clock import Clock
from handrail.connectors.executor import Cancel, Executor, OnProgress, Order, Reply
from handrail.core.action import State, move
from handrail.core.events import EventType
from handrail.core.model import Classification, Degree, Effect, Json, Mode, Snapshot, Tier
from handrail.core.outcome import delay_of
from handrail.core.policy import Policy
from handrail.core.recipes import Read
from handrail.core.shadow import Drafted
from handrail.errors import Closed, HandrailError, NoAnswer, NotSent, Unavailable, Unsure
from handrail.privacy.detect import Detectors
from handrail.privacy.seal import Sealer
from handrail.service import codec, outcome, shadow, steps
from handrail.service.asked import Asked, until
from handrail.service.begun import (
    NeedsPeople,
    check_after,
    check_row,
    first_use,
    notice_row,
    rollback_row,
)
from handrail.service.bell import Bell
from handrail.service.findings import Found, undeclared
from handrail.service.outcome import Outcome, of_check, to_be_checked
from handrail.store.contract import Change, Event, Put, Row, Rows, Store, Unit, View

log = structlog.get_logger(__name__)

#: How often a lost outcome commit is tried again before the outcome stays unknown.
OUTCOME_TRIES = 5

#: Microseconds by which the host's clock may stand behind the record.
MAX_SKEW = 5_000_000

METHODS: Mapping[str, str] = {
    "tool": "tools/call",
    "resource": "resources/read",
    "resource_template": "resources/read",
    "prompt": "prompts/get",
}

OUTCOME_EVENT: Mapping[State, EventType] = {
    State.DONE: EventType.ACTION_DONE,
    State.FAILED: EventType.ACTION_FAILED,
    State.UNKNOWN: EventType.ACTION_UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """One begun action at its end, as far as it is known."""

    outcome: Outcome
    reply: Reply | None
    entry: int | None = None  #: the ledger position of the begin


class Begin:
    """Hands actions, reversals and Handrail's own reads to the executor, after their entries."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        sealer: Sealer,
        clock: Clock,
        bell: Bell,
        detectors: Detectors,
    ) -> None:
        self._store = store
        self._executor = executor
        self._sealer = sealer
        self._clock = clock
        self._bell = bell
        self._detectors = detectors
        self._changed: Callable[[Iterable[str], Mapping[str, Json]], None] | None = None
        self._filed: Callable[[Found], None] | None = None
        self._held: Callable[[], str] = str

    def on_change(self, listener: Callable[[Iterable[str], Mapping[str, Json]], None]) -> None:
        """Call *listener* with the targets and arguments of each change, once the world may
        have changed: what was known about them may be untrue."""
        self._changed = listener

    def held_by(self, why: Callable[[], str]) -> None:
        """Begin nothing while *why* gives a reason: the record was put back (LEDGER)."""
        self._held = why

    def on_finding(self, listener: Callable[[Found], None]) -> None:
        """Call *listener* with each finding once it is on record; it must not raise."""
        self._filed = listener

    def changed(self, targets: Iterable[str], arguments: Mapping[str, Json]) -> None:
        """Say that something may have changed: also for what a caller did with a grant."""
        if self._changed is not None:
            self._changed(targets, arguments)

    # --- tier 1 and 2 -----------------------------------------------------------------------

    def at_once(
        self,
        asked: Asked,
        *,
        admit: Callable[[Asked, View], None],
        designate: Callable[[Asked, View], str],
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Classification, Ended | None]:
        """Begin *asked* now, wait for its outcome, and record it.

        A cooperative action (`mode: grant`) is begun and left to its caller: no outcome yet.
        Raises `NeedsPeople` when the action may not run alone (nothing was written), `Again`
        when the key was used before, `Moved` when the judgement no longer holds, what *admit*
        raises (limits), and whatever `Store.commit` raises; in none of these cases has anything
        been sent. *designate* names whom a tier 2 notice goes to.
        """

        def unit(view: View) -> Rows:
            self._trusted(view)
            first_use(view, asked)
            admit(asked, view)
            classification, state = asked.settle(view)
            if classification.tier > Tier.NOTIFY or _stopped(state):
                raise NeedsPeople(classification, state)
            now = view.now
            settings = asked.policy.settings
            writes: list[Put | Change] = [
                asked.put(
                    State.BEGUN,
                    classification,
                    now,
                    granted_at=now,
                    grant_expires_at=until(now, settings.approval_valid),
                    begun_at=now,
                ),
                *asked.sealed,
                *rollback_row(asked, view),
                *check_row(asked, now),
            ]
            if classification.tier is Tier.NOTIFY:
                writes.append(notice_row(asked, designate(asked, view), now))
            event = asked.event(EventType.ACTION_BEGUN, classification, state)
            return Rows(tuple(writes), (event,), answer=classification)

        # Commit point: begun and its entry are durable together when this returns.
        classification, at = self._store.commit(unit)
        if asked.action.request.mode is Mode.GRANT:
            self._touched(asked)
            return classification, None
        ended = self._run(asked, on_progress, cancel)
        return classification, replace(ended, entry=at[0].seq)

    # --- shadow -----------------------------------------------------------------------------

    def in_shadow(
        self,
        asked: Asked,
        scope: str,
        *,
        drafted: Drafted | None = None,
        on_progress: OnProgress | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Classification, Ended]:
        """Pass *asked* on as it would have run without Handrail, within the shadow *scope*;
        *drafted* is what its drafted row would mean, where it has no signed one.

        Raises `Governed` when the scope is not live inside the unit or something holds in shadow
        as well, else like `at_once`: in none of these cases has anything been sent.
        """

        def unit(view: View) -> Rows:
            self._trusted(view)
            first_use(view, asked)
            classification, state = asked.settle(view)
            shadow.admit(view, asked, scope, classification, state)
            put = asked.put(State.PASSED_IN_SHADOW, classification, view.now)
            would = {} if drafted is None else {"drafted": drafted.leaf()}
            event = asked.event(
                EventType.ACTION_PASSED, classification, state, shadow=scope, **would
            )
            return Rows((put, *asked.sealed), (event,), answer=classification)

        # Commit point: the entry that lets it pass is durable when this returns (I30).
        classification, at = self._store.commit(unit)
        ended = self._send(_order(asked), on_progress, cancel)
        self._touched(asked)
        sealed: tuple[Put, ...] = ()
        facts: dict[str, Any] = {}
        if ended.reply is not None:
            plain = _plain(ended.reply)
            sealed = (self.seal(f"{asked.action.id}:result", asked.client, plain),)
            facts["sealed"] = {_kind(p): _sha(p.row["ciphertext"]) for p in sealed}
            # Enforced, this would have been withheld: told, so that nobody is surprised.
            facts["undeclared"] = undeclared(self._detectors, asked, plain) is not None

        def record(view: View) -> Rows:
            told = shadow.ended(view, asked.action.id, asked.action.clients, ended.outcome, **facts)
            return replace(told, writes=(*told.writes, *sealed))

        self._keep(asked.action.id, record)
        return classification, replace(ended, entry=at[0].seq)

    # --- tier 3, after approval -------------------------------------------------------------

    def release(self, asked: Asked, check: Callable[[View], None]) -> Ended | None:
        """Begin the approved action that *asked* re-judges, wait for its outcome, record it.

        *check* runs inside the unit and raises when the approval no longer stands (who approved,
        until when, over which digest: `service.answer` knows). Raises `Closed` when it is not
        approved any more, `NeedsPeople` when it is now prohibited or stopped by a pause.
        """

        def unit(view: View) -> Rows:
            self._trusted(view)
            row = view.row("action", asked.action.id)
            if row is None:
                raise Closed("the action is gone")
            move(State(row["state"]), State.BEGUN)
            if bytes(row["digest"]) != asked.action.digest:
                raise Closed("the approved content is not the content at hand")
            classification, state = asked.settle(view)
            if classification.tier is Tier.PROHIBITED or _stopped(state):
                raise NeedsPeople(classification, state)
            check(view)
            now = view.now
            writes: list[Put | Change] = [
                Change(
                    "action",
                    (asked.action.id,),
                    {"state": State.BEGUN.value, "begun_at": now},
                ),
                *rollback_row(asked, view),
                *check_row(asked, now),
                *asked.sealed,  # what was read just before; the call itself is sealed already
            ]
            event = asked.event(EventType.ACTION_RELEASED, classification, state)
            return Rows(tuple(writes), (event,))

        self._store.commit(unit)
        self._bell.ring(asked.action.id)
        if asked.action.request.mode is Mode.GRANT:
            self._touched(asked)
            return None
        return self._run(asked, None, None)

    # --- Handrail's own reads ---------------------------------------------------------------

    def observe(
        self,
        policy: Policy,
        type: str,
        arguments: Mapping[str, Json],
        *,
        purpose: str,
        client: str = "",
        action: str | None = None,
    ) -> Json:
        """Read through the host on Handrail's own account and return the value of the result.

        Only a signed row whose effect is *read* may be read. Raises `NotSent` when the type is
        no such row or the upstream can't be reached, `NoAnswer` when it stayed silent or failed.
        """
        row = policy.row(type)
        if row is None or row.effect is not Effect.READ:
            raise NotSent(
                f"{type} is no signed read of the policy",
                hint=f"Add a signed row for {type} with effect: read.",
            )
        connection, _, tool = type.partition(".")

        def unit(view: View) -> Rows:
            if any(
                p.degree is Degree.STOP and p.scope == "all" for p in view.pauses()
            ) and purpose not in {"reversal", "check"}:
                raise NotSent("everything is stopped")
            facts = {"type": type, "purpose": purpose}
            clients = (client,) if client else ()
            return Rows(events=(Event(EventType.READ_MADE, "handrail", action, clients, facts),))

        self._store.commit(unit)
        reply = self._executor.execute(
            Order(
                connection=connection,
                method="tools/call",
                params={"name": tool, "arguments": dict(arguments)},
                agent="handrail",
                client=client,
            )
        )
        if reply.failed:
            ended = outcome.of_reply(reply)
            raise NoAnswer(f"the read {type} failed: {ended.text}")
        return outcome.value_of(reply.result)

    # --- a person's reversal ----------------------------------------------------------------

    def reverse(
        self,
        unit: Callable[[View], Rows],
        calls: Callable[[], tuple[tuple[str, Mapping[str, Json]], ...]],
        *,
        client: str,
    ) -> Outcome:
        """Commit *unit* (the reversal's own begin, at most once by its key), then make *calls* in
        order, stopping at the first that fails. Returns how it ended; recording that is
        `service.reverse`'s."""
        self._store.commit(unit)
        for made, (type, arguments) in enumerate(calls()):
            connection, _, tool = type.partition(".")
            order = Order(
                connection=connection,
                method="tools/call",
                params={"name": tool, "arguments": dict(arguments)},
                agent="handrail",
                client=client,
            )
            ended = self._send(order, None, None).outcome
            self.changed((), arguments)
            if ended.state is not State.DONE:
                if made:
                    text = f"After {made} of its steps: {ended.text}"
                    return Outcome(ended.state, f"partly-{ended.code}", text)
                return ended
        return Outcome(State.DONE, outcome.AS_SPECIFIED, "Every step of the rollback succeeded.")

    # --- recovery ---------------------------------------------------------------------------

    def recover(self) -> int:
        """Mark every action and reversal that an earlier process left begun as *unknown*.

        To be called once, before anything begins. Returns how many there were. Cooperative
        actions are the caller's to report and stay begun.
        """
        with self._store.read() as reader:
            left, passing = list(reader.begun()), list(reader.passing())
        count = 0
        for row in left:
            if row.get("reversal"):
                self._store.commit(lambda view, id=row["id"]: steps.lost(view, id))  # type: ignore[misc]
            elif row["mode"] == Mode.GRANT.value:
                continue
            else:
                self._record(row["id"], codec.load(row["clients"]), outcome.STOPPED, ())
            count += 1
        for row in passing:
            self._keep(row["id"], partial(_lost_in_shadow, row))
        return count + len(passing)

    # --- inside -----------------------------------------------------------------------------

    def _run(self, asked: Asked, on_progress: OnProgress | None, cancel: Cancel | None) -> Ended:
        ended = self._send(_order(asked), on_progress, cancel)
        self._touched(asked)
        if ended.outcome.state is State.DONE and (check := _check_of(asked)) is not None:
            now = not delay_of(check, asked.policy.settings)
            seen = self._check(asked, ended) if now else to_be_checked(check.says)
            ended = Ended(seen, ended.reply)
        sealed: list[Put] = []
        found: Found | None = None
        if ended.reply is not None:
            plain = _plain(ended.reply)
            found = undeclared(self._detectors, asked, plain)
            if found is not None:
                sealed.append(self.seal(found.ref, asked.client, plain))
                instead = outcome.withheld(found.text)
                ended = Ended(outcome.without_words(ended.outcome), instead)
                plain = _plain(instead)
            sealed.append(self.seal(f"{asked.action.id}:result", asked.client, plain))
        after = partial(check_after, asked, ended.outcome)
        self._record(
            asked.action.id, asked.action.clients, ended.outcome, tuple(sealed), found, after
        )
        if found is not None and self._filed is not None:
            self._filed(found)
        return ended

    def _trusted(self, view: View) -> None:
        """Refuse to begin on a record that was put back, or by a clock that is wrong."""
        if why := self._held():
            raise Unavailable(
                f"the record is held: {why}",
                hint="Nothing was begun. Two people may go on from here: handrail ledger reopen.",
            )
        _trusted_clock(view)

    def _touched(self, asked: Asked) -> None:
        if asked.effect == Effect.CHANGE:
            self.changed(asked.action.targets, asked.arguments)

    def _send(self, order: Order, on_progress: OnProgress | None, cancel: Cancel | None) -> Ended:
        try:
            reply = self._executor.execute(order, on_progress=on_progress, cancel=cancel)
        except NotSent as error:
            log.warning("not sent", connection=order.connection, why=error.message)
            return Ended(outcome.NOT_SENT, None)
        except NoAnswer as error:
            log.warning("no answer", connection=order.connection, why=error.message)
            return Ended(outcome.NO_ANSWER, None)
        except Exception:
            # A connector that breaks its contract: the upstream may have acted, so the only
            # honest outcome is unknown. Nothing else may leave a begun action without one.
            log.exception("connector failed", connection=order.connection)
            return Ended(outcome.NO_ANSWER, None)
        return Ended(outcome.of_reply(reply), reply)

    def _check(self, asked: Asked, ended: Ended) -> Outcome:
        """What the row's follow-up read saw: it decides, not the tool's own reply."""
        check = _check_of(asked)
        if check is None or ended.reply is None:  # the caller looked; this is for the type
            return ended.outcome
        result = outcome.value_of(ended.reply.result)
        scope = {"args": asked.arguments, "before": asked.before or {}, "result": result}
        try:
            arguments = check.arguments_for(scope)
            seen = self.observe(
                asked.policy,
                check.read,
                arguments,
                purpose="check",
                client=asked.client,
                action=asked.action.id,
            )
            held = check.holds({**scope, "result": seen, "after": seen})
        except HandrailError as error:
            return Outcome(
                State.DONE, "check-unread", f"Its check could not be read: {error.message}"
            )
        return of_check(check.says, held)

    def _record(
        self,
        action: str,
        clients: tuple[str, ...],
        ended: Outcome,
        sealed: tuple[Put, ...],
        found: Found | None = None,
        after: Callable[[int], Sequence[Change]] = lambda now: (),
    ) -> None:
        """Commit the outcome. Tried again while the store is unavailable: the act is done, and
        only its record is missing; if it stays so, the action stays begun and `recover` says
        *unknown* at the next start."""
        digests = {_kind(p): _sha(p.row["ciphertext"]) for p in sealed}

        def unit(view: View) -> Rows:
            late = not view.in_flight(action)
            if late and not _waits_for_late(view, action, ended.state):
                raise Closed("the outcome is recorded already")
            move(State.UNKNOWN if late else State.BEGUN, ended.state)
            change = Change(
                "action",
                (action,),
                {"state": ended.state.value, "ended_at": view.now, "outcome": ended.text},
            )
            facts: dict[str, Any] = {"why": ended.code, "sealed": digests}
            if late:
                facts["late"] = True
            event = Event(OUTCOME_EVENT[ended.state], "handrail", action, tuple(clients), facts)
            writes, events = found.rows(view) if found is not None else ((), ())
            more = (*sealed, *after(view.now), *writes)
            return Rows((change, *more), (event, *events), control=bool(writes))

        self._keep(action, unit)

    def _keep(self, action: str, unit: Unit) -> None:
        """Commit an outcome, tried again while the store is unavailable."""
        for attempt in range(OUTCOME_TRIES):
            try:
                self._store.commit(unit)
            except Closed:
                break  # an earlier try was stored and reported lost
            except (Unavailable, Unsure) as error:
                log.error("outcome not recorded", action=action, attempt=attempt, why=str(error))
                continue
            break
        self._bell.ring(action)

    def seal(self, ref: str, client: str, plain: bytes) -> Put:
        """The `sealed` row for *plain*."""
        key, ciphertext = self._sealer.seal(ref, client, plain)
        return Put("sealed", {"ref": ref, "key": key, "ciphertext": ciphertext})


def _lost_in_shadow(row: Row, view: View) -> Rows:
    return shadow.ended(view, row["id"], codec.load(row["clients"]), outcome.STOPPED)


def _plain(reply: Reply) -> bytes:
    return orjson.dumps({"result": reply.result, "error": reply.error})


def _order(asked: Asked) -> Order:
    request = asked.action.request
    params: dict[str, Any]
    if METHODS[request.kind] == "resources/read":
        params = {"uri": asked.arguments.get("uri")}
    else:
        params = {
            "name": request.tool if request.kind == "tool" else request.tool.partition(":")[2],
            "arguments": dict(asked.arguments),
        }
    if asked.meta:
        params["_meta"] = dict(asked.meta)
    return Order(
        connection=request.connection,
        method=METHODS[request.kind],
        params=params,
        agent=asked.agent.id,
        client=asked.client,
        era=asked.era,
    )


def _trusted_clock(view: View) -> None:
    """Refuse to begin while this host's clock stands far behind the record: windows and
    approvals are judged by time, and a host whose clock is wrong must not judge them (I16)."""
    if view.skew > MAX_SKEW:
        raise Unavailable(
            f"this host's clock is {view.skew / 1_000_000:.0f} s behind the record",
            hint="Put the clock right (handrail doctor says more); nothing was begun.",
        )


def _stopped(state: Snapshot) -> bool:
    return any(p.degree is Degree.STOP for p in state.pauses)


def _check_of(asked: Asked) -> Read | None:
    return asked.row.check if asked.row else None


def _waits_for_late(view: View, action: str, state: State) -> bool:
    """Whether the action counts as unknown because no outcome came in time: a result that comes
    after all is taken. One that was stored and reported lost is not taken twice."""
    row = view.row("action", action)
    return (
        row is not None
        and row["state"] == State.UNKNOWN.value
        and state is not State.UNKNOWN
        and view.row("sealed", f"{action}:result") is None
        and view.row("reversal", action) is None
    )


def _kind(put: Put) -> str:
    return str(put.row["ref"]).partition(":")[2]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
