"""Governance facts beside a call: where they travel and what they may be (DOORS, MCP).

Programs send them in `_meta["handrail"]`; a language model can't, so it has the argument of
`gateway.schema`. `_meta` wins; what is said differently in both places is refused. Nothing in
them is believed: they are shown, compared and looked up.
"""

from collections.abc import Mapping
from typing import Any

from handrail.core.model import Evidence, Trigger
from handrail.errors import BadInput
from handrail.gateway.schema import ARGUMENT

_KNOWN = frozenset(
    {
        "client",
        "clients",
        "targets",
        "reasoning",
        "confidence",
        "ticket",
        "trigger",
        "evidence",
        "data_classes",
        "legal_basis",
        "urgency",
        "idempotency_key",
    }
)
_TEXT = 20_000  # characters of a reasoning or a piece of evidence
_SHORT = 200  # characters of a reference, an id or a class
_LISTED = 100


def of_call(meta: Mapping[str, Any] | None, said: Any) -> dict[str, Any]:
    """The facts of one call: those of `_meta` and those of the argument *said*."""
    first = (meta or {}).get(ARGUMENT)
    for facts in (first, said):
        if facts is not None and not isinstance(facts, dict):
            raise BadInput("the handrail facts are no object", hint="Send an object or nothing.")
    mine, theirs = dict(first or {}), dict(said or {})
    clash = sorted(k for k in mine.keys() & theirs.keys() if mine[k] != theirs[k])
    if clash:
        raise BadInput(
            f"{clash[0]} differs between _meta and the argument", hint="Say it in one place."
        )
    return {**theirs, **mine}


def understood(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as keyword arguments of `Request`. Raises `BadInput` saying what to correct."""
    unknown = sorted(set(facts) - _KNOWN)
    if unknown:
        raise BadInput(
            f"unknown fact {unknown[0][:_SHORT]!r}", hint=f"Known: {', '.join(sorted(_KNOWN))}."
        )
    given = {k: v for k, v in facts.items() if v is not None}
    found: dict[str, Any] = {"trigger": _trigger(given)}
    if "confidence" in given:
        found["confidence"] = per_mille(given["confidence"])
    for name, limit in (
        ("reasoning", _TEXT),
        ("legal_basis", _SHORT),
        ("urgency", _SHORT),
        ("idempotency_key", _SHORT),
    ):
        if name in given:
            found[name] = _text(name, given[name], limit)
    clients = given.get("clients", given.get("client"))
    if clients is not None:
        listed = clients if isinstance(clients, list) else [clients]
        found["clients"] = _texts("clients", listed)
    if "targets" in given:
        found["targets"] = _texts("targets", given["targets"])
    if "data_classes" in given:
        found["data_classes"] = frozenset(_texts("data_classes", given["data_classes"]))
    if "evidence" in given:
        found["evidence"] = tuple(_evidence(e) for e in _list("evidence", given["evidence"]))
    return found


def per_mille(value: Any) -> int:
    """A confidence from 0 to 1 as whole per mille."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadInput(f"confidence is {str(value)[:40]!r}", hint="Send a number from 0 to 1.")
    return round(value * 1000)


def _trigger(given: Mapping[str, Any]) -> Trigger:
    said = given.get("trigger")
    if said is not None:
        if not isinstance(said, dict):
            raise BadInput("trigger is no object", hint="Send {kind, ref}, or ticket as a text.")
        kind = _text("trigger.kind", said.get("kind", "other"), 32)
        return Trigger(kind, _text("trigger.ref", said.get("ref", ""), _SHORT))
    if "ticket" in given:
        return Trigger("ticket", _text("ticket", given["ticket"], _SHORT))
    return Trigger()


def _evidence(said: Any) -> Evidence:
    if isinstance(said, str):
        return Evidence(_text("evidence", said, _TEXT))
    if not isinstance(said, dict):
        raise BadInput("a piece of evidence is a text or an object", hint="Send {text, source}.")
    entry = said.get("entry")
    if entry is not None and (isinstance(entry, bool) or not isinstance(entry, int) or entry < 0):
        raise BadInput("evidence.entry is a ledger position", hint="Leave it out otherwise.")
    return Evidence(
        _text("evidence.text", said.get("text", ""), _TEXT),
        _text("evidence.source", said.get("source", ""), _SHORT),
        entry,
    )


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _LISTED:
        raise BadInput(f"{name} is no list of at most {_LISTED}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(name, each, _SHORT) for each in _list(name, value))


def _text(name: str, value: Any, limit: int) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)  # models write ticket numbers as numbers
    if not isinstance(value, str) or len(value) > limit:
        raise BadInput(f"{name} is no text of at most {limit} characters")
    return value
