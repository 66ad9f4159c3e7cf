"""Policy text → `Policy`: everything is validated, and every problem is said with its line.

Layout of a folder: `handrail.yaml` (settings, roles, chains, routing, lookups, own ground),
`matrix/*.yaml` (rows; signatures on top of a file sign all its rows), `rules/*.yaml`.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import orjson

from handrail.core.conditions import Condition, ConditionError, Expression, condition, expression
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Json, Tier, Urgency
from handrail.core.policy import (
    Beside,
    Bound,
    Ground,
    Lookup,
    MatrixRow,
    Policy,
    Read,
    RoleKind,
    Rollback,
    RollbackCall,
    Route,
    Rule,
    Signature,
)
from handrail.core.scorecard import SCALES, Factor, Scorecard
from handrail.core.yaml_lines import Node, Problems, parse, planted, suggestion
from handrail.errors import PolicyInvalid

CATEGORIES = (
    "identity",
    "access",
    "security",
    "network",
    "server",
    "workstation",
    "backup",
    "data",
    "communication",
    "ticketing",
    "licensing",
    "billing",
    "documentation",
    "other",
)
TARGET_KINDS = (
    "user",
    "device",
    "group",
    "ticket",
    "client",
    "mailbox",
    "licence",
    "rule",
    "other",
)
DATA_CLASSES = ("identifier", "personal", "health", "secret")
ROLLBACKS = ("exact", "snapshot", "time-limited", "manual", "none")
_TYPE = re.compile(r"[A-Za-z0-9_-]+\.\S{1,500}")
_SPAN = re.compile(r"(\d{1,7})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIERS: Mapping[Any, Tier] = {
    1: Tier.AUTONOMOUS,
    2: Tier.NOTIFY,
    3: Tier.APPROVE,
    "prohibited": Tier.PROHIBITED,
}


def compile_policy(files: Mapping[str, str]) -> Policy:
    """Compile a folder's files (relative path → text). Raises `PolicyInvalid`."""
    problems = Problems()
    roots = {
        name: node
        for name, text in sorted(files.items())
        if name.endswith((".yaml", ".yml")) and (node := parse(name, text, problems)) is not None
    }
    if "handrail.yaml" not in files:
        problems.add("handrail.yaml", 1, "the file is missing", "Run `handrail init` for a start.")
    main = roots.pop("handrail.yaml", None)
    policy = _main(main, problems) if main is not None else None
    roles = set(policy.roles) if policy else set()
    rows: dict[str, MatrixRow] = {}
    rules: list[Rule] = []
    for root in roots.values():
        _one_file(root, rows, rules, roles)
    if problems.found or policy is None:
        raise PolicyInvalid(sorted(problems.found, key=lambda p: (p.file, p.line)))
    document = {name: _document(node) for name, node in roots.items()}
    if main is not None:
        document["handrail.yaml"] = _document(main)
    digest = hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return replace(policy, rows=rows, rules=tuple(rules), document=document, digest=digest)


def drafted_row(document: Mapping[str, Json]) -> MatrixRow:
    """Compile one drafted row, unsigned. Raises `PolicyInvalid` like the row of a file."""
    problems = Problems()
    row = _row(planted(document, "draft", problems), (), {str(document.get("notify", ""))})
    if row is None or problems.found:
        raise PolicyInvalid(problems.found)
    return row


def _document(node: Node) -> Json:
    if isinstance(node.value, dict):
        return {k: _document(n) for k, n in node.value.items()}
    if isinstance(node.value, list):
        return [_document(n) for n in node.value]
    return node.value


# --- handrail.yaml ------------------------------------------------------------------------------


