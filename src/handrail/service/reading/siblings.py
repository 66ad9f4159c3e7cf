"""From a wrong action, the others of the same cause, each with whether it can be undone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from handrail.clock import to_us
from handrail.core.siblings import AROUND, CAUSES, HOUR, Cause, shared
from handrail.errors import NotFound
from handrail.service import codec, shown
from handrail.service.asked import until
from handrail.service.reading.base import Reading
from handrail.store.contract import Reader, Row

_MOST = 200  # candidates of each kind that are looked at
_BEGAN = ("begun", "done", "failed", "unknown", "reversed")
_RUNBOOKS = ("runbook.name", "fact.runbook")


class Siblings(Reading):
    """Finds what else went wrong for the same reason."""

    def siblings(self, action_id: str) -> list[dict[str, Any]]:
        """Changes that share a cause with *action_id*, newest first: `why` says which, and
        `reversible` whether one click undoes it now. Raises `NotFound`."""
        names, now = self.names(), to_us(self._clock.now())
        with self._store.read() as reader:
            row = reader.row("action", action_id)
            if row is None:
                raise NotFound(f"no action {action_id}")
            mine = self._cause(reader, row)
            found: dict[str, dict[str, Any]] = {}
            for other in self._candidates(reader, row):
                if other["id"] == action_id or other["effect"] != "change":
                    continue
                why = shared(mine, self._cause(reader, other))
                if why:
                    undone = reader.row("reversal", other["id"])
                    recipe = reader.row("rollback", other["id"])
                    found[other["id"]] = {
                        **shown.action(other, names),
                        "why": [CAUSES[name] for name in why],
                        "reversible": _open(other, recipe, undone, now),
                        "reversal": undone["state"] if undone else None,
                    }
        return sorted(found.values(), key=lambda one: str(one["at"]), reverse=True)

    def _candidates(self, reader: Reader, row: Row) -> list[Row]:
        """What may share a cause: each kind found by its own index, in bounded time."""

        def within(span: timedelta, **which: str) -> Sequence[Row]:
            return reader.actions(
                states=_BEGAN,
                agent=which.get("agent"),
                type=which.get("type"),
                trigger=which.get("trigger"),
                since=until(row["at"], -span),
                until=until(row["at"], span),
                limit=_MOST,
            )

        found = [*within(HOUR, agent=row["agent"]), *within(AROUND, type=row["type"])]
        if row["trigger_ref"]:
            found += within(AROUND, trigger=f"{row['trigger_kind']}:{row['trigger_ref']}")
        return list({r["id"]: r for r in found}.values())

    def _cause(self, reader: Reader, row: Row) -> Cause:
        plain = self._opened(reader, f"{row['id']}:request")
        facts = codec.open_request(plain).facts if plain is not None else {}
        named = next((facts[n][0] for n in _RUNBOOKS if n in facts), "")
        ref = row["trigger_ref"]
        return Cause(
            type=row["type"],
            content=row["content"],
            runbook=named if isinstance(named, str) else "",
            agent=row["agent"],
            version=row["agent_version"],
            trigger=f"{row['trigger_kind']}:{ref}" if ref else "",
            at=row["at"],
        )


def _open(row: Row, recipe: Row | None, undone: Row | None, now: int) -> bool:
    """Whether one click undoes it now."""
    return bool(
        recipe
        and undone is None
        and row["state"] in {"done", "failed", "unknown"}
        and recipe["class"] in {"exact", "snapshot"}
        and recipe["expires_at"]
        and recipe["expires_at"] > now
    )
