"""The siblings of a wrong action: others of the same cause (SPEC 4, to find and undo them).

* *content*: the same change elsewhere: the type and the arguments apart from client and target.
* *runbook*: carried out by the same runbook or script, as its facts named it at the time.
* *hour*: the same agent, in the same version, within an hour of it.
* *trigger*: for the same ticket or alert.

One cause is enough. What only reads is nobody's sibling: there is nothing to undo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

#: Within what of each other two actions of one agent count as of the same hour.
HOUR = timedelta(hours=1)
#: How far around an action its siblings are looked for.
AROUND = timedelta(days=7)

CAUSES: Mapping[str, str] = {
    "content": "The same change",
    "runbook": "The same runbook",
    "hour": "The same agent, within an hour",
    "trigger": "For the same ticket or alert",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What an action came of, as far as siblings go. ``at`` is in microseconds."""

    type: str
    content: bytes | None
    runbook: str
    agent: str
    version: str
    trigger: str
    at: int


def shared(one: Cause, other: Cause) -> tuple[str, ...]:
    """The causes that two actions have in common, in the order of `CAUSES`."""
    near = abs(one.at - other.at) <= HOUR.total_seconds() * 1_000_000
    found = {
        "content": one.content is not None
        and (one.type, one.content) == (other.type, other.content),
        "runbook": bool(one.runbook) and one.runbook == other.runbook,
        "hour": near and (one.agent, one.version) == (other.agent, other.version),
        "trigger": bool(one.trigger) and one.trigger == other.trigger,
    }
    return tuple(name for name in CAUSES if found[name])
