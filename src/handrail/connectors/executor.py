"""The one way to the world: what `service.begin` may ask of a connector (I30).

No other module imports this contract; import-linter holds that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from handrail.connectors.following import Cancel, OnProgress, Quiet

__all__ = ["Cancel", "Executor", "OnProgress", "Order", "Quiet", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One exact call to an upstream, as begun.

    ``method`` is the MCP method (`tools/call`, `resources/read`, `prompts/get`); ``params`` are
    its raw parameters, arguments included, sent as they are. ``agent`` and ``client`` key the
    upstream session, so that a stateful server never shows one agent's tenant to another.
    """

    connection: str
    method: str
    params: Mapping[str, Any]
    agent: str
    client: str
    era: str = "legacy"  #: protocol era of the caller: `legacy` or `modern` (MCP)
    timeout: float = 300.0  #: seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """What the upstream answered: a raw result, or a raw JSON-RPC error. Exactly one is set."""

    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether the upstream itself says that the call failed."""
        return self.error is not None or bool((self.result or {}).get("isError"))


class Executor(Protocol):
    """Hands one order to the world. Blocks the calling thread; safe from many threads."""

    def execute(
        self, order: Order, *, on_progress: OnProgress | None = None, cancel: Cancel | None = None
    ) -> Reply:
        """Send *order* once and return the reply.

        Raises `handrail.errors.NotSent` when it is certain that nothing reached the upstream,
        and `handrail.errors.NoAnswer` when it may have (death, time-out, cancellation after
        sending). Never retries by itself.
        """
