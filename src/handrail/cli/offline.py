"""One line of a file → one classification, with no server and no look-ups.

A line is an action as DOORS describes it: either `type` (or `connection` and `tool`), or with its
own tool definition (`server`, `tool`, `description`, `params`, `annotations`). `context` stands in
for what resolvers would look up; what it does not say is unknown. What an agent says about itself
(urgency, intent) is read and not used.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from handrail.core.arguments import MAX_DEPTH, depth
from handrail.core.classify import given, judge, settle
from handrail.core.conditions import ConditionError, scope
from handrail.core.drafting import Draft, draft
from handrail.core.model import (
    Action,
    Classification,
    Fact,
    Facts,
    Json,
    Request,
    Snapshot,
    ToolDefinition,
    Trigger,
)
from handrail.core.policy import MatrixRow, Policy
from handrail.core.policy_load import drafted_row
from handrail.core.words import fold
from handrail.errors import BadInput, TooLarge

MAX_LINE = 1 << 20  # bytes
_MOST = 100_000  # clients or targets that a context may count
#: A fixed instant: nothing that is classified here depends on the time.
_AT = datetime(2026, 1, 1, tzinfo=UTC)

#: Context words for the class of a user, and what they mean here.
_USER_CLASSES: Mapping[str, str] = {
    "standard": "standard", "vip": "vip", "executive": "vip", "service": "service",
    "service_account": "service", "admin": "admin", "global_admin": "admin",
    "domain_admin": "admin", "privileged": "admin",
}  # fmt: skip
_ROLES: Mapping[str, str] = {
    "workstation": "workstation", "laptop": "workstation", "desktop": "workstation",
    "server": "server", "domain_controller": "server", "hypervisor": "server",
    "network": "network", "network_device": "network", "switch": "network",
    "firewall": "network", "router": "network",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One understood line."""

    connection: str
    tool: str
    arguments: Mapping[str, Json]
    clients: tuple[str, ...] | None
    targets: tuple[str, ...]
    context: Mapping[str, Json]
    trigger: Trigger
    confidence: int | None
    data_classes: frozenset[str]
    definition: ToolDefinition | None = field(repr=False)


def understood(raw: bytes) -> Line:
    """Parse one line. Raises `BadInput` and `TooLarge`, never anything else."""
    if len(raw) > MAX_LINE:
        raise TooLarge(f"it is {len(raw)} bytes", hint=f"At most {MAX_LINE} bytes a line.")
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error}") from None
    if not isinstance(line, dict):
        raise BadInput("not a JSON object")
    if depth(line) > MAX_DEPTH:
        raise TooLarge(f"nested deeper than {MAX_DEPTH} levels")
    connection, tool = _named(line)
    context = _mapping(line, "context")
    return Line(
        connection=connection,
        tool=tool,
        arguments=_mapping(line, "arguments"),
        clients=_clients(line, context),
        targets=tuple(_texts(line, "targets")),
        context=context,
        trigger=_trigger(line.get("trigger")),
        confidence=_confidence(line.get("confidence")),
        data_classes=frozenset(_texts(line, "data_classes")),
        definition=_definition(line, connection, tool) if "server" in line else None,
    )


def described(line: Mapping[str, Json], connection: str = "") -> ToolDefinition:
    """One tool of a catalog: `server`, `tool`, `description`, `params`, `annotations`, or a tool
    as MCP describes it (`name`, `inputSchema`). *connection* where it names no server."""
    known = {"server": connection, **line}
    if "tool" not in known and isinstance(known.get("name"), str):
        known |= {"tool": known["name"], "params": known.get("inputSchema") or {}}
    server, tool = _named(known)
    return _definition(known, server, tool)


def classified(line: Line, policy: Policy) -> dict[str, Any]:
    """The answer to one line."""
    type = f"{line.connection}.{line.tool}"
    drafted: Draft | None = None
    row = policy.row(type)
    if row is None and line.definition is not None:
        drafted = draft(line.definition)
        row = drafted_row(drafted.document)
    result = _classify(line, policy, row, drafted is not None)
    answer: dict[str, Any] = {
        "tier": result.tier.wire,
        "reasons": [{"code": r.code, "tier": r.tier.wire, "text": r.text} for r in result.reasons],
        "policy": result.policy,
    }
    if drafted is not None:
        answer["basis"] = "draft"
    return answer


def _classify(line: Line, policy: Policy, row: MatrixRow | None, drafted: bool) -> Classification:
    request = Request(
        connection=line.connection,
        tool=line.tool,
        arguments=orjson.dumps(line.arguments, option=orjson.OPT_SORT_KEYS),
        trigger=line.trigger,
        confidence=line.confidence,
        data_classes=line.data_classes,
    )
    targets = _targets(line, request, row)
    clients = line.clients
    action = Action(
        id="act_offline",
        request=request,
        agent="",
        agent_version="",
        clients=clients or (),
        targets=targets,
        nonce=b"",
        connection_digest="",
        tool_digest="",
        digest=b"",
        at=_AT,
    )
    facts = _facts(line, len(clients) if clients is not None else None, len(targets))
    judgement = judge(action, line.arguments, facts, policy, draft=row if drafted else None)
    state = Snapshot(
        touched_clients=len(clients or ()),
        touched_targets=len(targets),
        trigger_clients=len(clients or ()),
    )
    return settle(judgement, policy, state)


