"""What a governance review has to look at, from the record of its period (SPEC 8).

A fold over entries, like `history`: the agenda of a period is the same whoever makes it and
whenever. The period before it is folded too, to tell what is unusual. Each item says in one
sentence what was found, with its number and the threshold that made it an item, and links to the
actions; *figures* are for information and need no decision.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from handrail.core import evidence
from handrail.core.history import Case, History, microseconds
from handrail.core.model import Tier
from handrail.core.review_notes import CHANGED, SAID, Seen, keep, note

_MINUTE = 60_000_000  # microseconds
_HOUR, _DAY = 60 * _MINUTE, 24 * 60 * _MINUTE
LINKED = 20  #: actions that an item names
APPROVED = 90  #: per cent of decisions; below it a type is an item
ENOUGH = 5  #: decisions, below which a share says nothing
ESCALATED = 15  #: per cent of proposals that moved past a role
FLOORED = 25  #: per cent of approvals below the floor, by its lower bound
NO_DENIALS = 90  #: decisions without a denial that say something
BURST, BURST_IN = 5, 60 * 1_000_000
SHIFT = 10  #: points by which a tier's share moved
VOLUME = 3  #: times the usual day of an agent
USUAL = 5  #: days with actions, below which nothing is usual yet
ATTENTION = 15 * _MINUTE  #: the most that one decision is counted as

SECTIONS: Mapping[str, str] = {
    "tier-1": "Tier 1: unexpected outcomes",
    "tier-2": "Tier 2: what people stepped in for",
    "tier-3": "Tier 3: decisions, times, bottlenecks",
    "people": "How decisions were taken",
    "data": "Quality of data",
    "incidents": "Incidents, and what was to be done",
    "autonomy": "Promotions, demotions, breakers, pauses",
    "unusual": "Unusual for an agent",
    "changes": "Changes of policy, people and clients",
    "figures": "Figures",
    "framework": "The framework itself",
}
#: What the annual review walks through besides (SPEC 8).
FRAMEWORK: Mapping[str, str] = {
    "tiers": "The definitions of the three tiers, and which action types stand where",
    "routing": "Chains, roles, backups and windows",
    "compliance": "Alignment with each client's regimes",
    "thresholds": "Limits, bounds and the numbers of the policy",
    "breakers": "Limits of breakers",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on the agenda. ``key`` is its name in the review; people answer by it."""

    section: str
    key: str
    text: str
    number: str = ""
    threshold: str = ""
    actions: tuple[str, ...] = ()
    figure: bool = False  #: for information: nothing is to be decided

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "section": self.section,
            "key": self.key,
            "text": self.text,
            "number": self.number,
            "threshold": self.threshold,
            "actions": list(self.actions),
            "figure": self.figure,
        }


def agenda(
    entries: Iterable[Mapping[str, Any]], since: int, until: int, *, annual: bool = False
) -> list[Item]:
    """The items of the period from *since* to *until* (microseconds). *entries* are those of the
    record from one period before on, in order, so that what is usual is known."""
    history, seen = History(kept=1 << 40), Seen()
    for entry in entries:
        at = microseconds(entry["at"])
        if at >= until:
            break
        for _ in history.take(entry):
            pass
        keep(seen, entry, at, since)
        if at >= since:
            note(seen, entry, at, history)
    cases = [c for past in history.types.values() for c in past.cases.values()]
    now = [c for c in cases if c.at >= since]
    before = [c for c in cases if c.at < since]
    found = [
        *_tier_1(now),
        *_tier_2(now, seen),
        *_tier_3(now, seen),
        *_people(seen),
        *_data(now, seen),
        *_incidents(seen, since, until),
        *_autonomy(seen),
        *_unusual(now, before),
        *_changes(seen),
        *_figures(now, before, seen),
    ]
    if annual:
        found += [
            Item("framework", f"framework:{key}", f"{text}: reaffirm or change it.")
            for key, text in FRAMEWORK.items()
        ]
    return found


