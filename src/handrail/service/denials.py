"""A denial sticks (SPEC 5): no shopping for another answer.

Asked again within the policy's `second_ask` for the same action type, client and target, a call

* shows the denial first, in the decision package of the second ask;
* reaches no lower authority than the one that denied: its chain begins at that role;
* is refused at the third ask, with the words of the denial.

An approval of the second ask lifts it: people have thought again. What is compared is what the
resolvers established, never what the agent says about itself.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from handrail.clock import from_us, rfc3339
from handrail.core import approval
from handrail.core.approval import Given, Proposal, Step
from handrail.errors import Refused
from handrail.service import codec
from handrail.store.contract import Change, Drop, Put, Row

#: More pairs of client and target than this are remembered as the one set that they are.
MOST = 200

Key = tuple[str, str, str]


class DeniedBefore(Refused):
    """The third ask of what people have denied."""

    code = "denied-before"


class _Rows(Protocol):
    """A `Reader` or a `View`: both find a row by its key."""

    def row(self, table: str, *key: Any) -> Row | None: ...


@dataclass(frozen=True, slots=True)
class Stuck:
    """The newest denial that a call runs into. ``asks`` counts the asks since."""

    action: str
    by: str
    role: str
    reason: str
    note: str
    at: int  #: microseconds
    asks: int

    @property
    def words(self) -> str:
        """What was said, in a sentence."""
        said = approval.DENY_REASONS.get(self.reason, self.reason)
        return "; ".join(t for t in (said, self.note) if t)

    def shown(self) -> dict[str, str]:
        """As the decision package of the next ask shows it."""
        return {
            "action": self.action,
            "by": self.by,
            "at": rfc3339(from_us(self.at)),
            "reason": approval.DENY_REASONS.get(self.reason, self.reason),
            "note": self.note,
        }

    def third(self, span: timedelta) -> DeniedBefore:
        """The refusal of the third ask."""
        until = from_us(self.at) + span
        return DeniedBefore(
            f"people have denied this ({self.words}), and it was asked again once already",
            hint=f"Leave it to people: hand the work over. It can be asked anew after "
            f"{until:%Y-%m-%d %H:%M} UTC.",
        )

    def chain(self, chain: Sequence[Step]) -> tuple[Step, ...]:
        """*chain* without the steps below the role that denied, where it names that role."""
        roles = [step.role for step in chain]
        return tuple(chain[roles.index(self.role) :]) if self.role in roles else tuple(chain)


def keys(
    type: str, clients: Sequence[str], targets: Sequence[str], content: str | None
) -> tuple[Key, ...]:
    """Under which (type, client, target) a call is remembered. Where no target is known, what
    would be changed stands for it: one refused rule is no refusal of every rule of a client."""
    if not targets:
        targets = (f"={content}",) if content else ()
    if len(clients) * len(targets) > MOST:
        whole = hashlib.sha256(codec.dump([sorted(clients), sorted(targets)]).encode())
        return ((type, "", whole.hexdigest()),)
    return tuple((type, c, t) for c in clients or ("",) for t in targets or ("",))


def found(rows: _Rows, of: Iterable[Key], since: int) -> Stuck | None:
    """The newest denial at *since* or later under any of the keys *of*."""
    known = [r for k in of if (r := rows.row("denial", *k)) is not None and r["at"] >= since]
    if not known:
        return None
    newest = max(known, key=lambda r: int(r["at"]))
    return Stuck(
        action=newest["action"],
        by=newest["by"],
        role=newest["role"],
        reason=newest["reason"],
        note=newest["note"],
        at=newest["at"],
        asks=max(int(r["asks"]) for r in known),
    )


def asked_again(rows: _Rows, of: Iterable[Key], since: int) -> list[Change]:
    """The writes that count one more ask."""
    return [
        Change("denial", key, {"asks": row["asks"] + 1})
        for key in of
        if (row := rows.row("denial", *key)) is not None and row["at"] >= since
    ]


def denied(
    rows: _Rows, action: Row, proposal: Proposal, given: Given, now: int, since: int
) -> list[Put | Change]:
    """The writes that remember the denial *given* to *proposal*. The asks since an earlier
    denial that still sticks stay counted."""
    values = {
        "action": action["id"],
        "by": given.person,
        "role": _role(proposal, given.person),
        "reason": given.reason,
        "note": given.note,
        "at": now,
    }
    writes: list[Put | Change] = []
    for key in of_action(action):
        old = rows.row("denial", *key)
        if old is None:
            type, client, target = key
            named = {"type": type, "client": client, "target": target}
            writes.append(Put("denial", {**named, **values, "asks": 0}))
        else:
            asks = old["asks"] if old["at"] >= since else 0
            writes.append(Change("denial", key, {**values, "asks": asks}))
    return writes


def lifted(rows: _Rows, action: Row) -> list[Drop]:
    """The writes that forget a denial, since people have now said yes."""
    return [Drop("denial", k) for k in of_action(action) if rows.row("denial", *k) is not None]


def of_action(action: Row) -> tuple[Key, ...]:
    """The keys of a stored action."""
    content = bytes(action["content"]).hex() if action["content"] else None
    clients, targets = codec.load(action["clients"]), codec.load(action["targets"])
    return keys(action["type"], clients, targets, content)


def _role(proposal: Proposal, person: str) -> str:
    """With what authority *person* answered: the highest step that asks them, else the first
    that they may answer for."""
    held = [s.role for s in proposal.chain if person in s.approvers]
    may = [s.role for s in proposal.chain if person in proposal.authority.get(s.role, {})]
    return held[-1] if held else next(iter(may), "")
