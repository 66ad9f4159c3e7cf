"""An independent reader of the record: holds the promises against what the world saw.

It shares no code with the product's rules. It reads ledger entries in order, and the upstream's
own log of what reached it, and raises `AssertionError` naming the promise that is broken.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

ENDS = {
    "handrail:action:done": "done",
    "handrail:action:failed": "failed",
    "handrail:action:unknown": "unknown",
}
PERSON_SAYS = {
    "person:proposal:approved",
    "person:proposal:modified",
    "person:proposal:denied",
    "person:proposal:revoked",
}
FINAL_UNBEGUN = {"denied", "lapsed", "withdrawn", "superseded", "revoked", "refused"}


class Story:
    """What the record says of one action."""

    def __init__(self) -> None:
        self.state = ""
        self.digest = ""
        self.tier = 0
        self.proposal: str | None = None
        self.package = ""
        self.begun_at: int | None = None
        self.begins = 0
        self.ended: str | None = None
        self.approvals: list[Mapping[str, Any]] = []


def check(entries: Iterable[Mapping[str, Any]]) -> dict[str, Story]:
    """Read the whole record; return what it says of each action."""
    stories: dict[str, Story] = defaultdict(Story)
    last_at, last_epoch = "", 0
    for n, entry in enumerate(entries):
        assert entry["seq"] == n, f"I21: position {n} holds {entry['seq']}"
        assert entry["at"] >= last_at, f"I21: time went back at {n}"
        assert entry["epoch"] >= last_epoch, f"I11: the control epoch went back at {n}"
        last_at, last_epoch = entry["at"], entry["epoch"]
        if entry.get("action"):
            _one(stories[entry["action"]], entry)
    return dict(stories)


def _one(story: Story, entry: Mapping[str, Any]) -> None:
    kind, facts, at = entry["type"], entry.get("facts", {}), entry["at"]
    where = f"{entry['action']} at {entry['seq']}"
    if kind == "handrail:action:begun":
        assert not story.state, f"I3: {where} begun from {story.state}"
        assert facts["tier"] in (1, 2), f"I1: {where} begun alone at tier {facts['tier']}"
        assert {"policy", "reasons", "trigger", "digest"} <= set(facts), f"I20: {where}"
        story.state, story.tier, story.digest = "begun", facts["tier"], facts["digest"]
        story.begins += 1
    elif kind == "handrail:action:proposed":
        assert not story.state, f"I4: {where} waits from {story.state}"
        assert facts["tier"] == 3, f"I1: {where}"
        story.state, story.tier, story.digest = "waiting", 3, facts["digest"]
        story.proposal, story.package = facts["proposal"], facts["package"]
    elif kind in PERSON_SAYS:
        assert entry["by"].startswith("person:"), f"I6: {where} decided by {entry['by']}"
        assert story.state in {"waiting", "approved"}, f"I4/I8: {where} {kind} in {story.state}"
        if kind in {"person:proposal:approved", "person:proposal:modified"}:
            assert facts["package"] == story.package, f"I10: {where} approved another package"
            story.approvals.append({**facts, "by": entry["by"], "at": at})
        if "state" in facts:
            story.state = facts["state"]
    elif kind == "handrail:action:released":
        assert story.state == "approved", f"I1: {where} released from {story.state}"
        assert story.approvals, f"I1: {where} released without a person's yes"
        assert facts["digest"] == story.digest, f"I9: {where} runs another digest"
        story.state = "begun"
        story.begins += 1
    elif kind in ENDS or kind == "agent:action:reported":
        late = story.state == "unknown" and (facts.get("late") or kind not in ENDS)
        assert story.state == "begun" or late, f"I3: {where} ended from {story.state}"
        story.state = story.ended = ENDS.get(kind) or facts["state"]
    elif kind.startswith("handrail:check:"):
        assert story.state in {"done", "failed", "unknown"}, f"I3: {where} checked in {story.state}"
        story.state = story.ended = facts["state"]
    elif kind == "handrail:action:refused":
        assert story.state in {"", "waiting", "approved"}, f"I4: {where} refused in {story.state}"
        story.state = facts.get("state", "refused")
    elif kind == "handrail:proposal:lapsed":
        assert story.state in {"waiting", "approved"}, f"I4: {where} lapsed in {story.state}"
        story.state = "lapsed"
    elif kind == "agent:action:withdrawn":
        assert story.state in {"waiting", "approved"}, f"I4: {where} withdrawn in {story.state}"
        story.state = "withdrawn"
    elif kind == "handrail:action:superseded":
        assert story.state in {"waiting", "approved"}, f"I4: {where} superseded in {story.state}"
        story.state = "superseded"
    elif kind == "handrail:reversal:done":
        assert story.state in {"done", "failed", "unknown"}, f"I19: {where}"
        story.state = "reversed"
    assert story.begins <= 1, f"I3: {where} begun {story.begins} times"


def check_world(stories: Mapping[str, Story], reached: Iterable[str]) -> None:
    """Hold the record against the world: *reached* lists, per act that the upstream saw, the id
    of the action it belongs to, as often as it was seen."""
    seen = Counter(reached)
    for action, times in seen.items():
        assert times == 1, f"I3: {action} reached the upstream {times} times"
        story = stories.get(action)
        assert story is not None, f"I20: {action} reached the upstream without an entry"
        assert story.begins == 1, f"I1/I20: {action} reached the upstream in {story.state}"
    for action, story in stories.items():
        if story.state == "done":
            assert seen[action] == 1, f"{action} is done but never reached the upstream"
        if story.state in FINAL_UNBEGUN:
            assert seen[action] == 0, f"I4: {action} is {story.state} but reached the upstream"