def _main(root: Node, problems: Problems) -> Policy:
    top = root.fields(
        ("version", "organisation", "roles", "chains", "routing"),
        ("settings", "beside", "four_eyes", "own_ground", "prohibited", "facts"),
    )
    if "version" in top and top["version"].value != 1:
        top["version"].wrong(f"version is {top['version'].shown}", "This Handrail reads version 1.")
    organisation = ""
    if "organisation" in top:
        named = top["organisation"].fields(("name",))
        organisation = named["name"].text() if "name" in named else ""
    roles = _roles(top["roles"]) if "roles" in top else {}
    chains: dict[str, tuple[str, ...]] = {}
    for name, node in top["chains"].entries() if "chains" in top else ():
        chains[name] = node.texts(allowed=roles)
        if not node.value:
            node.wrong(f"the chain {name!r} is empty", "Name at least one role.")
    routing = _routing(top["routing"], chains) if "routing" in top else ()
    return Policy(
        organisation=organisation,
        settings=_settings(top["settings"]) if "settings" in top else Settings(),
        roles=roles,
        chains=chains,
        routing=routing,
        beside=tuple(_beside(n, roles) for n in top["beside"].items()) if "beside" in top else (),
        four_eyes_types=top["four_eyes"].texts() if "four_eyes" in top else (),
        own_ground=tuple(_ground(n) for n in top["own_ground"].items())
        if "own_ground" in top
        else (),
        prohibited=tuple(_prohibited(n) for n in top["prohibited"].items())
        if "prohibited" in top
        else (),
        lookups=tuple(lk for n in top["facts"].items() if (lk := _lookup(n)) is not None)
        if "facts" in top
        else (),
        rules=(),
        rows={},
        document={},
        digest="",
    )


def _roles(node: Node) -> dict[str, RoleKind]:
    roles: dict[str, RoleKind] = {}
    names = [name for name, _ in node.entries()]
    for name, body in node.entries():
        f = body.fields(("says",), ("per_client", "backups"))
        roles[name] = RoleKind(
            name=name,
            says=f["says"].text() if "says" in f else "",
            per_client=f["per_client"].flag() if "per_client" in f else False,
            backups=f["backups"].texts(allowed=names) if "backups" in f else (),
        )
    return roles


def _routing(node: Node, chains: Mapping[str, Any]) -> tuple[Route, ...]:
    routes = []
    for item in node.items():
        f = item.fields(("chain",), ("when", "categories"))
        routes.append(
            Route(
                chain=f["chain"].text(allowed=chains) if "chain" in f else "",
                when=_condition(f["when"]) if "when" in f else None,
                categories=frozenset(f["categories"].texts(allowed=CATEGORIES))
                if "categories" in f
                else frozenset(),
            )
        )
    if not routes or routes[-1].when is not None or routes[-1].categories:
        node.wrong("the last route has a condition", "End with a route that always holds.")
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


def _lookup(node: Node) -> Lookup | None:
    f = node.fields(("name", "read", "arguments", "value", "age"), ("types", "when"))
    if not {"name", "read", "arguments", "value", "age"} <= set(f):
        return None
    name = f["name"].text()
    from handrail.core.conditions import ATTRIBUTES  # noqa: PLC0415

    if name not in ATTRIBUTES and not name.startswith("fact."):
        f["name"].wrong(f"{name!r} is no attribute", suggestion(name, [*ATTRIBUTES, "fact.…"]))
    value = _expression(f["value"], afterwards=True)
    age = _span(f["age"])
    if value is None or age is None:
        return None
    return Lookup(
        name=name,
        types=f["types"].texts() if "types" in f else (),
        when=_condition(f["when"]) if "when" in f else None,
        read=_type(f["read"]),
        arguments=_arguments(f["arguments"]),
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
            given[name] = _span(value)
        elif isinstance(default, int):
            given[name] = value.whole(1, 1_000_000)
        else:
            spans = {Urgency(u): _span(n) for u, n in value.fields((), list(Urgency)).items()}
            given[name] = {**default, **{u: s for u, s in spans.items() if s is not None}}
    settings = replace(defaults, **{k: v for k, v in given.items() if v is not None})
    if not timedelta() <= settings.undo_window <= timedelta(seconds=30):
        node.wrong("undo_window is outside 0 to 30 s", "SPEC section 12 bounds it.")
    if settings.personal_reads not in {2, 3}:
        node.wrong("personal_reads is 2 or 3", "A policy may set 2 for mail, chat and exports.")
    if settings.approval_valid <= settings.undo_window:
        node.wrong("approval_valid must be longer than undo_window", "Nothing could ever begin.")
    return settings


# --- matrix and rules ---------------------------------------------------------------------------


def _one_file(root: Node, rows: dict[str, MatrixRow], rules: list[Rule], roles: set[str]) -> None:
    top = root.fields((), ("rows", "rules", "signatures"))
    signatures = (
        tuple(_signature(n) for n in top["signatures"].items()) if "signatures" in top else ()
    )
    for node in top["rows"].items() if "rows" in top else ():
        row = _row(node, signatures, roles)
        if row is None:
            continue
        if row.type in rows:
            node.wrong(f"{row.type} has a row already", "One row for each action type.")
        rows[row.type] = row
    for node in top["rules"].items() if "rules" in top else ():
        rule = _rule(node)
        if rule is None:
            continue
        if any(r.name == rule.name for r in rules):
            node.wrong(f"a rule named {rule.name!r} stands already", "Give each rule its own name.")
        rules.append(rule)


def _signature(node: Node) -> Signature:
    f = node.fields(("role", "by", "at", "why"))
    text = {k: n.text() for k, n in f.items()}
    if "at" in f and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text["at"]):
        f["at"].wrong(f"{text['at']!r} is no date", "Write it as 2026-11-02.")
    return Signature(
        role=text.get("role", ""),
        by=text.get("by", ""),
        at=text.get("at", ""),
        why=text.get("why", ""),
    )


