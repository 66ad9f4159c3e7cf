"""What a channel promises: a message reached a person's device, or an error.

A channel carries words and one link. It never decides, and a link never acts on a GET.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

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
    version: int = 0  #: of the proposal that it asks about
    digest: str = ""  #: of that version's package, whole


class Channel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str: ...

    def deliver(self, person: Person, message: Message) -> bool | str:
        """Return whether *message* reached *person* by this channel; False when the person has
        no address on it. A channel that can edit returns its own name for what it sent.

        Raises `handrail.errors.ReachError` when the channel itself failed."""


@runtime_checkable
class Editing(Channel, Protocol):
    """A channel whose messages can be changed to what became of them."""

    def edit(self, handle: str, person: Person, message: Message) -> None:
        """Put *message* in the place of the one that `deliver` named *handle*."""