# --- sections ------------------------------------------------------------------------------------


def _by_type(cases: Iterable[Case]) -> Iterator[tuple[str, list[Case]]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[case.type].append(case)
    yield from sorted(found.items())


def _tier_1(cases: Sequence[Case]) -> Iterator[Item]:
    ran = [c for c in cases if c.tier == Tier.AUTONOMOUS and c.begun is not None]
    for type, of in _by_type(ran):
        bad = [c for c in of if c.wrong]
        if bad:
            yield Item(
                "tier-1",
                f"tier-1:{type}",
                f"{type} ran {len(of)} times alone; {len(bad)} did not go as specified.",
                str(len(bad)),
                "1",
                _ids(bad),
            )


def _tier_2(cases: Sequence[Case], seen: Seen) -> Iterator[Item]:
    ran = [c for c in cases if c.tier == Tier.NOTIFY and c.begun is not None]
    for type, of in _by_type(ran):
        bad = [c for c in of if c.reversed or c.id in seen.wrong]
        if bad:
            yield Item(
                "tier-2",
                f"tier-2:{type}",
                f"People stepped in for {len(bad)} of {len(of)} of {type}: reversed, or said to "
                "be wrong.",
                str(len(bad)),
                "1",
                _ids(bad),
            )


def _tier_3(cases: Sequence[Case], seen: Seen) -> Iterator[Item]:
    decided = [c for c in cases if c.decision in {"approved", "modified", "denied"}]
    for type, of in _by_type(decided):
        good = sum(c.decision == "approved" for c in of)
        if len(of) >= ENOUGH and good * 100 < APPROVED * len(of):
            yield Item(
                "tier-3",
                f"rate:{type}",
                f"{good} of {len(of)} proposals of {type} were approved as asked.",
                f"{100 * good // len(of)} %",
                f"{APPROVED} %",
                _ids([c for c in of if c.decision != "approved"]),
            )
    for role, steps in sorted(seen.steps.items()):
        gone = seen.escalated[role]
        if steps >= ENOUGH and gone * 100 > ESCALATED * steps:
            yield Item(
                "tier-3",
                f"escalated:{role}",
                f"{gone} of {steps} questions to {role} moved on unanswered.",
                f"{100 * gone // steps} %",
                f"{ESCALATED} %",
            )
    if seen.lapsed:
        yield Item(
            "tier-3",
            "lapsed",
            f"{len(seen.lapsed)} proposals lapsed: nobody answered within their lifetime.",
            str(len(seen.lapsed)),
            "1",
            tuple(seen.lapsed[:LINKED]),
        )
    worst = [h for h, n in seen.hours.items() if n >= ENOUGH and n * 4 >= seen.hours.total()]
    for hour in sorted(worst):
        yield Item(
            "tier-3",
            f"hour:{hour}",
            f"{seen.hours[hour]} of {seen.hours.total()} unanswered questions moved on between "
            f"{hour:02}:00 and {hour + 1:02}:00 UTC.",
            str(seen.hours[hour]),
            "a quarter of them",
        )


def _people(seen: Seen) -> Iterator[Item]:
    """Signals for a conversation, never a verdict (EVIDENCE 4)."""
    everybody = sum(len(at) for at in seen.decided.values())
    denials = seen.denied.total()
    for person, at in sorted(seen.decided.items()):
        approvals = len(at) - seen.denied[person]
        fast, unopened = seen.fast[person], seen.unopened[person]
        if evidence.lower_bound(fast, approvals) * 100 > FLOORED:
            yield Item(
                "people",
                f"fast:{person}",
                f"{person} approved {fast} of {approvals} faster than their packages can be read.",
                str(fast),
                f"shown above {FLOORED} %",
            )
        if evidence.lower_bound(unopened, approvals) * 100 > FLOORED:
            yield Item(
                "people",
                f"unopened:{person}",
                f"{person} approved {unopened} of {approvals} without having opened the package.",
                str(unopened),
                f"shown above {FLOORED} %",
            )
        others = everybody - len(at)
        rate = (denials - seen.denied[person]) / others if others else 0
        if not seen.denied[person] and len(at) >= NO_DENIALS and rate >= 0.05:
            yield Item(
                "people",
                f"no-denials:{person}",
                f"{person} denied none of {len(at)}; others deny {100 * rate:.0f} %.",
                "0",
                f"some in {NO_DENIALS}",
            )
        bursts = sum(b - a <= BURST_IN for a, b in zip(at, at[BURST - 1 :], strict=False))
        if bursts:
            yield Item(
                "people",
                f"burst:{person}",
                f"{person} decided {BURST} within a minute, {bursts} times.",
                str(bursts),
                "1",
            )


def _data(cases: Sequence[Case], seen: Seen) -> Iterator[Item]:
    denied = [c for c in cases if c.decision == "denied"]
    words = {"stale-data": "rested on stale data", "wrong-target": "were about the wrong target"}
    for reason, said in words.items():
        for source, of in _by_source((c for c in denied if c.reason == reason), seen):
            yield Item(
                "data",
                f"{reason}:{source}",
                f"Denials over {source}: {len(of)} {said}.",
                str(len(of)),
                "1",
                _ids(of),
            )
    asked = [r for c in cases if (r := seen.reads.get(c.id)) is not None]
    if asked:
        text = f"{sum(not r for r in asked)} of {len(asked)} proposals rested on no read."
        yield Item("data", "no-reads", text, figure=True)
    blank = [c for c in cases if c.confidence is None and c.effect == "change"]
    if blank and len(blank) * 10 > sum(c.effect == "change" for c in cases):
        yield Item(
            "data",
            "no-confidence",
            f"{len(blank)} changes were asked for without a confidence.",
            str(len(blank)),
            "10 %",
            _ids(blank),
        )


def _incidents(seen: Seen, since: int, until: int) -> Iterator[Item]:
    for id, harm in sorted(seen.harms.items()):
        yield Item(
            "incidents",
            f"incident:{id}",
            f"A {harm.severity} incident, {id}, is open for {(until - harm.at) // _DAY} days.",
            "open",
            "any",
            (harm.action,) if harm.action else (),
        )
    for id, (due, owner, incident) in sorted(seen.todo.items()):
        if due < until:
            late = (until - due) // _DAY
            yield Item(
                "incidents",
                f"follow-up:{id}",
                f"A follow-up of {owner} after the incident {incident} was {late} days late.",
                f"{late} days",
                "0",
            )
    for key, (due, owner, of) in sorted(seen.promised.items()):
        if since <= due < until:
            text = f"The review {of} gave {owner} an action that was due: was it done?"
            yield Item("incidents", f"promised:{key}", text)
    if seen.harmed or seen.mended:
        text = f"{seen.harmed} incidents were opened, {seen.mended} closed."
        yield Item("incidents", "incidents", text, figure=True)


def _autonomy(seen: Seen) -> Iterator[Item]:
    for kind, facts in seen.events:
        said = SAID.get(kind)
        if said is not None:
            text = said.format_map(defaultdict(str, facts))
            yield Item("autonomy", f"event:{facts['seq']}", text)


def _unusual(now: Sequence[Case], before: Sequence[Case]) -> Iterator[Item]:
    usual: dict[str, list[Case]] = defaultdict(list)
    for case in before:
        usual[case.agent].append(case)
    for agent, of in sorted(_grouped(now).items()):
        then = usual[agent]
        days = Counter(c.at // _DAY for c in then)
        if len(days) < USUAL:
            continue
        normal = median(days.values())
        busiest, most = Counter(c.at // _DAY for c in of).most_common(1)[0]
        if most > VOLUME * normal and most >= 10:
            some = [c for c in of if c.at // _DAY == busiest]
            yield Item(
                "unusual",
                f"volume:{agent}",
                f"{agent} asked {most} times in a day; its usual day has {normal:g}.",
                str(most),
                f"{VOLUME} times as many",
                _ids(some),
            )
        hours = {c.at // _HOUR % 24 for c in then}
        near = {h % 24 for u in hours for h in (u - 1, u, u + 1)}
        odd = [c for c in of if c.at // _HOUR % 24 not in near]
        if odd:
            yield Item(
                "unusual",
                f"hour:{agent}",
                f"{agent} asked {len(odd)} times at hours at which it never had before.",
                str(len(odd)),
                "1",
                _ids(odd),
            )
        known = {client for c in then for client in c.clients}
        new = [c for c in of if set(c.clients) - known]
        if new:
            clients = sorted({x for c in new for x in c.clients} - known)
            yield Item(
                "unusual",
                f"client:{agent}",
                f"{agent} acted for {', '.join(clients)} for the first time.",
                str(len(clients)),
                "1",
                _ids(new),
            )


def _changes(seen: Seen) -> Iterator[Item]:
    counts = Counter(kind for kind, _ in seen.events if kind in CHANGED)
    for kind, n in sorted(counts.items()):
        laxer = sum(int(f.get("laxer", 0) or 0) for k, f in seen.events if k == kind)
        text = f"{CHANGED[kind]}: {n}."
        if laxer:
            yield Item("changes", f"laxer:{kind}", f"{text} {laxer} of it could lower oversight.")
        else:
            yield Item("changes", f"changed:{kind}", text, figure=True)


def _figures(now: Sequence[Case], before: Sequence[Case], seen: Seen) -> Iterator[Item]:
    was, shares = _shares(before), _shares(now)
    for tier in (1, 2, 3):
        share = f"{shares[tier]:.0f}"
        text = f"Tier {tier}: {share} % of {len(now)} actions"
        yield Item("figures", f"tier:{tier}", f"{text}.", share, figure=True)
        moved = abs(shares[tier] - was[tier])
        if before and moved > SHIFT:
            text += f", after {was[tier]:.0f} % in the period before."
            yield Item("figures", f"shift:{tier}", text, f"{moved:.0f} points", f"{SHIFT} points")
    wrong = sum(c.wrong for c in now)
    yield Item("figures", "wrong", f"{wrong} actions went wrong.", str(wrong), figure=True)
    took = [t for of in seen.took.values() for t in of]
    if took:
        half = median(took) / _MINUTE
        text = f"{len(took)} decisions, half of them within {half:.1f} minutes of being asked."
        yield Item("figures", "times", text, figure=True)
    if now:
        minutes = sum(min(t, ATTENTION) for t in took) / _MINUTE + seen.looked / 2
        each = f"{1000 * minutes / len(now):.0f}"
        yield Item(
            "figures",
            "attention",
            f"About {each} minutes of people for 1,000 actions, at most "
            f"{ATTENTION // _MINUTE} counted for one decision.",
            each,
            figure=True,
        )


def _shares(cases: Sequence[Case]) -> dict[int, float]:
    counts = Counter(c.tier for c in cases)
    return {t: 100 * counts[t] / max(len(cases), 1) for t in (1, 2, 3)}


def _grouped(cases: Iterable[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[case.agent].append(case)
    return found


def _by_source(cases: Iterable[Case], seen: Seen) -> list[tuple[str, list[Case]]]:
    """By the reads that each rested on: which documentation, inventory or monitoring was wrong;
    by its own connection where it rested on none."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        for source in seen.reads.get(case.id) or (case.type.partition(".")[0],):
            found[source].append(case)
    return sorted(found.items())


def _ids(cases: Sequence[Case]) -> tuple[str, ...]:
    return tuple(c.id for c in cases[:LINKED])
