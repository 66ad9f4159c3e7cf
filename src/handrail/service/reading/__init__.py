"""What the doors show: one face over the reads of `proposals`, `actions` and `organisation`."""

from typing import Any

from handrail.clock import to_us
from handrail.service import shown
from handrail.service.reading.actions import Actions
from handrail.service.reading.base import DAY_US
from handrail.service.reading.earned import Earned
from handrail.service.reading.organisation import Organisation, settings
from handrail.service.reading.proposals import Proposals
from handrail.service.reading.siblings import Siblings
from handrail.store.contract import Row

__all__ = ["Read", "settings"]


class Read(Proposals, Actions, Siblings, Earned, Organisation):
    """Pages and lists, as plain JSON-able values."""

    def status(self) -> dict[str, Any]:
        """The state of the system: what the top bar says."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            pauses = [self._pause(row, names) for row in reader.pauses()]
            counts = dict(reader.counts(now - DAY_US))
        known = self._keeper.current()
        return {
            "pauses": pauses,
            "breakers": len(known.breakers),
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
