"""An MCP request as a `Request`: what is asked for, by which pinned definition, with which facts.

* Facts and protocol bookkeeping are taken out; the rest goes on to the upstream as it came.
* A resource is governed as the definition that its URI falls under: itself, where it is listed,
  else the template that matches it; of several, the one with the most oversight.
* Nothing is guessed: a URI that no definition covers, or that is not in its normal form, is not
  read.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from mcp.shared.uri_template import InvalidUriTemplate, UriTemplate

from handrail.core.model import Agent, Request, Tier
from handrail.errors import BadInput, NotFound
from handrail.gateway import facts, schema
from handrail.service import Services

GOVERNED = frozenset({"tools/call", "resources/read", "prompts/get"})
#: Keys of `_meta` that belong to the hop between the caller and Handrail.
_RESERVED = "io.modelcontextprotocol/"
MAX_URI = 8192


@dataclass(frozen=True, slots=True)
class Call:
    """One understood call: the request, the `_meta` that goes on, and whether the caller knows
    of Handrail (it sent facts in `_meta`, so it reads `_meta` too)."""

    request: Request
    meta: Mapping[str, Any]
    aware: bool


def understand(
    services: Services, agent: Agent, connection: str, method: str, params: Mapping[str, Any]
) -> Call:
    """Understand one governed request. Raises `BadInput` and `NotFound`."""
    meta = dict(params.get("_meta") or {})
    arguments = dict(params.get("arguments") or {})
    said: Any = None
    if method == "resources/read":
        uri = str(params["uri"])
        kind, name = _resource(services, agent, connection, uri)
        tool, arguments = f"resource:{name}", {"uri": uri}
    elif method == "prompts/get":
        kind, tool = "prompt", f"prompt:{params['name']}"
    else:
        kind, tool = "tool", str(params["name"])
        if schema.ARGUMENT in arguments and not _owned(services, agent, connection, tool):
            said = arguments.pop(schema.ARGUMENT)
    given = facts.of_call(meta, said)
    aware = schema.ARGUMENT in meta
    kept = {
        k: v
        for k, v in meta.items()
        if k not in {schema.ARGUMENT, "progressToken"} and not k.startswith(_RESERVED)
    }
    request = Request(
        connection=connection,
        tool=tool,
        kind=kind,
        arguments=_bytes(arguments),
        **facts.understood(given),
    )
    return Call(request, kept, aware)


def _owned(services: Services, agent: Agent, connection: str, tool: str) -> bool:
    tools = services.catalogue.served(agent, connection).tools
    return any(schema.owns(t) for t in tools if t.get("name") == tool)


def _bytes(arguments: Mapping[str, Any]) -> bytes:
    """The arguments as the JSON that is digested and sent. What JSON can't say is refused."""
    left: list[Any] = [arguments]
    while left:
        here = left.pop()
        if isinstance(here, float) and not math.isfinite(here):
            raise BadInput("an argument is no finite number", hint="JSON has no NaN or Infinity.")
        if isinstance(here, dict):
            left += here.values()
        elif isinstance(here, list):
            left += here
    try:
        return orjson.dumps(arguments)
    except TypeError as error:
        raise BadInput(
            f"the arguments can't be written as JSON: {error}",
            hint="Whole numbers have at most 64 bits, texts are valid Unicode, nesting is limited.",
        ) from error


def _resource(services: Services, agent: Agent, connection: str, uri: str) -> tuple[str, str]:
    """The kind and name of the pinned definition that *uri* falls under."""
    served = services.catalogue.served(agent, connection)
    if any(r.get("uri") == uri for r in served.resources):
        return "resource", uri
    if len(uri) > MAX_URI or any(part in {".", ".."} for part in unquote(uri).split("/")):
        raise BadInput("the URI is not in its normal form", hint="Leave out . and .. in its path.")
    matching = [
        str(t["uriTemplate"]) for t in served.templates if _matches(str(t["uriTemplate"]), uri)
    ]
    if not matching:
        raise NotFound(f"no resource {uri!r} for this agent", hint="List the resources first.")
    policy = services.policies.current()

    def oversight(template: str) -> Tier:
        row = policy.row(f"{connection}.resource:{template}")
        return row.tier if row is not None else Tier.APPROVE

    return "resource_template", max(matching, key=oversight)


def _matches(template: str, uri: str) -> bool:
    try:
        return UriTemplate.parse(template).match(uri) is not None
    except InvalidUriTemplate:
        return False
