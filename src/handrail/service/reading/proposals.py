"""Proposals as pages show them: inbox, decision package, what changed between versions."""

import dataclasses
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from handrail.clock import to_us
from handrail.core import approval, package
from handrail.core.action import OPEN, State
from handrail.core.approval import AnswerKind
from handrail.core.availability import away
from handrail.core.model import Person, SignedIn
from handrail.errors import HandrailError, NotFound
from handrail.service import codec, shown
from handrail.service.reading.base import DAY_US, Reading
from handrail.store import nouns
from handrail.store.contract import Find, Reader, Row


class Proposals(Reading):
    """What waits for people, and what became of it."""

    def inbox(self, who: SignedIn | None = None, tab: str = "mine") -> list[dict[str, Any]]:
        """Open proposals by due time; *tab* is one of `inboxes`."""
        return self.inboxes(who).get(tab, [])

    def inboxes(self, who: SignedIn | None = None) -> dict[str, list[dict[str, Any]]]:
        """Proposals from one snapshot, by tab: `mine` (asked of me), `team`, `asked` (questions
        asked), `today` (decided in the last day), `all` (open)."""
        names, now = self.names(), to_us(self._clock.now())
        tabs: dict[str, list[dict[str, Any]]] = {
            tab: [] for tab in ("mine", "team", "asked", "today", "all")
        }
        with self._store.read() as reader:
            said_of = reader.open_answers()
            for row in reader.proposals(open_only=True, limit=1000):
                answers = said_of.get((row["id"], row["version"]), ())
                proposal = codec.proposal(row, answers, row)
                where = approval.where(proposal, self._clock.now())
                said = {a.kind for a in proposal.answers if who is None or a.person == who.person}
                item = {
                    **self._waiting(row, names, now),
                    **_deadline(where, now),
                    "state": where.state.value,
                    "approvals": len(where.approved_by),
                    "alarmed": where.alarmed,
                }
                mine = (
                    who is not None
                    and who.person in where.asked
                    and AnswerKind.APPROVE not in said
                    and where.state is State.WAITING
                )
                tabs["all"].append(item)
                tabs["mine" if mine else "team"].append(item)
                if any(a.kind is AnswerKind.ASK for a in proposal.answers):
                    tabs["asked"].append(item)
            tabs["today"] = [
                self._waiting(row, names, now)
                for row in reader.proposals(open_only=False, limit=200)
                if State(row["state"]) not in OPEN and row["at"] >= now - DAY_US
            ]
        return tabs

    def _waiting(self, row: Row, names: shown.Names, now: int) -> dict[str, Any]:
        """A proposal as a list shows it, with what its frozen package says of reach and undo."""
        reach, undo = _of_package(bytes(row["package"]))
        kind, known = self._policies.current().row(row["type"]), self._keeper.current().clients
        return {
            **shown.proposal(row, names, now),
            "changed": row["version"] > 1,
            "approvals": 0,
            "alarmed": False,
            "category": kind.category if kind else "other",
            "reach": reach,
            "undo": undo,
            "regimes": sorted(
                {r for c in codec.load(row["clients"]) if c in known for r in known[c].regimes}
            ),
        }

    def changes(self, after: int, limit: int = 500) -> tuple[int, list[tuple[str, str]]]:
        """The length of the log, and for the newest entries from position *after* on: the type
        and the proposal concerned, if any. What live pages listen for; never any content."""
        with self._store.read() as reader:
            size = int(reader.head()["size"])
            wanted = Find(limit=min(size - after, limit))
            rows = reader.entries(wanted).rows if size > after else ()
            of = {a: reader.row("action", a) for a in {r["action"] for r in rows} if a}
        return size, [
            (r["type"], str((of.get(r["action"]) or {}).get("proposal") or "")) for r in rows
        ]

    def cover(self, who: SignedIn) -> list[dict[str, Any]]:
        """Who is asked when *who* does not answer: the backups of the roles held, by name."""
        policy, known = self._policies.current(), self._keeper.current()
        person = known.people.get(who.person)
        mine = {r.name for r in person.roles} if person else set()
        covers: dict[str, list[str]] = {}
        for role in sorted(mine):
            for backup in policy.backups(role):
                covers.setdefault(backup, []).append(role)
        return [
            {
                "backup": backup,
                "roles": roles,
                "people": sorted(
                    p.name
                    for p in known.people.values()
                    if p.active and p.id != who.person and any(r.name == backup for r in p.roles)
                ),
            }
            for backup, roles in covers.items()
        ]

    def package(
        self, proposal_id: str, version: int | None = None, who: SignedIn | None = None
    ) -> dict[str, Any]:
        """The decision package of one version, where it stands now, and what *who* may do."""
        names, now = self.names(), self._clock.now()
        with self._store.read() as reader:
            row = reader.proposal(proposal_id, version)
            if row is None:
                raise NotFound(f"no proposal {proposal_id}")
            newest = reader.proposal(proposal_id) or row
            proposal, where = self._stands(reader, row)
            answers = [self._answer(a, names) for a in reader.answers(proposal_id)]
            result = self._result(reader, row["action"])
            paused = codec.pauses_in_scope(
                [nouns.pause(p) for p in reader.pauses()],
                agent=row["agent"],
                clients=codec.load(row["clients"]),
                type=row["type"],
            )
            current = reader.row("action", newest["action"]) or {}
            action = reader.row("action", row["action"]) or {}
        known = self._keeper.current()
        person = known.people.get(who.person) if who else None
        clients, policy = codec.load(row["clients"]), self._policies.current()
        authority, stands_for = codec.authority(
            row, clients, policy, known.people.values(), known.clients, now
        )
        proposal = dataclasses.replace(proposal, authority=authority, stands_for=stands_for)
        why_not, why_no_deny = (
            _why_not(proposal, person, kind, now) for kind in (AnswerKind.APPROVE, AnswerKind.DENY)
        )
        ended = State(row["state"]) not in {State.WAITING, State.APPROVED}
        state = State(row["state"]) if ended else where.state
        steps = [
            {
                "role": step.role,
                "people": [names.get(p, p) for p in sorted(step.approvers)],
                "minutes": int(step.window.total_seconds() // 60),
                "asked": i <= where.step,
                "now": i == where.step,
            }
            for i, step in enumerate(proposal.chain)
        ]
        return {
            **self._waiting(row, names, to_us(now)),
            **_deadline(where, to_us(now)),
            "state": state.value,
            "undo_seconds": row["undo_seconds"],
            "window_seconds": _window(proposal, where),
            "document": orjson.loads(bytes(row["package"])),
            "newest_version": newest["version"],
            "newest_state": current.get("state", ""),
            "chain": steps,
            "asked_now": [names.get(p, p) for p in sorted(where.asked)],
            "approved_by": [names.get(p, p) for p in where.approved_by],
            "approved_by_me": who is not None and who.person in where.approved_by,
            "runs_at": shown.when(to_us(where.runs_at)) if where.runs_at else None,
            "expires_at": shown.when(to_us(where.expires_at)) if where.expires_at else None,
            "alarmed": where.alarmed,
            "answers": answers,
            "may_decide": person is not None and not why_not,
            "why_not": why_not,
            "may_deny": person is not None and not why_no_deny,
            "excluded": dict(proposal.excluded),
            "paused": [p.degree.value for p in paused],
            "outcome": action.get("outcome"),
            "result": result,
            "deny_reasons": dict(approval.DENY_REASONS),
            "people": [
                {"id": p.id, "name": p.name, "away": away(p, now)}
                for p in sorted(self._keeper.current().people.values(), key=lambda p: p.name)
                if p.active and (who is None or p.id != who.person)
            ],
        }

    def compare(self, proposal_id: str, one: int, other: int) -> list[dict[str, str]]:
        """What differs between two versions of a proposal."""
        with self._store.read() as reader:
            rows = [reader.proposal(proposal_id, v) for v in (one, other)]
        if rows[0] is None or rows[1] is None:
            raise NotFound(f"no such version of {proposal_id}")
        lines = package.compare(bytes(rows[0]["package"]), bytes(rows[1]["package"]))
        return [{"label": label, "then": then, "now": now} for label, then, now in lines]

    def _stands(self, reader: Reader, row: Row) -> tuple[approval.Proposal, approval.Where]:
        answers = [a for a in reader.answers(row["id"]) if a["version"] == row["version"]]
        # A list row has what an open proposal needs; when one ended stands in its action.
        ended = State(row["state"]) not in OPEN
        action = (reader.row("action", row["action"]) if ended else None) or row
        proposal = codec.proposal(row, answers, action)
        return proposal, approval.where(proposal, self._clock.now())

    def _answer(self, row: Row, names: shown.Names) -> dict[str, Any]:
        return {
            "version": row["version"],
            "person": row["person"],
            "name": names.get(row["person"], row["person"]),
            "answer": row["answer"],
            "reason": approval.DENY_REASONS.get(row["reason"], row["reason"]),
            "note": row["note"],
            "to": names.get(row["to"], row["to"]),
            "at": shown.when(row["at"]),
            "effective": bool(row["effective"]),
        }


def _why_not(
    proposal: approval.Proposal, person: Person | None, kind: AnswerKind, now: datetime
) -> str:
    """Why *person* may not give an answer of this kind; empty when they may."""
    if person is None:
        return "sign in first"
    try:
        approval.may_answer(proposal, person, kind, now)
    except HandrailError as error:
        return error.message
    return ""


@lru_cache(2_000)
def _of_package(package: bytes) -> tuple[str, str]:
    """Reach and class of the rollback that a frozen package says."""
    facts = orjson.loads(package)["facts"]
    return facts["blast_radius"].partition(", ")[0], facts["reversible"]["class"]


def _deadline(where: approval.Where, now: int) -> dict[str, Any]:
    """When the question moves on, as it stands now: the row's own date is when to look again."""
    if where.due_at is None:
        return {}
    due = to_us(where.due_at)
    return {"due_at": shown.when(due), "seconds_left": max(0, (due - now) // 1_000_000)}


def _window(proposal: approval.Proposal, where: approval.Where) -> int:
    """Seconds that the step asked now has, for a bar; of an alarm's round past the chain."""
    if where.alarmed or not proposal.chain:
        return int(approval.ALARM_EVERY.total_seconds())
    return max(1, int(proposal.chain[where.step].window.total_seconds()))
