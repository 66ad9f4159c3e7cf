"""Freezes whose calendar lies behind a URL, as facts of a call: is an event on now (SPEC 2)?

The fact carries when the calendar was read. A source that is down holds the last copy; once that is
older than the policy allows, or where there never was one, the fact is absent, and a freeze that
can't be told counts as holding (I16).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from handrail.core.calendars import Calendar
from handrail.core.freezes import Freeze
from handrail.core.model import Fact
from handrail.core.policy import Policy


class Kept(Protocol):
    """A calendar and when it was read."""

    @property
    def calendar(self) -> Calendar: ...
    @property
    def at(self) -> datetime: ...


class Copies(Protocol):
    """Where copies come from (`connectors.calendars`)."""

    def copy(self, url: str) -> Kept | None:
        """The last copy of *url*, at once; None where there never was one."""
        ...


class Source(Protocol):
    """How the calendar of one URL stands."""

    @property
    def url(self) -> str: ...
    @property
    def at(self) -> datetime | None:
        """When its last copy was read; None where there never was one."""
        ...

    @property
    def trouble(self) -> str:
        """Why the last try failed; empty when it did not."""
        ...


class Freezes:
    """Says of each freeze with a URL whether an event of its calendar is on."""

    def __init__(self, copies: Copies) -> None:
        self._copies = copies

    def facts(self, policy: Policy, now: datetime) -> Mapping[str, Fact]:
        """One fact for each calendar that could be read lately enough."""
        found = {}
        for freeze in policy.freezes:
            copy = self._copies.copy(freeze.url) if freeze.url else None
            if copy is not None and fresh(freeze, copy.at, now):
                on = copy.calendar.on(now)
                found[freeze.fact] = Fact(freeze.fact, on, f"calendar {freeze.url}", copy.at)
        return found


def fresh(freeze: Freeze, at: datetime | None, now: datetime) -> bool:
    """Whether a copy read at *at* counts for *freeze* at *now*."""
    return at is not None and at <= now and now - at <= freeze.age
