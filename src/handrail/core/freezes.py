"""Change freezes and maintenance calendars: when changes wait for a person (SPEC 2, item 8)."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from handrail.core.calendars import Calendar
from handrail.core.model import Json
from handrail.core.words import fold


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether *name* is one of *globs*, folded."""
    folded = fold(name)
    return any(fnmatch.fnmatchcase(folded, fold(g)) for g in globs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A time in which nothing changes without a person: one span, a calendar of the folder, or a
    calendar behind a URL, whose copy is a fact of each call. *outside*: the calendar is one of
    maintenance, and changes wait outside of its events."""

    name: str
    begins: datetime | None = None
    ends: datetime | None = None
    calendar: Calendar | None = None
    url: str = ""
    age: timedelta = timedelta(hours=24)
    outside: bool = False
    types: tuple[str, ...]
    categories: frozenset[str]
    clients: frozenset[str]
    because: str

    @property
    def fact(self) -> str:
        """The name of the fact that says whether an event of its URL's calendar is on."""
        return f"freeze.{self.name}"

    def about(self, type: str, category: str, clients: Sequence[str]) -> bool:
        """Whether it speaks about changes of this kind. Unknown clients count as among its own."""
        return (
            (not self.types or matches(type, self.types))
            and (not self.categories or category in self.categories)
            and (not self.clients or not clients or bool(self.clients & set(clients)))
        )

    def holds(self, at: datetime, seen: Json | None) -> bool | None:
        """Whether it holds at *at*. *seen* is its `fact`: whether an event is on. None when that
        can't be told, which counts as holding."""
        if self.url:
            on = seen if isinstance(seen, bool) else None
        elif self.calendar is not None:
            on = self.calendar.on(at)
        elif self.begins is not None and self.ends is not None:
            on = self.begins <= at < self.ends
        else:
            on = None
        return None if on is None else on is not self.outside
