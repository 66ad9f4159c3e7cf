"""What action types have earned and what broke, as pages and lists show it."""

from typing import Any

from handrail.core import breaker
from handrail.service import codec, shown
from handrail.service.breakers import PROBATION
from handrail.service.evidence import what
from handrail.service.reading.base import Reading
from handrail.store import nouns
from handrail.store.contract import Row

_LIMITS = {"client": breaker.STANDARD.limit, "cell": breaker.CELL.limit}


class Earned(Reading):
    """Reads of standings, nominations and breakers."""

    def breakers(self, *, closed: bool = False, limit: int = 100) -> list[dict[str, Any]]:
        """Breakers that are open or on probation; with *closed* all that ever opened."""
        names = self.names()
        with self._store.read() as reader:
            rows = list(reader.breakers(closed=closed, limit=limit))
        return [self._breaker(row, names) for row in rows]

    def _breaker(self, row: Row, names: shown.Names) -> dict[str, Any]:
        who = {k: row[f"{k}_by"] or "" for k in ("probation", "closed", "first")}
        return {
            "id": row["id"],
            "scope": row["scope"],
            "type": row["type"],
            "client": row["client"],
            "what": what(row["scope"], row["type"], names.get(row["client"], row["client"])),
            "state": row["state"],
            "why": row["why"],
            "at": shown.when(row["at"]),
            "cause": row["cause"],
            "remedy": row["remedy"],
            "probation_at": shown.when(row["probation_at"]),
            "closed_at": shown.when(row["closed_at"]),
            "decisions_needed": PROBATION,
            **{f"{k}_by": id for k, id in who.items()},
            **{f"{k}_by_name": names.get(id, id) for k, id in who.items()},
        }

    def points(self, counted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Breakers that count something, with their limits and names."""
        names = self.names()
        rows = {r.type: r for r in self._policies.current().matrix()}
        found = []
        for one in counted:
            row = rows.get(one["type"])
            profile = breaker.PROFILES[row.breaker if row else "standard"]
            limit = _LIMITS.get(one["scope"], profile.limit)
            words = what(one["scope"], one["type"], names.get(one["client"], one["client"]))
            found.append({**one, "what": words, "limit": limit})
        return sorted(found, key=lambda b: -b["points"] / b["limit"])

    def nominations(self, type: str | None = None) -> list[dict[str, Any]]:
        """Promotions that people may decide on; of one *type*, the ended ones too."""
        names = self.names()
        with self._store.read() as reader:
            rows = list(reader.nominations(type=type, open_only=type is None))
        return [self._nomination(row, names) for row in rows]

    def _nomination(self, row: Row, names: shown.Names) -> dict[str, Any]:
        evidence = codec.load(row["evidence"])
        clients = evidence["clients"]
        return {
            "id": row["id"],
            "type": row["type"],
            "to": row["to"],
            "state": row["state"],
            "at": shown.when(row["at"]),
            "evidence": row["digest"],
            "effect": evidence["effect"],
            "clients": clients,
            "client_names": [names.get(c, c) for c in clients],
            "buckets": evidence["buckets"],
            "criteria": [
                dict(zip(("name", "met", "number", "threshold", "text"), c, strict=True))
                for c in evidence["criteria"]
            ],
            "actions": evidence["actions"],
            "first_by": row["first_by"],
            "first_by_name": names.get(row["first_by"] or "", ""),
            "first_why": row["first_why"],
            "by": row["by"],
            "by_name": names.get(row["by"] or "", ""),
            "why": row["why"],
            "ended_at": shown.when(row["ended_at"]),
        }

    def standings_of(self, type: str) -> list[dict[str, Any]]:
        """Where *type* stands: overall first, then by client."""
        names = self.names()
        with self._store.read() as reader:
            rows = [r for r in reader.standings() if r["type"] == type]
        return [
            {
                "client": row["client"],
                "client_name": names.get(row["client"], row["client"]) if row["client"] else "",
                "tier": nouns.standing(row).tier.wire,
                "earned": row["evidence"] is not None,
                "evidence": row["evidence"],
                "buckets": codec.load(row["buckets"]) if row["buckets"] else None,
                "by": row["by"],
                "by_name": names.get(row["by"], row["by"]),
                "reason": row["reason"],
                "at": shown.when(row["at"]),
                "probation_until": shown.when(row["probation_until"]),
            }
            for row in rows
        ]
