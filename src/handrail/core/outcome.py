"""What an outcome check says, and when it is made (SPEC 3 and 12).

* A check is a read with a condition. Where a row declares one, the outcome is what it saw, not
  what the tool replied.
* *Executed as specified* (the condition of ``check``) and *solved the problem* (the condition of
  ``solved``) are two facts; neither follows from the other.
* What can't be read is not yet known: it is read again, until it is overdue. From then on the
  outcome is *unknown*. A value that is missing from what was read fails the condition.

It reads nothing and writes nothing.
"""

from dataclasses import dataclass
from datetime import timedelta

from handrail.core.action import State
from handrail.core.defaults import Settings
from handrail.core.recipes import Read

#: How long after a check that could not be read it is read again; a short delay is kept.
AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at an outcome comes to. ``state`` is None while the action's state stays;
    ``check`` is the state of the check itself."""

    check: str
    state: State | None


def delay_of(check: Read, settings: Settings) -> timedelta:
    """How long after the act *check* is made; nothing: at once, before the outcome is told."""
    return settings.check_delay if check.after is None else check.after


def again(check: Read, settings: Settings) -> timedelta:
    """How long to wait before a check that could not be read is read again."""
    return min(AGAIN, delay_of(check, settings) or AGAIN)


def verdict(current: State, *, held: bool | None, overdue: bool) -> Verdict:
    """What *held* (None: it could not be read) makes of an action that is *current*."""
    if current is State.REVERSED:
        return Verdict("needless", None)
    if held is None:
        if not overdue:
            return Verdict("due", None)
        return Verdict("unread", State.UNKNOWN if current is State.DONE else None)
    to = State.DONE if held else State.FAILED
    return Verdict("passed" if held else "failed", None if to is current else to)
