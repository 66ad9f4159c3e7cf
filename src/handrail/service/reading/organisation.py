"""The organisation as pages show it: people, agents, clients, connections, matrix, policy."""

import dataclasses
from datetime import timedelta
from typing import Any

from handrail.clock import to_us
from handrail.core.availability import away, hours_written, reached
from handrail.core.defaults import Settings
from handrail.core.model import Tier
from handrail.errors import NotFound
from handrail.service import client_change, codec, shown
from handrail.service.reading.base import Reading
from handrail.store import nouns


class Organisation(Reading):
    """Who and what there is, and by which rules."""

    def people(self) -> list[dict[str, Any]]:
        now = self._clock.now()
        within = self._within()
        return [
            {
                "id": p.id,
                "name": p.name,
                "email": p.email,
                "active": p.active,
                "away_from": shown.when(to_us(p.away_from)) if p.away_from else None,
                "away_until": shown.when(to_us(p.away_until)) if p.away_until else None,
                "away": away(p, now),
                "reached_at": shown.when(to_us(p.reached_at)) if p.reached_at else None,
                "reached": reached(p, now, within),
                "hours": hours_written(p.hours) if p.hours else None,
                "roles": [
                    {"role": r.name, "client": r.client}
                    for r in sorted(p.roles, key=lambda r: (r.name, r.client or ""))
                ],
            }
            for p in sorted(self._keeper.current().people.values(), key=lambda p: p.name)
        ]

    def _within(self) -> timedelta:
        """How long a proof that a channel reached somebody holds; the default before a policy."""
        try:
            return self._policies.current().settings.reached_within
        except NotFound:
            return Settings().reached_within

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
        with self._store.read() as reader:
            rows = {r["id"]: r for r in reader.clients()}
        known = (nouns.client(r) for r in rows.values())
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
                "proposed": client_change.shown(rows[c.id], names),
            }
            for c in sorted(known, key=lambda c: c.name)
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
            standings = [nouns.standing(r) for r in reader.standings()]
        rows = []
        for row in policy.matrix():
            mine = [s for s in standings if s.type == row.type]
            overall = next((s.tier for s in mine if s.client is None), None)
            effective = overall or max(row.start, row.tier) if row.signed else Tier.APPROVE
            rows.append(
                {
                    "type": row.type,
                    "says": row.says,
                    "category": row.category,
                    "effect": row.effect.value,
                    "least": row.tier.wire,
                    "start": max(row.start, row.tier).wire,
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

    def row_history(self, type: str) -> list[dict[str, Any]]:
        """The policy versions in which the row of *type* changed, newest first: what it was from
        then on, and which of its parts changed."""
        names = self.names()
        with self._store.read() as reader:
            versions = [
                (r["n"], r["at"], r["by"], codec.load(r["document"])["rows"].get(type))
                for r in reader.policies()
            ]
        found: list[dict[str, Any]] = []
        before: dict[str, Any] | None = None
        for n, at, by, row in reversed(versions):  # oldest first
            if row == before:
                continue
            was, now = before or {}, row or {}
            found.append(
                {
                    "n": n,
                    "at": shown.when(at),
                    "by": names.get(by, by),
                    "tier": now.get("tier"),
                    "changed": sorted(k for k in {*was, *now} if was.get(k) != now.get(k))
                    if before is not None and row is not None
                    else [],
                    "what": "added" if before is None else "removed" if row is None else "changed",
                }
            )
            before = row
        return found[::-1]

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
