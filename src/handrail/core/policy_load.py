"""Policy text → `Policy`: everything is validated, and every problem is said with its line.

Layout of a folder: `handrail.yaml` (settings, roles, chains, routing, lookups, own ground,
freezes), `matrix/*.yaml` (rows; signatures on top of a file sign all its rows), `rules/*.yaml`.
Which file a row or a rule stands in means nothing, and neither do comments, quoting or order of
keys: the digest is over what is meant.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import orjson

from handrail.core.conditions import ATTRIBUTES
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Json, Urgency
from handrail.core.policy import (
    Beside,
    Freeze,
    Ground,
    Lookup,
    MatrixRow,
    Policy,
    RoleKind,
    Route,
    Rule,
)
from handrail.core.policy_leaves import (
    CATEGORIES,
    DATA_CLASSES,
    read_arguments,
    read_condition,
    read_expression,
    read_globs,
    read_instant,
    read_span,
    read_type,
)
from handrail.core.policy_rows import read_row, read_rule, read_signature
from handrail.core.yaml_lines import Node, Problems, parse, planted, suggestion
from handrail.errors import PolicyInvalid

MAIN = "handrail.yaml"


def compile_policy(files: Mapping[str, str]) -> Policy:
    """Compile a folder's files (relative path → text). Raises `PolicyInvalid`."""
    problems = Problems()
    roots = {
        name: node
        for name, text in sorted(files.items())
        if name.endswith((".yaml", ".yml")) and (node := parse(name, text, problems)) is not None
    }
    if MAIN not in files:
        problems.add(MAIN, 1, "the file is missing", "Run `handrail init` for a start.")
    main = roots.pop(MAIN, None)
    policy = _main(main) if main is not None else None
    roles = policy.roles if policy else {}
    matrix = _Matrix(roles)
    for root in roots.values():
        matrix.take(root)
    if main is not None:
        _check_reads(matrix, main)
    if problems.found or policy is None:
        raise PolicyInvalid(sorted(problems.found, key=lambda p: (p.file, p.line)))
    document = {
        "main": _plain(main) if main is not None else {},
        "rows": {type: matrix.documents[type] for type in sorted(matrix.rows)},
        "rules": {name: _plain(node) for name, (_, node) in sorted(matrix.rules.items())},
    }
    digest = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    rules = tuple(rule for _, (rule, _) in sorted(matrix.rules.items()))
    return replace(policy, rows=matrix.rows, rules=rules, document=document, digest=digest)


def drafted_row(document: Mapping[str, Json]) -> MatrixRow:
    """Compile one drafted row, unsigned. Raises `PolicyInvalid` like the row of a file."""
    problems = Problems()
    row = read_row(planted(document, "draft", problems), (), {str(document.get("notify", ""))})
    if row is None or problems.found:
        raise PolicyInvalid(problems.found)
    return row


class _Matrix:
    """Rows and rules over all files, each with the place where it stands."""

    def __init__(self, roles: Mapping[str, RoleKind]) -> None:
        self.roles = roles
        self.rows: dict[str, MatrixRow] = {}
        self.documents: dict[str, Json] = {}
        self.places: dict[str, Node] = {}
        self.rules: dict[str, tuple[Rule, Node]] = {}

    def take(self, root: Node) -> None:
        """Take the rows and rules of one file."""
        top = root.fields((), ("rows", "rules", "signatures"))
        signed = top["signatures"].items() if "signatures" in top else []
        shared = tuple(read_signature(n, self.roles) for n in signed)
        for node in top["rows"].items() if "rows" in top else ():
            row = read_row(node, shared, self.roles)
            if row is None:
                continue
            if row.type in self.rows:
                node.wrong(f"{row.type} has a row already", "One row for each action type.")
            own = _plain(node)
            own["signatures"] = [*(_plain(s) for s in signed), *own.get("signatures", ())]
            self.rows[row.type], self.documents[row.type] = row, own
            self.places[row.type] = node
        for node in top["rules"].items() if "rules" in top else ():
            rule = read_rule(node)
            if rule is None:
                continue
            if rule.name in self.rules:
                node.wrong(f"a rule named {rule.name!r} stands already", "Give it its own name.")
            self.rules[rule.name] = (rule, node)


def _plain(node: Node) -> Any:
    """What *node* says, without its places."""
    if isinstance(node.value, dict):
        return {k: _plain(n) for k, n in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(n) for n in node.value]
    return node.value


