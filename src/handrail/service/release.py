"""An approved action begins: everything is looked at again just before (SPEC 5, I1, I2, I18).

Outside the unit the call is understood and judged anew under the policy in force. What differs
from what people approved makes the next version, which waits; nothing that differs begins.
Inside the unit: still approved, by people who still may, over this digest, not expired.
"""

from functools import partial

import structlog

from handrail.clock import Clock, from_us
from handrail.core import approval
from handrail.core.action import State
from handrail.core.model import Tier
from handrail.core.policy import Policy
from handrail.errors import Closed, HandrailError, NotAllowed, NotFound
from handrail.privacy.seal import Sealer
from handrail.service import codec
from handrail.service.answer import stands
from handrail.service.ask import Ask
from handrail.service.asked import Asked, Moved
from handrail.service.begin import Begin
from handrail.service.begun import NeedsPeople
from handrail.service.bell import Bell
from handrail.service.known import Keeper
from handrail.service.versions import Versions
from handrail.store.contract import Row, Store, View

log = structlog.get_logger(__name__)

_TRIES = 8


class Release:
    """Takes approved actions to `begin`, or back to people."""

    def __init__(
        self,
        store: Store,
        ask: Ask,
        begin: Begin,
        versions: Versions,
        keeper: Keeper,
        sealer: Sealer,
        clock: Clock,
        bell: Bell,
    ) -> None:
        self._store = store
        self._ask = ask
        self._begin = begin
        self._versions = versions
        self._keeper = keeper
        self._sealer = sealer
        self._clock = clock
        self._bell = bell

    def release(self, action_id: str) -> None:
        """Begin *action_id* if its approval stands, run it, and record its outcome.

        Raises `Closed` when it is no longer approved. A pause that stops leaves it approved
        until its approval expires.
        """
        for _ in range(_TRIES):
            with self._store.read() as reader:
                row = reader.row("action", action_id)
                sealed = reader.row("sealed", f"{action_id}:request")
            if row is None or sealed is None:
                raise NotFound(f"no action {action_id}")
            if row["state"] != State.APPROVED.value:
                raise Closed(f"the action is {row['state']}")
            plain = self._sealer.open(sealed["ref"], sealed["key"], bytes(sealed["ciphertext"]))
            try:
                asked = self._again(row, codec.open_request(plain), sealed)
            except HandrailError as error:
                # The tool is withheld, the connection or the agent is gone: it can't run as
                # approved, and no newer version could either.
                self._versions.end(action_id, State.REVOKED, error.message, error.code)
                return
            if asked.outlook().tier is Tier.PROHIBITED:
                self._versions.end(
                    action_id, State.REVOKED, "the policy now prohibits it", "prohibited"
                )
                return
            difference = self._difference(row, asked)
            if difference:
                self._versions.next(asked.agent, row, asked.action.request, "; ".join(difference))
                return
            try:
                self._begin.release(
                    self._ask.prepare(asked, Tier.APPROVE),
                    partial(self._check, row, asked.policy),
                )
            except Moved:
                self._keeper.forget()
                continue
            except NotAllowed as error:
                self._versions.next(asked.agent, row, asked.action.request, error.message)
            except NeedsPeople as held:
                if held.classification.tier is Tier.PROHIBITED:
                    self._versions.end(action_id, State.REVOKED, "the policy now prohibits it")
            return

    def _again(self, row: Row, sealed: codec.Sealed, stored: Row) -> Asked:
        agent = self._keeper.current().agents.get(row["agent"])
        if agent is None or agent.suspended:
            raise NotAllowed("its agent is suspended or gone")
        if agent.expires_at is not None and agent.expires_at <= self._clock.now():
            raise NotAllowed("its agent's registration has ended")
        return self._ask.again(agent, row, sealed, stored)

    def _difference(self, row: Row, asked: Asked) -> list[str]:
        """What is no longer as people approved it, in words."""
        found: list[str] = []
        if bytes(row["digest"]) != asked.action.digest:
            found.append("what would run is no longer what was approved")
        then = codec.classification(row["classification"])
        now = asked.outlook()
        if now.tier > then.tier:
            found.append("the policy is stricter now")
        new = {r.code for r in now.binding} - {r.code for r in then.reasons}
        if new:
            found.append("there are new reasons for oversight: " + ", ".join(sorted(new)))
        return found

    def _check(self, row: Row, policy: Policy, view: View) -> None:
        """Inside the unit: the approval stands, and so does the authority of who gave it."""
        proposal, action = stands(view, row["proposal"], row["version"], policy)
        now = from_us(view.now)
        where = approval.where(proposal, now)
        if where.state is not State.APPROVED or where.runs_at is None or where.runs_at > now:
            raise Closed("the approval does not stand any more")
        if action["grant_expires_at"] is None or view.now >= action["grant_expires_at"]:
            raise Closed("the approval has expired")
        people = {p.id: p for p in view.people()}
        approval.still_authorised(proposal, people, now)
