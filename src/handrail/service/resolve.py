"""Facts about a call, looked up and never believed (SPEC 2, "calls, not tools").

From the arguments, the connection's scope, a read through the host, and the clock; each fact
carries its source and its age. What could not be established is absent, and absence raises the
tier: nothing here guesses, and a failing lookup is not an error of the call.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from handrail.core.classify import given
from handrail.core.conditions import ConditionError, Scope, scope
from handrail.core.floors import SEEN
from handrail.core.model import Agent, Client, Fact, Facts, Json, Request
from handrail.core.policy import MatrixRow, Policy
from handrail.core.words import fold
from handrail.errors import HandrailError
from handrail.privacy.detect import Detectors
from handrail.service import codec

log = structlog.get_logger(__name__)

_CACHE_LIMIT = 10_000
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
        for lookup in policy.lookups_for(request.type, scope(values)):
            fact = self._look_up(lookup, values, policy, now)
            if fact is None:
                continue
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
        signs = self._detectors.look(arguments)
        if signs:
            seen = [f"{sign.data_class}:{sign.what}" for sign in signs]
            found[SEEN] = Fact(SEEN, seen, "detector over the arguments", now)
        return Resolved(
            clients=clients,
            targets=targets or (),
            facts=Facts(found),
            scope=values,
        )

    def forget(self) -> None:
        """Forget every remembered fact (a tool, a connection or the policy changed)."""
        with self._lock:
            self._remembered.clear()

    def _look_up(
        self, lookup: Any, values: Mapping[str, Any], policy: Policy, now: datetime
    ) -> Fact | None:
        try:
            arguments = lookup.arguments_for(values)
        except ConditionError:
            return None  # the arguments it needs are not there: the fact stays unknown
        key = (lookup.name, lookup.read, codec.dump(arguments))
        with self._lock:
            fact = self._remembered.get(key)
        if fact is not None and now - fact.at <= lookup.age and fact.at <= now:
            return fact
        try:
            result = self._observe(policy, lookup.read, arguments, purpose="fact")
            value = lookup.value_of({**values, "result": result})
        except HandrailError as error:
            log.info("fact unknown", fact=lookup.name, read=lookup.read, why=error.message)
            return None
        fact = Fact(lookup.name, value, f"read {lookup.read}", now)
        with self._lock:
            if len(self._remembered) >= _CACHE_LIMIT:
                self._remembered.clear()
            self._remembered[key] = fact
        return fact


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
