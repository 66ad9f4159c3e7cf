"""What a channel promises: a message reached a person's device, or an error.

A channel carries words and one link. It never decides, and a link never acts on a GET.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from handrail.core.model import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to tell a person: at most eight lines, no personal data, no agent text (UX 6)."""

    ref: str  #: `prp_…` or `act_…`: one message per ref and person, edited to its result
    kind: str  #: `ask`, `reminder`, `notice`, `alarm`, `finding`, `result`
    title: str
    lines: tuple[str, ...]
    path: str  #: of the console page, such as `/proposals/prp_…`
    until: datetime | None = None


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str: ...

    def deliver(self, person: Person, message: Message) -> bool:
        """Return whether *message* reached *person* by this channel; False when the person has
        no address on it. Raises `handrail.errors.ReachError` when the channel itself failed."""
