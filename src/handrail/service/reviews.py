"""Governance reviews: generated from the record, decided and signed by people (SPEC 8).

* A month's review appears when the month has ended, a year's in January; the agenda is a fold of
  the record of its period (`core.review`), made once and kept.
* People say to each item what follows: keep, reclassify, or an action with an owner. Nothing is
  signed while an item has no answer; the minute is the digest of agenda, answers and summary.
* Reviewing changes no oversight by itself: a reclassification is a change of the policy, a
  demotion or a promotion, each with its own rules.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

import orjson
import structlog

from handrail.clock import Clock, from_us, to_us
from handrail.core import review, review_notes
from handrail.core.events import EventType
from handrail.core.model import SignedIn
from handrail.errors import BadInput, Closed, Conflict, NotFound, Stale
from handrail.service import rights, shown
from handrail.service.duty import Duty
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.store.contract import Change, Event, Find, Put, Reader, Row, Rows, Store, View, Write

log = structlog.get_logger(__name__)

#: Who may answer items and sign.
OWNERS = ("service-desk-manager", "operations-leadership")
DECISIONS = ("keep", "reclassify", "action")
_LASTING = 10_000  # entries of each kind that may still be open or due
_LOOKS = 3_600_000_000  # microseconds between looks whether one is to be made


class Reviews:
    """Makes reviews and takes what people say to them."""

    def __init__(
        self, store: Store, policies: Policies, keeper: Keeper, clock: Clock, duty: Duty
    ) -> None:
        self._store = store
        self._policies = policies
        self._duty = duty
        self._keeper = keeper
        self._clock = clock
        self._looked = 0

    # --- making them --------------------------------------------------------------------------

    def scheduled(self) -> int:
        """Make the reviews whose period has ended and that are not there; return how many."""
        now = to_us(self._clock.now())
        if self._looked and now - self._looked < _LOOKS:
            return 0
        self._looked = now
        with self._store.read() as reader:
            there = {r["id"] for r in reader.reviews()}
            began = _began(reader)
        today = from_us(now).date()
        made = 0
        working, off = self._days()
        for id, kind, since, until, due in _periods(today, working, off):
            if id in there or began is None or began >= to_us(until):
                continue
            self._make(id, kind, to_us(since), to_us(until), to_us(due))
            made += 1
        return made

    def _days(self) -> tuple[int, frozenset[date]]:
        """By how many working days a month's review is due, and the days on which nobody works:
        those that are in every list of public holidays that the policy names."""
        policy = self._policies.current()
        lists = list(self._duty.times(policy, self._clock.now()).holidays.values())
        off = frozenset(lists[0].intersection(*lists[1:])) if lists else frozenset()
        return policy.settings.review_due, off

    def _make(self, id: str, kind: str, since: int, until: int, due: int) -> None:
        span = until - since
        with self._store.read() as reader:
            bodies = [body for _, body in _lasting(reader, since - span)]
            kept = chain(bodies, (body for _, body in reader.between(since - span, until)))
            entries = (orjson.loads(body) for body in kept)
            items = [
                i.plain() for i in review.agenda(entries, since, until, annual=kind == "annual")
            ]
        agenda = orjson.dumps(items, option=orjson.OPT_SORT_KEYS)

        def unit(view: View) -> Rows:
            if view.row("review", id) is not None:
                return Rows()
            put = Put(
                "review",
                {
                    "id": id,
                    "kind": kind,
                    "since": since,
                    "until": until,
                    "due_at": due,
                    "at": view.now,
                    "agenda": agenda,
                    "state": "open",
                },
            )
            facts = {"review": id, "kind": kind, "items": sum(not i["figure"] for i in items)}
            return Rows((put,), (Event(EventType.REVIEW_OPENED, "handrail", None, (), facts),))

        self._store.commit(unit)

    # --- what people say ----------------------------------------------------------------------

    def answer(
        self,
        who: SignedIn,
        id: str,
        item: str,
        decision: str,
        text: str,
        *,
        owner: str = "",
        due: str = "",
    ) -> dict[str, Any]:
        """Say what follows from one *item*: `keep`, `reclassify` or `action` (with *owner*, a
        person, and *due*, a date). Raises `NotFound`, `Closed` once it is signed, `BadInput`."""
        if decision not in DECISIONS:
            raise BadInput(f"decision is {decision!r}", hint=f"One of: {', '.join(DECISIONS)}.")
        text = text.strip()[:4000]
        if not text:
            raise BadInput("a sentence is needed", hint="Say what was found, and what follows.")
        if (decision == "action") != bool(owner):
            raise BadInput("an action has an owner", hint="Name who does it, and nobody else.")
        until = _date(due) if due else None

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "answering a review")
            row = _open(view, id)
            if item not in {i["key"] for i in orjson.loads(row["agenda"]) if not i["figure"]}:
                raise NotFound(f"no item {item} on this agenda")
            if owner and view.person(owner) is None:
                raise NotFound(f"no person {owner}")
            values = {
                "decision": decision,
                "text": text,
                "owner": owner,
                "due_at": until,
                "by": person.id,
                "at": view.now,
            }
            write: Write = Put("review_finding", {"review": id, "item": item, **values})
            if view.row("review_finding", id, item) is not None:
                write = Change("review_finding", (id, item), values)
            facts = {"review": id, "item": item, "decision": decision, "owner": owner}
            facts["due"] = shown.when(until) or ""
            event = Event(EventType.REVIEW_ANSWERED, f"person:{person.id}", None, (), facts)
            return Rows((write,), (event,))

        _, at = self._store.commit(unit)
        return {"review": id, "item": item, "decision": decision, "entry": at[0].seq}

    def sign(self, who: SignedIn, id: str, summary: str, agenda: str) -> dict[str, Any]:
        """Sign the review: its minute is then frozen. *agenda* is the digest of what was shown.

        Raises `Stale` for another agenda, `Conflict` while items have no answer, `Closed`,
        `NotFound`, `NotAllowed` and `BadInput` without a summary."""
        summary = summary.strip()[:8000]
        if not summary:
            raise BadInput("a summary is needed", hint="Say in a few sentences what was decided.")
        with self._store.read() as reader:
            keys = [r["item"] for r in reader.review_findings(id)]

        def unit(view: View) -> Rows:
            person = rights.holder(view, who, OWNERS, "signing a review")
            row = _open(view, id)
            if agenda_digest(row) != agenda:
                raise Stale("this agenda is another one; nothing was signed")
            items = [i["key"] for i in orjson.loads(row["agenda"]) if not i["figure"]]
            answers = {k: a for k in keys if (a := view.row("review_finding", id, k))}
            left = [k for k in items if k not in answers]
            if left:
                raise Conflict(
                    f"{len(left)} items have no answer yet", hint=f"The first: {left[0]}."
                )
            minute = minute_of(row, [answers[k] for k in sorted(answers)], summary)
            values = {
                "state": "signed",
                "signed_by": person.id,
                "signed_at": view.now,
                "summary": summary,
                "minute": minute,
            }
            facts = {"review": id, "kind": row["kind"], "minute": minute, "items": len(items)}
            event = Event(EventType.REVIEW_SIGNED, f"person:{person.id}", None, (), facts)
            return Rows((Change("review", (id,), values),), (event,), answer=minute)

        minute, at = self._store.commit(unit)
        return {"review": id, "state": "signed", "minute": minute, "entry": at[0].seq}

    # --- showing them -------------------------------------------------------------------------

    def listed(self) -> list[dict[str, Any]]:
        """Every review, newest first, without its agenda."""
        now = to_us(self._clock.now())
        with self._store.read() as reader:
            rows = list(reader.reviews())
        return [_shown(row, self._names(), now) for row in rows]

    def months(self, limit: int = 12) -> list[dict[str, Any]]:
        """The figures of the last months, oldest first, as their reviews hold them: what share
        each tier had, minutes of people for 1,000 actions, and what went wrong."""
        with self._store.read() as reader:
            ids = [r["id"] for r in reader.reviews() if r["kind"] == "monthly"][:limit]
            rows = [row for id in reversed(ids) if (row := reader.row("review", id))]
        found = []
        for row in rows:
            figures = {i["key"]: i["number"] for i in orjson.loads(row["agenda"]) if i["figure"]}
            found.append(
                {
                    "id": row["id"],
                    "month": str(row["id"]).removeprefix("rvw_"),
                    "tiers": [int(figures.get(f"tier:{t}") or 0) for t in (1, 2, 3)],
                    "attention": int(figures["attention"]) if "attention" in figures else None,
                    "wrong": int(figures.get("wrong") or 0),
                }
            )
        return found

    def overdue(self) -> list[dict[str, Any]]:
        """Those that are unsigned and past their date."""
        return [r for r in self.listed() if r["overdue"]]

    def one(self, id: str) -> dict[str, Any]:
        """One review with its agenda by section, and what people said. Raises `NotFound`."""
        now, names = to_us(self._clock.now()), self._names()
        with self._store.read() as reader:
            row = reader.row("review", id)
            if row is None:
                raise NotFound(f"no review {id}")
            answers = {r["item"]: r for r in reader.review_findings(id)}
        items = [
            {**i, "text": _named(i["text"], names), "answer": _answer(answers.get(i["key"]), names)}
            for i in orjson.loads(row["agenda"])
        ]
        sections = [
            {"name": name, "title": title, "items": [i for i in items if i["section"] == name]}
            for name, title in review.SECTIONS.items()
        ]
        return {
            **_shown(row, names, now),
            "agenda": agenda_digest(row),
            "sections": [s for s in sections if s["items"]],
            "left": sum(not i["figure"] and i["answer"] is None for i in items),
        }

    def _names(self) -> dict[str, str]:
        known = self._keeper.current()
        return {
            **{p.id: p.name for p in known.people.values()},
            **{a.id: a.name for a in known.agents.values()},
            **{c.id: c.name for c in known.clients.values()},
        }


def agenda_digest(row: Row) -> str:
    """SHA-256 of the agenda as it was made, in hex."""
    return hashlib.sha256(bytes(row["agenda"])).hexdigest()


def minute_of(row: Row, answers: list[Row], summary: str) -> str:
    """The digest that a signature is over: agenda, every answer, summary."""
    said = [[a["item"], a["decision"], a["text"], a["owner"], a["due_at"]] for a in answers]
    body = orjson.dumps([row["id"], agenda_digest(row), said, summary])
    return hashlib.sha256(body).hexdigest()


def overdue(row: Row, clock: Clock) -> bool:
    """Whether a review is unsigned and past its date."""
    return row["state"] == "open" and to_us(clock.now()) > int(row["due_at"])


def _open(view: View, id: str) -> Row:
    row = view.row("review", id)
    if row is None:
        raise NotFound(f"no review {id}")
    if row["state"] != "open":
        raise Closed("this review is signed")
    return row


def _shown(row: Row, names: dict[str, str], now: int) -> dict[str, Any]:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "since": shown.when(row["since"]),
        "until": shown.when(row["until"]),
        "due_at": shown.when(row["due_at"]),
        "state": row["state"],
        "overdue": row["state"] == "open" and now > row["due_at"],
        "signed_by": row["signed_by"],
        "signed_by_name": names.get(row["signed_by"] or "", ""),
        "signed_at": shown.when(row["signed_at"]),
        "summary": row["summary"],
        "minute": row["minute"],
    }


def _answer(row: Row | None, names: dict[str, str]) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "decision": row["decision"],
        "text": row["text"],
        "owner": row["owner"],
        "owner_name": names.get(row["owner"], row["owner"]),
        "due_at": shown.when(row["due_at"]),
        "by": row["by"],
        "by_name": names.get(row["by"], row["by"]),
        "at": shown.when(row["at"]),
    }


def _named(text: str, names: dict[str, str]) -> str:
    """*text* with names for the ids in it; the agenda itself holds ids."""
    return " ".join(names.get(w.rstrip(".,;:"), w.rstrip(".,;:")) + w[len(w.rstrip(".,;:")):]
                    for w in text.split(" "))  # fmt: skip


def _lasting(reader: Reader, until: int) -> list[tuple[int, bytes]]:
    """What is from before *until* and may still be open or due, in order."""
    found = [
        (int(row["seq"]), bytes(row["body"]))
        for kind in review_notes.LASTING
        for row in reader.entries(Find(types=(kind.value,), until=until, limit=_LASTING)).rows
    ]
    return sorted(found)


def _began(reader: Reader) -> int | None:
    """When the record began."""
    first = next(iter(reader.stream(0, 1)), None)
    if first is None:
        return None
    return to_us(datetime.fromisoformat(orjson.loads(first[1])["at"]))


def _periods(
    today: date, working: int, off: frozenset[date]
) -> list[tuple[str, str, datetime, datetime, datetime]]:
    """(id, kind, since, until, due) of the last month and the last year that have ended."""
    month = today.replace(day=1)
    before = (month - timedelta(days=1)).replace(day=1)
    year = date(today.year, 1, 1)
    return [
        (
            f"rvw_{before:%Y-%m}",
            "monthly",
            _at(before),
            _at(month),
            _at(_working(month, working, off)),
        ),
        (
            f"rvw_{year.year - 1}",
            "annual",
            _at(date(year.year - 1, 1, 1)),
            _at(year),
            _at(date(year.year, 2, 1)),
        ),
    ]


def _working(first: date, left: int, off: frozenset[date]) -> date:
    """The day after the *left*th working day from *first* on; nobody works on a day of *off*."""
    day = first
    while left:
        left -= day.isoweekday() <= 5 and day not in off
        day += timedelta(days=1)
    return day


def _at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _date(text: str) -> int:
    try:
        return to_us(_at(date.fromisoformat(text)))
    except ValueError:
        raise BadInput(f"{text!r} is no date", hint="Such as 2026-12-24.") from None
