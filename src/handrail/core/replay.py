"""Any prefix of the ledger rebuilds every state (I21): a fold over entries, and nothing else.

Works on the typed, non-personal facts of the leaves alone, so it gives the same answer after an
erasure. `service.agreement` compares the tables with it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handrail.core.action import State
from handrail.core.events import EventType

#: What an entry of this type says about the action it names. None: the entry's own `state` fact.
STATES: Mapping[str, State | None] = {
    EventType.ACTION_BEGUN: State.BEGUN,
    EventType.ACTION_PROPOSED: State.WAITING,
    EventType.ACTION_PASSED: State.PASSED_IN_SHADOW,
    EventType.ACTION_REFUSED: None,
    EventType.ACTION_RELEASED: State.BEGUN,
    EventType.ACTION_DONE: State.DONE,
    EventType.ACTION_FAILED: State.FAILED,
    EventType.ACTION_UNKNOWN: State.UNKNOWN,
    EventType.CHECK_PASSED: None,
    EventType.CHECK_FAILED: None,
    EventType.CHECK_UNREAD: None,
    EventType.ACTION_WITHDRAWN: State.WITHDRAWN,
    EventType.ACTION_SUPERSEDED: State.SUPERSEDED,
    EventType.ACTION_REPORTED: None,
    EventType.PROPOSAL_APPROVED: None,
    EventType.PROPOSAL_MODIFIED: None,
    EventType.PROPOSAL_DENIED: None,
    EventType.PROPOSAL_REVOKED: None,
    EventType.PROPOSAL_LAPSED: State.LAPSED,
    EventType.REVERSAL_DONE: State.REVERSED,
}


def states(entries: Iterable[Mapping[str, Any]]) -> dict[str, State]:
    """Fold decoded *entries*, in order, into the state of every action they name."""
    found: dict[str, State] = {}
    for entry in entries:
        action, kind = entry.get("action"), entry["type"]
        if action is None or kind not in STATES:
            continue
        state = STATES[kind]
        if state is None:
            default = State.REFUSED if kind == EventType.ACTION_REFUSED else found.get(action)
            told = entry.get("facts", {}).get("state")
            state = State(told) if told else default
        if state is not None:
            found[action] = state
    return found
