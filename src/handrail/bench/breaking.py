"""When breakers open: how rarely without cause, and after how much harm with one (EVIDENCE 3).

Everything runs through the product's own fold of breakers, `core.trips`, with every level at once.
"Harmful" counts the errors that happen before a breaker opens, the last one included.
"""

import random
from collections.abc import Callable, Iterator
from math import comb, exp, factorial

from handrail.bench.figures import Figure, say_all
from handrail.core import breaker
from handrail.core.breaker import CELL, LENIENT, STANDARD, STRICT, Profile
from handrail.core.events import EventType
from handrail.core.history import Case, Counted
from handrail.core.model import Tier
from handrail.core.trips import Key, Trips

ACTIONS, ROUNDS = 1_000_000, 3  #: on which false trips are counted, and how often anew
TYPES, CLIENTS, PER_DAY = 500, 100, 600
_BEFORE, _FAULT = 0.005, 0.15
_CHAINS = {STRICT: 17_843, STANDARD: 28_754, LENIENT: 73_016, CELL: 6_789}
_EMPTY = "1970-01-01T00:00:00+00:00"


def figures(say: Callable[[str], None], actions: int, runs: int) -> list[Figure]:
    """Print every figure beside the expected one, and return them. False trips are counted on
    *actions*, delays are means of *runs*."""
    chains = [
        Figure(
            f"{p.name}: actions per false trip at {p.tolerates / 1000:g} % errors",
            round(breaker.between_false_trips(p, p.tolerates / 100_000)),
            said,
        )
        for p, said in _CHAINS.items()
    ]
    say_all(say, "Breakers: exact chains", chains)
    false = [*_false_trips(actions), _false_spikes(actions * 10), *_meshes()]
    say_all(say, "False trips, and rules that are no use", false)
    found = [*_delays(runs), *_spikes(runs), *_in_flight(runs)]
    say_all(say, "Harmful actions before a breaker opens (means)", found)
    return [*chains, *false, *found]


# --- without cause -------------------------------------------------------------------------------


def _false_trips(actions: int) -> list[Figure]:
    """Everything exactly at the tolerated 1 %, evenly over types and clients: how often something
    opens without cause. People close at once what opened."""
    draw, counts = random.Random("false trips"), _Counts()  # noqa: S311 - the same at every run
    opened = {"type": 0, "client": 0, "cell": 0, "all": 0}
    for _ in range(ROUNDS):
        trips = Trips()
        for _ in range(actions):
            type, client = draw.randrange(TYPES), draw.randrange(CLIENTS)
            trips.count(counts.one(type, client, draw.random() < 0.01))
            for key in [*trips.pending]:
                opened[key[0]] += 1
                _close(trips, key)
    share = {scope: n * 10_000 / (actions * ROUNDS) for scope, n in opened.items()}
    noise = 3 * (1.2 * 10_000 / (actions * ROUNDS) + 1.2 * 10_000 / ACTIONS) ** 0.5
    total = Figure("false trips per 10,000 actions, all levels", sum(share.values()), 1.2, noise)
    of = {
        "type": breaker.between_false_trips(STANDARD, 0.01),
        "client": breaker.between_false_trips(STANDARD, 0.01),
        # Of fifty thousand cells few see enough actions to trip as often as their chain says.
        "cell": breaker.between_false_trips(CELL, 0.01),
    }
    return [
        total,
        *(
            Figure(f"  of them: {scope}", share[scope], round(10_000 / mean, 2), noise, True)
            for scope, mean in of.items()
        ),
    ]


def _false_spikes(actions: int) -> Figure:
    """The global one alone, everything at the share of errors that is expected of it."""
    draw, points, spikes = random.Random("spikes"), 0, 0  # noqa: S311 - the same at every run
    usual = _expecting(_BEFORE)
    for _ in range(actions):
        points = breaker.spike(points, usual, draw.random() < _BEFORE)
        if points >= breaker.SPIKE:
            points, spikes = 0, spikes + 1
    month = 30 * PER_DAY
    noise = 3 * (0.06 * month / actions) ** 0.5 + 0.005
    return Figure("false global spikes in 30 days", spikes * month / actions, 0.06, noise)


