"""What hangs on a begin: the rows that commit with it, and why it may not happen."""

from datetime import timedelta
from typing import Any

from handrail.core import notice
from handrail.core.action import State
from handrail.core.model import Classification, Snapshot
from handrail.core.outcome import delay_of
from handrail.errors import HandrailError
from handrail.service.asked import Asked, until, why
from handrail.service.outcome import SETTLED, Outcome
from handrail.store.contract import Change, Put, View

#: When a check is read that should have been read at once and was not.
_A_MOMENT = timedelta(seconds=1)


class NeedsPeople(HandrailError):
    """The action is tier 3, or refused: it does not begin now. A way to speak inside the
    service; no door sees it."""

    code = "needs-people"

    def __init__(self, classification: Classification, state: Snapshot) -> None:
        super().__init__(why(classification))
        self.classification = classification
        self.state = state


class Again(HandrailError):
    """The idempotency key was used before: ``action`` is what it made."""

    code = "again"

    def __init__(self, action: str, body_digest: bytes) -> None:
        super().__init__("this key was used before")
        self.action = action
        self.body_digest = body_digest


def first_use(view: View, asked: Asked) -> None:
    """Raise `Again` when the agent's key of *asked* was used before."""
    key = asked.action.request.idempotency_key
    if key and (old := view.seen(asked.agent.id, key)) is not None:
        raise Again(old["id"], bytes(old["body_digest"]))


def notice_row(asked: Asked, person: str, now: int) -> Put:
    """The notice of a tier 2 action, which commits with its begin; to *person* first."""
    settings = asked.policy.settings
    windows = notice.windows(settings, asked.row)
    return Put(
        "notice",
        {
            "id": "ntc_" + asked.action.id.partition("_")[2],
            "action": asked.action.id,
            "person": person,
            "role": asked.row.notify if asked.row else "",
            "state": "pending",
            "send_by": until(now, windows.send),
            "review_by": until(now, windows.review),
            "reversible_until": until(now, windows.reversal)
            if asked.row and asked.row.rollback and asked.row.rollback.one_click
            else None,
            "sent_at": None,
            "attempts": 0,
            "answered_at": None,
            "answered_by": None,
            "due_at": now,
            "card": None,
        },
    )


def check_row(asked: Asked, now: int) -> list[Put]:
    """The check that is owed after the act, where its row declares one; it commits with the
    begin, so that a restart forgets none."""
    check = asked.row.check if asked.row else None
    if check is None:
        return []
    settings = asked.policy.settings
    return [
        Put(
            "outcome_check",
            {
                "action": asked.action.id,
                "type": asked.action.type,
                "state": "due",
                "due_at": until(now, delay_of(check, settings) or _A_MOMENT),
                "overdue_at": until(now, settings.overdue_outcome),
                "attempts": 0,
                "at": None,
            },
        )
    ]


def check_after(asked: Asked, ended: Outcome, now: int) -> list[Change]:
    """What the outcome makes of the check that `check_row` opened: settled by what was seen at
    once, needless where nothing was done, or to be read after its delay."""
    check = asked.row.check if asked.row else None
    if check is None:
        return []
    settled = SETTLED.get(ended.code)
    if settled is None and ended.state is State.FAILED:
        settled = "needless"
    values: dict[str, Any] = (
        {"state": settled, "due_at": None, "at": now}
        if settled
        else {
            "state": "due",
            "due_at": until(now, delay_of(check, asked.policy.settings) or _A_MOMENT),
        }
    )
    return [Change("outcome_check", (asked.action.id,), values)]


def rollback_row(asked: Asked, view: View) -> list[Put]:
    """How the action can be undone and until when, and when that was last proven, as it is at the
    time of the act."""
    template = asked.row.rollback if asked.row else None
    if template is None:
        return []
    now = view.now
    proof = view.row("proof", asked.action.type) if template.one_click else None
    return [
        Put(
            "rollback",
            {
                "action": asked.action.id,
                "class": template.kind,
                "expires_at": until(now, template.within or asked.policy.settings.reversal_window),
                "proven_at": proof["at"] if proof else None,
                "text": template.text,
            },
        )
    ]
