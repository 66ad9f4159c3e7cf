"""The body of `POST /v1/actions` and what it becomes: a `Request`, nothing in it believed yet.

The arguments are written out once, in the order in which they came, and those bytes are what is
hashed, sealed, shown and sent.
"""

from typing import Any, Literal

import orjson
from pydantic import Field, ValidationError

from handrail.api import body
from handrail.api.errors import malformed
from handrail.core.model import Evidence, Mode, Request, Trigger
from handrail.errors import BadInput


class AskedTrigger(body.Body):
    """What made the agent act."""

    kind: str = Field(max_length=32, description="`ticket`, `alert`, `schedule`, …")
    ref: str = Field(default="", max_length=200, description="Which one.")


class AskedEvidence(body.Body):
    """One piece the agent says it considered."""

    text: str = Field(max_length=4000)
    source: str = Field(default="", max_length=500)
    entry: int | None = Field(
        default=None,
        ge=0,
        lt=1 << 53,
        description="Ledger position of a read through Handrail; only then it is *observed*.",
    )


class AskedAction(body.Body):
    """One action an agent asks for."""

    type: str | None = Field(
        default=None, max_length=300, description="The action type, `connection.tool`."
    )
    connection: str | None = Field(default=None, max_length=100)
    tool: str | None = Field(default=None, max_length=200)
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="The tool's arguments, at most 64 levels deep."
    )
    client: str | None = Field(default=None, max_length=100)
    clients: list[body.Id] | None = Field(default=None, max_length=200)
    targets: list[body.Name] = Field(default_factory=list, max_length=1000)
    trigger: AskedTrigger | str | None = Field(
        default=None, description="An object, or the reference of a ticket."
    )
    reasoning: str = Field(default="", max_length=20_000)
    confidence: float | None = Field(default=None, ge=0, le=1)
    evidence: list[AskedEvidence | str] = Field(default_factory=list, max_length=100)
    data_classes: list[body.Name] = Field(default_factory=list, max_length=32)
    legal_basis: str = Field(default="", max_length=500)
    urgency: str = Field(default="", max_length=40, description="A hint; shown and never used.")
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)
    mode: Literal["execute", "grant", "dry_run"] = Field(
        default="execute",
        description="Handrail acts; the caller acts on a grant and reports; or only classify.",
    )


def understand(raw: bytes, header_key: str | None) -> Request:
    """The request in *raw*. Raises `BadInput` naming each field that is wrong."""
    value = body.parse(raw)
    try:
        asked = AskedAction.model_validate(value)
    except ValidationError as error:
        raise malformed(error.errors(include_url=False, include_input=False)) from None
    connection, tool = _named(asked)
    return Request(
        connection=connection,
        tool=tool,
        arguments=orjson.dumps(asked.arguments),
        clients=_clients(asked),
        targets=tuple(asked.targets),
        trigger=_trigger(asked.trigger),
        reasoning=asked.reasoning,
        # Rounded down: a model that is not quite sure is not surer than it said.
        confidence=None if asked.confidence is None else int(asked.confidence * 1000 + 1e-9),
        evidence=tuple(_evidence(e) for e in asked.evidence),
        data_classes=frozenset(asked.data_classes),
        legal_basis=asked.legal_basis,
        urgency=asked.urgency,
        idempotency_key=_key(asked.idempotency_key, header_key),
        mode=Mode(asked.mode),
    )


def _named(asked: AskedAction) -> tuple[str, str]:
    if asked.type is not None:
        connection, dot, tool = asked.type.partition(".")
        if not connection or not dot or not tool:
            raise BadInput(f"type is {asked.type!r}", hint="Write connection.tool.")
        if (asked.connection or connection, asked.tool or tool) != (connection, tool):
            raise BadInput("type and connection with tool differ", hint="Send one of the two.")
        return connection, tool
    if not asked.connection or not asked.tool:
        raise BadInput("what to do is missing", hint="Send type, or connection and tool.")
    return asked.connection, asked.tool


def _clients(asked: AskedAction) -> tuple[str, ...]:
    if asked.client is not None and asked.clients is not None:
        raise BadInput("client and clients are both there", hint="Send one of the two.")
    if asked.clients is not None:
        return tuple(asked.clients)
    return (asked.client,) if asked.client else ()


def _trigger(said: AskedTrigger | str | None) -> Trigger:
    if said is None:
        return Trigger()
    if isinstance(said, str):
        if len(said) > 200:
            raise BadInput("trigger is over 200 characters", hint="Send the ticket's reference.")
        return Trigger("ticket", said)
    return Trigger(said.kind, said.ref)


def _evidence(said: AskedEvidence | str) -> Evidence:
    if isinstance(said, str):
        if len(said) > 4000:
            raise BadInput("a piece of evidence is over 4000 characters", hint="Shorten it.")
        return Evidence(said)
    return Evidence(said.text, said.source, said.entry)


def _key(in_body: str | None, in_header: str | None) -> str | None:
    if in_header is not None and len(in_header) > 200:
        raise BadInput("Idempotency-Key is over 200 characters")
    if in_body is not None and in_header is not None and in_body != in_header:
        raise BadInput("two idempotency keys differ", hint="Send one, in the body or the header.")
    return in_body or in_header or None
