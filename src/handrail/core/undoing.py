"""How a tool may be undone, proposed from the tools beside it (SPEC 4, importing).

* *exact*: another tool whose name is this one with its verb inverted, and whose required
  parameters this one has as well: `assign_licence` and `unassign_licence`.
* *snapshot*: a tool that sets what another one reads of the same thing: read before, set back.

A proposal is a guess from names and schemas. It stands in a drafted, unsigned row, says so, and
counts for nothing until people signed it and a rehearsal proved it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from handrail.core.lexicon import INVERSES
from handrail.core.model import Json, ToolDefinition
from handrail.core.words import words_of

_SETS = frozenset({"set", "update", "change", "edit", "modify", "patch", "configure", "move"})
_GETS = ("get", "read", "show", "describe", "fetch", "view")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Undoing:
    """A proposed rollback: in the policy's format, and the tool that does the undoing."""

    document: Mapping[str, Json]
    by: str | None


def undoing(tool: ToolDefinition, offered: Iterable[ToolDefinition]) -> Undoing:
    """Propose how *tool* is undone by one of *offered*; by hand, where nothing offers itself."""
    beside = {other.name: other for other in offered if other.name != tool.name}
    return (
        _inverse(tool, beside)
        or _snapshot(tool, beside)
        or Undoing({"class": "manual", "text": "Nobody has written down how to undo it."}, None)
    )


def _inverse(tool: ToolDefinition, beside: Mapping[str, ToolDefinition]) -> Undoing | None:
    mine = words_of(tool.name)
    for n, word in enumerate(mine):
        undoes = INVERSES.get(word)
        if undoes is None:
            continue
        wanted = (*mine[:n], undoes, *mine[n + 1 :])
        for other in beside.values():
            if words_of(other.name) != wanted:
                continue
            given = _passed_on(other, tool)
            if given is None:
                text = f"Drafted: {other.name} looks like its inverse; it takes other arguments."
                return Undoing({"class": "manual", "text": text}, other.name)
            type = f"{other.connection}.{other.name}"
            return Undoing(
                {
                    "class": "exact",
                    "calls": [{"call": type, "arguments": given}],
                    "text": f"Drafted: {other.name} looks like its inverse; try it before you "
                    "rely on it.",
                },
                other.name,
            )
    return None


def _snapshot(tool: ToolDefinition, beside: Mapping[str, ToolDefinition]) -> Undoing | None:
    mine = words_of(tool.name)
    at = next((n for n, word in enumerate(mine) if word in _SETS), None)
    if at is None:
        return None
    for get in _GETS:
        for read in beside.values():
            theirs = words_of(read.name)
            # What is read may be the whole of which a part is set: set_mailbox_forwarding.
            reads = (*mine[:at], get, *mine[at + 1 : len(theirs)])
            if theirs != reads or len(theirs) < at + 2:
                continue
            found = _passed_on(read, tool)
            if found is None:
                continue
            names = [n for n in _parameters(tool) if _NAME.fullmatch(n)]
            kept = [n for n in names if n in found]
            back = [n for n in names if n not in found]
            if not back:
                continue
            arguments = {**{n: f"args.{n}" for n in kept}, **{n: f"before.{n}" for n in back}}
            same = " && ".join(f"after.{n} == before.{n}" for n in back)
            once = {"read": f"{read.connection}.{read.name}", "arguments": found}
            return Undoing(
                {
                    "class": "snapshot",
                    "before": once,
                    "calls": [{"call": f"{tool.connection}.{tool.name}", "arguments": arguments}],
                    "check": {**once, "when": same},
                    "text": f"Drafted: {read.name} seems to read what this sets; look whether it "
                    "gives these fields, and try it before you rely on it.",
                },
                read.name,
            )
    return None


def _passed_on(other: ToolDefinition, tool: ToolDefinition) -> dict[str, Json] | None:
    """The arguments of *other* as expressions over those of *tool*; None where it needs more."""
    mine, theirs = _parameters(tool), _parameters(other)
    required = _required(other)
    if any(n not in mine or not _NAME.fullmatch(n) for n in required):
        return None
    names = [n for n in theirs if n in required and n in _required(tool)]
    if len(names) < len(required):
        return None  # what is optional here may be missing there
    return {n: f"args.{n}" for n in names}


def _parameters(tool: ToolDefinition) -> list[str]:
    properties = tool.input_schema.get("properties")
    return [str(n) for n in properties] if isinstance(properties, dict) else []


def _required(tool: ToolDefinition) -> frozenset[str]:
    required = tool.input_schema.get("required")
    listed = required if isinstance(required, list) else []
    return frozenset(n for n in listed if isinstance(n, str))
