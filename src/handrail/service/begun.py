"""What hangs on a begin: the rows that commit with it, and why it may not happen."""

from handrail.core import notice
from handrail.core.model import Classification, Snapshot
from handrail.errors import HandrailError
from handrail.service.asked import Asked, until, why
from handrail.store.contract import Put


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
        },
    )


def rollback_row(asked: Asked, now: int) -> list[Put]:
    """How the action can be undone and until when, as it is at the time of the act."""
    template = asked.row.rollback if asked.row else None
    if template is None:
        return []
    return [
        Put(
            "rollback",
            {
                "action": asked.action.id,
                "class": template.kind,
                "expires_at": until(now, template.within or asked.policy.settings.reversal_window),
                "proven_at": None,
                "text": template.text,
            },
        )
    ]
