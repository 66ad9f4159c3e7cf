"""The decision package: what an approver sees of one version, frozen (SPEC 5, UX 4.2, I10, I31).

* Sentence, clients, targets, difference, top risk and undo come from the content that `H(x)`
  binds and from the signed row; the agent's words stand only under ``agent_words``, ``note`` and
  ``evidence``. A reference to a ticket stands outside them only while it is plainly an identifier.
* The clock and the next person stand outside, so that the digest means the same at any time.
* What is cut says so, and by how much.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from handrail.core.model import (
    Action,
    Agent,
    Classification,
    Facts,
    Json,
    Request,
    Trigger,
    Urgency,
)
from handrail.core.policy import MatrixRow, plain
from handrail.errors import Refused

MAX_SUMMARY = 320
MAX_WORDS = 4000  # characters of agent text that a package shows
MAX_EXACT = 16_000  # characters of the exact call that it shows
MAX_EVIDENCE = 20
_HIGH_SCORE = 3
#: A reference as systems give them: an identifier by its shape, never a sentence.
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:#/-]{0,63}")
_KIND = re.compile(r"[a-z][a-z_-]{0,31}")
_CLASSES = frozenset({"identifier", "personal", "health", "secret"})

_UNDO = {
    "exact": "One click undoes it exactly",
    "snapshot": "One click restores what was read before",
    "time-limited": "It can be undone for a time",
    "manual": "Undone by hand",
    "none": "It can't be undone",
}


@dataclass(frozen=True, slots=True)
class Package:
    """The frozen document and its SHA-256."""

    document: bytes
    digest: bytes


def freeze(
    *,
    proposal: str,
    version: int,
    action: Action,
    arguments: Mapping[str, Json],
    agent: Agent,
    clients: Sequence[str],
    row: MatrixRow | None,
    sentence: str,
    classification: Classification,
    facts: Facts,
    before: Json | None,
    similar: Sequence[Mapping[str, Any]],
    track_record: Mapping[str, Any],
    urgency: Urgency,
    observed: frozenset[int] = frozenset(),
    note: str = "",
    because: str = "",
    denied: Mapping[str, str] | None = None,
    proven: str | None = None,
) -> Package:
    """Freeze one version.

    *observed* are the ledger positions, of those the agent named, that are reads which went
    through Handrail: only these count as observed. Raises `Refused` naming what is missing when a
    mandatory part is: the agent's reasoning, and what triggered it.
    """
    request = action.request
    missing = [
        what
        for what, there in (
            ("reasoning: why this, in a sentence", bool(request.reasoning.strip())),
            ("trigger: the ticket or alert that asked for it", bool(request.trigger.ref.strip())),
        )
        if not there
    ]
    if missing:
        raise Refused(
            f"incomplete: add {' and '.join(missing)}",
            hint="Send the call again with these governance facts.",
        )
    kind = row.rollback.kind if row and row.rollback else "none"
    undo = row.rollback.text if row and row.rollback and row.rollback.text else _UNDO[kind]
    high = row is None or any(f["score"] >= _HIGH_SCORE for f in row.scorecard_shown())
    risk = row.risk if row and row.risk else "Nobody has written down what could go wrong"
    names = ", ".join(clients) or "no known client"
    document = {
        "id": proposal,
        "version": version,
        "action": action.id,
        "digest": action.digest.hex(),
        "type": action.type,
        "tier": classification.tier.wire,
        "title": sentence,
        "summary": _summary(sentence, names, undo),
        "because": because,
        "denied": None if denied is None else {k: words(v, 1000) for k, v in denied.items()},
        "clients": list(clients),
        "client_ids": list(action.clients),
        "targets": [plain(t) for t in action.targets],
        "system": f"{plain(request.connection)}, {plain(request.tool)}",
        "agent": {
            "id": agent.id,
            "name": agent.name,
            "version": agent.version,
            "sponsor": agent.sponsor,
        },
        "trigger": _trigger(request.trigger),
        "urgency": urgency.value,
        "facts": {
            "blast_radius": _blast(action, row, names),
            "reversible": {"class": kind, "text": undo, "proven": proven},
            "confidence": _confidence(request.confidence, track_record),
            "data": _data(row, request.data_classes),
        },
        "changes": _changes(arguments, before),
        "arguments": exact(request.arguments.decode(errors="replace")),
        "agent_words": _said(request),
        "note": words(note),
        "evidence": [
            {
                "text": words(e.text, 500),
                "source": words(e.source, 200),
                "observed": e.entry in observed,
                "entry": e.entry if e.entry in observed else None,
            }
            for e in request.evidence[:MAX_EVIDENCE]
        ],
        "evidence_more": max(len(request.evidence) - MAX_EVIDENCE, 0),
        "evidence_missing": not request.evidence,
        "risks": [risk],
        "top_risk": risk if high or kind in {"manual", "none"} else None,
        "undo": [undo],
        "similar": [
            {
                "action": s["id"],
                "at": s["at"],
                "client": s["client"],
                "state": s["state"],
                "title": s["sentence"],
            }
            for s in similar
        ],
        "known": [
            {"name": n, "value": _shown(f.value), "source": f.source, "at": _instant(f.at)}
            for n, f in sorted(facts.by_name.items())
        ],
        "reasons": [
            {"code": plain(r.code), "tier": r.tier.wire, "text": plain(r.text, 400)}
            for r in classification.reasons
        ],
        "policy": {"digest": classification.policy, "row": classification.row},
    }
    encoded = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return Package(encoded, hashlib.sha256(encoded).digest())


#: What a comparison shows, in order: label → path in the document.
_COMPARED: Sequence[tuple[str, tuple[str, ...]]] = (
    ("What", ("title",)),
    ("Action type", ("type",)),
    ("Clients", ("client_ids",)),
    ("Targets", ("targets",)),
    ("Arguments", ("arguments",)),
    ("Before", ("changes",)),
    ("Blast radius", ("facts", "blast_radius")),
    ("Data", ("facts", "data")),
    ("Undo", ("undo",)),
    ("Risk", ("risks",)),
    ("Why the tier", ("reasons",)),
    ("Looked up", ("known",)),
    ("Evidence", ("evidence",)),
    ("Trigger", ("trigger", "ref")),
    ("Agent version", ("agent", "version")),
    ("Confidence", ("facts", "confidence", "value")),
    ("What the agent says", ("agent_words",)),
    ("Questions and answers", ("note",)),
    ("Denied before", ("denied",)),
    ("Policy", ("policy", "digest")),
)


def compare(old: bytes, new: bytes) -> list[tuple[str, str, str]]:
    """What differs between two frozen documents: (label, then, now). Never empty when they bind
    different content: what shows nowhere else shows as another digest (a changed tool or key)."""
    before, after = orjson.loads(old), orjson.loads(new)
    found = []
    for label, path in _COMPARED:
        then, now = _at(before, path), _at(after, path)
        if label == "Before":
            then, now = _before(then), _before(now)
        if then != now:
            found.append((label, _line(then), _line(now)))
    if not found and before["digest"] != after["digest"]:
        found.append(("What the approval covers", before["digest"], after["digest"]))
    return found


def exact(text: str) -> str:
    """JSON as it will be sent, so that it reads as what it is: characters that hide or reorder are
    written as the escapes that mean the same. Capped, and then it says how much is not shown."""
    shown = "".join(
        c if c in "\n\t" or unicodedata.category(c) not in _HIDDEN else _escaped(c)
        for c in text[:MAX_EXACT]
    )
    more = len(text) - MAX_EXACT
    return f"{shown}… ({more:,} more characters are not shown)" if more > 0 else shown


def words(text: str, limit: int = MAX_WORDS) -> str:
    """Text that others wrote, as it may stand in its own box: control and reordering characters
    are shown as what they are not, line breaks stay, and it is capped."""
    lines = text[: 2 * limit + 2].replace("\r\n", "\n").replace("\t", "  ")
    kept = "".join(
        c if c == "\n" or unicodedata.category(c) not in _HIDDEN else "\ufffd"
        for c in lines[: limit + 1]
    )
    return kept if len(kept) <= limit else kept[:limit] + "… (cut)"


_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def _trigger(trigger: Trigger) -> dict[str, str]:
    """What asked for it, where that is plainly an identifier; else the agent's box holds it."""
    kind = trigger.kind if _KIND.fullmatch(trigger.kind) else "other"
    return {"kind": kind, "ref": trigger.ref if _REFERENCE.fullmatch(trigger.ref) else ""}


