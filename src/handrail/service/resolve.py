"""Facts about a call, looked up and never believed (SPEC 2, "calls, not tools").

From the arguments, the connection's scope, a read through the host, and the clock; each fact
carries its source and its age. What could not be established is absent, and absence raises the
tier: nothing here guesses, and a failing lookup is not an error of the call.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from handrail.core.classify import given
from handrail.core.conditions import ConditionError, Scope, scope
from handrail.core.floors import SEEN, UNREAD
from handrail.core.model import Agent, Client, Fact, Facts, Json, Request
from handrail.core.policy import MatrixRow, Policy
from handrail.core.words import fold
from handrail.errors import HandrailError
from handrail.privacy.detect import Detectors
from handrail.service import codec

log = structlog.get_logger(__name__)

_CACHE_LIMIT = 10_000
#: Facts of this name are what a call refers to: a script's body, the members of a group. Their
#: value is its digest, which the action binds: changed content is another action (SPEC 2).
CONTENT = "fact.content_"
#: Subjects of events after which any fact may be looked up in another way.
_LOOKED_UP_BY = frozenset({"tool", "connection", "policy"})
_DAY_BEGINS, _DAY_ENDS = 8, 18


class Observe(Protocol):
    """Reads through the host (`service.begin.Begin.observe`)."""

    def __call__(
        self,
        policy: Policy,
        type: str,
        arguments: Mapping[str, Json],
        *,
        purpose: str,
        client: str = "",
        action: str | None = None,
    ) -> Json: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a connection says about clients: bound to one, or a map from the upstream's ids."""

    client: str | None
    client_map: Mapping[str, str]  #: by the folded id of the upstream (`reach_of`)


