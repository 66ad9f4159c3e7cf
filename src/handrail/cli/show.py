"""A decision package and an action, as a terminal shows them (UX 4.2, in this order).

Handrail's own words first; the agent's only inside a box that says so.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handrail.cli.talk import left, say, when

_BOX = "  │ "


def package(found: Mapping[str, Any]) -> None:
    """One version of a proposal."""
    document = found["document"]
    facts = document["facts"]
    say(f"{document['title']}")
    say(f"{found['id']} version {found['version']}, {found['state']}")
    if found["newest_version"] != found["version"]:
        say(f"A newer version waits: {found['newest_version']}.")
    if document.get("denied"):
        before = document["denied"]
        _box(
            f"{before['by']} denied this {when(before['at'])}; it is asked a second time",
            ": ".join(t for t in (before["reason"], before["note"]) if t),
        )
    say()
    _field("Clients", ", ".join(document["clients"]) or "unknown")
    _field("Targets", ", ".join(document["targets"]) or "none named")
    _field("System", document["system"])
    _field("Blast radius", facts["blast_radius"])
    _field("Undo", facts["reversible"]["text"])
    _field("Data", facts["data"])
    _field("Confidence", f"{facts['confidence']['value']}; {facts['confidence']['record']}")
    if document["top_risk"]:
        _field("Top risk", document["top_risk"])
    _field("Agent", f"{document['agent']['name']}, version {document['agent']['version']}")
    _field("Asked by", f"{document['trigger']['kind']} {document['trigger']['ref']}")
    _block("What changes", (_change(c) for c in document["changes"]))
    _block("Why a person decides", _reasons(document["reasons"]))
    _box(f"What {document['agent']['name']} says (not checked)", document["agent_words"])
    if document["note"]:
        _box("Questions and answers", document["note"])
    if document["evidence_missing"]:
        _block("Evidence", ["None was given."])
    else:
        _box(
            "Evidence",
            "\n".join(
                f"[{'observed' if e['observed'] else 'claimed'}] {e['text']}"
                + (f" ({e['source']})" if e["source"] else "")
                for e in document["evidence"]
            ),
        )
    _block("Similar", (f"{when(s['at'])} {s['state']}: {s['title']}" for s in document["similar"]))
    say()
    _field("Waits for", ", ".join(found["asked_now"]) or found["asked_role"])
    _field("Until", f"{when(found['due_at'])} ({left(found['due_at'])})")
    _field("Lapses", when(found["lapses_at"]))
    _field("Approved by", ", ".join(found["approved_by"]))
    for answer in found["answers"]:
        words = ": ".join(t for t in (answer["reason"], answer["note"]) if t)
        _field("Answer", f"{when(answer['at'])} {answer['name']} {answer['answer']} {words}")
    if found["paused"]:
        _field("Paused", ", ".join(found["paused"]))
    if not found["may_decide"] and found["why_not"]:
        _field("You", f"may not approve: {found['why_not']}")
    _field("Policy", document["policy"]["digest"])
    _field("Package", found["package_digest"])


def action(found: Mapping[str, Any], story: Iterable[Mapping[str, Any]]) -> None:
    """One action and its story."""
    say(found["title"])
    say(f"{found['id']}, {found['state']}, tier {found['tier']}")
    say()
    _field("Client", found["client_name"])
    _field("Targets", ", ".join(found["targets"]))
    _field("Type", found["type"])
    _field("Agent", f"{found['agent_name']}, version {found['agent_version']}")
    _field("Asked by", f"{found['trigger']['kind']} {found['trigger']['ref']}")
    if found["cooperative"]:
        _field("Mode", "the caller acted by itself; its outcome is its own word")
    _field("Outcome", found["outcome"] or "")
    rollback = found["rollback"]
    if rollback:
        open_until = f", until {when(rollback['until'])}" if rollback["open"] else ", not now"
        _field("Reversible", f"{rollback['text']}{open_until}")
    if found["reversal"]:
        _field("Reversed", f"{found['reversal']['state']} by {found['reversal']['by']}")
    _block("Why this tier", _reasons(found["classification"]["reasons"]))
    if found["request"] and found["request"]["reasoning"]:
        _box(f"What {found['agent_name']} says (not checked)", found["request"]["reasoning"])
    if found["result"]:
        _box("What the upstream answered", found["result"])
    _block("Story", (f"{when(e['at'])}  #{e['seq']}  {e['text']}" for e in story))


def _field(name: str, value: str) -> None:
    if value:
        say(f"{name + ':':<14}{value}")


def _block(title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        say()
        say(title)
        for line in found:
            say(f"  {line}")


def _box(title: str, text: str) -> None:
    if text:
        say()
        say(title)
        for line in text.splitlines():
            say(_BOX + line)


def _reasons(reasons: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Each reason with the tier it asks for, those that set the tier first."""
    ordered = sorted(reasons, key=lambda r: -4 if r["tier"] == "prohibited" else -r["tier"])
    return (f"{r['tier']}  {r['text']}" for r in ordered)


def _change(change: Mapping[str, str]) -> str:
    if change["now"]:
        return f"{change['label']}: {change['now']}  →  {change['after']}"
    return f"{change['label']}: {change['after']}"