def _meshes() -> list[Figure]:
    """What is usual elsewhere: half of the last 20, or 100, calls; a z-score over hourly counts."""

    def half(n: int, rate: float) -> float:
        return sum(comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n // 2, n + 1))

    hourly = PER_DAY * 0.01 / 24
    alarm = int(hourly + 3 * hourly**0.5) + 1  # the first count above three standard deviations
    below = exp(-hourly) * sum(hourly**k / factorial(k) for k in range(alarm))
    return [
        Figure("P(half of 20 calls wrong) at 5 % errors", half(20, 0.05), 0, 1e-6),
        Figure("P(half of 100 calls wrong) at 5 % errors", half(100, 0.05), 0, 1e-6),
        Figure("false alarms a day of a z-score above 3, hourly", 24 * (1 - below), 1, 0.5),
    ]


# --- with cause ----------------------------------------------------------------------------------


def _delays(runs: int) -> Iterator[Figure]:
    """A fault from 0.5 % to 15 % errors: in one type everywhere, at one client in everything, in
    everything."""
    for level, where, said in (
        ("type", (1, CLIENTS), 4),
        ("client", (TYPES, 1), 4),
        ("all", (TYPES, CLIENTS), 6),
    ):
        draw = random.Random(f"fault {level}")  # noqa: S311 - the same at every run
        harmful = sum(_until(draw, level, where) for _ in range(runs)) / runs
        yield Figure(f"0.5 % → 15 % errors: found at the level of {level}", harmful, said, 0.75)


def _until(draw: random.Random, level: str, where: tuple[int, int]) -> int:
    """Harmful actions in so many types and clients until a breaker of *level* trips, from a
    day's ordinary work on."""
    trips, counts, harmful = Trips(), _Counts(), 0
    for n in range(10**6):
        fault = n >= 100
        error = draw.random() < (_FAULT if fault else _BEFORE)
        trips.count(counts.one(draw.randrange(where[0]), draw.randrange(where[1]), error))
        if fault:
            harmful += error
            if any(key[0] == level for key in trips.pending):
                return harmful
        else:
            for key in [*trips.pending]:
                _close(trips, key)
    raise AssertionError("a fault is found long before")


def _spikes(runs: int) -> Iterator[Figure]:
    """Errors in everything, several times as frequent as is expected of each action."""
    for times, said in ((8, 9), (3, 17)):
        draw, harmful = random.Random(f"spike {times}"), 0  # noqa: S311 - the same at every run
        usual = _expecting(_BEFORE)
        for _ in range(runs):
            points = 0
            while points < breaker.SPIKE:
                error = draw.random() < _BEFORE * times
                points = breaker.spike(points, usual, error)
                harmful += error
        yield Figure(f"global spike x{times}", harmful / runs, said, 1, at_most=True)


def _in_flight(runs: int) -> Iterator[Figure]:
    """One type at 20 % errors, 600 a day, outcomes known a day late: what passes before the trip,
    and what does when only ten may be in flight unverified."""
    draw = random.Random("in flight")  # noqa: S311 - the same at every run
    late = {"all begin": 0, "ten in flight": 0}
    for _ in range(runs):
        points = harmful = 0
        while points < STANDARD.limit:
            error = draw.random() < 0.2
            points = breaker.step(points, STANDARD, error=error)
            harmful += error
        # What had begun by then and was not known: a day's actions, or what the cap lets begin.
        late["all begin"] += harmful + sum(draw.random() < 0.2 for _ in range(PER_DAY))
        late["ten in flight"] += harmful + sum(draw.random() < 0.2 for _ in range(10))
    names = {"all begin": (124, 2), "ten in flight": (6, 0.5)}
    for name, (said, noise) in names.items():
        yield Figure(f"outcomes a day late, {name}", late[name] / runs, said, noise)


# --- the fold ------------------------------------------------------------------------------------


class _Counts:
    """Cases of types and clients by number, made once each."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, bool], Counted] = {}

    def one(self, type: int, client: int, error: bool) -> Counted:
        """What the fold is told of one action."""
        key = (type, client, error)
        found = self._made.get(key)
        if found is None:
            case = Case(
                id="", type=f"type-{type}", tier=int(Tier.AUTONOMOUS), at=0, agent="", version="",
                clients=(f"client-{client}",), profile=STANDARD.name,
            )  # fmt: skip
            found = self._made[key] = Counted(case, 0, error)
        return found


def _close(trips: Trips, key: Key) -> None:
    """Let people have closed a breaker that is to open."""
    scope, type, client = key
    facts = {"scope": scope, "type": type, "client": client}
    del trips.pending[key]
    trips.take({"type": EventType.BREAKER_CLOSED, "at": _EMPTY, "facts": facts})


def _expecting(rate: float) -> Profile:
    """A profile of which so many errors are expected."""
    return Profile("expected", 25, 75, round(rate * 100_000), "")
