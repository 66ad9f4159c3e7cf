"""What everything that reads for the doors shares: the store, the names, and the seal."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from handrail.clock import Clock
from handrail.privacy.seal import Sealer
from handrail.service import codec, outcome
from handrail.service.catalogue import Catalogue
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.store.contract import Reader, Store

DAY_US = 86_400_000_000
_EXCERPT = 4000  # characters of an upstream's result that a page shows


class Reading:
    """Where pages and lists come from. It reads, names things for people, and decides nothing."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        catalogue: Catalogue,
        keeper: Keeper,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._policies = policies
        self._catalogue = catalogue
        self._keeper = keeper
        self._sealer = sealer
        self._clock = clock

    def on_change(self, listener: Callable[[Sequence[str]], None]) -> None:
        """Call *listener* with event types after each commit: a hint to look again."""
        self._store.on_commit(listener)

    def names(self) -> dict[str, str]:
        """Every id that a page may show, by the name people know."""
        known = self._keeper.current()
        return {
            **{c.id: c.name for c in known.clients.values()},
            **{p.id: p.name for p in known.people.values()},
            **{a.id: a.name for a in known.agents.values()},
        }

    def _opened(self, reader: Reader, ref: str) -> bytes | None:
        """What is sealed under *ref*; None when nothing is, or no longer."""
        sealed = reader.row("sealed", ref)
        if sealed is None:
            return None
        return self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))

    def _request(self, reader: Reader, action: str) -> dict[str, Any] | None:
        """What *action* was asked with."""
        plain = self._opened(reader, f"{action}:request")
        if plain is None:
            return None
        request = codec.open_request(plain).request
        return {
            "arguments": orjson.loads(request.arguments),
            "reasoning": request.reasoning,
            "evidence": [dataclasses.asdict(e) for e in request.evidence],
        }

    def _result(self, reader: Reader, action: str) -> str | None:
        """What the upstream answered, as text, up to what a page shows."""
        plain = self._opened(reader, f"{action}:result")
        if plain is None:
            return None
        whole = orjson.loads(plain)
        if whole["error"] is not None:
            return str(whole["error"].get("message", ""))[:_EXCERPT]
        return outcome.text_of(whole["result"])[:_EXCERPT]
