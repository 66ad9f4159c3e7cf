"""Which breakers open: penalty points by action type, client, both, and over everything.

Folded from the record like `history`, and after it: what counts there counts here (EVIDENCE 3). A
trip stays *pending* until the record says that its breaker opened, so that a process that dies
between the two forgets nothing and opens nothing twice. Nothing here closes a breaker: people do.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handrail.core import breaker
from handrail.core.events import EventType as E
from handrail.core.history import Case, Counted, History, microseconds

_HOUR = 3_600_000_000  # microseconds
_MINUTE = 60_000_000
TOGETHER = 3  #: type or client breakers opened within an hour that open the global one
SILENT = 5  #: actions in flight, below which silence says nothing
_LAGS = 200  # outcomes whose lag is remembered
Key = tuple[str, str, str]  #: scope, action type, client
ALL: Key = ("all", "", "")


@dataclass(frozen=True, slots=True)
class Trip:
    """A breaker that is to open, and why, in words without personal data."""

    scope: str
    type: str
    client: str
    why: str
    at: int

    @property
    def key(self) -> Key:
        return (self.scope, self.type, self.client)


class Trips:
    """Points and what they mean. `count` what history yields, and `take` each entry after it."""

    def __init__(self) -> None:
        self.pending: dict[Key, Trip] = {}
        self.unclosed: dict[Key, str] = {}  #: `open` or `probation`
        self._points: dict[Key, int] = {}
        self._spike = 0  # micro-nats
        self._opened: list[int] = []  # when type and client breakers opened lately
        #: in flight: action -> (begun, type, clients)
        self._waits: dict[str, tuple[int, str, tuple[str, ...]]] = {}
        self._lags: deque[int] = deque(maxlen=_LAGS)
        self._heard = 0  # when the last outcome came

    def points(self, key: Key) -> int:
        """The penalty points of one breaker."""
        return self._points.get(key, 0)

    @property
    def spike(self) -> int:
        """The points of the global breaker, in micro-nats."""
        return self._spike

    def count(self, counted: Counted) -> None:
        """Count one case that went wrong or right."""
        case = counted.case
        if counted.reach:
            return  # a series of its own: the upstream is away, the agent did no harm
        if counted.harm in {"significant", "major"}:
            self._trip(("type", case.type, ""), f"a {counted.harm} incident", counted.at)
        for key, profile in _scopes(case):
            now = breaker.step(self._points.get(key, 0), profile, error=counted.error)
            self._points[key] = now
            if now >= profile.limit:
                self._trip(key, f"too many errors, {profile.words}", counted.at)
        self._spike = breaker.spike(self._spike, breaker.PROFILES[case.profile], counted.error)
        if self._spike >= breaker.SPIKE:
            self._trip(ALL, "far more errors than these actions usually have", counted.at)

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take in what one entry says of breakers, and of what is in flight."""
        kind, at, facts = entry["type"], microseconds(entry["at"]), entry.get("facts") or {}
        action = entry.get("action")
        if kind in _BEGINS and action and facts.get("mode") != "grant":
            clients = tuple(c["client"] for c in entry["clients"])
            self._waits[action] = (at, facts["type"], clients)
        elif kind in _ENDS and action:
            begun = self._waits.pop(action, None)
            self._heard = at
            if begun is not None:
                self._lags.append(at - begun[0])
        elif kind in _BREAKERS:
            self._breaker(kind, (facts["scope"], facts["type"], facts["client"]), at)

    def silent(self, now: int) -> Trip | None:
        """The trip that silence is: outcomes missing for twice their usual lag, of several
        actions at once, and none heard meanwhile. Silence is not success."""
        if len(self._waits) < SILENT or len(self._lags) < SILENT or ALL in self.unclosed:
            return None
        usual = max(sorted(self._lags)[len(self._lags) * 95 // 100], _MINUTE)
        late = [at for at, _, _ in self._waits.values() if now - at > 2 * usual]
        if len(late) < SILENT or now - self._heard <= 2 * usual:
            return None
        why = f"{len(late)} actions have had no outcome for twice the usual time"
        return Trip("all", "", "", why, now)

    def in_flight(self, trip: Trip) -> list[str]:
        """The actions in the scope of *trip* that began and have no outcome yet."""
        return [
            action
            for action, (_, type, clients) in self._waits.items()
            if trip.type in {"", type} and (not trip.client or trip.client in clients)
        ]

    def shown(self) -> list[dict[str, Any]]:
        """Breakers that count something, the fullest first."""
        found = [
            {"scope": s, "type": t, "client": c, "points": n}
            for (s, t, c), n in self._points.items()
            if n
        ]
        return sorted(found, key=lambda b: -int(b["points"]))

    # --- inside -----------------------------------------------------------------------------

    def _trip(self, key: Key, why: str, at: int) -> None:
        if key not in self.unclosed and key not in self.pending:
            self.pending[key] = Trip(*key, why, at)

    def _breaker(self, kind: str, key: Key, at: int) -> None:
        self._points.pop(key, None)
        if key == ALL:
            self._spike = 0
        if kind == E.BREAKER_CLOSED:
            self.unclosed.pop(key, None)
            return
        self.unclosed[key] = "open" if kind == E.BREAKER_OPENED else "probation"
        self.pending.pop(key, None)
        if kind == E.BREAKER_OPENED and key[0] in {"type", "client"}:
            self._opened = [t for t in self._opened if at - t <= _HOUR] + [at]
            if len(self._opened) >= TOGETHER:
                self._trip(ALL, f"{len(self._opened)} breakers opened within an hour", at)

    # --- kept between runs --------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything as plain JSON, for `restore`."""
        return {
            "pending": [[t.scope, t.type, t.client, t.why, t.at] for t in self.pending.values()],
            "unclosed": [[*k, v] for k, v in self.unclosed.items()],
            "points": [[*k, v] for k, v in self._points.items() if v],
            "spike": self._spike,
            "opened": self._opened,
            "waits": self._waits,
            "lags": list(self._lags),
            "heard": self._heard,
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        for values in kept["pending"]:
            trip = Trip(*values)
            self.pending[trip.key] = trip
        self.unclosed.update({(s, t, c): v for s, t, c, v in kept["unclosed"]})
        self._points.update({(s, t, c): v for s, t, c, v in kept["points"]})
        self._spike, self._heard = kept["spike"], kept["heard"]
        self._opened = list(kept["opened"])
        self._waits.update({a: (at, t, tuple(c)) for a, (at, t, c) in kept["waits"].items()})
        self._lags.extend(kept["lags"])


def _scopes(case: Case) -> Iterator[tuple[Key, breaker.Profile]]:
    """Every breaker that a case counts for, but the global one."""
    yield ("type", case.type, ""), breaker.PROFILES[case.profile]
    for client in case.clients:
        yield ("client", "", client), breaker.STANDARD
        yield ("cell", case.type, client), breaker.CELL


def fold(history: History, trips: Trips, entry: Mapping[str, Any]) -> None:
    """Take one entry into both, in the order that they need."""
    for counted in history.take(entry):
        trips.count(counted)
    trips.take(entry)


_BEGINS = frozenset({E.ACTION_BEGUN, E.ACTION_RELEASED})
_ENDS = frozenset({E.ACTION_DONE, E.ACTION_FAILED, E.ACTION_UNKNOWN})
_BREAKERS = frozenset({E.BREAKER_OPENED, E.BREAKER_PROBATION, E.BREAKER_CLOSED})
