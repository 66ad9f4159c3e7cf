"""What the record amounts to, kept current: history and breakers, and what follows by itself.

* The record is folded as it grows, in order; nothing but its entries goes in (`core.history`,
  `core.trips`). How far it got is kept in the database now and then, so that a start reads only
  the rest; dropped, it is folded anew to the same.
* A breaker that trips, and a demotion that is due, are committed before anything else that waits.
  A process that dies in between finds them due again: they stay due until the record has them.
* It can restrict and it can nominate. It lowers nothing: people promote, close and resume
  (I12, I13).
"""

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from handrail.clock import Clock, to_us
from handrail.core import promotion
from handrail.core.events import EventType
from handrail.core.history import History
from handrail.core.model import Standing, Tier
from handrail.core.policy import MatrixRow
from handrail.core.promotion import Assessment
from handrail.core.trips import Key, Trip, Trips, fold
from handrail.errors import Conflict, HandrailError, NotFound
from handrail.service.demotion import demote
from handrail.service.draw import Draw
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.store import nouns
from handrail.store.contract import Change, Event, Put, Rows, Store, View, Write

log = structlog.get_logger(__name__)

#: Entries after which the fold is kept again.
KEEP_EVERY = 50_000
_TOGETHER = 0.02  # seconds
_IDLE = 5.0  # seconds between looks when nothing is committed
_NOMINATE = 60_000_000  # microseconds between looks at what could be nominated
_LISTED = 50  # actions in flight that the entry of a trip names


