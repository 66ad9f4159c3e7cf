"""A tool's definition → a drafted row: conservative, explained, unsigned (SPEC 2, importing tools).

* The name is read first, then the first sentence of the description, then the parameters.
* A description or an annotation may raise what the name says, never lower it.
* What is not understood is drafted at tier 3 with its factors left blank, which count at worst.
* A tool that hides an action inside (raw request, script, command, an action as an argument) is
  drafted by the worst it may hide; each call is then unwrapped (`unwrap`).

The draft is a document in the policy's own format: what a person signs is what they read. Not
here: writing it to a file, grouping for signature, asking anybody.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from handrail.core.lexicon import AREAS, CLIENT_ARGUMENTS, PROSE, SELF_SAID, VERBS, Act
from handrail.core.model import Json, ToolDefinition
from handrail.core.undoing import Undoing, undoing
from handrail.core.unwrap import Hiding, hiding
from handrail.core.words import Reading, fold, read, strange, words_of

_FIRST_SENTENCE = re.compile(r"[.\n!?]")
_DANGER = re.compile(
    r"\birrevers|\bpermanent(ly)?\b|\bdestructive\b|cannot be (undone|reversed|recovered)"
    r"|can't be undone|\bno undo\b|\bdata loss\b|\bfor (good|ever)\b|\bforever\b",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ID_ENDINGS = ("id", "ids", "uid", "uids", "guid", "upn", "email", "name", "hostname", "address")
_ON_A_MACHINE = frozenset({"device", "service", "software", "runbook", "leftover"})
_LEVELS = ("immediate", "recoverable", "costly", "permanent")
_REVERSIBILITY: Mapping[Act, str] = {
    Act.READ: "immediate", Act.NOTE: "immediate", Act.CREATE: "recoverable",
    Act.UPDATE: "recoverable", Act.RESOLVE: "immediate", Act.RESET: "immediate",
    Act.POWER: "immediate", Act.PROTECT: "recoverable", Act.INSTALL: "recoverable",
    Act.SEND: "recoverable", Act.SWITCH: "recoverable", Act.RELEASE: "costly",
    Act.GRANT: "costly", Act.RESTORE: "costly", Act.MERGE: "costly", Act.DELETE: "costly",
    Act.EXECUTE: "costly", Act.ERASE: "permanent",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted row. ``document`` is it in the policy's format; ``tier`` the least oversight that
    it proposes; ``reasons`` say why, in words; ``marks`` name what needs a second look."""

    type: str
    tier: int
    document: Mapping[str, Json]
    reasons: tuple[str, ...]
    marks: tuple[str, ...]
    group: str  #: rows of one group are alike enough to be signed together
    undo: str | None  #: the tool beside it by which it may be undone, where one is offered


def draft(tool: ToolDefinition, offered: Iterable[ToolDefinition] = ()) -> Draft:
    """Draft the row of *tool*. *offered* are the tools of its server: where one undoes it, or
    reads what it sets, that is proposed as the rollback (`undoing`)."""
    view = _View.of(tool, _product(offered))
    reasons: list[str] = []
    marks: list[str] = []
    tier = _tier(view, reasons, marks)
    tier = max(tier, _annotated(tool, view, reasons))
    card = _scorecard(view, tier)
    undo = undoing(tool, () if view.reads else offered)
    type = f"{tool.connection}.{tool.name}"
    document = _document(type, view, tier, card, reasons, undo)
    does = document["effect"] if view.act is not None else "not understood"
    return Draft(
        type=type,
        tier=tier,
        document=document,
        reasons=tuple(reasons),
        marks=tuple(marks),
        group=f"tier {tier}, {does}, {document['category']}",
        undo=undo.by,
    )


@dataclass(frozen=True, slots=True)
class _View:
    """A definition as the draft sees it."""

    tool: ToolDefinition
    name: Reading
    told: Reading
    act: Act | None
    areas: tuple[str, ...]
    parameters: Mapping[str, str]  #: name → JSON type, required ones only marked by `required`
    required: frozenset[str]
    hides: Hiding | None
    strange: tuple[str, ...]  #: words of its name that are not known, the product's left out

    @classmethod
    def of(cls, tool: ToolDefinition, product: frozenset[str] = frozenset()) -> "_View":
        name = read(tool.name)
        told = read(_FIRST_SENTENCE.split(tool.description.strip(), maxsplit=1)[0][:200])
        act = name.act if name.act is not None else told.act
        if act is Act.READ:
            act = _first_verb(tool.description) or act
        properties = tool.input_schema.get("properties")
        listed = properties if isinstance(properties, dict) else {}
        required = tool.input_schema.get("required")
        return cls(
            tool=tool,
            name=name,
            told=told,
            act=act,
            areas=name.areas or told.areas,
            parameters={str(k): _type_of(v) for k, v in listed.items()},
            required=frozenset(
                r for r in (required if isinstance(required, list) else ()) if isinstance(r, str)
            ),
            hides=hiding(tool.name, {str(k): None for k in listed}),
            strange=tuple(w for w in strange(tool.name, tool.connection) if w not in product),
        )

    @property
    def reads(self) -> bool:
        return self.act is Act.READ

    @property
    def many(self) -> bool:
        return self.name.many

    @property
    def about_only(self) -> bool:
        return self.name.about_only


