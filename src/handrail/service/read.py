"""What the doors show. It reads, names things for people, and decides nothing."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from handrail.clock import Clock, to_us
from handrail.core import approval, package
from handrail.core.action import OPEN, State
from handrail.core.approval import AnswerKind
from handrail.core.defaults import Settings
from handrail.core.events import EventType
from handrail.core.model import Person, SignedIn, Tier
from handrail.errors import HandrailError, NotFound
from handrail.privacy.seal import Sealer
from handrail.service import codec, outcome, shown
from handrail.service.catalogue import Catalogue
from handrail.service.known import Keeper
from handrail.service.policies import Policies
from handrail.store import nouns
from handrail.store.contract import Reader, Row, Store

_DAY_US = 86_400_000_000
_EXCERPT = 4000  # characters of an upstream's result that a page shows


class Read:
    """Pages and lists, as plain JSON-able values."""

    def __init__(
        self,
        store: Store,
        policies: Policies,
        catalogue: Catalogue,
        keeper: Keeper,
        sealer: Sealer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._policies = policies
        self._catalogue = catalogue
        self._keeper = keeper
        self._sealer = sealer
        self._clock = clock

    def on_change(self, listener: Callable[[Sequence[str]], None]) -> None:
        """Call *listener* with event types after each commit: a hint to look again."""
        self._store.on_commit(listener)

    # --- the state of things ----------------------------------------------------------------

    def names(self) -> dict[str, str]:
        """Every id that a page may show, by the name people know."""
        known = self._keeper.current()
        return {
            **{c.id: c.name for c in known.clients.values()},
            **{p.id: p.name for p in known.people.values()},
            **{a.id: a.name for a in known.agents.values()},
        }

    def status(self) -> dict[str, Any]:
        """The state of the system: what the top bar says."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            pauses = [self._pause(row, names) for row in reader.pauses()]
            counts = dict(reader.counts(now - _DAY_US))
        known = self._keeper.current()
        return {
            "pauses": pauses,
            "agents": sum(not a.suspended for a in known.agents.values()),
            "clients": len(known.clients),
            "waiting": counts.get("waiting", 0),
            "counts": counts,
            "connections": dict(self._catalogue.health()),
        }

    def pauses(self) -> list[dict[str, Any]]:
        """Pauses in force."""
        names = self.names()
        with self._store.read() as reader:
            return [self._pause(row, names) for row in reader.pauses()]

    def _pause(self, row: Row, names: shown.Names) -> dict[str, Any]:
        return {
            "id": row["id"],
            "scope": row["scope"],
            "ref": row["ref"],
            "ref_name": names.get(row["ref"], row["ref"]),
            "degree": row["degree"],
            "by": row["by"],
            "by_name": names.get(row["by"], row["by"]),
            "reason": row["reason"],
            "at": shown.when(row["at"]),
            "resume_by": row["resume_by"],
            "resume_by_name": names.get(row["resume_by"] or "", ""),
        }

    def effect_of_pause(self, scope: str, ref: str) -> dict[str, int]:
        """What a pause of *scope* would touch now: running, waiting, approved."""
        with self._store.read() as reader:
            rows = reader.actions(
                states=("begun", "waiting", "approved"),
                agent=ref if scope == "agent" else None,
                client=ref if scope == "client" else None,
                type=ref if scope == "type" else None,
                limit=1000,
            )
        return {
            "running": sum(r["state"] == "begun" for r in rows),
            "waiting": sum(r["state"] == "waiting" for r in rows),
            "approved": sum(r["state"] == "approved" for r in rows),
        }

    # --- proposals --------------------------------------------------------------------------

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
            for row in reader.proposals(open_only=True, limit=1000):
                proposal, where = self._stands(reader, row)
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
                if State(row["state"]) not in OPEN and row["at"] >= now - _DAY_US
            ]
        return tabs

    def _waiting(self, row: Row, names: shown.Names, now: int) -> dict[str, Any]:
        """A proposal as a list shows it, with what its frozen package says of reach and undo."""
        facts = orjson.loads(bytes(row["package"]))["facts"]
        kind, known = self._policies.current().row(row["type"]), self._keeper.current().clients
        return {
            **shown.proposal(row, names, now),
            "changed": row["version"] > 1,
            "approvals": 0,
            "alarmed": False,
            "category": kind.category if kind else "other",
            "reach": facts["blast_radius"].partition(", ")[0],
            "undo": facts["reversible"]["class"],
            "regimes": sorted(
                {r for c in codec.load(row["clients"]) if c in known for r in known[c].regimes}
            ),
        }

    def changes(self, after: int, limit: int = 500) -> tuple[int, list[tuple[str, str]]]:
        """The length of the log, and for the newest entries from position *after* on: the type
        and the proposal concerned, if any. What live pages listen for; never any content."""
        with self._store.read() as reader:
            size = int(reader.head()["size"])
            rows = reader.entries(limit=min(size - after, limit)) if size > after else ()
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
        authority = codec.authority(row, clients, policy, known.people.values(), known.clients)
        proposal = dataclasses.replace(proposal, authority=authority)
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
                {"id": p.id, "name": p.name, "away": _away(p, now)}
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

    def _result(self, reader: Reader, action_id: str) -> str | None:
        sealed = reader.row("sealed", f"{action_id}:result")
        if sealed is None:
            return None
        plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
        whole = orjson.loads(plain)
        if whole["error"] is not None:
            return str(whole["error"].get("message", ""))[:_EXCERPT]
        return outcome.text_of(whole["result"])[:_EXCERPT]

    # --- actions ----------------------------------------------------------------------------

    def feed(self, tab: str = "look", before: str | None = None) -> list[dict[str, Any]]:
        """Tier 2 cards. Tabs: `look` (not looked at yet), `all`, `reversed`."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            rows = reader.notices(open_only=tab == "look", before=before, limit=50)
            cards = [
                {**shown.notice(row, names, now), "title": self._said(reader, row)} for row in rows
            ]
        return [c for c in cards if tab != "reversed" or c["reversal"]]

    def _said(self, reader: Reader, row: Row) -> str:
        """What was done, in the past tense; as it was asked for where it is not known to be."""
        kind, request = self._policies.current().row(row["type"]), None
        if kind is not None and row["action_state"] in {"done", "reversed"}:
            request = self._request(reader, row["action"])
        if kind is None or request is None:
            return str(row["sentence"])
        action = reader.row("action", row["action"]) or {}
        targets, clients = codec.load(action["targets"]), codec.load(action["clients"])
        return kind.title(request["arguments"], targets, clients, past=True)

    def actions(self, **filters: Any) -> list[dict[str, Any]]:
        """Actions, newest first; filters as `Reader.actions`."""
        names = self.names()
        with self._store.read() as reader:
            return [shown.action(row, names) for row in reader.actions(**filters)]

    def action(self, action_id: str, agent: str | None = None) -> dict[str, Any]:
        """One action with its classification and what hangs on it. With *agent*, only its own."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None or (agent is not None and row["agent"] != agent):
                raise NotFound(f"no action {action_id}")
            reversal = reader.row("reversal", action_id)
            rollback = reader.row("rollback", action_id)
            incidents = [self._incident(i, names) for i in reader.incidents(action=action_id)]
            notice_row = reader.row("notice", "ntc_" + action_id.partition("_")[2])
            result = self._result(reader, action_id)
            request = self._request(reader, action_id)
        expires = rollback["expires_at"] if rollback else None
        began = row["state"] in {"done", "failed", "unknown"}
        return {
            **shown.action(row, names),
            "classification": shown.classification(row["classification"]),
            "result": result,
            "request": request,
            "incidents": incidents,
            "notice": notice_row["id"] if notice_row else None,
            "rollback": {
                "class": rollback["class"],
                "text": rollback["text"],
                "until": shown.when(expires),
                "open": bool(
                    began
                    and reversal is None
                    and expires
                    and expires > now
                    and rollback["class"] in {"exact", "snapshot", "time-limited"}
                ),
            }
            if rollback
            else None,
            "reversal": {
                "state": reversal["state"],
                "by": names.get(reversal["by"], reversal["by"]),
                "at": shown.when(reversal["at"]),
                "text": reversal["outcome"],
                "verified": None if reversal["verified"] is None else bool(reversal["verified"]),
                "reason": reversal["reason"],
            }
            if reversal
            else None,
        }

    def _request(self, reader: Reader, action_id: str) -> dict[str, Any] | None:
        """What it was asked with, opened from the seal."""
        sealed = reader.row("sealed", f"{action_id}:request")
        if sealed is None:
            return None
        plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
        request = codec.open_request(plain).request
        return {
            "arguments": orjson.loads(request.arguments),
            "reasoning": request.reasoning,
            "evidence": [dataclasses.asdict(e) for e in request.evidence],
        }

    def story(self, action_id: str, agent: str | None = None) -> list[dict[str, Any]]:
        """The readable story of one action: its entries, oldest first."""
        names = self.names()
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None or (agent is not None and row["agent"] != agent):
                raise NotFound(f"no action {action_id}")
            rows = reader.entries(action=action_id, limit=500)
        return [shown.entry(r, names) for r in reversed(rows)]

    # --- the record -------------------------------------------------------------------------

    def entries(self, **filters: Any) -> list[dict[str, Any]]:
        """Ledger entries with their sentences, newest first; filters as `Reader.entries`."""
        names = self.names()
        with self._store.read() as reader:
            return [shown.entry(row, names) for row in reader.entries(**filters)]

    def said(
        self, type: EventType, *, before: int | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """What agents raised or noted, newest first, each with its words opened from the seal."""
        names = self.names()
        with self._store.read() as reader:
            rows = reader.entries(types=(type.value,), before=before, limit=limit)
            return [
                {**(entry := shown.entry(r, names)), "words": self._words(reader, entry["body"])}
                for r in rows
            ]

    def _words(self, reader: Reader, body: Mapping[str, Any]) -> str | None:
        sealed = reader.row("sealed", f"{body['facts']['note']}:note")
        if sealed is None:
            return None
        plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
        return plain.decode()

    def entry(self, seq: int) -> dict[str, Any]:
        """One entry by position."""
        with self._store.read() as reader:
            row = reader.row("entry", seq)
        if row is None:
            raise NotFound(f"no entry {seq}")
        return shown.entry(row, self.names())

    # --- the organisation -------------------------------------------------------------------

    def incidents(self, limit: int = 50) -> list[dict[str, Any]]:
        names = self.names()
        with self._store.read() as reader:
            return [self._incident(row, names) for row in reader.incidents(limit=limit)]

    def _incident(self, row: Row, names: shown.Names) -> dict[str, Any]:
        return {
            **{k: row[k] for k in ("id", "action", "client", "severity", "title", "text", "state")},
            "client_name": names.get(row["client"], row["client"]),
            "by": names.get(row["by"], row["by"]),
            "at": shown.when(row["at"]),
        }

    def people(self) -> list[dict[str, Any]]:
        now = self._clock.now()
        return [
            {
                "id": p.id,
                "name": p.name,
                "email": p.email,
                "active": p.active,
                "away_until": shown.when(to_us(p.away_until)) if p.away_until else None,
                "away": _away(p, now),
                "roles": [
                    {"role": r.name, "client": r.client}
                    for r in sorted(p.roles, key=lambda r: (r.name, r.client or ""))
                ],
            }
            for p in sorted(self._keeper.current().people.values(), key=lambda p: p.name)
        ]

    def agents(self) -> list[dict[str, Any]]:
        names = self.names()
        with self._store.read() as reader:
            rows = reader.agents()
        return [
            {
                "id": r["id"],
                "name": r["name"],
                "purpose": r["purpose"],
                "version": r["version"],
                "sponsor": r["sponsor"],
                "sponsor_name": names.get(r["sponsor"], r["sponsor"]),
                "connections": codec.load(r["connections"]),
                "clients": codec.load(r["clients"]),
                "suspended": bool(r["suspended"]),
                "expires_at": shown.when(r["expires_at"]),
                "at": shown.when(r["at"]),
                "keys": [
                    {
                        "prefix": k["prefix"],
                        "at": shown.when(k["at"]),
                        "expires_at": shown.when(k["expires_at"]),
                        "revoked_at": shown.when(k["revoked_at"]),
                    }
                    for k in codec.load(r["keys"])
                ],
            }
            for r in rows
        ]

    def clients(self) -> list[dict[str, Any]]:
        names = self.names()
        return [
            {
                "id": c.id,
                "name": c.name,
                "risk": c.risk.value,
                "timezone": c.timezone,
                "account_engineer": c.account_engineer,
                "account_engineer_name": names.get(c.account_engineer or "", ""),
                "regimes": sorted(c.regimes),
                "retention_days": c.retention_days,
            }
            for c in sorted(self._keeper.current().clients.values(), key=lambda c: c.name)
        ]

    def connections(self) -> list[dict[str, Any]]:
        """Connections with how they do and what is withheld; never a secret."""
        known, health = self._keeper.current(), self._catalogue.health()
        return [
            {
                "name": name,
                "kind": row["kind"],
                "spec": codec.load(row["spec"]),
                "client": row["client"],
                "client_map": codec.load(row["client_map"]),
                "has_secret": row["secret"] is not None,
                "digest": row["digest"],
                "health": health.get(name, "idle"),
                "tools": sum(c == name for c, _, _ in known.tools),
                "withheld": sum(
                    c == name and t["state"] in {"new", "changed"}
                    for (c, _, _), t in known.tools.items()
                ),
            }
            for name, row in sorted(known.connections.items())
        ]

    def tools(self, connection: str) -> list[dict[str, Any]]:
        """Definitions of a connection: pinned, and what the upstream says now where it differs."""
        known = self._keeper.current()
        if connection not in known.connections:
            raise NotFound(f"no connection {connection!r}")
        return [
            {
                "kind": kind,
                "name": name,
                "state": row["state"],
                "digest": row["digest"],
                "definition": codec.load(row["definition"]),
                "seen": codec.load(row["seen"]) if row["seen"] else None,
                "at": shown.when(row["at"]),
            }
            for (c, kind, name), row in sorted(known.tools.items())
            if c == connection
        ]

    def matrix(self) -> list[dict[str, Any]]:
        """Every row of the policy with its standing and what it says."""
        policy = self._policies.current()
        with self._store.read() as reader:
            standings = [codec.standing(r) for r in reader.standings()]
        rows = []
        for row in policy.matrix():
            mine = [s for s in standings if s.type == row.type]
            overall = next((s.tier for s in mine if s.client is None), None)
            effective = max(row.tier, overall or row.tier) if row.signed else Tier.APPROVE
            rows.append(
                {
                    "type": row.type,
                    "says": row.says,
                    "category": row.category,
                    "effect": row.effect.value,
                    "least": row.tier.wire,
                    "standing": overall.wire if overall else None,
                    "tier": max(effective, row.tier).wire,
                    "signed": row.signed,
                    "scorecard": row.scorecard_shown(),
                    "rationale": row.rationale,
                    "owner": row.owner,
                    "risk": row.risk,
                    "approvals": row.approvals,
                    "bounds": [{"name": b.name, "because": b.because} for b in row.bounds],
                    "signatures": [
                        {"role": s.role, "by": s.by, "at": s.at, "why": s.why}
                        for s in row.signatures
                    ],
                    "checked": row.check is not None,
                    "undo": row.rollback.text if row.rollback else "",
                    "rollback": row.rollback.kind if row.rollback else "none",
                    "here": [{"client": s.client, "tier": s.tier.wire} for s in mine if s.client],
                }
            )
        return rows

    def policy(self) -> dict[str, Any]:
        """The version in force, its history, and every default with its reason."""
        current = self._policies.current()
        names = self.names()
        with self._store.read() as reader:
            versions = [
                {
                    "n": r["n"],
                    "digest": r["digest"],
                    "at": shown.when(r["at"]),
                    "by": names.get(r["by"], r["by"]),
                }
                for r in reader.policies()
            ]
        return {
            "digest": current.digest,
            "versions": versions,
            "settings": settings(current.settings),
        }


def settings(values: Settings) -> list[dict[str, str]]:
    """Every setting of the policy with its value and its reason (SPEC 12)."""
    return [
        {
            "name": f.name,
            "value": _plain(getattr(values, f.name)),
            "why": str(f.metadata.get("why", "")),
        }
        for f in dataclasses.fields(values)
    ]


def _plain(value: Any) -> str:
    if isinstance(value, timedelta):
        return _span(value)
    if hasattr(value, "items"):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items())
    return str(value)


def _span(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _away(person: Person, now: datetime) -> bool:
    return person.away_until is not None and person.away_until > now


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
