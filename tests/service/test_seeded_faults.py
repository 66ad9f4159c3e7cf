"""Each promise's guard is taken out, and the test that shows the promise must fail (INVARIANTS).

A check that cannot fail shows nothing. A fault is a change of the product in memory: which guard,
what stands in its place, and the test that must notice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from handrail.clock import FakeClock
from handrail.core import approval, classify, floors
from handrail.core.action import State
from handrail.core.approval import AnswerKind
from handrail.core.model import Classification
from handrail.errors import HandrailError
from handrail.privacy.seal import open_sealer
from handrail.service import answer, begin, delivery, policies, release, reverse, rights
from handrail.service.asked import Asked
from handrail.store.database import open_store
from support import service_cases as cases
from support.house import House


@dataclass(frozen=True)
class Fault:
    name: str
    where: Any
    attribute: str
    instead: Callable[..., Any]
    noticed_by: Callable[[House], None]


def _no_expiry(original: Callable[..., Any]) -> Callable[..., Any]:
    return lambda proposal, now: original(replace(proposal, valid=timedelta(days=9000)), now)


_where, _may, _answer = approval.where, approval.may_answer, approval.answer


def _ignores_stops(proposal: Any, now: Any) -> Any:
    kept = tuple(a for a in proposal.answers if a.kind not in {AnswerKind.DENY, AnswerKind.REVOKE})
    return _where(replace(proposal, answers=kept), now)


def _timeout_approves(proposal: Any, now: Any) -> Any:
    found = _where(proposal, now)
    if found.state is not State.LAPSED:
        return found
    return replace(
        found,
        state=State.APPROVED,
        approved_by=("nobody",),
        approved_at=now,
        runs_at=now,
        expires_at=now + timedelta(minutes=15),
        due_at=now,
    )


def _any_digest(proposal: Any, given: Any, **more: Any) -> Any:
    return _answer(proposal, replace(given, package_digest=proposal.package_digest), **more)


def _lets_everyone(proposal: Any, person: Any, kind: Any, now: Any, wait: Any = None) -> None:
    return None


def _only_roles(proposal: Any, person: Any, kind: Any, now: Any, wait: Any = None) -> None:
    _may(replace(proposal, excluded={}), person, kind, now)


def _tier_from_before(self: Asked, view: Any) -> Any:
    return self.outlook(), _settle(self, view)[1]


_settle = Asked.settle


def _no_pause(self: Asked, view: Any) -> Any:
    found, state = _settle(self, view)
    reasons = tuple(r for r in found.reasons if not r.code.startswith("pause:"))
    calm = Classification(max(r.tier for r in reasons), reasons, found.policy, found.row)
    return calm, replace(state, pauses=())


def _begin_again(action: Any, to: Any) -> Any:
    return to


FAULTS = [
    Fault(
        "approval without digest check",
        answer,
        "_digest",
        lambda text: bytes(32),
        cases.digest_must_be_whole,
    ),
    Fault(
        "answer over another package counts",
        approval,
        "answer",
        _any_digest,
        cases.forged_digest_is_refused,
    ),
    Fault("no expiry", approval, "where", _no_expiry(_where), cases.approval_expires),
    Fault("no revocation check", approval, "where", _ignores_stops, cases.revocation_wins),
    Fault("timeout approves", approval, "where", _timeout_approves, cases.time_never_approves),
    Fault("approver without role", approval, "may_answer", _lets_everyone, cases.role_is_needed),
    Fault("self-approval", approval, "may_answer", _only_roles, cases.sponsor_may_not_approve),
    Fault(
        "role lost before begin",
        approval,
        "still_authorised",
        lambda *a, **k: None,
        cases.authority_is_needed_at_begin,
    ),
    Fault(
        "no tier re-check at begin",
        Asked,
        "settle",
        _tier_from_before,
        cases.restriction_binds_at_once,
    ),
    Fault(
        "breaker ignored at dispatch", Asked, "settle", _no_pause, cases.restriction_binds_at_once
    ),
    Fault(
        "stop ignored at begin",
        begin,
        "_stopped",
        lambda state: False,
        cases.stop_holds_what_is_approved,
    ),
    Fault("approve after deny", approval, "_stopped", lambda proposal: None, cases.denial_is_final),
    Fault("floor skipped", classify, "floors", lambda call: iter(()), cases.floors_hold),
    Fault("one floor skipped", floors, "FLOORS", floors.FLOORS[:2], cases.floors_hold),
    Fault(
        "reversal by a stranger",
        reverse,
        "may_decide",
        lambda *a, **k: None,
        cases.reversal_needs_authority,
    ),
    Fault(
        "a resume by one person",
        rights,
        "holder",
        lambda view, who, roles, what: view.person("per_dan"),
        cases.resume_takes_two,
    ),
    Fault(
        "laxer policy by one person",
        policies.document,
        "laxer",
        lambda old, new: (),
        cases.laxer_policy_takes_two,
    ),
    Fault(
        "undelivered notices demote nothing",
        delivery,
        "demote",
        lambda *a: ((), ()),
        cases.no_notice_no_tier_2,
    ),
    Fault(
        "stale policy",
        release.Release,
        "_difference",
        lambda self, row, asked: [],
        cases.stricter_facts_make_a_new_version,
    ),
]


def _run(case: Callable[[House], None], tmp_path: Path) -> None:
    clock = FakeClock()
    store = open_store("sqlite://", clock, "test.example/log")
    sealer = open_sealer(tmp_path / "keys")
    try:
        case(House(store, sealer, clock))
    finally:
        store.close()
        sealer.close()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_the_guard_is_missed(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault.where, fault.attribute, fault.instead)
    # Another guard behind it may speak instead: either way the story does not come out.
    with pytest.raises((AssertionError, pytest.fail.Exception, HandrailError)):
        _run(fault.noticed_by, tmp_path)


@pytest.mark.parametrize("case", sorted({f.noticed_by for f in FAULTS}, key=lambda c: c.__name__))
def test_with_every_guard_in_place(case: Callable[[House], None], tmp_path: Path) -> None:
    _run(case, tmp_path)
