"""What came of a begun action: read from the reply, checked where the row says how (SPEC 3).

The tool's own reply is not the outcome: where a row declares a check, the outcome is what the
check saw. *Executed as specified* and *solved the problem* are two facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from handrail.connectors.executor import Reply
from handrail.core.action import State
from handrail.core.model import Json

_EXCERPT = 200  # characters of an upstream's error that a state line shows


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an execution ended. ``code`` is stable and non-personal, for the ledger; ``text`` is
    for people and may quote the upstream."""

    state: State
    code: str
    text: str


AS_SPECIFIED = "as-specified"
#: Codes that settle a check at once, and the state of the check that they mean.
SETTLED: Mapping[str, str] = {"check-passed": "passed", "check-failed": "failed"}


def of_reply(reply: Reply) -> Outcome:
    """The outcome as far as the reply alone tells."""
    if reply.error is not None:
        message = str(reply.error.get("message", ""))[:_EXCERPT]
        return Outcome(
            State.FAILED, "upstream-error", f"The tool answered with an error: {message}"
        )
    if reply.failed:
        return Outcome(
            State.FAILED,
            "tool-failed",
            f"The tool says it failed: {text_of(reply.result)[:_EXCERPT]}",
        )
    return Outcome(State.DONE, AS_SPECIFIED, "The tool reported success.")


def of_check(says: str, held: bool) -> Outcome:
    """The outcome as the row's check saw it."""
    if held:
        return Outcome(State.DONE, "check-passed", f"Checked by a read: {says}.")
    return Outcome(State.FAILED, "check-failed", f"Not as specified: the check '{says}' failed.")


def to_be_checked(says: str) -> Outcome:
    """The tool reported success; a read has yet to say whether it is so."""
    return Outcome(
        State.DONE, "to-be-checked", f"The tool reported success; a read will check it: {says}."
    )


def withheld(text: str) -> Reply:
    """The reply that stands in for one that is kept from the agent."""
    return Reply(result={"content": [{"type": "text", "text": text}], "isError": True})


def without_words(ended: Outcome) -> Outcome:
    """*ended* without what it quotes of the upstream."""
    said = {
        State.FAILED: "The tool says it failed; what it says is withheld.",
        State.DONE: "Done; its result is withheld.",
    }
    return replace(ended, text=said.get(ended.state, ended.text))


NOT_SENT = Outcome(State.FAILED, "not-sent", "Nothing reached the tool; nothing was changed.")
NO_ANSWER = Outcome(
    State.UNKNOWN, "no-answer", "The tool gave no answer; it may or may not have acted."
)
OVERDUE = Outcome(
    State.UNKNOWN,
    "overdue",
    "No outcome came in time; the tool may or may not have acted.",
)
STOPPED = Outcome(
    State.UNKNOWN,
    "stopped",
    "Handrail stopped before the outcome was recorded; the tool may or may not have acted.",
)


def text_of(result: Mapping[str, Any] | None) -> str:
    """The text parts of a raw result, joined."""
    parts = (result or {}).get("content") or []
    return "\n".join(
        p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str)
    )


def value_of(result: Mapping[str, Any] | None) -> Json:
    """What expressions see as ``result``: structured content, else JSON in the text, else
    ``{"text": …}``."""
    if result is None:
        return {}
    structured = result.get("structuredContent")
    if isinstance(structured, dict):
        return structured
    text = text_of(result)
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}
    return parsed if isinstance(parsed, dict) else {"value": parsed}
