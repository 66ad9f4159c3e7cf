"""Evidence, promotion, breakers and reviews from a terminal, through a real server."""

import orjson
import pytest

from handrail.cli import talk
from support.doors import opened
from support.earning import TYPE, decided, earn, files

RESTART = "up.restart_service"


@pytest.fixture
def doors(tmp_path):
    with opened(tmp_path / "house", files=files()) as doors:
        yield doors


def test_evidence_then_promotion_by_its_digest(run, signed_in, doors):
    earn(doors.house)
    signed_in("per_dan")
    assert TYPE in run("evidence").stdout
    shown = run("evidence", TYPE).stdout
    assert "tier 3 → 2, 62 cases" in shown
    assert "the true rate is at least 93 % (needed 90 %)" in shown
    unread = run("promote", TYPE, "--rationale", "it went well")
    assert unread.exit_code == talk.USAGE
    assert "nobody confirmed what is shown" in unread.output
    found = orjson.loads(run("evidence", TYPE, "--json").stdout)
    digest = found["nominations"][0]["evidence"]
    done = run("promote", TYPE, "--evidence", digest, "--rationale", "it went well")
    assert "Promoted to tier 2 for 1 clients." in done.stdout
    assert "Nothing is nominated." in run("evidence").stdout

    assert "waits for people now" in run("demote", TYPE, "--reason", "it slipped").stdout
    assert "goes on at tier 3" in run("release", TYPE, "--reason", "a wrong ticket").stdout
    assert run("promote", TYPE, "--json").exit_code == talk.USAGE


def test_what_is_missing_stands_first(run, signed_in, doors):
    decided(doors.house, 3)
    signed_in("per_eve")
    lines = run("evidence", TYPE).stdout.splitlines()
    assert lines[1].startswith("  MISSING")
    assert run("evidence", "up.nothing").exit_code == talk.NOT_HELD


def test_a_breaker_from_open_to_closed(run, signed_in, doors):
    signed_in("per_dan")
    assert "No breaker is open." in run("breakers").stdout
    doors.house.upstream.fault = lambda order: "failed"
    for _ in range(3):
        doors.house.act("restart_service")
    doors.house.s.evidence.once()
    listed = orjson.loads(run("breakers", "--json").stdout)["breakers"]
    (id,) = [b["id"] for b in listed if b["scope"] == "type"]
    assert RESTART in run("breakers").stdout
    assert "On probation" in run("breakers", id, "--cause", "a bug", "--remedy", "fixed").stdout
    assert "Proposed" in run("breakers", id, "--reason", "it went well").stdout
    signed_in("per_ben")
    assert f"Closed: {RESTART}." in run("breakers", id, "--reason", "agreed").stdout
    assert run("breakers", id).exit_code == talk.USAGE


def test_a_review_is_answered_and_signed(run, signed_in, doors):
    doors.house.upstream.fault = lambda order: "failed"
    doors.house.act("restart_service")
    signed_in("per_eve")
    assert "No month of the record has ended yet." in run("review").stdout
    doors.house.sweep(days=40)
    signed_in("per_dan")
    assert "overdue" in run("review").stdout
    shown = run("review", "rvw_2026-01").stdout
    assert "[no answer] up.restart_service ran 1 times alone; 1 did not go" in shown
    early = run("review", "rvw_2026-01", "--sign", "all well")
    assert early.exit_code == talk.NOT_HELD
    item = ["--item", f"tier-1:{RESTART}"]
    said = ["--decision", "keep", "--text", "a bad night"]
    assert "Recorded: keep." in run("review", "rvw_2026-01", *item, *said).stdout
    assert "Signed. Minute " in run("review", "rvw_2026-01", "--sign", "all well").stdout
    assert run("review", "--item", "x").exit_code == talk.USAGE