def _first_verb(description: str) -> Act | None:
    """What the description's very first word does, where that changes something: a name that
    reads beside a description that acts is taken at the graver word."""
    first = words_of(description[:80])[:1]
    act = VERBS.get(first[0]) if first else None
    return act if act is not None and act.severity >= Act.UPDATE.severity else None


def _type_of(schema: Json) -> str:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    return kind if isinstance(kind, str) else "any"


# --- the tier and why ---------------------------------------------------------------------------


def _tier(view: _View, reasons: list[str], marks: list[str]) -> int:
    if view.hides is not None:
        marks.append(view.hides.value)
        reasons.append(f"It hides an action inside ({view.hides.value}): the worst counts")
        return 3
    if view.act is None:
        reasons.append("Neither its name nor its description says what it does")
        marks.append("not understood")
        return 3
    tier = max((_by_area(view.act, view, area, reasons) for area in view.areas), default=0)
    if not view.areas:
        tier = 3
        reasons.append(f"It would {view.act}, but what it is about was not recognised")
        marks.append("not recognised")
    if view.strange and not view.reads:
        # A change is only as harmless as every word of its name: the one that nobody knows may
        # be the one that counts.
        words = ", ".join(view.strange)
        reasons.append(f"It would change something, and its name holds words not known: {words}")
        marks.append(f"not understood: {words}")
        tier = 3
    if view.strange and view.reads and not view.name.areas:
        words = ", ".join(view.strange)
        reasons.append(f"What it reads is called by words not known: {words}")
        marks.append(f"not understood: {words}")
        tier = 3
    if view.many and not view.reads:
        reasons.append("Its name says that it reaches many at once")
        tier = 3
    if view.name.permanent and not view.reads:
        reasons.append("Its name says that it cannot be undone")
        tier = 3
    if _exports(view):
        reasons.append("It takes a list of people or their content out of the system")
        tier = 3
    return tier


def _product(offered: Iterable[ToolDefinition]) -> frozenset[str]:
    """The word that nearly all tools of a server begin with: the product, which says nothing."""
    first = Counter(words_of(t.name)[:1] for t in offered)
    whole = sum(first.values())
    return frozenset(w[0] for w, n in first.items() if w and whole >= 4 and n >= 0.8 * whole)


def _by_area(act: Act, view: _View, area: str, reasons: list[str]) -> int:
    kind = AREAS[area]
    if act is Act.READ:
        tier = 1 if view.about_only else kind.read
        what = "settings or counts of" if view.about_only and kind.read > 1 else "what is in"
        reasons.append(f"It reads {what} {kind.about}: tier {tier}")
        return tier
    tier = kind.tiers.get(act, 3)
    reasons.append(f"It would {act} something about {kind.about}: tier {tier}")
    if kind.ground:
        reasons.append(f"A change there falls under a floor: {kind.ground}")
        tier = 3
    return tier


def _exports(view: _View) -> bool:
    taken = {"user", "contact", "people", "mail", "chat", "health", "file", "content"}
    return bool({"export", "download"} & set(view.name.words)) and bool(taken & set(view.areas))


def _annotated(tool: ToolDefinition, view: _View, reasons: list[str]) -> int:
    """What annotations and the description add. Nothing here gives less than 1."""
    tier = 1
    if tool.annotations.get("destructiveHint") is True:
        tier = 3 if view.reads else 2
        reasons.append("Its server marks it destructive")
    if tool.annotations.get("readOnlyHint") is False and view.reads:
        tier = max(tier, 2)
        reasons.append("Its server says that it does not only read")
    if not view.reads and _DANGER.search(tool.description):
        tier = 3
        reasons.append("Its description says that it cannot be undone")
    return tier


# --- the row ------------------------------------------------------------------------------------


def _scorecard(view: _View, tier: int) -> dict[str, dict[str, str]]:
    """The four factors as far as they were understood; the rest is left blank on purpose."""
    if view.act is None or view.hides is not None or not view.areas:
        return {}
    verb = view.name.verb or view.told.verb
    level = _REVERSIBILITY[view.act]
    if "leftover" in view.areas:
        level = "immediate"
    if view.reads and any(AREAS[a].read > 1 for a in view.areas) and not view.about_only:
        level = "permanent"
    if view.name.permanent or (not view.reads and _DANGER.search(view.tool.description)):
        level = "permanent"
    classes = _classes(view)
    blast = "client" if (view.many or "tenant" in view.areas) and not view.reads else "single"
    compliance = "none"
    if classes:
        compliance = "identifier" if classes == ["identifier"] else "personal"
    if {"health", "secret"} & set(classes):
        compliance = "regulated"
    often = "daily" if view.reads or tier == 1 else "weekly"
    return {
        "reversibility": {"level": level, "why": f"Drafted: its name says {verb}."},
        "blast_radius": {"level": blast, "why": "Drafted from its name and parameters."},
        "compliance": {"level": compliance, "why": f"Drafted: it is about {_about(view)}."},
        "frequency": {"level": often, "why": "Drafted: how often it will be called is a guess."},
    }