def _check_reads(matrix: _Matrix, main: Node) -> None:
    """Handrail reads only by rows that read: anything else would leave a fact or a check unknown
    for ever, and is a mistake in the policy."""
    for type, row in matrix.rows.items():
        rollback = row.rollback
        wanted = [row.check, rollback.before if rollback else None]
        wanted.append(rollback.check if rollback else None)
        for read in wanted:
            if read is not None:
                _check_read(read.read, matrix.rows, matrix.places[type])
    top = main.value if isinstance(main.value, dict) else {}
    facts = top["facts"].value if "facts" in top else []
    for fact in facts if isinstance(facts, list) else []:
        place = fact.value.get("read") if isinstance(fact.value, dict) else None
        if place is not None and isinstance(place.value, str):
            _check_read(place.value, matrix.rows, place)


def _check_read(type: str, rows: Mapping[str, MatrixRow], place: Node) -> None:
    row = rows.get(type)
    if row is None:
        place.wrong(f"it reads {type}, which has no row", suggestion(type, rows))
    elif row.effect is not Effect.READ:
        place.wrong(f"it reads {type}, whose effect is change", "Name a row that only reads.")


# --- handrail.yaml ------------------------------------------------------------------------------

_REQUIRED = ("version", "organisation", "roles", "chains", "routing")
_OPTIONAL = (
    "settings", "beside", "four_eyes", "own_ground", "prohibited", "facts", "freezes",
)  # fmt: skip


def _main(root: Node) -> Policy:
    top = root.fields(_REQUIRED, _OPTIONAL)
    if "version" in top and (top["version"].value != 1 or top["version"].value is True):
        top["version"].wrong(f"version is {top['version'].shown}", "This Handrail reads version 1.")
    organisation = ""
    if "organisation" in top:
        named = top["organisation"].fields(("name",))
        organisation = named["name"].text() if "name" in named else ""
    roles = _roles(top["roles"]) if "roles" in top else {}
    chains = _chains(top["chains"], roles) if "chains" in top else {}

    def items(key: str) -> Iterable[Node]:
        return top[key].items() if key in top else ()

    return Policy(
        organisation=organisation,
        settings=_settings(top["settings"]) if "settings" in top else Settings(),
        roles=roles,
        chains=chains,
        routing=_routing(top["routing"], chains) if "routing" in top else (),
        beside=tuple(_beside(n, roles) for n in items("beside")),
        four_eyes_types=read_globs(top["four_eyes"]) if "four_eyes" in top else (),
        own_ground=tuple(_ground(n) for n in items("own_ground")),
        prohibited=tuple(_prohibited(n) for n in items("prohibited")),
        lookups=tuple(lk for n in items("facts") if (lk := _lookup(n)) is not None),
        freezes=tuple(fr for n in items("freezes") if (fr := _freeze(n)) is not None),
        rules=(),
        rows={},
        document={},
        digest="",
    )


def _roles(node: Node) -> dict[str, RoleKind]:
    roles: dict[str, RoleKind] = {}
    names = [name for name, _ in node.entries()]
    if not names:
        node.wrong("there are no roles", "Name at least one role that people hold.")
    for name, body in node.entries():
        f = body.fields(("says",), ("per_client", "backups"))
        backups = f["backups"].texts(allowed=names) if "backups" in f else ()
        if name in backups:
            f["backups"].wrong(f"{name} backs up itself", "Name another role.")
        roles[name] = RoleKind(
            name=name,
            says=f["says"].text() if "says" in f else "",
            per_client=f["per_client"].flag() if "per_client" in f else False,
            backups=backups,
        )
    return roles


