"""Rehearsing a rollback on a safe target (SPEC 4, issue words: act, check, reverse, check).

    acting ──► acted ──► reversing ──► reversed ──► proven
       │          │           │            │
       └──────────┴───────────┴────────────┴──────► failed | unknown

* The target and the arguments stand in the signed row, so what runs is what people signed.
* After the act, and after its reversal, the systems get the row's check delay before they are
  read. Each stage is due at an instant that is kept; nothing waits in memory.
* *proven* needs all four: it acted, the check saw it, it was undone, the check saw that.
* A rehearsal is no action: it never counts as evidence of ordinary work (I22).

It reads nothing and calls nothing.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from handrail.core.policy import MatrixRow


class Stage(StrEnum):
    """Where a rehearsal stands."""

    ACTING = "acting"  #: the act was handed to the world
    ACTED = "acted"  #: done; its check is due
    REVERSING = "reversing"  #: the rollback was handed to the world
    REVERSED = "reversed"  #: undone; the check of that is due
    PROVEN = "proven"
    FAILED = "failed"
    UNKNOWN = "unknown"  #: it ended in the middle; the target has to be looked at


ENDED = frozenset({Stage.PROVEN, Stage.FAILED, Stage.UNKNOWN})


def why_not(row: MatrixRow | None) -> str:
    """Why the rollback of *row* can't be rehearsed; empty when it can."""
    if row is None:
        return "it has no signed row"
    if row.rehearsal is None:
        return "its row declares no safe target (rehearsal:)"
    if row.rollback is None or not row.rollback.one_click or row.rollback.check is None:
        return "its rollback is not exact or snapshot with a check"
    return ""


def due(row: MatrixRow | None, last: datetime | None, now: datetime) -> bool:
    """Whether the schedule of *row* says that it is time, *last* rehearsed (None: never)."""
    every = row.rehearsal.every if row and row.rehearsal else None
    return every is not None and not why_not(row) and (last is None or now - last >= every)


def delay(row: MatrixRow, usual: timedelta) -> timedelta:
    """How long systems get before they are read."""
    return row.check.after if row.check and row.check.after is not None else usual