def _classes(view: _View) -> list[str]:
    found = {c for a in view.areas for c in AREAS[a].classes}
    if not view.reads or view.about_only:
        # A change discloses nothing by itself; what it names is whom or what it is about.
        found = {"identifier"} if found else set()
    if _exports(view):
        found.add("personal")
    return sorted(found)


def _about(view: _View) -> str:
    return ", ".join(AREAS[a].about for a in view.areas) or "something not recognised"


def _document(
    type: str,
    view: _View,
    tier: int,
    card: Mapping[str, Mapping[str, str]],
    reasons: list[str],
    undo: Undoing,
) -> dict[str, Json]:
    area = AREAS[view.areas[0]] if view.areas else None
    client, targets = _client(view), _targets(view)
    # A name without words is shown as it is; braces would be read as places.
    wordless = view.tool.name.translate({ord("{"): "(", ord("}"): ")"})
    spoken = " ".join(words_of(view.tool.name)).capitalize() or wordless
    places = f" of {{args.{targets[0]}}}" if targets else ""
    row: dict[str, Json] = {
        "type": type,
        "tier": tier,
        "says": f"{spoken}{places}",
        "said": f"{spoken}{places}: done",
        "category": _category(view),
        "effect": "read" if view.reads and view.hides is None else "change",
        "target_kind": area.target_kind if area else "other",
    }
    if client:
        row["client"] = f"args.{client}"
    if targets:
        listed = view.parameters[targets[0]] == "array"
        row["targets"] = f"args.{targets[0]}" if listed else f"[args.{targets[0]}]"
    if view.areas and view.hides is None:
        row["data_classes"] = _classes(view)
    row["scorecard"] = dict(card)
    row["rationale"] = "; ".join(reasons) + "."
    row["owner"] = "nobody yet"
    row["risk"] = "Nobody has written it down yet."
    needs, bounds = _limits(view, tier)
    if needs:
        row["needs_facts"] = needs
    if bounds:
        row["bounds"] = bounds
    if tier == 2:
        row["notify"] = "service-desk-manager"
    row["rollback"] = dict(undo.document)
    return row


def _category(view: _View) -> str:
    """The gravest category among the areas: a ground before anything else."""
    kinds = [AREAS[a] for a in view.areas]
    grounded = [k for k in kinds if k.ground]
    return (grounded or kinds)[0].category if kinds else "other"


def _limits(view: _View, tier: int) -> tuple[list[str], list[dict[str, Json]]]:
    if view.reads or tier > 2:
        return [], []
    needs: list[str] = []
    bounds: list[dict[str, Json]] = [
        {
            "name": "one-target",
            "when": "targets.count <= 1",
            "because": "it was drafted for one target at a time",
        }
    ]
    if "password" in view.areas:
        needs.append("user.class")
        bounds.append(
            {
                "name": "standard-user",
                "when": 'user.class == "standard"',
                "because": "admin, service and VIP accounts are what an attacker asks for",
            }
        )
    machine = _ON_A_MACHINE & set(view.areas)
    if machine and not (view.name.workstation and "device" not in view.areas):
        needs.append("device.role")
        bounds.append(
            {
                "name": "workstation",
                "when": 'device.role == "workstation"',
                "because": "servers and network devices carry many people",
            }
        )
    if machine & {"runbook"} or (machine & {"software"} and tier == 2):
        bounds.append(
            {
                "name": "approved-runbook",
                "when": 'fact["runbook"] == "approved"',
                "because": "only what people have looked at and listed",
            }
        )
    return needs, bounds


def _client(view: _View) -> str | None:
    """The required parameter that names the client, where there is one."""
    return next(
        (
            p
            for p in view.parameters
            if p in view.required and _IDENTIFIER.fullmatch(p) and _plain(p) in CLIENT_ARGUMENTS
        ),
        None,
    )


def _targets(view: _View) -> list[str]:
    """The required parameters that look like they name a target, likeliest first."""
    client = _client(view)
    found: list[str] = []
    for name in view.parameters:
        plain = _plain(name)
        if name == client or name not in view.required or not _IDENTIFIER.fullmatch(name):
            continue
        if plain in PROSE or plain in SELF_SAID:
            continue
        if plain.endswith(_ID_ENDINGS) or any(w in view.areas for w in _areas_of(name)):
            found.append(name)
    return found


def _areas_of(name: str) -> Iterator[str]:
    yield from read(name).areas


def _plain(name: str) -> str:
    return fold(name).replace("_", "").replace("-", "")