def _rule(node: Node) -> Rule | None:
    f = node.fields(("name", "when", "tier", "because"), ("about",))
    about = f["about"].fields((), ("types", "categories", "effect")) if "about" in f else {}
    when = _condition(f["when"]) if "when" in f else None
    tier = _tier(f["tier"]) if "tier" in f else None
    if when is None or tier is None or not {"name", "because"} <= set(f):
        return None
    return Rule(
        name=f["name"].text(),
        types=about["types"].texts() if "types" in about else (),
        categories=frozenset(about["categories"].texts(allowed=CATEGORIES))
        if "categories" in about
        else frozenset(),
        effect=_effect(about["effect"]) if "effect" in about else None,
        when=when,
        tier=tier,
        because=f["because"].text(),
    )


_ROW_REQUIRED = (
    "type",
    "tier",
    "says",
    "said",
    "category",
    "effect",
    "target_kind",
    "scorecard",
    "rationale",
    "owner",
)
_ROW_OPTIONAL = (
    "client",
    "targets",
    "data_classes",
    "needs_facts",
    "content",
    "risk",
    "bounds",
    "confidence_floor",
    "approvals",
    "urgency",
    "notify",
    "protective",
    "check",
    "rollback",
    "velocity",
    "signatures",
)


def _row(node: Node, shared: tuple[Signature, ...], roles: set[str]) -> MatrixRow | None:
    f = node.fields(_ROW_REQUIRED, _ROW_OPTIONAL)
    if not set(_ROW_REQUIRED) <= set(f):
        return None

    def get(key: str, read: Callable[[Node], Any], default: Any) -> Any:
        return read(f[key]) if key in f else default

    tier = _tier(f["tier"])
    effect = _effect(f["effect"])
    card = _scorecard(f["scorecard"])
    if tier is None or effect is None:
        return None
    if tier < card.least:
        f["tier"].wrong(
            f"tier {int(tier)} is below what its scorecard allows ({card.sentence()})",
            f"Raise the tier to {int(card.least)}, or score the factor anew with a reason.",
        )
    own = tuple(_signature(n) for n in f["signatures"].items()) if "signatures" in f else ()
    floor = get("confidence_floor", lambda n: n.number(0, 1), None)
    if tier is Tier.NOTIFY and "notify" not in f:
        f["tier"].wrong("a tier 2 row needs notify", "Name the role that is told.")
    return MatrixRow(
        type=_type(f["type"]),
        tier=tier,
        says=f["says"].text(),
        said=f["said"].text(),
        category=f["category"].text(allowed=CATEGORIES),
        effect=effect,
        client=get("client", _expression, None),
        targets=get("targets", _expression, None),
        target_kind=f["target_kind"].text(allowed=TARGET_KINDS),
        data_classes=get("data_classes", lambda n: frozenset(n.texts(allowed=DATA_CLASSES)), None),
        needs_facts=get("needs_facts", lambda n: n.texts(), ()),
        content=get("content", lambda n: n.texts(), None),
        scorecard=card,
        rationale=f["rationale"].text(),
        owner=f["owner"].text(),
        risk=get("risk", lambda n: n.text(), ""),
        bounds=get("bounds", lambda n: tuple(b for i in n.items() if (b := _bound(i))), ()),
        confidence_floor=None if floor is None else round(floor * 1000),
        approvals=get("approvals", lambda n: n.whole(1, 2), 1) or 1,
        urgency=Urgency(get("urgency", lambda n: n.text(allowed=list(Urgency)), "") or "normal"),
        notify=get("notify", lambda n: n.text(allowed=roles), ""),
        protective=get("protective", lambda n: n.flag(), False),
        check=get("check", _read, None),
        rollback=get("rollback", _rollback, None),
        velocity=get("velocity", _velocity, None),
        signatures=(*shared, *own),
    )