class Evidence:
    """Follows the record and acts on what it means."""

    def __init__(
        self, store: Store, policies: Policies, keeper: Keeper, clock: Clock, draw: Draw
    ) -> None:
        self._store = store
        self._policies = policies
        self._keeper = keeper
        self._clock = clock
        self._draw = draw
        self._lock = threading.RLock()  # one folds or looks at a time
        self._history, self._trips = History(), Trips()
        self._position = self._kept = 0
        self._unkept: set[str] = set()
        self._looked = 0
        self._loaded = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        store.on_commit(self._committed)

    # --- for ever ---------------------------------------------------------------------------

    def start(self) -> None:
        """Catch up, then follow in a thread until `stop`: nothing begins before it caught up."""
        self.once()
        self._thread = threading.Thread(target=self._loop, name="evidence", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop following, and keep what was folded."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            try:
                self.keep()
            except HandrailError as error:
                log.info("fold not kept", why=error.message)  # the next start folds it again

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def once(self) -> int:
        """Fold what the record gained, and do what is due; return how many entries there were."""
        with self._lock:
            count = self._follow()
            self._act()
            self._nominate()
            if self._position - self._kept >= KEEP_EVERY:
                self.keep()
        return count

    # --- what it says -------------------------------------------------------------------------

    def assess(self, type: str) -> Assessment:
        """What the evidence of *type* allows now. Raises `NotFound` for a type without a row."""
        with self._lock:
            self._follow()
            return self._assessed(type)[0]

    def about(self, type: str) -> dict[str, Any]:
        """What the evidence of *type* allows now, as doors show it. Raises `NotFound`."""
        return promotion.shown(self.assess(type))

    def frozen(self, type: str) -> tuple[Assessment, bytes]:
        """The assessment of *type*, and its evidence frozen."""
        with self._lock:
            self._follow()
            return self._assessed(type)

    def points(self) -> list[dict[str, Any]]:
        """Every breaker that counts something, the fullest first."""
        with self._lock:
            self._follow()
            return self._trips.shown()

    def open_incidents(self, type: str) -> list[str]:
        """The significant incidents of *type* that are open."""
        with self._lock:
            self._follow()
            found = self._history.past(type).incidents
            return [i.id for i in found if i.closed is None and i.severity != "minor"]

    def since_probation(self, key: Key, at: int) -> int:
        """How many decisions by people fell in the scope of a breaker since *at*."""
        _, type, client = key
        with self._lock:
            self._follow()
            pasts = [self._history.past(type)] if type else list(self._history.types.values())
            return sum(
                c.decided is not None and c.decided >= at and (not client or client in c.clients)
                for past in pasts
                for c in past.cases.values()
            )

    # --- following ----------------------------------------------------------------------------

    def _follow(self) -> int:
        if not self._loaded:
            self._load()
        before = self._position
        with self._store.read() as reader:
            for seq, body in reader.stream(self._position):
                fold(self._history, self._trips, orjson.loads(body))
                self._position = seq + 1
        self._unkept |= self._history.changed
        self._history.changed.clear()
        return self._position - before

    def _load(self) -> None:
        with self._store.read() as reader:
            rows = list(reader.folded())
        loose = next((r for r in rows if r["name"] == ""), None)
        if loose is not None:
            states = {r["name"]: orjson.loads(r["state"]) for r in rows if r["name"]}
            both = orjson.loads(loose["state"])
            self._history.restore(states, both["history"])
            self._trips.restore(both["trips"])
            self._position = self._kept = int(loose["position"])
        self._loaded = True

    def keep(self) -> None:
        """Keep how far the record is folded, in one commit without entries."""
        with self._lock:
            if self._position == self._kept:
                return
            states = {type: orjson.dumps(self._history.state(type)) for type in self._unkept}
            both = {"history": self._history.loose(), "trips": self._trips.state()}
            states[""] = orjson.dumps(both)
            position = self._position

            def unit(view: View) -> Rows:
                writes: list[Write] = []
                for name, state in states.items():
                    values = {"position": position, "state": state}
                    if view.row("folded", name) is None:
                        writes.append(Put("folded", {"name": name, **values}))
                    else:
                        writes.append(Change("folded", (name,), values))
                return Rows(tuple(writes))

            self._store.commit(unit)
            self._kept = position
            self._unkept.clear()

    # --- acting -------------------------------------------------------------------------------

    def _act(self) -> None:
        """Open the breakers that tripped, and demote what is due."""
        now = to_us(self._clock.now())
        silent = self._trips.silent(now)
        trips = [*self._trips.pending.values(), *([silent] if silent else [])]
        due = dict(self._history.due)
        for trip in trips:
            self._store.commit(lambda view, t=trip: self._open(view, t), first=True)  # type: ignore[misc]
        for (type, client), why in due.items():
            self._store.commit(
                lambda view, t=type, c=client, w=why: _demoted(view, t, c, w),  # type: ignore[misc]
                first=True,
            )
        if trips or due:
            self._follow()  # the record has them now

    def _open(self, view: View, trip: Trip) -> Rows:
        if any((b.scope, b.type, b.client) == trip.key for b in view.breakers()):
            return Rows()
        id = self._draw.id("brk")
        row = {
            "id": id,
            "scope": trip.scope,
            "type": trip.type,
            "client": trip.client,
            "state": "open",
            "why": trip.why,
            "at": view.now,
            "cause": "",
            "remedy": "",
        }
        flying = [a for a in self._trips.in_flight(trip) if view.in_flight(a)]
        facts = {
            "breaker": id,
            "scope": trip.scope,
            "type": trip.type,
            "client": trip.client,
            "what": what(trip.scope, trip.type, trip.client),
            "why": trip.why,
            "in_flight": flying[:_LISTED],
        }
        clients = (trip.client,) if trip.client else ()
        event = Event(EventType.BREAKER_OPENED, "handrail", None, clients, facts)
        return Rows((Put("breaker", row),), (event,), control=True)

    def _nominate(self) -> None:
        """Nominate what the evidence allows; take back what it allows no more (SPEC 7)."""
        now = to_us(self._clock.now())
        if now - self._looked < _NOMINATE:
            return
        self._looked = now
        try:
            rows = list(self._policies.current().matrix())
        except NotFound:
            return
        with self._store.read() as reader:
            open_now = {r["type"]: r for r in reader.nominations(limit=1_000)}
        for row in rows:
            if row.type not in self._history.types and row.type not in open_now:
                continue
            found, frozen = self._assessed(row.type)
            standing = open_now.get(row.type)
            if found.sufficient and standing is None:
                self._surely(lambda view, f=found, z=frozen: self._nominated(view, f, z))
            elif standing is not None and (not found.sufficient or standing["to"] != found.to):
                self._surely(lambda view, id=standing["id"]: _stale(view, id))

    def _surely(self, unit: Any) -> None:
        try:
            self._store.commit(unit)
        except Conflict as error:
            log.info("nomination not written", why=error.message)  # somebody decided meanwhile

    def _nominated(self, view: View, found: Assessment, frozen: bytes) -> Rows:
        id, to = self._draw.id("nom"), int(found.to or found.now)
        row = {
            "id": id,
            "type": found.type,
            "to": to,
            "evidence": frozen,
            "digest": promotion.digest(frozen),
            "state": "open",
            "at": view.now,
        }
        facts = {"nomination": id, "type": found.type, "tier": to, "evidence": row["digest"]}
        event = Event(EventType.NOMINATED, "handrail", None, (), facts)
        return Rows((Put("nomination", row),), (event,))

    def _assessed(self, type: str) -> tuple[Assessment, bytes]:
        policy = self._policies.current()
        row = policy.row(type)
        if row is None:
            raise NotFound(f"no signed row {type}", hint="What has no signed row runs at tier 3.")
        known = self._keeper.current()
        versions = {id: a.version for id, a in known.agents.items()}
        past, at = self._history.past(type), to_us(self._clock.now())
        with self._store.read() as reader:
            mine = [nouns.standing(r) for r in reader.standings() if r["type"] == type]
        now = stands(row, mine)
        found = promotion.assess(past, row, now, at, policy.settings, versions)
        ids = [c.id for c in promotion.counted(past, now, versions)]
        return found, found.frozen(ids)

    def _committed(self, types: Sequence[str]) -> None:
        self._wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.once()
            except (HandrailError, OSError) as error:
                # The store is away: nothing is lost, the position stands where it was.
                log.error("evidence not followed", why=str(error))
            if self._wake.wait(_IDLE):
                self._stop.wait(_TOGETHER)  # what comes at once is folded at once


def stands(row: MatrixRow, standings: Sequence[Standing]) -> Tier:
    """The tier that *row* stands at by its standing: the least that it has earned anywhere."""
    overall = next((s.tier for s in standings if s.client is None), max(row.start, row.tier))
    scoped = [s.tier for s in standings if s.client is not None]
    return max(row.tier, min([overall, *scoped]))


def what(scope: str, type: str, client: str) -> str:
    """What a breaker is about, in words."""
    return {
        "all": "everything",
        "type": type,
        "client": f"the client {client}",
        "cell": f"{type} at {client}",
    }[scope]


def _demoted(view: View, type: str, client: str, why: str) -> Rows:
    writes, events = demote(view, type, why, client=client)
    return Rows(writes, events, control=bool(writes))


def _stale(view: View, id: str) -> Rows:
    row = view.row("nomination", id)
    if row is None or row["state"] != "open":
        return Rows()
    return Rows((Change("nomination", (id,), {"state": "stale", "ended_at": view.now}),))
