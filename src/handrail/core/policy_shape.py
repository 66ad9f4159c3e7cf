"""The one description of a policy folder's files: which keys there are, what stands in each.

* The loader takes its keys from here (`Shape.keys`), so a key that is not described does not load.
* `policy_schema` makes the JSON Schema for editors of it, and `make docs` the reference.
* What one value must have to do with another (a role that is named stands in `roles`, a tier is
  at least what its scorecard allows) is the loader's alone: here is structure only.

A property test compares the two: what the schema refuses, the loader refuses; what the schema
accepts, the loader refuses only for what one value has to do with another.
"""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from handrail.core.conditions import ATTRIBUTES, MAX_TEXT
from handrail.core.defaults import Settings
from handrail.core.model import Effect, Urgency
from handrail.core.policy_kinds import Either, Key, Kind, Listing, Named, Number, One, Shape, Text
from handrail.core.scorecard import SCALES
from handrail.core.vocabulary import BREAKERS, CATEGORIES, DATA_CLASSES, ROLLBACKS, TARGET_KINDS

MANY = 200  # types in one list
COUNT = 1_000_000  # the largest whole number of a setting or a limit


_END = r"$(?!\n)"  # Python's `$` would match before a last line break
PLAIN = Text()
FLAG = One((True, False))
TIER = One((1, 2, 3, "prohibited"))
SPAN = Text("span such as `30s`, `15m`, `24h`, `7d`", rf"^(?=.*[1-9])[0-9]{{1,6}}[smhd]{_END}")
SPAN_OR_NOTHING = Text("span such as `10s`, or `0s`", rf"^[0-9]{{1,6}}[smhd]{_END}")
DATE = Text("date such as `2026-11-02`", rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_END}")
INSTANT = Text(
    'instant with its zone, such as `"2026-12-24T12:00:00+01:00"`',
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    rf"(Z|[+-][0-9]{{2}}:[0-9]{{2}}){_END}",
)
TYPE = Text("action type, `connection.tool`", rf"^[A-Za-z0-9_-]+\.\S{{1,500}}{_END}")
GLOB = Text("action type, with `*` for any part", r"[.*]")
CONDITION = Text("condition", longest=MAX_TEXT)
EXPRESSION = Text("expression", longest=MAX_TEXT)
SENTENCE = Text(
    "sentence with places `{args.NAME}`, `{targets}`, `{clients}`",
    r"^(?:[^{}]|\{(?:args\.[A-Za-z0-9_-]+|targets|clients)\})*$",
)
ATTRIBUTE = Text("attribute, or `fact.NAME`", r"^fact\.", words=tuple(ATTRIBUTES), open=True)
ROLE = Text("role")
SIGNER = Text("role that signs")
GLOBS = Listing(GLOB, most=MANY)
CATEGORY_LIST = Listing(Text("category", words=CATEGORIES))
CLASS_LIST = Listing(Text("class of data", words=DATA_CLASSES))