def _chains(node: Node, roles: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    chains: dict[str, tuple[str, ...]] = {}
    for name, body in node.entries():
        chains[name] = body.texts(allowed=roles)
        if not body.value:
            body.wrong(f"the chain {name!r} is empty", "Name at least one role.")
        if len(set(chains[name])) < len(chains[name]):
            body.wrong(f"the chain {name!r} asks a role twice", "Name each role once.")
    return chains


def _routing(node: Node, chains: Mapping[str, Any]) -> tuple[Route, ...]:
    routes: list[Route] = []
    for item in node.items():
        f = item.fields(("chain",), ("when", "categories"))
        if routes and routes[-1].when is None and not routes[-1].categories:
            item.wrong("this route is never reached", "The one before it always holds.")
        categories = f["categories"].texts(allowed=CATEGORIES) if "categories" in f else ()
        if "categories" in f and not categories:
            f["categories"].wrong("the list of categories is empty", "Leave it out for all.")
        routes.append(
            Route(
                chain=f["chain"].text(allowed=chains) if "chain" in f else "",
                when=read_condition(f["when"], twin="either") if "when" in f else None,
                categories=frozenset(categories),
            )
        )
    last = node.items()[-1] if node.items() else None
    has_condition = last is not None and isinstance(last.value, dict) and (
        {"when", "categories"} & set(last.value)
    )  # fmt: skip
    if last is None or has_condition:
        (last or node).wrong("the last route has a condition", "End with one that always holds.")
    return tuple(routes)


def _beside(node: Node, roles: Mapping[str, Any]) -> Beside:
    f = node.fields(("role", "data_classes"))
    return Beside(
        role=f["role"].text(allowed=roles) if "role" in f else "",
        data_classes=frozenset(f["data_classes"].texts(allowed=DATA_CLASSES))
        if "data_classes" in f
        else frozenset(),
    )


def _ground(node: Node) -> Ground:
    f = node.fields(("pattern", "why"))
    pattern = f["pattern"].text() if "pattern" in f else ""
    if pattern and not pattern.strip("*? "):
        node.wrong(f"the pattern {pattern!r} covers everything", "Name what it is about.")
    return Ground(pattern=pattern, why=f["why"].text() if "why" in f else "")


def _prohibited(node: Node) -> tuple[str, str]:
    f = node.fields(("type", "because"))
    return (
        f["type"].text() if "type" in f else "",
        f["because"].text() if "because" in f else "",
    )


def _freeze(node: Node) -> Freeze | None:
    f = node.fields(("name", "from", "until", "because"), ("types", "categories", "clients"))
    begins = read_instant(f["from"]) if "from" in f else None
    ends = read_instant(f["until"]) if "until" in f else None
    categories = f["categories"].texts(allowed=CATEGORIES) if "categories" in f else ()
    if begins is None or ends is None or not {"name", "because"} <= set(f):
        return None
    if ends <= begins:
        f["until"].wrong("the freeze ends before it begins", "Write from: before until:.")
    return Freeze(
        name=f["name"].text(),
        begins=begins,
        ends=ends,
        types=read_globs(f["types"]) if "types" in f else (),
        categories=frozenset(categories),
        clients=frozenset(f["clients"].texts()) if "clients" in f else frozenset(),
        because=f["because"].text(),
    )


def _lookup(node: Node) -> Lookup | None:
    f = node.fields(("name", "read", "arguments", "value", "age"), ("types", "when"))
    name = f["name"].text() if "name" in f else ""
    if name and name not in ATTRIBUTES and not name.startswith("fact."):
        f["name"].wrong(f"{name!r} is no attribute", suggestion(name, [*ATTRIBUTES, "fact.NAME"]))
    value = read_expression(f["value"], afterwards=True) if "value" in f else None
    age = read_span(f["age"]) if "age" in f else None
    when = read_condition(f["when"]) if "when" in f else None
    read = read_type(f["read"]) if "read" in f else ""
    arguments = read_arguments(f["arguments"]) if "arguments" in f else None
    if not (name and read and value and age) or arguments is None:
        return None
    return Lookup(
        name=name,
        types=read_globs(f["types"]) if "types" in f else (),
        when=when,
        read=read,
        arguments=arguments,
        value=value,
        age=age,
    )


def _settings(node: Node) -> Settings:
    known = {f.name: f for f in fields(Settings)}
    given: dict[str, Any] = {}
    defaults = Settings()
    for name, value in node.fields((), known).items():
        default = getattr(defaults, name)
        if isinstance(default, timedelta):
            least = timedelta() if name == "undo_window" else timedelta(seconds=1)
            given[name] = read_span(value, least=least)
        elif isinstance(default, int):
            given[name] = value.whole(1, 1_000_000)
        else:
            spans = {u: read_span(n) for u, n in value.fields((), list(Urgency)).items()}
            found = {Urgency(u): s for u, s in spans.items() if s is not None}
            given[name] = {**default, **found}
    settings = replace(defaults, **{k: v for k, v in given.items() if v is not None})
    places = node.value if isinstance(node.value, dict) else {}
    if settings.undo_window > timedelta(seconds=30):
        places["undo_window"].wrong("undo_window is longer than 30 s", "Write 0s to 30s.")
    if settings.personal_reads not in {2, 3}:
        places["personal_reads"].wrong("personal_reads is 2 or 3", "2: mail, chat and exports.")
    if settings.approval_valid <= settings.undo_window:
        node.wrong("approval_valid must be longer than undo_window", "Nothing could ever begin.")
    return settings
