"""`handrail.yaml` → the policy without its rows and rules (see `policy_load`)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from handrail.core.conditions import ATTRIBUTES
from handrail.core.defaults import Settings
from handrail.core.model import Urgency
from handrail.core.policy import Beside, Freeze, Ground, Lookup, Policy, RoleKind, Route
from handrail.core.policy_calendars import read_calendar, read_holidays, read_on_call
from handrail.core.policy_leaves import (
    read_arguments,
    read_condition,
    read_expression,
    read_globs,
    read_instant,
    read_span,
    read_type,
)
from handrail.core.policy_shape import (
    BESIDE,
    COUNT,
    FACT,
    FREEZE,
    GROUND,
    MAIN,
    ORGANISATION,
    PROHIBITED,
    ROLE_KIND,
    ROUTE,
    SETTINGS,
)
from handrail.core.vocabulary import CATEGORIES, DATA_CLASSES
from handrail.core.yaml_lines import Node, suggestion

#: Spans that may be `0s`.
_MAY_BE_NOTHING = frozenset({"undo_window", "check_delay"})


def read_main(root: Node, calendars: Mapping[str, str]) -> Policy:
    """The policy of the main file; *calendars* are the iCalendar files of its folder. What is
    wrong is said; what could not be understood is left out."""
    top = root.fields(*MAIN.keys)
    if "version" in top and (top["version"].value != 1 or top["version"].value is True):
        top["version"].wrong(f"version is {top['version'].shown}", "This Handrail reads version 1.")
    organisation = ""
    if "organisation" in top:
        named = top["organisation"].fields(*ORGANISATION.keys)
        organisation = named["name"].text() if "name" in named else ""
    roles = _roles(top["roles"], calendars) if "roles" in top else {}
    chains = _chains(top["chains"], roles) if "chains" in top else {}

    def items(key: str) -> Iterable[Node]:
        return top[key].items() if key in top else ()

    settings = _settings(top["settings"]) if "settings" in top else Settings()
    return Policy(
        organisation=organisation,
        settings=settings,
        roles=roles,
        chains=chains,
        routing=_routing(top["routing"], chains) if "routing" in top else (),
        beside=tuple(_beside(n, roles) for n in items("beside")),
        four_eyes_types=read_globs(top["four_eyes"]) if "four_eyes" in top else (),
        own_ground=tuple(_ground(n) for n in items("own_ground")),
        prohibited=tuple(_prohibited(n) for n in items("prohibited")),
        lookups=tuple(lk for n in items("facts") if (lk := _lookup(n, settings)) is not None),
        freezes=_freezes(items("freezes"), calendars),
        holidays=read_holidays(top["holidays"], calendars) if "holidays" in top else {},
        rules=(),
        rows={},
        document={},
        digest="",
    )


def _roles(node: Node, calendars: Mapping[str, str]) -> dict[str, RoleKind]:
    roles: dict[str, RoleKind] = {}
    names = [name for name, _ in node.entries()]
    if not names:
        node.wrong("there are no roles", "Name at least one role that people hold.")
    for name, body in node.entries():
        f = body.fields(*ROLE_KIND.keys)
        backups = f["backups"].texts(names=names) if "backups" in f else ()
        if name in backups:
            f["backups"].wrong(f"{name} backs up itself", "Name another role.", "role")
        roles[name] = RoleKind(
            name=name,
            says=f["says"].text() if "says" in f else "",
            per_client=f["per_client"].flag() if "per_client" in f else False,
            backups=backups,
            on_call=read_on_call(f["on_call"], calendars) if "on_call" in f else None,
        )
    return roles


def _chains(node: Node, roles: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    chains: dict[str, tuple[str, ...]] = {}
    for name, body in node.entries():
        chains[name] = body.texts(names=roles)
        if not body.value:
            body.wrong(f"the chain {name!r} is empty", "Name at least one role.")
        listed = body.value if isinstance(body.value, list) else []
        said = [n.value for n in listed if isinstance(n.value, str)]
        if len(set(said)) < len(said):
            body.wrong(f"the chain {name!r} asks a role twice", "Name each role once.")
    return chains


def _routing(node: Node, chains: Mapping[str, Any]) -> tuple[Route, ...]:
    routes: list[Route] = []
    for item in node.items():
        f = item.fields(*ROUTE.keys)
        if routes and routes[-1].when is None and not routes[-1].categories:
            item.wrong(
                "this route is never reached", "The one before it always holds.", "unreachable"
            )
        categories = f["categories"].texts(allowed=CATEGORIES) if "categories" in f else ()
        if "categories" in f and not categories:
            f["categories"].wrong("the list of categories is empty", "Leave it out for all.")
        routes.append(
            Route(
                chain=f["chain"].text(names=chains) if "chain" in f else "",
                when=read_condition(f["when"], twin="either") if "when" in f else None,
                categories=frozenset(categories),
            )
        )
    last = node.items()[-1] if node.items() else None
    has_condition = last is not None and isinstance(last.value, dict) and (
        {"when", "categories"} & set(last.value)
    )  # fmt: skip
    if last is None or has_condition:
        (last or node).wrong(
            "the last route has a condition",
            "End with one that always holds.",
            "structure" if last is None else "route",
        )
    return tuple(routes)


def _beside(node: Node, roles: Mapping[str, Any]) -> Beside:
    f = node.fields(*BESIDE.keys)
    return Beside(
        role=f["role"].text(names=roles) if "role" in f else "",
        data_classes=frozenset(f["data_classes"].texts(allowed=DATA_CLASSES))
        if "data_classes" in f
        else frozenset(),
    )


def _ground(node: Node) -> Ground:
    f = node.fields(*GROUND.keys)
    pattern = f["pattern"].text() if "pattern" in f else ""
    if pattern and not pattern.strip("*? "):
        node.wrong(f"the pattern {pattern!r} covers everything", "Name what it is about.")
    return Ground(pattern=pattern, why=f["why"].text() if "why" in f else "")


def _prohibited(node: Node) -> tuple[str, str]:
    f = node.fields(*PROHIBITED.keys)
    return (
        f["type"].text() if "type" in f else "",
        f["because"].text() if "because" in f else "",
    )


def _freezes(nodes: Iterable[Node], calendars: Mapping[str, str]) -> tuple[Freeze, ...]:
    found: dict[str, Freeze] = {}
    for node in nodes:
        freeze = _freeze(node, calendars)
        if freeze is None:
            continue
        if freeze.name in found:
            node.wrong(
                f"a freeze named {freeze.name!r} stands already", "Give it its own name.", "twice"
            )
        found[freeze.name] = freeze
    return tuple(found.values())


def _freeze(node: Node, calendars: Mapping[str, str]) -> Freeze | None:
    f = node.fields(*FREEZE.keys)
    begins = read_instant(f["from"]) if "from" in f else None
    ends = read_instant(f["until"]) if "until" in f else None
    place = f["calendar"].text() if "calendar" in f else ""
    age = read_span(f["age"]) if "age" in f else None
    categories = f["categories"].texts(allowed=CATEGORIES) if "categories" in f else ()
    clients = f["clients"].texts() if "clients" in f else ()
    types = read_globs(f["types"]) if "types" in f else ()
    outside = f["outside"].flag() if "outside" in f else False
    name = f["name"].text() if "name" in f else ""
    because = f["because"].text() if "because" in f else ""
    if "calendar" in f:
        if {"from", "until"} & set(f):
            node.wrong("both a span and a calendar stand here", "Write two freezes.")
    elif not {"from", "until"} <= set(f):
        node.wrong("the freeze has no time", "Write from: and until:, or calendar:.")
    elif "age" in f:
        f["age"].wrong("only a calendar has an age", "Leave it out.")
    if not name or not because or not (place or (begins and ends)):
        return None
    if begins and ends and ends <= begins:
        f["until"].wrong("the freeze ends before it begins", "Write from: before until:.", "time")
    return Freeze(
        name=name,
        begins=begins,
        ends=ends,
        calendar=read_calendar(f["calendar"], place, calendars) if place else None,
        url=place if "://" in place else "",
        age=age or timedelta(hours=24),
        outside=outside,
        types=types,
        categories=frozenset(categories),
        clients=frozenset(clients),
        because=because,
    )


def _lookup(node: Node, settings: Settings) -> Lookup | None:
    f = node.fields(*FACT.keys)
    name = f["name"].text() if "name" in f else ""
    if name and name not in ATTRIBUTES and not name.startswith("fact."):
        f["name"].wrong(f"{name!r} is no attribute", suggestion(name, [*ATTRIBUTES, "fact.NAME"]))
    value = read_expression(f["value"], afterwards=True) if "value" in f else None
    usual = settings.fact_age_people if name.startswith("user.") else settings.fact_age_targets
    age = read_span(f["age"]) if "age" in f else usual
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
    given: dict[str, Any] = {}
    defaults = Settings()
    for name, value in node.fields(*SETTINGS.keys).items():
        default = getattr(defaults, name)
        if isinstance(default, timedelta):
            least = timedelta() if name in _MAY_BE_NOTHING else timedelta(seconds=1)
            given[name] = read_span(value, least=least)
        elif isinstance(default, int):
            given[name] = value.whole(1, COUNT)
        else:
            spans = {u: read_span(n) for u, n in value.fields((), list(Urgency)).items()}
            found = {Urgency(u): s for u, s in spans.items() if s is not None}
            given[name] = {**default, **found}
    settings = replace(defaults, **{k: v for k, v in given.items() if v is not None})
    places = node.value if isinstance(node.value, dict) else {}
    if settings.undo_window > timedelta(seconds=30):
        places["undo_window"].wrong(
            "undo_window is longer than 30 s", "Write 0s to 30s.", "setting"
        )
    if settings.personal_reads not in {2, 3}:
        places["personal_reads"].wrong("personal_reads is 2 or 3", "2: mail, chat and exports.")
    if settings.approval_valid <= settings.undo_window:
        node.wrong(
            "approval_valid must be longer than undo_window", "Nothing could ever begin.", "setting"
        )
    return settings
