"""The recorded past under another policy: reads, judges, counts; nothing is stored or run (I22)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from handrail.clock import from_us, to_us
from handrail.core.backtest import Past, Tally
from handrail.core.classify import Judgement, judge, settle
from handrail.core.model import Action, Fact, Facts, Snapshot, Tier
from handrail.core.policy import Policy, load
from handrail.core.routing import asked_first
from handrail.errors import HandrailError
from handrail.privacy.seal import Sealer
from handrail.service import codec
from handrail.service.ask import parse
from handrail.service.policies import Policies
from handrail.store.contract import Reader, Row, Store

_PAGE = 500  # actions read at a time
MOST = 1 << 40


class Backtest:
    """Replays recorded actions."""

    def __init__(self, store: Store, policies: Policies, sealer: Sealer) -> None:
        self._store = store
        self._policies = policies
        self._sealer = sealer

    def run(
        self,
        files: Mapping[str, str],
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        most: int = MOST,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """What the policy of *files* would have changed, newest actions first, at most *most* of
        them. Raises `PolicyInvalid`. Every action is judged by its recorded facts under both
        policies, with no state: see `core.backtest`."""
        other = load(files)
        tally = Tally()
        seen, before = 0, None
        with self._store.read() as reader:
            harmed = {i["action"] for i in reader.incidents(limit=1_000_000) if i["action"]}
            while seen < most:
                rows = reader.actions(
                    since=to_us(since) if since else None,
                    before=before,
                    limit=min(_PAGE, most - seen),
                )
                if not rows:
                    break
                before, seen = rows[-1]["id"], seen + len(rows)
                for row in rows:
                    if until is None or from_us(row["at"]) < until:
                        self._one(reader, row, other, row["id"] in harmed, tally)
                if progress is not None:
                    progress(seen)
        return tally.report()

    def _one(self, reader: Reader, row: Row, other: Policy, harmed: bool, tally: Tally) -> None:
        if row["version"] is not None and row["superseded_by"]:
            return  # its next version is counted: one question, not two
        sealed = reader.row("sealed", f"{row['id']}:request")
        if sealed is None:
            tally.unreadable += 1
            return
        try:
            plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
            recorded = self._policies.version(row["policy"])
        except HandrailError:  # a key that is gone, or a policy version that is
            tally.unreadable += 1
            return
        asked = codec.open_request(plain)
        was = _judged(row, asked, recorded)
        now = _judged(row, asked, other)
        tier = _tier(now, other)
        binding = max(now.reasons, key=lambda r: r.tier)
        role = ""
        if tier == Tier.APPROVE:
            kind = other.row(row["type"])
            role = asked_first(other, kind.category if kind else "other", now.scope)
        tally.add(
            Past(
                type=row["type"],
                day=from_us(row["at"]).date(),
                was=int(_tier(was, recorded)),
                now=int(tier),
                state=row["state"],
                harmful=harmed or row["state"] == "reversed",
                asked=role,
                why=binding.text,
            )
        )


def _judged(row: Row, asked: codec.Sealed, policy: Policy) -> Judgement:
    """The call as it was recorded, judged by *policy*."""
    at = from_us(row["at"])
    facts = Facts({n: Fact(n, value, source, at) for n, (value, source) in asked.facts.items()})
    action = Action(
        id=row["id"],
        request=asked.request,
        agent=row["agent"],
        agent_version=row["agent_version"],
        clients=tuple(codec.load(row["clients"])),
        targets=tuple(codec.load(row["targets"])),
        nonce=asked.nonce,
        connection_digest="",
        tool_digest="",
        digest=bytes(row["digest"]),
        at=at,
    )
    return judge(action, parse(asked.request), facts, policy)


def _tier(judgement: Judgement, policy: Policy) -> Tier:
    return settle(judgement, policy, Snapshot()).tier