@lru_cache(maxsize=1024)
def reach_of(client: str | None, text: str) -> Reach:
    """What a connection's row says, its map (*text*, JSON) folded once. Two ids that differ only
    in case and mean different clients mean none: nothing is guessed."""
    found: dict[str, str] = {}
    unclear: set[str] = set()
    for place, mapped in codec.load(text).items():
        key = fold(place)
        if found.setdefault(key, mapped) != mapped:
            unclear.add(key)
    return Reach(client=client, client_map={k: v for k, v in found.items() if k not in unclear})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What is known about one call. ``clients`` is None when it could not be established."""

    clients: tuple[str, ...] | None
    targets: tuple[str, ...]
    contents: tuple[str, ...]  #: digests of what the call refers to: scripts, members
    facts: Facts
    scope: Mapping[str, Any]


Beside = Callable[[Policy, datetime], Mapping[str, Fact]]
"""Facts that hold for every call of a moment, such as a freeze (`service.freezes`)."""


class Resolver:
    """Establishes facts; remembers looked-up ones until they are too old."""

    def __init__(
        self, observe: Observe, detectors: Detectors, beside: Beside | None = None
    ) -> None:
        self._observe = observe
        self._detectors = detectors
        self._beside = beside
        self._lock = threading.Lock()
        self._remembered: dict[tuple[str, str, str], Fact] = {}
        self._about: dict[str, set[tuple[str, str, str]]] = {}  # by what their reads asked for
        self._generation = 0  # grows with each change that may make a fact untrue

    def resolve(
        self,
        request: Request,
        arguments: Mapping[str, Json],
        agent: Agent,
        policy: Policy,
        row: MatrixRow | None,
        known: Mapping[str, Client],
        reach: Reach,
        now: datetime,
    ) -> Resolved:
        """Return what is known about the call at *now*."""
        values = given(request, arguments, agent.id, agent.version, row)
        found: dict[str, Fact] = dict(self._beside(policy, now)) if self._beside else {}
        contents: list[str] = []
        unread: list[str] = []
        for lookup in policy.lookups_for(request.type, scope(values)):
            fact = self._look_up(lookup, values, policy, now)
            refers = lookup.name.startswith(CONTENT)
            if fact is None:
                if refers:
                    unread.append(lookup.name.removeprefix("fact."))
                continue
            if refers:
                contents.append(str(fact.value))
            found[fact.name] = fact
            if fact.name.startswith("fact."):
                custom = {**values.get("fact", {}), fact.name.removeprefix("fact."): fact.value}
                values = {**values, "fact": custom}
            else:
                values = {**values, fact.name: fact.value}
        prepared = scope(values, focus=_asked_for(row))
        clients = _clients(row, reach, agent, prepared)
        targets = _targets(row, prepared)
        values = dict(values)
        for name, value in _of_clients(clients, known, now).items():
            found[name] = Fact(name, value, "client map", now)
            values[name] = value
        if targets is not None:
            values |= {"targets.count": len(targets), "targets.list": list(targets)}
            found["targets.count"] = Fact("targets.count", len(targets), "arguments", now)
        if unread:
            found[UNREAD] = Fact(UNREAD, unread, "reads that failed", now)
        signs = self._detectors.look(arguments)
        if signs:
            seen = [f"{sign.data_class}:{sign.what}" for sign in signs]
            found[SEEN] = Fact(SEEN, seen, "detector over the arguments", now)
        return Resolved(
            clients=clients,
            targets=targets or (),
            contents=tuple(contents),
            facts=Facts(found),
            scope=values,
        )

    def forget(self) -> None:
        """Forget every remembered fact (a tool, a connection or the policy changed)."""
        with self._lock:
            self._generation += 1
            self._remembered.clear()
            self._about.clear()

    def moved(self, types: Sequence[str]) -> None:
        """Forget everything after a commit of what facts are looked up by."""
        if any(t.split(":")[1] in _LOOKED_UP_BY for t in types):
            self.forget()

    def changed(self, targets: Iterable[str], arguments: Mapping[str, Json]) -> None:
        """Forget what is remembered about the targets and arguments of a change: from now on it
        may be untrue. A fact that is being read meanwhile is not remembered."""
        named = {fold(t) for t in targets} | set(_named(arguments))
        with self._lock:
            self._generation += 1
            for key in [k for name in named for k in self._about.get(name, ())]:
                self._remembered.pop(key, None)
                for name in set(_named(codec.load(key[2]))):
                    about = self._about.get(name, set())
                    about.discard(key)
                    if not about:
                        self._about.pop(name, None)

    def _look_up(
        self, lookup: Any, values: Mapping[str, Any], policy: Policy, now: datetime
    ) -> Fact | None:
        try:
            arguments = lookup.arguments_for(values)
        except ConditionError:
            return None  # the arguments it needs are not there: the fact stays unknown
        key = (lookup.name, lookup.read, codec.dump(arguments))
        with self._lock:
            fact, generation = self._remembered.get(key), self._generation
        if fact is not None and now - fact.at <= lookup.age and fact.at <= now:
            return fact
        try:
            result = self._observe(policy, lookup.read, arguments, purpose="fact")
            value = lookup.value_of({**values, "result": result})
            at = _as_of(result, now)
        except HandrailError as error:
            log.info("fact unknown", fact=lookup.name, read=lookup.read, why=error.message)
            return None
        if now - at > lookup.age:
            log.info("fact stale", fact=lookup.name, read=lookup.read, at=at.isoformat())
            return None
        if lookup.name.startswith(CONTENT):
            value = hashlib.sha256(codec.dump(value).encode()).hexdigest()
        fact = Fact(lookup.name, value, f"read {lookup.read}", at)
        with self._lock:
            if self._generation != generation:
                return fact  # something changed while it was read: good for this call only
            if len(self._remembered) >= _CACHE_LIMIT:
                self._remembered.clear()
                self._about.clear()
            self._remembered[key] = fact
            for name in _named(arguments):
                self._about.setdefault(name, set()).add(key)
        return fact


def _as_of(result: Json, now: datetime) -> datetime:
    """When what a read answered was true: what it says itself (`as_of`), at the latest now.
    Raises `ConditionError` when it says something else than an instant."""
    said = result.get("as_of") if isinstance(result, dict) else None
    if said is None:
        return now
    try:
        at = datetime.fromisoformat(said)
        return min(at, now)
    except (TypeError, ValueError):
        raise ConditionError(f"as_of is {str(said)[:40]!r}, no instant with its zone") from None


def _named(arguments: Json) -> Iterator[str]:
    """Every text and number in *arguments*, folded: what a fact or a change is about."""
    here = [arguments]
    while here:
        value = here.pop()
        if isinstance(value, Mapping):
            here += value.values()
        elif isinstance(value, list):
            here += value
        elif isinstance(value, str | int) and not isinstance(value, bool):
            yield fold(str(value))


def _asked_for(row: MatrixRow | None) -> frozenset[str]:
    """The attributes by which *row* says whom and what a call concerns."""
    said = (row.client, row.targets) if row else ()
    return frozenset().union(*(e.names for e in said if e is not None))


def _of_clients(
    ids: tuple[str, ...] | None, known: Mapping[str, Client], now: datetime
) -> dict[str, Json]:
    if ids is None:
        return {}
    values: dict[str, Json] = {"clients.count": len(ids)}
    clients = [known[i] for i in ids if i in known]
    if len(clients) != len(ids):
        return values  # a client that nobody registered: risk and regimes stay unknown
    if len(clients) == 1:
        client = clients[0]
        values |= {
            "client.id": client.id,
            "client.risk": client.risk.value,
            "client.regimes": sorted(client.regimes),
        }
        values |= _local_time(client.timezone, now)
    elif clients:
        # Several clients: a rule about one of them must see the strictest of all.
        values["client.regimes"] = sorted(frozenset().union(*(c.regimes for c in clients)))
        values["client.risk"] = max(
            (c.risk.value for c in clients), key=["low", "normal", "high"].index
        )
    return values


def _clients(
    row: MatrixRow | None, reach: Reach, agent: Agent, values: Scope
) -> tuple[str, ...] | None:
    """Which clients the call concerns: the connection's binding, else what the row reads from
    the call, mapped; where the row reads nothing, the one client that the agent is bound to.
    None when it can't be told; () when the row says no client is concerned."""
    if reach.client is not None:
        return (reach.client,)
    if row is None or row.client is None:
        return tuple(agent.clients) if len(agent.clients) == 1 else None
    try:
        named = row.client.value(values)
    except ConditionError:
        return None
    names = named if isinstance(named, list) else [named]
    mapped: set[str] = set()
    for name in names:
        client = reach.client_map.get(fold(str(name)))
        if client is None:
            return None
        mapped.add(client)
    return tuple(sorted(mapped))


def _targets(row: MatrixRow | None, values: Scope) -> tuple[str, ...] | None:
    if row is None or row.targets is None:
        return None
    try:
        named = row.targets.value(values)
    except ConditionError:
        return None
    listed = named if isinstance(named, list) else [named]
    return tuple(sorted({str(t) for t in listed}))


def _local_time(zone: str, now: datetime) -> dict[str, Json]:
    try:
        local = now.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return {}
    weekday = local.isoweekday()
    return {
        "time.hour": local.hour,
        "time.weekday": weekday,
        "time.business_hours": weekday <= 5 and _DAY_BEGINS <= local.hour < _DAY_ENDS,
    }
