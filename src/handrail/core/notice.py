"""The windows of a tier 2 notice (SPEC 4 and 12)."""

from dataclasses import dataclass
from datetime import timedelta

from handrail.core.defaults import Settings
from handrail.core.policy import MatrixRow


@dataclass(frozen=True, slots=True)
class Windows:
    """By when it must have reached someone, been looked at, and until when it can be undone."""

    send: timedelta
    review: timedelta
    reversal: timedelta


def windows(settings: Settings, row: MatrixRow | None) -> Windows:
    """The windows for one row."""
    within = row.rollback.within if row and row.rollback else None
    return Windows(
        send=settings.notice_send_window,
        review=settings.notice_review_window,
        reversal=within or settings.reversal_window,
    )
