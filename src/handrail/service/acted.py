"""What an agent's door gets back: where its action stands, in one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handrail.core.action import State
from handrail.core.model import Classification, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the upstream answered, raw: a result or a JSON-RPC error, exactly as received."""

    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """Where one action stands, for the agent that asked.

    ``reply`` is None until the upstream answered. ``text`` is one sentence for a person or a
    model. ``until`` is when an open proposal lapses and ``who`` is whom it waits for.
    """

    id: str
    state: State
    tier: Tier
    classification: Classification
    text: str
    proposal: str | None = None
    version: int | None = None
    reply: Answered | None = None
    until: datetime | None = None
    who: str = ""
    grant: Mapping[str, Any] | None = None
    question: str | None = None
    entry: int | None = None  #: the ledger position of its begin, where it began just now
    at: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more will happen without someone acting."""
        return self.state not in {State.WAITING, State.APPROVED, State.BEGUN}