SIGNATURE = Shape(
    "signature",
    "A person's name under rows. A row counts once senior-technician, service-desk-manager and "
    "compliance-officer have signed; until then it is a draft, and its calls wait.",
    {
        "role": Key(SIGNER, "In which role the person signs.", True),
        "by": Key(PLAIN, "The person.", True),
        "at": Key(DATE, "When.", True),
        "why": Key(PLAIN, "A sentence why it is right.", True),
    },
)
READ = Shape(
    "read",
    "A read of Handrail's own, by a row whose effect is read.",
    {
        "read": Key(TYPE, "The row by which Handrail reads.", True),
        "arguments": Key(Named(Either(EXPRESSION)), "Name and value of each argument.", True),
        "when": Key(CONDITION, "What must be seen; `result` is what was read."),
        "says": Key(PLAIN, "The same in words."),
    },
)
CHECK = Shape(
    "check",
    "A read after the act that says what came of it.",
    {
        **READ.members,
        "after": Key(
            SPAN_OR_NOTHING, "How long after the act; absent: `check_delay`. `0s`: at once."
        ),
    },
)
CALL = Shape(
    "call",
    "One call of a rollback.",
    {
        "call": Key(TYPE, "The action type.", True),
        "arguments": Key(
            Named(Either(EXPRESSION)), "From `args` and, with `before:`, from `before`.", True
        ),
    },
)
ROLLBACK = Shape(
    "rollback",
    "How it is undone.",
    {
        "class": Key(
            Text("class", words=ROLLBACKS),
            "exact: the inverse call; snapshot: what was read before is put back; time-limited; "
            "manual; none. Only exact and snapshot get a one-click button.",
            True,
        ),
        "before": Key(READ, "What is read before the act, for a snapshot."),
        "each": Key(EXPRESSION, "A list; each `item` of it is undone by itself."),
        "calls": Key(Listing(CALL), "The calls that undo."),
        "check": Key(READ, "The read that shows that it was undone."),
        "within": Key(SPAN, "How long it can be undone."),
        "text": Key(PLAIN, "What undoing does, in words."),
    },
    (
        {
            "if": {"properties": {"class": {"enum": ["exact", "snapshot"]}}, "required": ["class"]},
            "then": {"properties": {"calls": {"minItems": 1}}, "required": ["calls"]},
        },
        {
            "if": {"properties": {"class": {"const": "snapshot"}}, "required": ["class"]},
            "then": {"required": ["before"]},
        },
    ),
)
REHEARSAL = Shape(
    "rehearsal",
    "A safe target on which the rollback is rehearsed: act, check, undo, check.",
    {
        "arguments": Key(Named(Either(PLAIN)), "The exact arguments of the call.", True),
        "client": Key(PLAIN, "The client it stands for, where the call names none."),
        "every": Key(SPAN, "How often it is rehearsed by itself; absent: when a person asks."),
    },
)
BOUND = Shape(
    "bound",
    "Within which arguments the row holds. Outside, or where it can't be worked out: tier 3.",
    {
        "name": Key(PLAIN, "Its own name in the row.", True),
        "when": Key(CONDITION, "What must be true.", True),
        "because": Key(PLAIN, "What a person reads when it is not.", True),
    },
)
VELOCITY = Shape(
    "velocity",
    "How often the type may begin, over all clients; the next call waits for a person.",
    {
        "max": Key(Number(1, COUNT), "How many.", True),
        "per": Key(SPAN, "In which time.", True),
    },
)
SCORECARD = Shape(
    "scorecard",
    "Four factors, each on its scale; one that is left out counts at its worst.",
    {
        factor: Key(
            Shape(
                factor.replace("_", " "),
                "; ".join(f"{name}: {level.meaning}" for name, level in scale.items()),
                {
                    "level": Key(Text("level", words=tuple(scale)), "The level.", True),
                    "why": Key(PLAIN, "A sentence why.", True),
                },
            ),
            f"One of {', '.join(f'`{name}`' for name in scale)}, with a sentence why.",
        )
        for factor, scale in SCALES.items()
    },
)
ROW = Shape(
    "row",
    "One governed kind of action.",
    {
        "type": Key(TYPE, "The action type.", True),
        "tier": Key(TIER, "Least oversight; at least what the scorecard allows.", True),
        "says": Key(SENTENCE, "What it would do, as the approver reads it.", True),
        "said": Key(SENTENCE, "What it did.", True),
        "category": Key(Text("category", words=CATEGORIES), "What it is about.", True),
        "effect": Key(Text("effect", words=list(Effect)), "Whether it changes anything.", True),
        "target_kind": Key(Text("kind", words=TARGET_KINDS), "What its targets are.", True),
        "scorecard": Key(SCORECARD, "Why this tier and no lower one.", True),
        "rationale": Key(PLAIN, "A sentence why the row is as it is.", True),
        "owner": Key(PLAIN, "Who answers for the row.", True),
        "client": Key(EXPRESSION, "Which client a call concerns; absent: by its connection."),
        "targets": Key(EXPRESSION, "A list of what a call changes or reads."),
        "data_classes": Key(
            CLASS_LIST, "What data it touches; absent: unknown, which waits for a person."
        ),
        "needs_facts": Key(
            Listing(ATTRIBUTE), "Facts that must be established, or a call waits for a person."
        ),
        "content": Key(
            Listing(PLAIN),
            "Which arguments make two calls the same change at another place; `[]`: none, the "
            "type counts by its velocity; absent: all arguments.",
        ),
        "risk": Key(PLAIN, "What can go wrong, as the approver reads it."),
        "bounds": Key(Listing(BOUND), "Within which arguments the row holds."),
        "confidence_floor": Key(
            Number(0, 1, whole=False), "Below it, or without one, one tier up; 0 to 1."
        ),
        "approvals": Key(Number(1, 2), "How many different people at tier 3."),
        "urgency": Key(Text("urgency", words=list(Urgency)), "Which windows a proposal has."),
        "notify": Key(ROLE, "The role that is told; tier 2 needs it."),
        "protective": Key(FLAG, "Blocks, isolates or disables: undoing it is a decision."),
        "check": Key(CHECK, "The read that says what came of it."),
        "solved": Key(READ, "Beside the check: what must be seen if the problem is solved."),
        "rollback": Key(ROLLBACK, "How it is undone."),
        "rehearsal": Key(REHEARSAL, "The safe target on which its rollback is rehearsed."),
        "velocity": Key(VELOCITY, "How often it may begin."),
        "start": Key(
            One((2, 3)), "Where it starts: it runs there until people promote it on its evidence."
        ),
        "bucket": Key(
            EXPRESSION,
            "The kind of arguments, as a text that stands in the record: evidence is counted by "
            "it, and a promotion holds for the kinds that were seen. Nothing personal.",
        ),
        "breaker": Key(
            Text("profile", words=BREAKERS),
            "How soon its breaker opens: `strict` tolerates 0.1 % of errors, `standard` 1 %, "
            "`lenient` 3 %.",
        ),
        "signatures": Key(Listing(SIGNATURE), "Signatures of this row alone."),
    },
    (
        {
            "if": {"properties": {"tier": {"const": 2}}, "required": ["tier"]},
            "then": {"required": ["notify"]},
        },
    ),
)
ABOUT = Shape(
    "about",
    "Which calls a rule is about; each key given narrows it.",
    {
        "types": Key(GLOBS, "Action types."),
        "categories": Key(CATEGORY_LIST, "Categories."),
        "effect": Key(Text("effect", words=list(Effect)), "Only reads, or only changes."),
    },
)
RULE = Shape(
    "rule",
    "Raises the tier of the calls it is about while its condition holds. A condition that can't "
    "be worked out holds.",
    {
        "name": Key(PLAIN, "Its own name.", True),
        "tier": Key(One((2, 3, "prohibited")), "At least this tier.", True),
        "because": Key(PLAIN, "What a person reads when it holds.", True),
        "about": Key(ABOUT, "Which calls."),
        "when": Key(CONDITION, "The condition; absent: always."),
    },
    (
        {
            "anyOf": [
                {"required": ["when"]},
                {"required": ["about"], "properties": {"about": {"minProperties": 1}}},
            ]
        },
    ),
)
_CALENDAR = Key(
    PLAIN, "An iCalendar file of the folder, such as `calendars/on-call.ics`, or an https URL."
)
ON_CALL = Shape(
    "on call",
    "Whose turn it is. An event is somebody's turn when they attend it, or when its summary holds "
    "their name or e-mail address. A calendar gives nobody a role.",
    {
        "calendar": Key(PLAIN, _CALENDAR.doc, True),
        "age": Key(
            SPAN,
            "How old the last copy of a URL may be; with none, or an older one, nobody is known "
            "to be on call and the role counts as not covered. Default: 24h.",
        ),
    },
)
HOLIDAYS = Shape(
    "holidays",
    "Days on which the people whose hours name them are not there.",
    {
        "dates": Key(Listing(DATE), "Dates."),
        "calendar": _CALENDAR,
        "age": Key(
            SPAN,
            "How old the last copy of a URL may be before `doctor` says so; the last copy counts "
            "all the same. Default: 24h.",
        ),
    },
    (
        {"anyOf": [{"required": ["dates"]}, {"required": ["calendar"]}]},
        {"if": {"required": ["age"]}, "then": {"required": ["calendar"]}},
    ),
)
ROLE_KIND = Shape(
    "role",
    "A role that people hold.",
    {
        "says": Key(PLAIN, "What its holders do.", True),
        "per_client": Key(FLAG, "Held for one client at a time."),
        "backups": Key(Listing(ROLE), "Who is asked when no holder is there, in order."),
        "on_call": Key(ON_CALL, "Whose turn it is; without it, by working hours."),
    },
)
ROUTE = Shape(
    "route",
    "The first whose conditions hold picks the chain; the last must always hold.",
    {
        "chain": Key(Text("chain"), "The chain.", True),
        "when": Key(CONDITION, "The condition; one that can't be worked out holds."),
        "categories": Key(
            Listing(Text("category", words=CATEGORIES), least=1), "Only calls of these."
        ),
    },
)
BESIDE = Shape(
    "beside",
    "A role that must be among the approvers when such data is touched.",
    {
        "role": Key(ROLE, "The role.", True),
        "data_classes": Key(CLASS_LIST, "The classes of data.", True),
    },
)
GROUND = Shape(
    "ground",
    "What Handrail's own authority rests on; no agent's call may name it.",
    {
        "pattern": Key(
            Text("pattern with `*` and `?`", r"[^*? ]"), "Over targets and arguments.", True
        ),
        "why": Key(PLAIN, "What it is.", True),
    },
)
PROHIBITED = Shape(
    "prohibition",
    "Refused for every agent.",
    {
        "type": Key(PLAIN, "Action type, with `*` for any part.", True),
        "because": Key(PLAIN, "What a person reads.", True),
    },
)
FACT = Shape(
    "fact",
    "How a fact about a call is looked up.",
    {
        "name": Key(ATTRIBUTE, "Which attribute.", True),
        "read": Key(TYPE, "The row by which Handrail reads.", True),
        "arguments": Key(Named(Either(EXPRESSION)), "The arguments of the read.", True),
        "value": Key(EXPRESSION, "The fact, from `result`.", True),
        "age": Key(
            SPAN, "How long it counts; absent: fact_age_people of user.*, else fact_age_targets."
        ),
        "types": Key(GLOBS, "For which calls; absent: all."),
        "when": Key(CONDITION, "For which of them."),
    },
)
_SCOPE = {
    "types": Key(GLOBS, "Only these types."),
    "categories": Key(CATEGORY_LIST, "Only these categories."),
    "clients": Key(Listing(PLAIN), "Only these clients."),
}
FREEZE = Shape(
    "freeze",
    "A time in which changes wait for a person: one span, or the events of a calendar.",
    {
        "name": Key(PLAIN, "Its own name.", True),
        "because": Key(PLAIN, "What a person reads.", True),
        "from": Key(INSTANT, "When it begins."),
        "until": Key(INSTANT, "When it has ended."),
        "calendar": Key(
            PLAIN,
            "An iCalendar file of the folder, such as `calendars/holidays.ics`, or an https URL. "
            "Each event in it is a freeze.",
        ),
        "age": Key(
            SPAN,
            "How old the last copy of a URL may be; with none, or an older one, the freeze is "
            "taken to hold. Default: 24h.",
        ),
        "outside": Key(
            FLAG, "true: a maintenance calendar. Changes wait outside of its events, not inside."
        ),
        **_SCOPE,
    },
    (
        {
            "oneOf": [
                {"required": ["from", "until"], "not": {"required": ["calendar"]}},
                {
                    "required": ["calendar"],
                    "not": {"anyOf": [{"required": ["from"]}, {"required": ["until"]}]},
                },
            ]
        },
        {"if": {"required": ["age"]}, "then": {"required": ["calendar"]}},
    ),
)


