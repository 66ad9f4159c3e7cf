"""What no policy switches off (SPEC 2.3): each floor is a function that may ask for tier 3.

* several clients changed by one call, or more targets than a window allows
* classes of data: personal content, health, secrets; undeclared counts as unknown
* access control; security, firewall and network; servers; backup and recovery
* unknown client, target, target class or data class, where the row depends on it
* a health client's mail, files and personal content (SPEC 12, the pre-set for health clients)

A floor reads the row's signed category *and* the tool's own name: a row that calls a firewall
change a workstation matter is still a firewall change. Names only ever raise. Floors are never
promotable: `classify` adds them after the standing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from handrail.core.fanout import Reach
from handrail.core.lexicon import Act
from handrail.core.model import Action, Effect, Facts, Reason, Tier
from handrail.core.nouns import GROUNDS, HEALTH, NOUNS, SECRETS
from handrail.core.policy import MatrixRow, Policy
from handrail.core.words import LONGEST, fold, read

_FLOORED: Mapping[str, str] = {
    "access": "It changes who may do what",
    "security": "It changes security policy",
    "network": "It changes firewall or network settings",
    "server": "It changes a server",
    "backup": "It changes backup or recovery",
}
_KNOWN_CLASSES = frozenset({"identifier", "personal", "health", "secret"})
#: The fact that holds what a detector saw in the arguments: `class:what` each.
SEEN = "data.seen"
#: The fact that names what could not be read of what a call refers to.
UNREAD = "content.unread"
#: Categories whose changes are about records, whatever device or account they mention.
_ABOUT_RECORDS = frozenset({"ticketing", "documentation", "billing"})
#: Where a policy may let personal content be read at tier 2: mail, chat and exports.
_PERSONAL_READS = frozenset({"communication", "data"})


@dataclass(frozen=True, slots=True)
class Call:
    """What a floor looks at. ``row`` is None when the matrix has none: there is a reason for tier
    3 already, and most floors have nothing to go by."""

    action: Action
    row: MatrixRow | None
    facts: Facts
    data_classes: frozenset[str]
    policy: Policy
    fan: Reach = Reach(0, "")

    @property
    def changes(self) -> bool:
        """Whether the call changes something; without a row, it is taken to."""
        return self.row is None or self.row.effect is Effect.CHANGE


Floor = Callable[[Call], Iterator[Reason]]


def _reason(code: str, text: str, tier: Tier = Tier.APPROVE) -> Reason:
    return Reason(f"floor:{code}", tier, text)


def several_clients(call: Call) -> Iterator[Reason]:
    """One call that changes more than one client. A read goes by what it returns."""
    count = len(call.action.clients)
    if call.changes and count > 1:
        yield _reason("several-clients", f"It changes {count} clients at once")


def many_targets(call: Call) -> Iterator[Reason]:
    """One call on more targets than the same change may reach in small calls (I25)."""
    count = max(len(call.action.targets), call.fan.count)
    most = call.policy.settings.max_targets
    if call.changes and count > most:
        yield _reason("many-targets", f"It changes {count} targets at once, more than {most}")


def open_reach(call: Call) -> Iterator[Reason]:
    """A change by a filter, a wildcard or a flag for all: nobody can count whom it reaches."""
    if call.changes and call.fan.open:
        yield _reason(
            "open-reach", f"Its argument {call.fan.open[:40]!r} may reach any number of targets"
        )


def content(call: Call) -> Iterator[Reason]:
    """What it refers to (a script, the members of a group) is part of it, and could not be read."""
    for name in call.facts.get(UNREAD) or ():
        yield _reason("unknown:content", f"What it refers to could not be read ({name})")


def unknown_client(call: Call) -> Iterator[Reason]:
    """The client can't be told, and the row depends on it."""
    if call.row is None:
        return
    depends = call.changes or call.row.client is not None
    if depends and call.facts.get("clients.count") is None:
        yield _reason("unknown:client", "Which client it concerns could not be established")


def unknown_target(call: Call) -> Iterator[Reason]:
    """What the target is can't be told, and the row depends on it."""
    row = call.row
    if row is None:
        return
    if call.changes and row.targets is not None and not call.action.targets:
        yield _reason("unknown:target", "What it would change could not be established")
    needed = set(row.needs_facts)
    if call.changes and row.target_kind == "device":
        needed.add("device.role")
    for name in sorted(needed):
        if call.facts.get(name) is None:
            what = name.replace(".", "'s ").replace("fact's ", "")
            yield _reason(f"unknown:{name}", f"The {what} could not be established")