def _scorecard(node: Node) -> Scorecard:
    factors = {}
    for factor, body in node.fields((), SCALES).items():
        f = body.fields(("level", "why"))
        if {"level", "why"} <= set(f):
            factors[factor] = Factor(f["level"].text(allowed=SCALES[factor]), f["why"].text())
    return Scorecard(factors)


def _bound(node: Node) -> Bound | None:
    f = node.fields(("name", "when", "because"))
    when = _condition(f["when"]) if "when" in f else None
    if when is None or not {"name", "because"} <= set(f):
        return None
    return Bound(name=f["name"].text(), when=when, because=f["because"].text())


def _velocity(node: Node) -> tuple[int, timedelta] | None:
    f = node.fields(("max", "per"))
    most = f["max"].whole(1, 1_000_000) if "max" in f else None
    per = _span(f["per"]) if "per" in f else None
    return None if most is None or per is None else (most, per)


def _read(node: Node) -> Read | None:
    f = node.fields(("read", "arguments"), ("when", "says"))
    if not {"read", "arguments"} <= set(f):
        return None
    return Read(
        read=_type(f["read"]),
        arguments=_arguments(f["arguments"]),
        when=_condition(f["when"], afterwards=True) if "when" in f else None,
        says=f["says"].text() if "says" in f else "",
    )


def _rollback(node: Node) -> Rollback | None:
    f = node.fields(("class",), ("before", "calls", "check", "within", "text"))
    if "class" not in f:
        return None
    kind = f["class"].text(allowed=ROLLBACKS)
    calls = []
    for item in f["calls"].items() if "calls" in f else ():
        c = item.fields(("call", "arguments"))
        if {"call", "arguments"} <= set(c):
            calls.append(RollbackCall(call=_type(c["call"]), arguments=_arguments(c["arguments"])))
    if kind in {"exact", "snapshot"} and not calls:
        node.wrong(f"a rollback of class {kind} needs calls", "Name the call that undoes it.")
    if kind == "snapshot" and "before" not in f:
        node.wrong("a snapshot needs before", "Name the read whose values are restored.")
    return Rollback(
        kind=kind,
        before=_read(f["before"]) if "before" in f else None,
        calls=tuple(calls),
        check=_read(f["check"]) if "check" in f else None,
        within=_span(f["within"]) if "within" in f else None,
        text=f["text"].text() if "text" in f else "",
    )


# --- leaves -------------------------------------------------------------------------------------


def _tier(node: Node) -> Tier | None:
    tier = _TIERS.get(node.value) if not isinstance(node.value, bool | list | dict) else None
    if tier is None:
        node.wrong(f"the tier is {node.shown}", "Write 1, 2, 3 or prohibited.")
    return tier


def _effect(node: Node) -> Effect | None:
    text = node.text(allowed=list(Effect))
    return Effect(text) if text else None


def _type(node: Node) -> str:
    text = node.text()
    if text and not _TYPE.fullmatch(text):
        node.wrong(f"{text!r} is no action type", "Write it as connection.tool.")
    return text


def _span(node: Node) -> timedelta | None:
    match = _SPAN.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None:
        node.wrong(f"{node.shown} is no span of time", "Write it as 30s, 15m, 24h or 7d.")
        return None
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def _condition(node: Node, *, afterwards: bool = False) -> Condition | None:
    text = node.text()
    try:
        return condition(text, afterwards=afterwards) if text else None
    except ConditionError as error:
        node.wrong(error.message, error.hint)
        return None


def _expression(node: Node, *, afterwards: bool = False) -> Expression | None:
    text = node.text()
    try:
        return expression(text, afterwards=afterwards) if text else None
    except ConditionError as error:
        node.wrong(error.message, error.hint)
        return None


def _arguments(node: Node) -> dict[str, Expression]:
    """Argument name → expression. What is no text stands for itself."""
    found = {}
    for name, value in node.entries():
        if isinstance(value.value, bool | int | float):
            literal = orjson.dumps(value.value).decode()
            compiled = _expression(replace(value, value=literal), afterwards=True)
        else:
            compiled = _expression(value, afterwards=True)
        if compiled is not None:
            found[name] = compiled
    return found