def _setting(name: str, default: Any) -> Kind:
    if name in {"undo_window", "check_delay"}:
        return SPAN_OR_NOTHING
    if name == "review_due":
        return Number(1, 15)
    if name == "personal_reads":
        return One((2, 3))
    if isinstance(default, timedelta):
        return SPAN
    if isinstance(default, int):
        return Number(1, COUNT)
    return Shape(
        "by urgency",
        "A span for each urgency; one that is left out keeps its default.",
        {u.value: Key(SPAN, f"For {u.value} urgency.") for u in Urgency},
    )


SETTINGS = Shape(
    "settings",
    "The numbers by which Handrail decides; see [Defaults](defaults.md).",
    {
        f.name: Key(_setting(f.name, getattr(Settings(), f.name)), str(f.metadata["why"]))
        for f in fields(Settings)
    },
)
ORGANISATION = Shape(
    "organisation", "The MSP that runs Handrail.", {"name": Key(PLAIN, "Its name.", True)}
)
MAIN = Shape(
    "handrail.yaml",
    "The main file of a policy.",
    {
        "version": Key(One((1,)), "The version of this format.", True),
        "organisation": Key(ORGANISATION, "Whose policy it is.", True),
        "roles": Key(Named(ROLE_KIND, least=1), "Roles that people hold.", True),
        "chains": Key(
            Named(Listing(ROLE, least=1, once=True)), "Whom a proposal asks, in order.", True
        ),
        "routing": Key(Listing(ROUTE, least=1), "Which chain a proposal takes.", True),
        "settings": Key(SETTINGS, "Numbers that differ from the defaults."),
        "beside": Key(Listing(BESIDE), "Who must be among the approvers."),
        "four_eyes": Key(GLOBS, "Types where even the agent's sponsor may not approve."),
        "own_ground": Key(Listing(GROUND), "What no agent may touch."),
        "prohibited": Key(Listing(PROHIBITED), "What is refused."),
        "facts": Key(Listing(FACT), "How facts are looked up."),
        "freezes": Key(Listing(FREEZE), "When changes wait for a person."),
        "holidays": Key(Named(HOLIDAYS), "Public holidays, by the name that hours name."),
    },
)
ROWS = Shape(
    "other files",
    "Any other YAML file of a policy: rows, rules, and signatures that sign every row of the file.",
    {
        "rows": Key(Listing(ROW), "The matrix."),
        "rules": Key(Listing(RULE), "Rules."),
        "signatures": Key(Listing(SIGNATURE), "Signatures under all rows of this file."),
    },
)