# --- what stands in the line --------------------------------------------------------------------


def _named(line: Mapping[str, Json]) -> tuple[str, str]:
    connection, tool = line.get("connection") or line.get("server"), line.get("tool")
    if isinstance(line.get("type"), str) and tool is None:
        connection, _, tool = line["type"].partition(".")
    if not isinstance(connection, str) or not isinstance(tool, str) or not connection or not tool:
        raise BadInput(
            "it names no action type", hint="Give type, or connection (or server) and tool."
        )
    if len(connection) > 200 or len(tool) > 500:
        raise TooLarge("its action type is too long")
    return connection, tool


def _mapping(line: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    value = line.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput(f"{key} is not an object")
    return value


def _texts(line: Mapping[str, Json], key: str) -> list[str]:
    value = line.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadInput(f"{key} is not a list of texts")
    return value


def _clients(line: Mapping[str, Json], context: Mapping[str, Json]) -> tuple[str, ...] | None:
    named = _texts(line, "clients")
    if isinstance(line.get("client"), str):
        named = [*named, line["client"]]
    counted = _count(context, "clients")
    if not named and counted is None:
        return None
    missing = max(0, (counted or 0) - len(named))
    return tuple(sorted({*named, *(f"client {n + 1}" for n in range(missing))}))


def _count(context: Mapping[str, Json], key: str) -> int | None:
    value = context.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise BadInput(f"context.{key} is no count", hint=f"A whole number, at most {_MOST}.")
    return value


def _trigger(value: Json) -> Trigger:
    if not isinstance(value, dict):
        return Trigger()
    kind, ref = value.get("kind"), value.get("ref")
    return Trigger(kind if isinstance(kind, str) else "none", ref if isinstance(ref, str) else "")


def _confidence(value: Json) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None  # what is no confidence is a missing one, which counts as below any floor
    return round(value * 1000)


def _definition(line: Mapping[str, Json], connection: str, tool: str) -> ToolDefinition:
    """The tool definition that a line carries. ``params`` is a JSON Schema, or name → type where
    a trailing ``?`` marks an optional one."""
    description = line.get("description")
    params, annotations = _mapping(line, "params"), _mapping(line, "annotations")
    schema: Mapping[str, Json] = params
    if not isinstance(params.get("properties"), dict):
        schema = {
            "type": "object",
            "properties": {n: {"type": _json_type(t)} for n, t in params.items()},
            "required": [n for n, t in params.items() if not str(t).endswith("?")],
        }
    raw = {"name": tool, "description": description, "inputSchema": schema}
    return ToolDefinition(
        connection=connection,
        name=tool,
        description=description if isinstance(description, str) else "",
        input_schema=schema,
        annotations=annotations,
        raw=raw,
        digest=hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def _json_type(text: Json) -> str:
    word = fold(str(text)).rstrip("?")
    if word.startswith(("array", "list", "string[]")) or word.endswith("[]"):
        return "array"
    known = {
        "str": "string", "int": "integer", "bool": "boolean", "float": "number",
        "dict": "object",
    }  # fmt: skip
    return known.get(word, word)


# --- facts --------------------------------------------------------------------------------------


def _targets(line: Line, request: Request, row: MatrixRow | None) -> tuple[str, ...]:
    """The targets named, else those the row finds in the arguments; as many as the context says."""
    named = list(line.targets)
    if not named and row is not None and row.targets is not None:
        try:
            value = row.targets.value(scope(given(request, line.arguments, "", "", row)))
        except ConditionError:
            value = []
        named = [str(v) for v in (value if isinstance(value, list) else [value])]
    most = max(_count(line.context, "endpoints") or 0, _count(line.context, "batch_size") or 0)
    missing = max(0, most - len(named))
    return tuple(sorted({*named, *(f"target {n + 1}" for n in range(missing))}))


def _facts(line: Line, clients: int | None, targets: int) -> Facts:
    context = line.context
    found: dict[str, Json] = {"targets.count": targets}
    if clients is not None:
        found["clients.count"] = clients
    user = context.get("user_class")
    if isinstance(user, str):
        # A class that nobody knows is not a standard user's.
        found["user.class"] = _USER_CLASSES.get(fold(user).replace(" ", "_"), fold(user))
    kind = context.get("target_kind")
    role = _ROLES.get(fold(kind).replace(" ", "_")) if isinstance(kind, str) else None
    if role is not None:
        found["device.role"] = role
    runbook = context.get("runbook")
    if isinstance(runbook, str):
        found["fact.runbook"] = fold(runbook)
    if "clients" in context:
        # A context that counts clients describes them: no word of regimes or risk is none.
        found |= {"client.regimes": [], "client.risk": "normal"}
    regimes = _regimes(context.get("regulated"))
    if regimes is not None:
        found["client.regimes"] = regimes
    for name in ("client.risk", "time.business_hours"):
        if name in context:
            found[name] = context[name]
    return Facts({n: Fact(n, v, "the line's context", _AT) for n, v in found.items()})


def _regimes(value: Json) -> list[str] | None:
    if isinstance(value, str):
        return [fold(value)]
    if isinstance(value, list):
        return [fold(v) for v in value if isinstance(v, str)]
    if value is True:
        return ["hipaa"]  # regulated, and nobody says by what: the strictest
    return None if value is None else []
