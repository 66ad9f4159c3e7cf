"""Notices: their windows, and how they are grouped so that they stay read (SPEC 4 and 12).

* Similar notices become one card: the same row at the same client or for the same trigger, while
  nobody has looked at the card and its review window runs. One message tells of the card; what
  joins it sends no further one.
* Urgent ones never wait and never join: what failed, whose outcome is unknown, what protects,
  what the row calls critical or high, and confidence below the row's floor.
* A person gets a bounded number of messages in a shift. The fewer are left, the wider a card
  takes things together: with a third left, the same row anywhere; with the last one, everything.
  Whoever has no message left is passed over for the next person. Urgent ones are sent all the same.

It reads nothing and tells nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from handrail.core.action import State
from handrail.core.defaults import Settings
from handrail.core.model import Urgency
from handrail.core.policy import MatrixRow

#: For how long messages to one person count together.
SHIFT = timedelta(hours=8)
_URGENT = frozenset({Urgency.CRITICAL, Urgency.HIGH})


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a notice is about, as far as grouping goes."""

    type: str
    client: str
    trigger: str  #: `kind:ref`, empty when nothing is named


def urgent(row: MatrixRow | None, state: State, confidence: int | None) -> bool:
    """Whether a notice of *row* about an action that is *state* never waits. *confidence* is per
    mille."""
    if state in {State.FAILED, State.UNKNOWN} or row is None:
        return True
    low = row.confidence_floor is not None and (confidence or 0) < row.confidence_floor
    return low or row.protective or row.urgency in _URGENT


def room(sent: int, most: int) -> bool:
    """Whether a person who got *sent* messages in this shift may get another one."""
    return sent < most


def joins(one: Told, card: Told, sent: int, most: int) -> bool:
    """Whether *one* goes onto *card*, of a person who got *sent* of *most* messages."""
    left = most - sent
    if left <= 0:
        return True
    if one.type != card.type:
        return False
    alike = one.client == card.client or (bool(one.trigger) and one.trigger == card.trigger)
    return alike or left * 3 <= most


def card_for(one: Told, cards: Iterable[tuple[str, Told]], sent: int, most: int) -> str | None:
    """The id of the first of *cards*, newest first, that *one* goes onto."""
    listed = list(cards)
    close = (id for id, card in listed if joins(one, card, 0, most))
    wide = (id for id, card in listed if joins(one, card, sent, most))
    return next(close, None) or next(wide, None)