def data(call: Call) -> Iterator[Reason]:
    """Classes of data, the row's and those the agent declared: declared ones only raise."""
    row = call.row
    if row is not None and row.data_classes is None:
        yield _reason("unknown:data-class", "The row does not say what data it touches")
    named = _classes_of(call.action.request.tool[:LONGEST])
    if "health" in call.data_classes or "health" in named:
        yield _reason("data:health", "It touches health data")
    if "secret" in call.data_classes or "secret" in named:
        yield _reason("data:secret", "It touches secrets")
    if "personal" in call.data_classes:
        allowed = row is not None and not call.changes and row.category in _PERSONAL_READS
        tier = Tier(call.policy.settings.personal_reads) if allowed else Tier.APPROVE
        yield _reason("data:personal", "It touches personal content", tier)
    for name in sorted(call.data_classes - _KNOWN_CLASSES):
        yield _reason("unknown:data-class", f"{name[:40]!r} is no known class of data")


def found(call: Call) -> Iterator[Reason]:
    """What a detector saw in the arguments, whatever the row and the agent declare."""
    seen = call.facts.get(SEEN)
    for sign in seen if isinstance(seen, list) else ():
        name, _, what = str(sign).partition(":")
        if name == "secret" and resets_password(call.action.request.tool):
            continue  # a new password is what a reset is given
        tier = Tier.APPROVE
        if name == "personal" and call.row is not None and not call.changes:
            tier = Tier(call.policy.settings.personal_reads)
        yield _reason(f"data:{name}", f"Its arguments hold what looks like {what}", tier)


def health_client(call: Call) -> Iterator[Reason]:
    """No mail, files or personal content of a health client without a person."""
    if call.row is None:
        return
    if call.row.category != "data" and "personal" not in call.data_classes:
        return
    regimes = call.facts.get("client.regimes")
    if not isinstance(regimes, list):
        if call.facts.get("clients.count") != 0:
            yield _reason("unknown:client.regimes", "Whether it is a health client is not known")
    elif any(isinstance(r, str) and fold(r) == "hipaa" for r in regimes):
        yield _reason("health-client", "A health client's mail and files need a person")


def governed_ground(call: Call) -> Iterator[Reason]:
    """Access, security, network, servers and backup, by the row's category and the tool's name."""
    if call.row is None or not call.changes:
        return
    found = {call.row.category} | _grounds_of(call.action.request.tool[:LONGEST])
    for category in sorted(found & _FLOORED.keys()):
        yield _reason(category, _FLOORED[category])


def account(call: Call) -> Iterator[Reason]:
    """Password reset and unlock are free for a standard user only; other changes of an identity
    are access control."""
    if call.row is None or not call.changes:
        return
    resets = resets_password(call.action.request.tool)
    if call.row.category != "identity" and not resets:
        return
    if not resets:
        yield _reason("access", _FLOORED["access"])
        return
    found = call.facts.get("user.class")
    if not isinstance(found, str) or fold(found) != "standard":
        kind = "an account of unknown class" if found is None else f"an account of class {found}"
        yield _reason("account", f"It changes {kind}")


def machine(call: Call) -> Iterator[Reason]:
    """Servers and network devices; restarting a listed service on a workstation is free."""
    if call.row is None or not call.changes:
        return
    if call.row.category in _ABOUT_RECORDS and call.row.target_kind != "device":
        return
    role = call.facts.get("device.role")
    if role is not None and (not isinstance(role, str) or fold(role) != "workstation"):
        yield _reason("machine", f"It changes a device whose role is {role}")


FLOORS: tuple[Floor, ...] = (
    several_clients, many_targets, open_reach, content, unknown_client, unknown_target, data, found, health_client,
    governed_ground, account, machine,
)  # fmt: skip


def floors(call: Call) -> list[Reason]:
    """Every floor that speaks about *call*."""
    return [reason for floor in FLOORS for reason in floor(call)]


@lru_cache(maxsize=8192)
def _grounds_of(tool: str) -> frozenset[str]:
    """Which grounds the words of a tool's name put its changes on."""
    reading = read(tool)
    # A noun whose area another one outweighs is context: "assign ticket to user" is no account.
    named = {w for w in (*reading.words, *reading.paired) if NOUNS.get(w) in {*reading.areas, None}}
    return frozenset(ground for ground, words in GROUNDS.items() if named & words)


@lru_cache(maxsize=8192)
def _classes_of(tool: str) -> frozenset[str]:
    """Which classes of data a tool's name says it reads."""
    reading = read(tool)
    if reading.act is not Act.READ or reading.about_only:
        return frozenset()
    named = set(reading.words) | set(reading.paired)
    found = {"secret"} if named & SECRETS else set()
    return frozenset(found | ({"health"} if named & HEALTH else set()))


def resets_password(tool: str) -> bool:
    """Whether a tool's name says that it resets a password."""
    return _resets_password(tool[:LONGEST])


@lru_cache(maxsize=8192)
def _resets_password(tool: str) -> bool:
    reading = read(tool)
    return reading.act in {Act.RESET, Act.UPDATE} and reading.areas == ("password",)