def _said(request: Request) -> str:
    """What the agent wrote, the reference included where that reads like more than one."""
    reasoning = words(request.reasoning)
    if _trigger(request.trigger)["ref"]:
        return reasoning
    return f"{reasoning}\n(Asked for by: {words(request.trigger.ref, 200)})"


def _summary(sentence: str, names: str, undo: str) -> str:
    text = f"{sentence.rstrip('.')}, for {names}. Undo: {undo.rstrip('.')}."
    return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1] + "…"


def _blast(action: Action, row: MatrixRow | None, names: str) -> str:
    kind = row.target_kind if row else "target"
    count = len(action.targets)
    what = f"{count} {kind}{'s' if count != 1 else ''}" if count else "No named target"
    return f"{what}, {names}"


def _confidence(confidence: int | None, record: Mapping[str, Any]) -> dict[str, Any]:
    done, wrong = (
        int(record.get("done") or 0),
        sum(int(record.get(k) or 0) for k in ("failed", "reversed", "unknown")),
    )
    total = done + wrong
    said = "not given" if confidence is None else f"{confidence / 10:g} %"
    text = f"was right {done} of {total} times here" if total else "has no record here yet"
    return {"value": said, "per_mille": confidence, "record": text}


def _data(row: MatrixRow | None, declared: frozenset[str]) -> str:
    if row is None or row.data_classes is None:
        return "Not known"
    known = sorted(row.data_classes | (declared & _CLASSES))
    if declared - _CLASSES:
        known.append("a class that is not known")
    return ", ".join(known).capitalize() if known else "None"


def _changes(arguments: Mapping[str, Json], before: Json | None) -> list[dict[str, str]]:
    """Each argument, with the value now where the before read shows one of the same name."""
    now = before if isinstance(before, dict) else {}
    return [
        {
            "label": plain(str(name)),
            "now": _shown(now[name]) if name in now else "",
            "after": _shown(value),
        }
        for name, value in sorted(arguments.items())
    ]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _shown(value: Json) -> str:
    if isinstance(value, str):
        return plain(value, 300)
    return plain(orjson.dumps(value).decode(), 300)


def _before(changes: list[dict[str, str]]) -> list[str]:
    return [f"{c['label']}: {c['now']}" for c in changes if c["now"]]


def _at(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _line(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(str(v.get("text", v)) if isinstance(v, dict) else str(v) for v in value)
    return ""  # an earlier form of the document did not hold it
