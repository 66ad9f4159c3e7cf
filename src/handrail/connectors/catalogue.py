"""What an upstream offers: definitions only, nothing is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """How to reach one upstream, secrets included: held in memory only, never logged.

    For `mcp-stdio`: ``command`` and ``args``, ``secret`` is environment. For `mcp-http`: ``url``,
    ``secret`` is headers. For `callable`: ``target`` names a registered Python callable set.
    """

    name: str
    kind: str
    command: str = ""
    args: tuple[str, ...] = ()
    cwd: str = ""
    url: str = ""
    target: str = ""
    secret: Mapping[str, str] | None = None
    digest: str = ""

    def __repr__(self) -> str:  # secrets never in logs
        return f"ConnectionSpec({self.name!r}, {self.kind!r})"


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything an upstream described about itself, raw.

    ``tools``, ``resources``, ``templates`` and ``prompts`` are the raw objects of the protocol,
    over all pages; ``hello`` is the initialize result (capabilities, instructions, serverInfo).
    """

    hello: Mapping[str, Any]
    tools: Sequence[Mapping[str, Any]] = ()
    resources: Sequence[Mapping[str, Any]] = ()
    templates: Sequence[Mapping[str, Any]] = ()
    prompts: Sequence[Mapping[str, Any]] = ()


class Catalogue(Protocol):
    """Lists what connections offer, and says when that may have changed."""

    def connect(self, spec: ConnectionSpec) -> None:
        """Know *spec* under its name from now on; sessions of an older digest are closed."""

    def forget(self, name: str) -> None:
        """Close every session of that connection and know it no longer."""

    def offer(self, name: str) -> Offer:
        """Return what the upstream describes now. Raises `handrail.errors.NotSent` when it
        cannot be reached."""

    def health(self) -> Mapping[str, str]:
        """Per connection: `up`, `down: why` or `idle`."""
