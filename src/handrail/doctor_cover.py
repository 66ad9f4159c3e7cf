"""The part of `handrail doctor` that is about people: is every chain and every two-person rule
satisfiable at each hour of the coming week, and if not, when and why not (SPEC 5)?"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from handrail.cli.programs import Finding
from handrail.clock import Clock
from handrail.core.availability import Times, presence, standing_in
from handrail.core.cover import Cover, Hole, cover
from handrail.core.policy import Policy
from handrail.service.duty import Duty, sources
from handrail.service.known import Known

_SHOWN = 6  # holes in one finding
_WORDS = {
    "chain": ("chain", "nobody can be asked"),
    "two people": ("two people on chain", "fewer than two people can be asked"),
    "beside": ("role beside the chain", "nobody can be asked"),
}
_HINT = (
    "Until somebody is there such a proposal alarms everyone who may decide, and waits; it never "
    "runs by itself. Give a role to somebody, add a backup, an on-call calendar, or working hours "
    "(console: Team)."
)


def findings(policy: Policy, known: Known, duty: Duty, clock: Clock) -> Iterator[Finding]:
    """One finding for each role of a chain, each calendar, each chain and two-person rule."""
    now = clock.now()
    times = duty.times(policy, now)
    people = tuple(known.people.values())
    found = cover(policy, people, known.clients, times, now)
    yield from _roles(policy, known, times, found, now)
    stale = {what: why for what, _, why in duty.troubles(policy, now)}
    for what, source in sources(policy).items():
        why = stale.get(what, "")
        yield Finding(
            name=what,
            ok=not why,
            text=why or (f"{source.url} is fresh" if source.url else "a file of the policy"),
            hint="" if not why else "The server's log says why it can't be read.",
        )
    yield from _chains(policy, known, found)


def _roles(
    policy: Policy, known: Known, times: Times, found: Cover, now: datetime
) -> Iterator[Finding]:
    """Every role has somebody who is there at some hour of the week."""
    people = standing_in(known.people.values(), now)
    for strip in sorted(found.strips, key=lambda s: s.role):
        holders = [p for p in people if p.active and any(r.name == strip.role for r in p.roles)]
        whys = [(p.name, presence(p, strip.role, now, policy, times).why) for p in holders]
        ever = any(not why for _, why in whys) or "holder" in strip.hours[1:]
        text = ", ".join(f"{name} ({why})" if why else name for name, why in whys)
        yield Finding(
            name=f"role {strip.role}",
            ok=ever,
            text=text or "nobody holds it",
            hint=""
            if ever
            else "Give the role to someone; its backups are asked meanwhile."
            if not holders
            else "No holder is there in the coming week. Each of them: console, Availability: "
            "working hours, and Ring me.",
        )


def _chains(policy: Policy, known: Known, found: Cover) -> Iterator[Finding]:
    hours = len(found.strips[0].hours) if found.strips else 0
    names = [("chain", name) for name in policy.chains]
    names += [(h.kind, h.name) for h in found.unsatisfied if (h.kind, h.name) not in names]
    for kind, name in dict.fromkeys(names):
        holes = [h for h in found.unsatisfied if (h.kind, h.name) == (kind, name)]
        words, missing = _WORDS[kind]
        text = f"somebody can be asked at every hour of the coming {hours}"
        if holes:
            text = f"{missing}: {_listed(holes, known)}"
        yield Finding(name=f"{words} {name}", ok=not holes, text=text, hint=_HINT if holes else "")


def _listed(holes: Sequence[Hole], known: Known) -> str:
    shown = [_hole(h, known) for h in sorted(holes, key=lambda h: h.begins)[:_SHOWN]]
    more = f"; and {len(holes) - _SHOWN} more times" if len(holes) > _SHOWN else ""
    return "; ".join(shown) + more


def _hole(hole: Hole, known: Known) -> str:
    names = [known.clients[c].name for c in hole.clients]
    where = ""
    if names and len(names) < len(known.clients):
        rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
        where = f" for {', '.join(names[:2])}{rest}"
    return f"{hole.begins:%a %d %b %H:%M} to {hole.ends:%a %H:%M} UTC{where} ({hole.why})"
