"""What no policy switches off (SPEC 2.3): each floor is a function that may ask for tier 3.

* several clients changed by one call
* classes of data: personal content, health, secrets; undeclared counts as unknown
* access control; security, firewall and network; servers; backup and recovery
* unknown client, target class or data class, where the row depends on it

A floor reads the row's signed category *and* the tool's own name: a row that calls a firewall
change a workstation matter is still a firewall change. Names only ever raise.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from handrail.core.model import Action, Effect, Facts, Reason, Tier
from handrail.core.policy import MatrixRow, Policy, fold

#: Words of a tool's name that tell what a change is about, whatever its row says.
_WORDS: dict[str, frozenset[str]] = {
    "access": frozenset(
        "group groups role roles permission permissions right rights privilege privileges admin "
        "admins mfa factor factors consent delegate delegates acl grant revoke membership "
        "sso oauth token tokens apikey credential credentials secret secrets certificate".split()
    ),
    "network": frozenset(
        "firewall vlan vpn dns dhcp route routes routing nat switch switchport port subnet "
        "gateway".split()
    ),
    "backup": frozenset("backup backups retention recovery failover snapshot snapshots".split()),
    "security": frozenset(
        "antivirus defender edr quarantine allowlist blocklist whitelist blacklist encryption "
        "bitlocker conditional".split()
    ),
}
_SPLIT = re.compile(r"[^a-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")

_FLOORED: dict[str, str] = {
    "access": "It changes who may do what",
    "security": "It changes security policy",
    "network": "It changes firewall or network settings",
    "server": "It changes a server",
    "backup": "It changes backup or recovery",
}
_CLASSES: dict[str, str] = {
    "health": "It touches health data",
    "secret": "It touches secrets",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What a floor looks at."""

    action: Action
    row: MatrixRow | None
    facts: Facts
    data_classes: frozenset[str]
    settings: Policy

    @property
    def changes(self) -> bool:
        """Whether the call changes something; without a row, it is taken to."""
        return self.row is None or self.row.effect is Effect.CHANGE


Floor = Callable[[Call], Iterator[Reason]]


def _reason(code: str, text: str, tier: Tier = Tier.APPROVE) -> Reason:
    return Reason(f"floor:{code}", tier, text)


def several_clients(call: Call) -> Iterator[Reason]:
    """One call that changes more than one client."""
    count = len(call.action.clients)
    if call.changes and count > 1:
        yield _reason("several-clients", f"It changes {count} clients at once")


def unknown_client(call: Call) -> Iterator[Reason]:
    """The client can't be told, and the row depends on it."""
    if call.row is None:
        return  # without a row there is a reason already
    depends = call.changes or call.row.client is not None
    if depends and call.facts.get("clients.count") is None:
        yield _reason("unknown-client", "Which client it concerns could not be established")


def unknown_target(call: Call) -> Iterator[Reason]:
    """What the target is can't be told, and the row depends on it."""
    if call.row is None:
        return
    needed = set(call.row.needs_facts)
    if call.changes and call.row.target_kind == "device" and call.action.targets:
        needed.add("device.role")
    for name in sorted(needed):
        if call.facts.get(name) is None:
            what = name.replace(".", "'s ").replace("fact's ", "")
            yield _reason(f"unknown:{name}", f"The {what} could not be established")


def data(call: Call) -> Iterator[Reason]:
    """Classes of data, the row's and those the agent declared: declared ones only raise."""
    if call.row is not None and call.row.data_classes is None:
        yield _reason("unknown:data-class", "The row does not say what data it touches")
    for name, text in _CLASSES.items():
        if name in call.data_classes:
            yield _reason(f"data:{name}", text)
    if "personal" in call.data_classes:
        tier = Tier.APPROVE if call.changes else Tier(call.settings.settings.personal_reads)
        yield _reason("data:personal", "It touches personal content", tier)
    for name in sorted(call.data_classes - {"identifier", "personal", "health", "secret"}):
        yield _reason("unknown:data-class", f"{name!r} is no known class of data")


def governed_ground(call: Call) -> Iterator[Reason]:
    """Access, security, network, servers and backup, by the row's category and the tool's name."""
    if call.row is None or not call.changes:
        return
    categories = {call.row.category, *_categories_of(call.action.request.tool)}
    for category in sorted(categories & set(_FLOORED)):
        yield _reason(category, _FLOORED[category])


def account(call: Call) -> Iterator[Reason]:
    """Password reset and unlock are free for a standard user only."""
    if call.row is None or not call.changes or call.row.category != "identity":
        return
    found = call.facts.get("user.class")
    if found is None or fold(str(found)) != "standard":
        kind = "an account of unknown class" if found is None else f"an account of class {found}"
        yield _reason("access", f"It changes {kind}")


def machine(call: Call) -> Iterator[Reason]:
    """Servers and network devices; restarting a listed service on a workstation is free."""
    if call.row is None or not call.changes:
        return
    role = call.facts.get("device.role")
    if role is not None and fold(str(role)) != "workstation":
        yield _reason("server", f"It changes a {role} device")


FLOORS: tuple[Floor, ...] = (
    several_clients, unknown_client, unknown_target, data, governed_ground, account, machine,
)


def floors(call: Call) -> Iterator[Reason]:
    """Every floor that speaks about *call*."""
    for floor in FLOORS:
        yield from floor(call)


_categories: dict[str, frozenset[str]] = {}


def _categories_of(tool: str) -> frozenset[str]:
    """Which governed grounds the words of a tool's name belong to."""
    found = _categories.get(tool)
    if found is None:
        words = {fold(w) for w in _SPLIT.split(tool) if w}
        found = frozenset(c for c, known in _WORDS.items() if words & known)
        if len(_categories) < 10_000:
            _categories[tool] = found
    return found
