"""Every number of SPEC section 12, named, with its reason; each is a setting of the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from handrail.core.model import Urgency


def _minutes(critical: int, high: int, normal: int, low: int) -> Mapping[Urgency, timedelta]:
    spans = (critical, high, normal, low)
    return MappingProxyType({u: timedelta(minutes=m) for u, m in zip(Urgency, spans, strict=True)})


def _setting(value: Any, why: str) -> Any:
    if isinstance(value, MappingProxyType):
        return field(default_factory=lambda: value, metadata={"why": why})
    return field(default=value, metadata={"why": why})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The policy's numbers. Spans are `timedelta`, counts are plain integers."""

    windows: Mapping[Urgency, timedelta] = _setting(
        _minutes(5, 15, 60, 240),
        "How long one step of a chain may take before the question moves on, by urgency.",
    )
    lifetimes: Mapping[Urgency, timedelta] = _setting(
        _minutes(30, 120, 24 * 60, 72 * 60),
        "How long a proposal may wait in all before it lapses, by urgency.",
    )
    approval_valid: timedelta = _setting(
        timedelta(minutes=15), "An approval says yes to now, not to tomorrow."
    )
    undo_window: timedelta = _setting(
        timedelta(seconds=10), "Long enough to take a slip back, short enough not to wait for."
    )
    notice_send_window: timedelta = _setting(
        timedelta(minutes=2), "Act then notify means now; later is not notified."
    )
    notice_review_window: timedelta = _setting(
        timedelta(minutes=60), "After this, a card nobody looked at goes to the next person."
    )
    reversal_window: timedelta = _setting(
        timedelta(hours=24), "After a day the world has usually moved on over the change."
    )
    max_clients: int = _setting(3, "One change at more clients than this is one big change.")
    max_targets: int = _setting(25, "One change on more targets than this is one big change.")
    aggregate_window: timedelta = _setting(
        timedelta(minutes=60), "Small calls of one change come close together."
    )
    open_per_trigger: int = _setting(5, "A ticket that needs more decisions needs a person.")
    open_per_agent: int = _setting(20, "More waiting proposals than people can read are no use.")
    asks_per_hour: int = _setting(20, "People are asked rarely enough to read.")
    actions_per_hour: int = _setting(60, "A new agent is slow until it is known.")
    second_ask: timedelta = _setting(
        timedelta(days=7), "A denial sticks: asking again soon is shopping."
    )
    in_flight_after_promotion: int = _setting(
        10, "Harm is bounded by what is unverified, more than by any detector."
    )
    in_flight_later: int = _setting(50, "The same bound once an action type is known.")
    decisions_per_hour: int = _setting(12, "Past this, reading becomes clicking.")
    decisions_per_shift: int = _setting(40, "Past this, route on to the next person.")
    reached_within: timedelta = _setting(
        timedelta(days=31), "Somebody whom no channel has reached for a month covers no role."
    )
    notices_per_shift: int = _setting(30, "More messages than this are not read.")
    check_delay: timedelta = _setting(
        timedelta(seconds=30),
        "Most systems show a change within half a minute; a row may say another time.",
    )
    overdue_outcome: timedelta = _setting(
        timedelta(minutes=15), "An outcome that is not known by then is unknown."
    )
    fact_age_people: timedelta = _setting(
        timedelta(hours=24), "Who a person is changes by the day."
    )
    fact_age_targets: timedelta = _setting(
        timedelta(minutes=15), "What a device does changes by the hour."
    )
    step_up_age: timedelta = _setting(
        timedelta(minutes=15), "Whoever approves has shown lately that they are there."
    )
    new_approver_wait: timedelta = _setting(
        timedelta(hours=72), "A second person made up today is no second person."
    )
    probation: timedelta = _setting(
        timedelta(days=30), "What was promoted is watched closely for a while."
    )
    promotion_rate: int = _setting(
        90, "Per cent of proposals that must really be clean, luck and daily looking allowed for."
    )
    promotion_span: timedelta = _setting(
        timedelta(days=28), "Four weeks show a whole month's work, month's end included."
    )
    promotion_cases: int = _setting(50, "Fewer decisions than this say little, however clean.")
    promotion_share: int = _setting(
        40, "Per cent of the evidence that one approver, target or trigger may be."
    )
    rehearsed_within: timedelta = _setting(
        timedelta(days=30), "A rollback that was not run lately may not run any more."
    )
    audit_share: int = _setting(
        5, "Per cent of what runs on probation that a person looks at, drawn by lot."
    )
    practice_share: int = _setting(2, "Per cent of proposals that are practice, never executable.")
    review_due: int = _setting(
        5, "Working days after a month by which its review is signed; later, it is history."
    )
    heartbeat: timedelta = _setting(
        timedelta(hours=24), "Silence in the record must be visible as such."
    )
    personal_reads: int = _setting(
        3, "Tier of reading mail, chat and exports; a policy may set 2, never for health data."
    )
