"""Sliding windows over what was admitted (SPEC 2: aggregate blast radius; COMMIT section 5).

* One change made in small calls is one change: distinct clients and targets are counted per
  *scope* (`content:DIGEST`, `trigger:KIND:REF`, `type:TYPE`, `agent:ID`, `asks:AGENT`) since any instant.
* What was admitted counts, however it ended: begun, waiting, denied later. What was refused
  outright does not.
* Sliding, never fixed buckets: at a bucket's edge a splitter would get twice the limit.
* There is no table of windows. After a start they are read from `action`.

Admissions of an uncommitted batch stand apart until it is durable, so that a failed batch
leaves nothing behind and no time can expire what a rollback would need again.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

#: How far back anything may ask, microseconds: the longest window of any setting or row.
LONGEST = 24 * 3600 * 1_000_000

_TRIM_EVERY = 1024  # admissions of one scope between two cuts of its past: amortises them


@dataclass(frozen=True, slots=True)
class Admission:
    """One admitted action, as far as windows care."""

    at: int
    scopes: tuple[str, ...]
    clients: tuple[str, ...]
    targets: tuple[str, ...]


def admission(row: Mapping[str, Any], at: int) -> Admission | None:
    """What an `action` row adds to the windows; None when it was refused outright.

    *at* never goes back from one admission to the next.
    """
    if row["state"] == "refused":
        return None
    scopes = [f"type:{row['type']}", f"agent:{row['agent']}"]
    if row["trigger_ref"]:
        scopes.append(f"trigger:{row['trigger_kind']}:{row['trigger_ref']}")
    if row["proposal"] is not None and row["version"] == 1:
        scopes.append(f"asks:{row['agent']}")  # a later version is no new question
    if row["content"] is not None:
        scopes.append(f"content:{row['content'].hex()}")
    return Admission(
        at,
        tuple(scopes),
        tuple(orjson.loads(row["clients"])),
        tuple(orjson.loads(row["targets"])),
    )


@dataclass(slots=True)
class _Scope:
    """One scope. The dicts hold the last instant of each, the latest at the end."""

    times: "array[int]" = field(default_factory=lambda: array("q"))
    clients: dict[str, int] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)

    def cut(self, horizon: int) -> None:
        """Forget what is older than *horizon*."""
        del self.times[: bisect_left(self.times, horizon)]
        for known in (self.clients, self.targets):
            for key in [k for k, at in known.items() if at < horizon]:
                del known[key]


class Windows:
    """The windows of everything committed, and of the batch that is being built."""

    def __init__(self) -> None:
        # The scope touched last is last, so that the idle ones are found at the front.
        self._scopes: dict[str, _Scope] = {}
        self._batch: list[Admission] = []
        self._by_scope: dict[str, list[Admission]] = {}

    # --- asking ---

    def touched(self, scope: str, since: int) -> tuple[frozenset[str], frozenset[str]]:
        """Distinct clients and targets admitted at *since* or later."""
        clients: set[str] = set()
        targets: set[str] = set()
        if kept := self._scopes.get(scope):
            clients.update(_since(kept.clients, since))
            targets.update(_since(kept.targets, since))
        for one in self._by_scope.get(scope, ()):
            if one.at >= since:
                clients.update(one.clients)
                targets.update(one.targets)
        return frozenset(clients), frozenset(targets)

    def count(self, scope: str, since: int) -> int:
        """How many were admitted at *since* or later."""
        n = sum(1 for one in self._by_scope.get(scope, ()) if one.at >= since)
        if kept := self._scopes.get(scope):
            n += len(kept.times) - bisect_left(kept.times, since)
        return n

    # --- the batch ---

    def mark(self) -> int:
        """Where the batch stands, for `back`."""
        return len(self._batch)

    def admit(self, one: Admission) -> None:
        """Add *one* to the batch."""
        self._batch.append(one)
        for scope in one.scopes:
            self._by_scope.setdefault(scope, []).append(one)

    def back(self, mark: int) -> None:
        """Forget what the batch added since *mark*."""
        while len(self._batch) > mark:
            for scope in self._batch.pop().scopes:
                self._by_scope[scope].pop()

    def keep(self, now: int) -> None:
        """The batch is durable: make it part of the windows, and let go what is too old."""
        for one in self._batch:
            self._add(one)
        self._batch.clear()
        self._by_scope.clear()
        self._expire(now - LONGEST)

    def rebuild(self, admitted: Iterable[Admission]) -> None:
        """Start afresh from what the database holds, oldest first."""
        self._scopes.clear()
        self._batch.clear()
        self._by_scope.clear()
        for one in admitted:
            self._add(one)

    def _add(self, one: Admission) -> None:
        for name in one.scopes:
            scope = self._scopes.pop(name, None) or _Scope()
            self._scopes[name] = scope
            scope.times.append(one.at)
            if len(scope.times) % _TRIM_EVERY == 0:
                # A busy scope is never idle, so its past is cut as it grows.
                scope.cut(one.at - LONGEST)
            for client in one.clients:
                scope.clients.pop(client, None)
                scope.clients[client] = one.at
            for target in one.targets:
                scope.targets.pop(target, None)
                scope.targets[target] = one.at

    def _expire(self, horizon: int) -> None:
        while self._scopes:
            name = next(iter(self._scopes))
            if self._scopes[name].times[-1] >= horizon:
                break
            del self._scopes[name]


def _since(known: dict[str, int], since: int) -> Iterable[str]:
    for key in reversed(known):
        if known[key] < since:
            return
        yield key
