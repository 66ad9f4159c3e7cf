"""Tools → drafted rows as files that people read, change and sign (SPEC 2).

* One server's tools at a time: what undoes a tool stands beside it.
* Rows that do alike things to alike things stand in one file: a group that people sign at once.
* A type that has a row already is left as it is, whoever wrote it.
* Everything is a draft: unsigned, it runs at tier 3 whatever tier it proposes.

Nothing is reached here: whoever has the definitions passes them in.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
import yaml

from handrail.core.drafting import Draft, draft
from handrail.core.model import Json, ToolDefinition
from handrail.core.titles import plain
from handrail.errors import BadInput

MOST_TOOLS = 20_000
_SLUG = re.compile(r"[^a-z0-9]+")


def definition(
    connection: str,
    name: str,
    *,
    description: Any = "",
    schema: Any = None,
    annotations: Any = None,
    raw: Mapping[str, Json] | None = None,
) -> ToolDefinition:
    """A tool definition of whatever an upstream said. Raises `BadInput` without a name."""
    if not name or len(name) > 500:
        raise BadInput("a tool has no name of at most 500 characters")
    parts: dict[str, Json] = {
        "name": name,
        "description": description if isinstance(description, str) else "",
        "inputSchema": schema if isinstance(schema, dict) else {},
        "annotations": annotations if isinstance(annotations, dict) else {},
    }
    whole = parts if raw is None else dict(raw)
    return ToolDefinition(
        connection=connection,
        name=name,
        description=str(parts["description"]),
        input_schema=parts["inputSchema"],
        annotations=parts["annotations"],
        raw=whole,
        digest=hashlib.sha256(orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def listed(connection: str, tools: Iterable[Mapping[str, Any]]) -> list[ToolDefinition]:
    """The definitions of an MCP server's `tools/list`, in its order; the first of a name counts."""
    found: dict[str, ToolDefinition] = {}
    for raw in tools:
        name = raw.get("name")
        if isinstance(name, str) and name and name not in found:
            found[name] = definition(
                connection,
                name,
                description=raw.get("description"),
                schema=raw.get("inputSchema"),
                annotations=raw.get("annotations"),
                raw=raw,
            )
        if len(found) > MOST_TOOLS:
            raise BadInput(f"the server offers more than {MOST_TOOLS} tools")
    return list(found.values())


def drafts(tools: Sequence[ToolDefinition]) -> list[Draft]:
    """A drafted row for each of *tools*, which are of one or of several servers."""
    servers: dict[str, list[ToolDefinition]] = {}
    for tool in tools:
        servers.setdefault(tool.connection, []).append(tool)
    return [draft(tool, servers[tool.connection]) for tool in tools]


def line(made: Draft) -> dict[str, Any]:
    """A draft as one line of a machine-readable list."""
    server, _, tool = made.type.partition(".")
    card = made.document["scorecard"]
    return {
        "server": server,
        "tool": tool,
        "tier": made.tier,
        "scorecard": card,
        "reasons": list(made.reasons),
        "marks": list(made.marks),
        "group": made.group,
        "rollback": made.document["rollback"],
    }


def files(made: Sequence[Draft], known: Collection[str] = ()) -> dict[str, str]:
    """Path in a policy folder → text: a file a group, the least oversight first.

    Types in *known* have a row already and are left out."""
    groups: dict[tuple[str, str], list[Draft]] = {}
    for one in made:
        if one.type not in known:
            server = one.type.partition(".")[0]
            groups.setdefault((server, one.group), []).append(one)
    found: dict[str, str] = {}
    for (server, group), rows in groups.items():
        path = f"matrix/{_slug(server)}/{_slug(group)}.yaml"
        while path in found:
            path = path.removesuffix(".yaml") + "-more.yaml"
        found[path] = text(server, group, sorted(rows, key=lambda r: (r.tier, r.type)))
    return found


def text(server: str, group: str, rows: Sequence[Draft]) -> str:
    """One file of drafted rows, with what they share on top."""
    count = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    head = (
        f"# {plain(server)}: {plain(group)}. {count}, drafted from names, descriptions and "
        "schemas.\n"
        "# Unsigned, they run at tier 3. Read them, correct them, then sign the file: a senior\n"
        "# technician, the service desk manager and a compliance officer, each with a reason.\n"
        "rows:\n"
    )
    return head + "\n".join(_row(row) for row in rows)


def _row(made: Draft) -> str:
    marks = "".join(f"  # look again: {plain(m, 200)}\n" for m in made.marks)
    document = {k: _flow(v) if k == "scorecard" else v for k, v in made.document.items()}
    body = yaml.dump([document], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return marks + "".join(f"  {row}\n" if row else "\n" for row in body.splitlines())


class _Flow(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes rows as people would."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Flow,
    lambda dumper, data: dumper.represent_mapping(
        "tag:yaml.org,2002:map", data.items(), flow_style=True
    ),
)


def _flow(card: Json) -> Json:
    return {k: _Flow(v) for k, v in card.items()} if isinstance(card, dict) else card


def _slug(words: str) -> str:
    return _SLUG.sub("-", words.casefold()).strip("-")[:60] or "tools"
