"""How a caller follows a call that is under way: its progress, and its own wish to stop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

#: Called with (progress, total, message) as the upstream reports it.
OnProgress = Callable[[float, float | None, str | None], None]


class Cancel(Protocol):
    """The caller's wish to stop; never a promise that the upstream did."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Quiet:
    """A wish that nobody has."""

    def is_set(self) -> bool:
        return False
